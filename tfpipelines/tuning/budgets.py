"""Budgets of a search that are raised when it goes on; all else must be as it began."""

from collections.abc import Mapping
from typing import Any

from ..core import config
from ..core.files import now
from ..core.pipeline_files import write_pipeline
from ..core.run_folder import RunFolder
from ..core.words import listed
from ..errors import ConfigError
from ..tasks import SCHEMAS
from .plan import unchanged_state
from .state import EXHAUSTED, FINALS, State


def continued(
    folder: RunFolder, pipeline: config.Pipeline, changes: Mapping[str, Any], workers: int | None
) -> tuple[config.Pipeline, State, list[str]]:
    """What a search goes on with. Higher budgets are written into search.json, which records them, and pipeline.yaml.

    Args:
        folder: of the search, locked.
        pipeline: as its pipeline.yaml has it now.
        changes: budgets by dotted key.
        workers: trials at a time; None: as before, or what there is room for if that was never given.

    Returns:
        Pipeline and state, and what there is to say; no budget is higher than before where that is nothing.

    Raises:
        ConfigError: if a change is no higher budget, or cannot give further trials; or as `unchanged_state`.
        ArtifactError: if the state of the search is damaged.
    """
    pipeline = _completed(folder, pipeline)
    state, notes = unchanged_state(folder, pipeline), []
    _require_budgets(folder, changes)
    if workers is not None and workers < 1:
        raise ConfigError(f"workers: got {workers}; allowed: a whole number from 1.")
    if workers not in (None, state.workers):
        notes.append(f"{workers} trials at a time; before: {state.workers}")
    if workers is not None:
        state.workers, state.workers_given = workers, True
    before, after = _raised(state, pipeline, changes)
    if after:
        _require_further_trials(folder, state, pipeline)
        pipeline = _with(pipeline, after)
        folder.set_status("running")  # before: a process that dies in between leaves a search that is not done
        _record(folder, state, pipeline, before, after)
        notes += [f"search.{key} is raised from {_shown(before[key])} to {_shown(after[key])}" for key in after]
        write_pipeline(folder, pipeline)
    return pipeline, state, notes


def _with(pipeline: config.Pipeline, budgets: dict[str, Any]) -> config.Pipeline:
    return pipeline.model_copy(update={"search": pipeline.search.model_copy(update=budgets)})


def _completed(folder: RunFolder, pipeline: config.Pipeline) -> config.Pipeline:
    """The pipeline with budgets that a process has recorded, and died before it wrote them into pipeline.yaml."""
    raised = State.load(folder.path).raised
    if raised and all(getattr(pipeline.search, key, None) == value for key, value in raised[-1]["before"].items()):
        pipeline = _with(pipeline, raised[-1]["after"])
        write_pipeline(folder, pipeline)
    return pipeline


def _require_budgets(folder: RunFolder, changes: Mapping[str, Any]) -> None:
    """Raises ConfigError where anything else is to change."""
    allowed = [f"search.{key}" for key in config.BUDGETS]
    if wrong := [key for key in changes if key not in allowed]:
        cause = f"{wrong[0]}: a search goes on as it began; only its budgets may be raised: {listed(allowed)}."
        raise ConfigError(cause, f"With other values it is a new one: {folder.as_new_run()} {wrong[0]}=...")


def _raised(
    state: State, pipeline: config.Pipeline, changes: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The budgets that are to be higher, as they are and as they shall be.

    Raises:
        ConfigError: if one is to be lower, or is no budget at all.
    """
    asked = config.with_values(state.content, dict(changes), SCHEMAS, "the search").search
    before, after = {}, {}
    for key in (key.removeprefix("search.") for key in changes):
        old, new = getattr(pipeline.search, key), getattr(asked, key)
        if old is None and new is not None or None not in (old, new) and new < old:
            cause = f"search.{key}: a budget may be raised, not lowered: from {_shown(old)} to {_shown(new)}."
            raise ConfigError(cause, "To end a search now, stop it: what it has found stays.")
        if new != old:
            before[key], after[key] = old, new
    return before, after


def _shown(budget: float | None) -> str:
    return "unlimited" if budget is None else f"{budget:.15g}"


def _require_further_trials(folder: RunFolder, state: State, pipeline: config.Pipeline) -> None:
    """Raises ConfigError where a higher budget changes nothing, or what further trials would need is gone."""
    if state.stopped == EXHAUSTED:
        cause = f"{folder} has tried every combination of values, so no budget gives further trials."
        raise ConfigError(cause, "Search a larger space: search.space in a new search.")
    if pipeline.search.algorithm == "hyperband" and state.stopped and all(trial.ended for trial in state.trials):
        cause = "Hyperband continues trials from their checkpoints, which a search drops when its trials have ended."
        raise ConfigError(cause, f"Start a new search: {folder.as_new_run()}")


def _record(
    folder: RunFolder, state: State, pipeline: config.Pipeline, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Writes search.json, with what the search was so far. It is written before pipeline.yaml: see `_completed`."""
    if state.finals_of is None and (folder / FINALS).is_dir():
        objective = pipeline.search.objective
        assert objective is not None  # of a resolved pipeline
        best = state.ranked(objective.direction)[:1]
        state.finals_of = best[0].number if best else None
    state.content.setdefault("search", {}).update(after)
    state.fingerprint["pipeline"] = config.as_dict(pipeline)
    state.raised.append({"time": now(), "before": before, "after": after})
    state.stopped = ""
    state.save(folder.path)

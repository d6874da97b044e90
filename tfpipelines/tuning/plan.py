"""What a search is to do, refused before anything is made where it cannot be done. Nothing here loads TensorFlow."""

import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .. import __version__
from ..core import config
from ..core.run_files import damaged
from ..core.run_folder import RunFolder
from ..errors import ConfigError
from .space import field_values
from .state import BATCH_SIZE, FILE, State

_Schemas = Mapping[str, type[config.Pipeline]]
_PACKAGES = ("tensorflow", "keras", "keras-tuner", "numpy", "scikit-learn", "jax")


@dataclass(frozen=True)
class Plan:
    """A pipeline and its space.

    Args:
        pipeline: resolved, with absolute paths.
        content: what it came from, as `config.Loaded` has it, with absolute paths.
        notes: what there is to say of it.
        given: whether the user has given the batch sizes that are searched.
    """

    pipeline: config.Pipeline
    content: dict[str, Any]
    notes: list[str]
    given: bool = False

    @classmethod
    def of(
        cls,
        name: str,
        overrides: dict[str, Any] | list[str] | tuple[str, ...],
        schemas: _Schemas,
        ask: config.Ask | None = None,
    ) -> "Plan":
        """The search of a pipeline; arguments as in `config.load`.

        Raises:
            ConfigError: if the pipeline, an override or the space is wrong, or nothing is left to be searched.
        """
        loaded = config.load(name, overrides, schemas=schemas, ask=ask)
        content, notes = deepcopy(loaded.content), list(loaded.notes)
        notes += _take_out_given(content, loaded.pipeline, loaded.changes)
        if getattr(loaded.pipeline.data, "cache", None) == "auto":
            content["data"]["cache"] = "disk"  # decoded once, shared by all trials
        pipeline = config.validate(content, schemas[content["task"]], name)
        with_absolute_paths = config.with_absolute_paths(pipeline)
        for part in ("data", "model", "evaluation"):
            section = content.get(part, {})
            for key in section.keys() - {"candidates"}:  # every trial names its network
                before, after = getattr(getattr(pipeline, part), key), getattr(getattr(with_absolute_paths, part), key)
                if before != after:
                    section[key] = after
        _make_choices_absolute(content, pipeline)
        _require_sense(with_absolute_paths, content, schemas)
        mine = f"search.space.{BATCH_SIZE}"
        given = any(f"{key}.".startswith(f"{mine}.") or f"{mine}.".startswith(f"{key}.") for key in loaded.changes)
        return cls(with_absolute_paths, content, notes, given)

    def with_data(self, pipeline: config.Pipeline) -> "Plan":
        """The same search of the same data, written in another way.

        Args:
            pipeline: whose paths of data are to be taken over.
        """
        content = deepcopy(self.content)
        paths = config.fields_that(type(pipeline.data), config.Role.PATH)
        content["data"] |= {key: getattr(pipeline.data, key) for key in paths if key in content["data"]}
        return replace(self, pipeline=pipeline, content=content)

    def state(self, workers: int | None) -> State:
        """That of a search that has not begun.

        Args:
            workers: trials at a time; None: what there is room for.
        """
        fingerprint = {"pipeline": config.as_dict(self.pipeline), "versions": versions(self.pipeline)}
        return State(self.content, fingerprint, workers or 1, given=self.given, workers_given=workers is not None)


def unchanged_state(folder: RunFolder, pipeline: config.Pipeline) -> State:
    """The state of a search that is to go on.

    Args:
        pipeline: as its pipeline.yaml has it now.

    Raises:
        ConfigError: with the difference, if the file or the versions are others than when it began.
        ArtifactError: if its state is damaged.
    """
    state = State.load(folder.path)
    if state.content["task"] != pipeline.task:
        damaged(folder / FILE, "its content is of another task")
    names = config.renames(type(pipeline))
    names.content(state.content)
    for trial in state.trials:
        for values in (trial.values, trial.proposal.encoded):
            names.flat(values)
    others = "The versions are not those that the search began with, so its trials could not be compared."
    before, file = state.fingerprint, folder / "pipeline.yaml"
    codes = {code.name: code.sha256 for code, _ in pipeline.own_code}
    of_state = {code.name: code.sha256 for code, _ in config.codes_of(state.content)}
    for changed, what in (
        (config.changed_since(before["pipeline"], pipeline), f"{file} has changed since the search began."),
        (config.difference(of_state, codes), f"{folder / config.CODE_COPY} has changed since the search began."),
        (config.difference(before["versions"], versions(pipeline)), others),
    ):
        if changed:
            raise ConfigError(what, f"Undo the change, or start a new search: {folder.as_new_run()}", changed)
    return state


def versions(pipeline: config.Pipeline) -> dict[str, str]:
    """Of what the metrics of a trial hang on."""
    found = {"tfpipelines": __version__, "backend": os.environ.get("KERAS_BACKEND", "tensorflow")}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | config.packages_of(pipeline)


def _make_choices_absolute(content: dict[str, Any], pipeline: config.Pipeline) -> None:
    """Makes the paths of backbones that are searched absolute."""
    space = content.get("search", {}).get("space", {})
    for field in config.fields_that(type(pipeline.model), config.Role.BACKBONE):
        if (path := f"model.{field}") in space:
            choice = space[path] if isinstance(space[path], dict) else {"values": space[path]}
            values = [
                config.absolute_backbone(value) if isinstance(value, str) else value for value in choice["values"]
            ]
            space[path] = {**choice, "values": values}


def _take_out_given(content: dict[str, Any], pipeline: config.Pipeline, changes: dict[str, Any]) -> list[str]:
    """Takes fields out of the file's space that overrides give a value, and those whose condition can then not be
    met.
    """
    if "search.space" in changes:
        return []
    space = pipeline.search.space
    asked = [path for path in space if any(f"{key}.".startswith(f"search.space.{path}.") for key in changes)]
    given = [path for path in space if path not in asked and any(f"{path}.".startswith(f"{key}.") for key in changes)]
    raw = content["search"]["space"] if given else {}
    values = field_values(pipeline, space)
    gone = set(given)
    for path, dimension in space.items():  # those that others depend on come first
        if path in given:
            continue
        met = [other for other in dimension.when if other in given and values.get(other) in dimension.when[other]]
        if any(other in gone and other not in met for other in dimension.when):
            gone.add(path)
        elif met:
            raw[path]["when"] = {other: value for other, value in raw[path]["when"].items() if other not in met}
    for path in gone:
        del raw[path]
    lost = ", ".join(sorted(gone - set(given)))
    lost = f"; without it there is no {lost}" if lost else ""
    return [f"given, so not searched: {', '.join(given)}{lost}"] if given else []


def _require_sense(pipeline: config.Pipeline, content: dict[str, Any], schemas: _Schemas) -> None:
    """Raises ConfigError for a space without fields, and for fields that a network in it does not have."""
    space = pipeline.search.space
    if not space:
        remedy = "Name fields, as in search.space.train.learning_rate='{min: 1e-4, max: 1e-2, scale: log}'."
        raise ConfigError("search.space is empty: there is nothing to search.", remedy)
    if pipeline.search.keep_trials < 1 and pipeline.search.algorithm == "hyperband":
        raise ConfigError("search.keep_trials must be at least 1: hyperband continues trials from their weights.")
    if pipeline.train.time is not None:
        fitted = ("epochs", "head_epochs", "steps_per_epoch", "warmup_epochs", "decay_epochs", "time")
        lengths = [path for path in (f"train.{name}" for name in fitted) if path in space]
        if lengths or pipeline.search.algorithm == "hyperband":
            other = f"search.space.{lengths[0]}" if lengths else "search.algorithm=hyperband"
            cause = f"train.time and {other} exclude each other: train.time decides on the lengths of a trial."
            raise ConfigError(cause, "Leave one of them out.")
    named = "model.name" in space
    if pipeline.chooses and not named:
        cause = "A search trains one network in each trial, and model.name=auto trains all of its candidates."
        raise ConfigError(cause, "Name one network, or search over them: search.space.model.name='[NAME, NAME]'.")
    names: Sequence[Any] = space["model.name"].samples() if named else (pipeline.network,)
    for name in names:
        network, origin = pipeline, f"search.space with model.name={name}"
        try:
            if named:
                network = config.with_values(content, {"model.name": name}, schemas, origin)
        except ConfigError as error:
            cause = f"search.space: model.name={name} does not go with the other fields of the pipeline."
            raise ConfigError(cause, "Leave it out, or change them.", str(error).splitlines()) from error
        known = field_values(network, space)
        for path, dimension in space.items():
            if name in dimension.when.get("model.name", [name]) and path not in known:
                have = [other for other in names if other != name] or ["NAME"]
                remedy = f"Say which network has it, as in when: {{model.name: {have[0]}}}, or leave it out."
                raise ConfigError(f"search.space: {path} is no field of {name}.", remedy)

"""The table of a search's trials, and its best pipeline; both are there as soon as one trial has ended."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from ..core import config
from ..core.files import atomic_write
from ..core.pipeline_files import with_decisions
from ..core.run_folder import RunFolder
from ..core.words import extreme
from ..tasks import SCHEMAS
from .space import Space
from .state import State, Trial


def write_leaderboard(folder: Path, state: State, space: Space, objective) -> None:
    """leaderboard.csv, the best trial first, those without a score last; and best.yaml.

    Args:
        folder: of the search.
        objective: `config.search.Objective`.
    """
    ranked, stream = state.ranked(objective.direction), io.StringIO()
    names = ["rank", "trial", "status", objective.metric, "best_epoch", "epochs", "seconds", "parent"]
    writer = csv.DictWriter(stream, [*names, *space.dimensions, "reason", "by_epoch"], lineterminator="\n")
    writer.writeheader()
    numbers = {trial.proposal.identity: trial.number for trial in state.trials}
    for rank, trial in enumerate(ranked, 1):
        writer.writerow({"rank": rank, **_row(trial, objective.metric, numbers)})
    others = (trial for trial in state.trials if trial.score is None or not trial.ended)
    writer.writerows(_row(trial, objective.metric, numbers) for trial in others)
    atomic_write(folder / "leaderboard.csv", stream.getvalue())
    if ranked:
        atomic_write(folder / "best.yaml", _best_yaml(folder, state, ranked[0], objective))


def _row(trial: Trial, metric: str, numbers: dict[str, int]) -> dict[str, Any]:
    cell = lambda value: json.dumps(value) if isinstance(value, (list, tuple, bool, type(None))) else value
    facts = {"trial": trial.number, "status": trial.status, metric: trial.score, "reason": trial.reason}
    facts |= {"best_epoch": trial.best_epoch or None, "epochs": trial.epochs, "seconds": trial.seconds}
    facts |= {"parent": numbers.get(trial.proposal.parent or ""), "by_epoch": json.dumps(trial.series)}
    return facts | {path: cell(value) for path, value in trial.values.items()}


def best_pipeline(folder: Path, state: State, best: Trial) -> config.Pipeline:
    """The pipeline of the best trial, with what the machine has decided of it.

    Args:
        folder: of the search.
    """
    pipeline = config.with_values(state.content, best.values, SCHEMAS, "the best pipeline")
    return with_decisions(RunFolder(folder / "trials" / best.name), pipeline)


def _best_yaml(folder: Path, state: State, best: Trial, objective) -> str:
    pipeline = best_pipeline(folder, state, best)
    pipeline = pipeline.model_copy(update={"split_seed": pipeline.seed_of_splits})
    count = len(state.ranked(objective.direction))
    head = f"# Trial {best.number}: {objective.metric} {best.score:.6g}, the {extreme(objective.direction)} of {count} "
    head += "trials with a score, and so slightly optimistic.\n"
    head += "".join(f"#   {path}: {json.dumps(value)}\n" for path, value in best.values.items())
    return head + config.to_yaml(pipeline)

"""Whether new data are still like those that a detector's threshold was fitted to."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import DataError
from .metrics import Watch

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 10  # errors
_AT_ONCE = 128  # samples that go through the model together
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


def watch(task: Any, model: Any, data: Any, alpha: float, seed: int, every: int, follows: bool) -> dict[str, Any]:
    """What `Run.watch` gives.

    Args:
        task: of a finished run of a detector.
        model: that run's.
        data, alpha, seed, every: as there.
        follows: whether the task takes rows as they come.

    Raises:
        DataError: if nothing could be read.
    """
    test, errors, came = Watch(task.threshold, alpha, seed, every), list[str](), 0

    def counted(batches: Iterator) -> Iterator:
        nonlocal came
        for some in batches:
            came += len(some)
            yield some

    streams = isinstance(data, Iterator)
    data = counted(data) if streams else data
    for table in _scored(task, model, data, follows):
        test.add(table)
        told = table["error"] if "error" in table else ()
        errors = [*errors, *(error for error in told if error)][:_SHOWN]
        if test.shifted and streams:
            break
    if not test.count:
        cause = f"No {task.threshold.unit} could be read."
        if task.threshold.unit == "window" and came:
            length = model.inputs[0].shape[1]
            cause = f"No window could be read: of {came} points that came, no {length} are in a row, as a window has."
        raise DataError(cause, "Give some.", errors)
    return {**test.facts(), "sentence": test.sentence(), "caution": test.caution(), "errors": errors}


def _scored(task: Any, model: Any, data: Any, follows: bool) -> "Iterator[pd.DataFrame]":
    """Predictions for samples that do not overlap, by and by."""
    if isinstance(data, Iterator):
        follower = task.follower(model, keep_columns=False, by="window") if follows else None
        for some in data:
            yield follower.answer(some) if follower else task.watched(model, some, _AT_ONCE)
        return
    if follows and isinstance(data, (str, Path)) and Path(data).is_dir():
        tables = sorted(path for path in Path(data).iterdir() if path.suffix.lower() in _TABLES)
        if not tables:
            raise DataError(f"The folder {data} holds no tables.", f"Give some, which end in {', '.join(_TABLES)}.")
        data = tables
    yield task.watched(model, data, _AT_ONCE)

"""Which fields of a pipeline go with which target."""

from typing import Any

from .losses import LOSSES

TARGETS = {"class": "one label a row", "labels": "several labels a row", "number": "numbers"}  # what rows have
_OF_CLASSES = ("class_weights", "oversample")  # fields of `data`


def misfit(pipeline: Any, target: str) -> tuple[str, str]:
    """What is wrong with the first field that does not go with a target, and the remedy; ("", "") if all do.

    Args:
        pipeline: with the sections `train` and `data` of a task that learns from labels.
        target: as `data.target` calls it.
    """
    train, data = pipeline.train, pipeline.data
    loss = LOSSES[train.loss]
    if target not in loss.targets:
        fitting = [name for name, entry in LOSSES.items() if target in entry.targets]
        return (
            f"train.loss={train.loss} goes with {TARGETS[loss.targets[0]]}",
            f"Take one of these: {', '.join(fitting)}",
        )
    alone = [f"train.{name}" for name in loss.several if getattr(train, name) is not None and target != "labels"]
    if alone:
        return f"{alone[0]} goes with {TARGETS['labels']}", "Leave it out"
    if target != "number":
        log = data.target_scale != "linear"
        return ("data.target_scale is for numbers", "Leave it out") if log else ("", "")
    given = [f"data.{name}" for name in _OF_CLASSES if getattr(data, name)]
    return (f"{given[0]} goes with classes", "Leave it out") if given else ("", "")

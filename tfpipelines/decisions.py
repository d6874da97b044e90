"""What the machine decides of a pipeline before the first counted step: `train.precision=auto`, and by `train.time` the
number of epochs. A decision becomes part of pipeline.yaml; nothing afterwards depends on it.

For the number of epochs there is a measuring run, in a folder that is deleted afterwards: a few steps of short epochs
with all that happens at the end of an epoch, and the evaluation. No row of the test split plays a part in it: as many
others stand for them. What it took tells how many epochs there is time for.
"""

import math
import os
import secrets
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from . import training
from .core.config import Pipeline
from .core.files import require_held, write_json
from .core.observer import Observer
from .core.pipeline_files import with_train
from .core.run_files import read_json
from .core.run_folder import RunFolder
from .core.words import duration
from .errors import ConfigError
from .tasks.trainable import Trainable

if TYPE_CHECKING:
    from .tasks.sample_task import Sampled

FOLDER = "measuring"
PRECISION = "precision.json"  # in the folder of a search: what `auto` stands for in all of its trials
_RATE = 1e-3  # of the learning rate, in a measuring run
_CALLS, _EPOCHS = 6, 3  # calls of the compiled function in an epoch of a first measuring run, and its epochs
_MOST_CALLS, _MOST_EPOCHS = 200, 40  # of a second, longer one
_SHARE = 0.03  # of the time, for the steps of a second, longer one
_MOST_SHARE = 0.1  # of the time that is left, which a second one may take in all
_MARGIN = 0.01  # of the time, that is left for what was not measured
_AROUND = 3.0  # seconds of what cannot be measured: start and end of the process, the report
_MORE = 4  # epochs beyond those that there is time for, of which each has fewer steps then
_REST = 0.04  # of the epochs: a smaller part of one is left out, so that each sees the whole training split
_HEAD = 0.3  # share of the time for training that the first phase of a fine-tuning may take


@dataclass
class Cost:
    """What a phase of the training takes, in seconds.

    Args:
        step: of a training step.
        epoch: of all else in an epoch: validation, checkpoint, records.
        start: once, until the first step has been compiled; of the first phase also to build the network.
        together: steps in one call of the compiled function.
    """

    step: float
    epoch: float
    start: float = 0.0
    together: int = 1

    def of_epoch(self, steps: int) -> float:
        """Seconds of an epoch of so many steps."""
        return steps * self.step + self.epoch


@dataclass
class Costs:
    """Of a run: its phases in order, and all that follows the training."""

    phases: list[Cost]
    evaluation: float


class MeasuringRun(Protocol):
    """What measures: a `Runner` of its own."""

    whole_steps: int | None
    calls: int | None

    def measure(self, task: Trainable, evaluates: bool) -> float:
        """Trains and evaluates; the seconds of all that follows the training."""


class Stopwatch(Observer):
    """Notes when steps and epochs end. It prints nothing."""

    def __init__(self) -> None:
        self.phases = [_Laps(time.perf_counter())]

    def phase(self, facts: dict[str, Any]) -> None:
        if self.phases[-1].steps:  # else it is the first one, which began with the network
            self.phases.append(_Laps(time.perf_counter()))

    def step(self, epoch: int, done: int, total: int) -> None:
        self.phases[-1].steps.append((epoch, done, time.perf_counter()))

    def costs(self) -> list[Cost]:
        """Of the phases that had epochs."""
        return [laps.cost() for laps in self.phases if laps.steps]


@dataclass
class _Laps:
    """(epoch, steps done, when) of each call of the compiled function in a phase."""

    began: float
    steps: list[tuple[int, int, float]] = field(default_factory=list)

    def cost(self) -> Cost:
        pairs = list(zip(self.steps, self.steps[1:]))
        steps = [(b[2] - a[2]) / (b[1] - a[1]) for a, b in pairs if a[0] == b[0]]
        step = statistics.median(steps) if steps else 0.0
        ends = [b[2] - a[2] - b[1] * step for a, b in pairs if a[0] != b[0]]
        first = self.steps[0]
        start = max(0.0, first[2] - self.began - first[1] * step)
        end = statistics.median(ends[1:] or ends or [0.0])  # the first one compiles the validation
        return Cost(step, max(0.0, end), start, first[1])


@contextmanager
def shortened(task: Trainable, epochs: int) -> Iterator[None]:
    """Inside, the task has so many epochs, and other rows stand for those of its test split."""
    samples, pipeline, times = cast("Sampled", task).samples, task.pipeline, dict(task.times)
    settings = pipeline.train
    short: dict[str, Any] = {"epochs": epochs, "time": None}
    # a rate at which nothing can diverge for want of a warm-up
    short |= {"learning_rate": settings.learning_rate * _RATE, "warmup_epochs": 0.0, "early_stopping": None}
    if getattr(settings, "head_epochs", 0):
        short |= {"head_epochs": epochs, "head_learning_rate": settings.head_learning_rate * _RATE}  # type: ignore[attr-defined]
    test = samples.rows("test")
    others = np.concatenate([samples.rows("train"), samples.rows("validation")])
    task.pipeline = with_train(pipeline, short)
    samples.stand_ins = np.resize(others, len(test))
    try:
        yield
    finally:
        task.pipeline, samples.stand_ins = pipeline, None
        task.times.clear()
        task.times.update(times)


def measured(
    task: Trainable,
    maker: Callable[[RunFolder, Stopwatch], MeasuringRun],
    folder: RunFolder,
    left: Callable[[], float],
    evaluates: bool,
) -> Costs:
    """What a run takes, by one measuring run, or by a longer one where it was too short to tell.

    Args:
        maker: of a measuring run in a folder, observed by a stopwatch.
        folder: of the run; what is written into it is deleted.
        left: tells the seconds that are left for the task.
        evaluates: whether the test split will be evaluated and a report written.
    """
    steps, seconds = task.steps_per_epoch(), task.pipeline.train.time or 0.0
    _clear(folder)
    try:
        after, costs, done = _once(task, maker, folder, _CALLS, _EPOCHS, evaluates)
        if (longer := _SHARE * seconds / _EPOCHS / max(costs[-1].of_epoch(done), 1e-6)) > 1:
            calls, epochs = _CALLS, _EPOCHS
            if done < steps:  # more of them
                calls = math.ceil(_CALLS * min(longer, _MOST_CALLS / _CALLS))
            else:
                epochs = math.ceil(_EPOCHS * min(longer, _MOST_EPOCHS / _EPOCHS))
            then = min(steps, done * calls // _CALLS)
            if sum(cost.start + epochs * cost.of_epoch(then) for cost in costs) < _MOST_SHARE * left():
                costs = _once(task, maker, folder, calls, epochs, False)[1]
        return Costs(costs, after)
    finally:
        _clear(folder)
        training.forget_networks()


def _once(
    task: Trainable,
    maker: Callable[[RunFolder, Stopwatch], MeasuringRun],
    folder: RunFolder,
    calls: int,
    epochs: int,
    evaluates: bool,
) -> tuple[float, list[Cost], int]:
    """Seconds of what follows the training, the costs of its phases, and the steps of an epoch of the last one."""
    _clear(folder)
    training.forget_networks()
    watch = Stopwatch()
    runner = maker(folder.child(FOLDER), watch)
    runner.whole_steps, runner.calls = task.steps_per_epoch(), calls
    with shortened(task, epochs):
        after = runner.measure(task, evaluates)
    return after, watch.costs(), watch.phases[-1].steps[-1][1]


def fitted(pipeline: Pipeline, costs: Costs, steps: int, left: float, parts: int = 1) -> dict[str, Any]:
    """The fields of `train` by which a run takes the time that there is.

    Args:
        pipeline: whose schedule is to be stretched or shortened.
        costs: of it.
        steps: of a whole epoch.
        left: seconds from now on.
        parts: runs that share the time.

    Returns:
        epochs, steps_per_epoch where whole epochs are too long, the lengths of the schedule in epochs; `time` is None.

    Raises:
        ConfigError: if there is no time for a single step.
    """
    settings, asked = pipeline.train, pipeline.train.time
    assert asked is not None
    free = left - costs.evaluation - _AROUND - _MARGIN * asked / parts - sum(cost.start for cost in costs.phases)
    *heads, cost = costs.phases
    fields: dict[str, Any] = {"time": None}
    spent = lambda short: sum(fields["head_epochs"] * head.of_epoch(short) for head in heads)
    if heads:
        most, each = getattr(settings, "head_epochs", 0), heads[0].of_epoch(steps)
        fields["head_epochs"] = max(1, min(most, int(_HEAD * free / each) if free > 0 else 1))
    if free < spent(1) + cost.of_epoch(1):
        least = asked + parts * (spent(1) + cost.of_epoch(1) - free)
        cause = f"train.time: got {duration(asked)}, but all else than the training takes about {duration(least)}."
        raise ConfigError(cause, f"Give it more time, such as train.time={math.ceil(2 * least)}.")
    count = (free - spent(steps)) / cost.of_epoch(steps)
    epochs, short = max(1, int(count)), steps
    if count - epochs > _REST * count or count < 1:
        takes = lambda way: spent(way[1]) + way[0] * cost.of_epoch(way[1])
        # of whole calls as they were measured, where there is time for one
        lengths = [*range(cost.together, steps + 1, cost.together), *range(1, min(cost.together, steps + 1))]
        most = max(1, math.ceil(count))
        ways = [(n, length) for n in range(1, most + _MORE + 1) for length in lengths if takes((n, length)) <= free]
        whole = [way for way in ways if way[1] >= cost.together]
        epochs, short = max(whole or ways, key=lambda way: (round(takes(way) / free, 2), -way[0]))
    only_head = len(costs.phases) == 1 and getattr(pipeline.model, "freeze", None) == "all"
    before = settings.head_epochs if only_head else settings.epochs  # type: ignore[attr-defined]
    fields["head_epochs" if only_head else "epochs"] = epochs
    if short < steps:
        fields["steps_per_epoch"] = short
    ratio = epochs / before
    fields["warmup_epochs"] = min(round(settings.warmup_epochs * ratio, 6), float(epochs))
    fields["decay_epochs"] = max(1, round(settings.decay_epochs * ratio))
    return fields


def decided_epochs(
    task: Trainable,
    maker: Callable[[RunFolder, Stopwatch], MeasuringRun],
    folder: RunFolder,
    left: Callable[[], float],
    evaluates: bool = True,
    parts: int = 1,
) -> dict[str, Any]:
    """The fields of `train` by which a run takes the time that there is; arguments as in `measured`.

    Args:
        parts: runs that share the time.
    """
    if left() <= 0:
        cause = f"train.time: {duration(task.pipeline.train.time or 0.0)} are over, and the training has not begun."
        raise ConfigError(cause, "Give it more time.")
    costs = measured(task, maker, folder, left, evaluates)
    return fitted(task.pipeline, costs, task.steps_per_epoch(), left(), parts)


def with_precision(pipeline: Pipeline) -> Pipeline:
    """The pipeline with what `train.precision=auto` stands for on this machine."""
    if pipeline.train.precision != "auto":
        return pipeline
    return with_train(pipeline, {"precision": training.hardware_precision()})


def with_precision_of(search: RunFolder, pipeline: Pipeline) -> Pipeline:
    """The same for a trial. The first one of a search decides for all, on whatever machine they are: else they could
    not be compared.

    Args:
        search: the folder of the search.
    """
    if pipeline.train.precision != "auto":
        return pipeline
    path = search / PRECISION
    if not path.is_file():
        mine = search / f"{PRECISION}.{secrets.token_hex(8)}"
        write_json(mine, {"precision": training.hardware_precision()})
        try:
            os.link(mine, path)  # that of who comes first
        except OSError:  # another one came first, or the file system has no links
            if not path.is_file():
                write_json(path, read_json(mine))
        mine.unlink()
    return with_train(pipeline, {"precision": read_json(path, ["precision"])["precision"]})


def _clear(folder: RunFolder) -> None:
    """Deletes what is left of a measuring run, unless another process has taken the folder over."""
    if (folder / FOLDER).exists():
        require_held(folder / FOLDER)
        shutil.rmtree(folder / FOLDER)

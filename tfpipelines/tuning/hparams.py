"""Trials as TensorBoard's HParams page shows them, written without TensorFlow's runtime: the supervisor has none."""

import io
import time
from pathlib import Path
from typing import Any

from ..core.files import atomic_write
from .space import Space
from .state import Trial


def write_hparams(folder: Path, space: Space, trials: list[Trial], metric: str) -> None:
    """Writes the fields and the metric, and for each trial its values and its objective by epoch.

    Args:
        folder: of the event files; those of trials that have some are left as they are.
        trials: with or without a score.
    """
    from tensorboard.plugins.hparams import api, summary_v2

    fields = [api.HParam(path, _domain(api, space, path)) for path in space.dimensions]
    if not _is_written(folder):
        _write(folder, [(summary_v2.hparams_config_pb(fields, [api.Metric(metric)]), 0)])
    for trial in trials:
        place = folder / f"trial-{trial.name}"
        if _is_written(place):
            continue
        values = {
            field.name: _plain(trial.values[field.name], field.domain.dtype is str)
            for field in fields
            if field.name in trial.values
        }
        series = trial.series or ([trial.score] if trial.score is not None else [])
        entries = [(summary_v2.hparams_pb(values, trial_id=trial.name), 0)]
        entries += [(_scalar(f"{metric}_by_epoch", value), epoch) for epoch, value in enumerate(series, 1)]
        if trial.score is not None:
            entries.append((_scalar(metric, trial.score), max(1, trial.best_epoch)))
        _write(place, entries)


def _write(folder: Path, entries: list[tuple[Any, int]]) -> None:
    """(summary, step) as an event file. TensorBoard's own writer has a thread, whose start never returns where there is
    no memory for it.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    stream = io.BytesIO()
    writer = RecordWriter(stream)
    events = [Event(file_version="brain.Event:2")]
    events += [Event(step=step, summary=Summary.FromString(one.SerializeToString())) for one, step in entries]
    for event in events:
        event.wall_time = time.time()
        writer.write(event.SerializeToString())
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / f"events.out.tfevents.{time.time():.0f}.search", stream.getvalue())


def _is_written(folder: Path) -> bool:
    """Whether an event file is there."""
    return any(folder.glob("events.out.tfevents.*"))


def _scalar(tag: str, value: float):
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=tag, simple_value=value)])


def _domain(api, space: Space, path: str):
    choices, dimension = space.choices(path), space.dimensions[path]
    if choices is not None:
        plain = [_plain(value) for value in choices]
        return api.Discrete(plain if len(set(map(type, plain))) == 1 else list(map(str, plain)))
    return (api.IntInterval if dimension.whole else api.RealInterval)(dimension.min, dimension.max)


def _plain(value: Any, text: bool = False) -> Any:
    """What the protocol has for a value; with `text` always a string."""
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return value if isinstance(value, (bool, int, float, str)) and not text else str(value)

"""The windows that are cut from time series: for training, for the threshold, for the test."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import tensorflow as tf

from ...core.words import counted
from ...datasets.findings import Findings
from ...datasets.sample_table import make_frame
from ...datasets.samples import Samples
from ...datasets.source import open_source
from ...datasets.source.requests import SERIES, Request
from ...datasets.tracing import appended
from ...errors import ConfigError, DataError
from .column_checks import look_for_extremes
from .config import AnomalySeriesData
from .normal_samples import NORMAL, UNKNOWN
from .periods import usual_window
from .points import Points, read_points
from .rows import fingerprints_of, tell_scaling
from .series_splits import normal_windows, split_points

_MOST_WINDOWS = 20_000
_ANOMALY = "anomaly"
_LOST = 0.05  # share of the points in no window that is worth a warning


@dataclass(frozen=True)
class WindowStore:
    """Windows by number.

    Args:
        values: float32 (points, channels).
        starts: the first point of each window, int64 (windows,).
        length: points of a window.
    """

    values: np.ndarray
    starts: np.ndarray
    length: int

    @property
    def shape(self) -> tuple[int, int]:
        """(length, channels)."""
        return self.length, self.values.shape[1]

    def windows(self, rows: np.ndarray) -> np.ndarray:
        """float32 (len(rows), length, channels)."""
        return self.values[self.starts[rows][:, None] + np.arange(self.length)]

    def attach(self, samples: tf.data.Dataset) -> tf.data.Dataset:
        """Appends windows to a dataset of (..., rows), rows being int64 (batch,): float32 (batch, length, channels)."""
        return appended(samples, self.windows, self.shape)


@dataclass
class WindowSamples(Samples):
    """Samples whose store holds windows.

    Args:
        test: the points that test windows are cut from; None without a test.
        columns: names of the channels.
        held_out: (first, end) of the stretches of the validation split, in the points of the store.
        anomalous: which of its points are known as anomalies, bool (points,); None: none is known.
    """

    test: Points | None = None
    columns: list[str] = field(default_factory=list)
    held_out: list[tuple[int, int]] = field(default_factory=list)
    anomalous: np.ndarray | None = None

    @property
    def held_out_events(self) -> int:
        """How many known anomalies the validation split has."""
        if self.anomalous is None:
            return 0
        parts = [self.anomalous[first:end].astype(int) for first, end in self.held_out]
        return sum(int((np.diff(part, prepend=0) > 0).sum()) for part in parts)

    @property
    def held_out_normal(self) -> list[tuple[int, int]]:
        """The stretches of the validation split between known anomalies that hold a window."""
        odd = np.zeros(len(self.store.values), bool) if self.anomalous is None else self.anomalous
        edges = [[first - 1, *(first + np.flatnonzero(odd[first:end])), end] for first, end in self.held_out]
        parts = [(low + 1, high) for cuts in edges for low, high in zip(cuts, cuts[1:])]
        return [(int(first), int(end)) for first, end in parts if end - first >= self.store.length]

    def held_out_windows(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """The first points of windows of the validation split that hold no known anomaly, and of those that hold some,
        int64, of each at most about so many, evenly apart.
        """
        length = self.store.length
        starts = [np.arange(first, end - length + 1) for first, end in self.held_out]
        every = np.concatenate([np.zeros(0, np.int64), *starts])
        odd = np.zeros(len(every), bool)
        if self.anomalous is not None:
            before = np.concatenate([[0], np.cumsum(self.anomalous)])
            odd = before[every + length] > before[every]
        some = lambda found: found[:: max(1, -(-len(found) // most))]
        return some(every[~odd]), some(every[odd])


def read_series(
    data: AnomalySeriesData,
    findings: Findings,
    *,
    least: int = 1,
    splitting: bool = True,
    usual: tuple[str, ...] = (),
    order: str | None = None,
) -> WindowSamples:
    """Reads a series and cuts it into windows: overlapping ones for training, others to choose the epoch, for the
    threshold and for the test, which follow each other in time. No window reaches from one split into the next.

    Training, validation and threshold windows hold no known anomaly. Without `splitting` all of it is one split, to be
    scored.

    Args:
        least: normal windows that the threshold needs.
        usual: see `normal_labels`.
        order: of day and month in dates that do not tell, see `TimeFormat`.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    test_path = data.test_path if splitting else None
    request = Request.of(SERIES, data, training=splitting and test_path is None)
    source = open_source(data.path, SERIES)
    here = data if test_path is None else data.model_copy(update={"intervals": None})
    points = read_points(source.read(request), here, findings, columns=data.columns, usual=usual, order=order)
    tested = points
    if test_path is not None:
        request = replace(request, columns={**request.columns, "split": None})
        table = open_source(test_path, SERIES, "data.test_path").read(request)
        also = points.order or order
        on_grid = data if points.step is None else data.model_copy(update={"resample": points.step})
        tested = read_points(table, on_grid, findings, columns=tuple(points.columns), usual=usual, order=also)
        tested.split[:] = "test"
        if data.label_column and points.label is None and tested.label is None:
            message = f"Neither {data.path} nor {test_path} has a column {data.label_column!r}."
            raise DataError(message, "Set data.label_column to one that is there.")
    if data.normal is not None and points.anomalous is None and tested.anomalous is None:
        message = f"data.normal={','.join(data.normal)}: but the points have no labels."
        raise ConfigError(message, "Name the column of labels by data.label_column.")
    whole, told = list(points.segments), ""
    if data.window == "auto":
        chosen, told = usual_window(points, data, least, test_path is not None)
        data = data.model_copy(update={"window": chosen})
    window = int(data.window)
    if splitting:
        split_points(points, data, least, test_path is not None)
    apart = tested is not points
    values = np.concatenate([points.values, *([tested.values] if apart else [])]).astype(np.float32)
    offset = len(points.values) if apart else 0
    of = lambda source, split: [segment for segment in source.segments if source.split[segment[0]] == split]
    step = 0
    if splitting:
        train, held_out = of(points, "train"), of(points, "validation")
        calibrating = of(points, "calibration")
        step = _stride(train, window) if data.stride == "auto" else data.stride
        cut = {"train": normal_windows(points, train, window, step)}
        cut["validation"] = normal_windows(points, held_out, window, window)
        cut |= {"calibration": normal_windows(points, calibrating, window, window)} if calibrating else {}
        cut["test"] = [offset + start for start in windows_of(of(tested, "test"), window)]
    else:
        cut = {split: windows_of(of(points, split), window) for split in dict.fromkeys(points.split)}
    if not any(cut.values()):
        message = f"{data.path} has no {window} points in a row{' in any of its splits' if splitting else ''}."
        raise DataError(message, "Set a shorter data.window, or give more points.")
    limit = data.limit if splitting else None
    by_split = {name: starts[:limit] for name, starts in cut.items()}
    starts = np.array([start for some in by_split.values() for start in some], np.int64)
    store = WindowStore(values, starts, window)
    names = [name for name, some in by_split.items() for _ in some]
    frame = _window_frame(points, tested, starts, names, window, offset, splitting)
    blocks = np.array_split(np.arange(len(starts)), max(1, len(starts) // 4096))
    frame["fingerprint"] = np.concatenate([fingerprints_of(store.windows(block)) for block in blocks])
    if splitting:
        used, early = train + held_out + calibrating, 0
        frame = _without_leaks(frame, values, whole if apart else used, window, data.on_leak, findings)
        if points.anomalous is not None:
            early = sum(int(points.anomalous[first:end].sum()) for first, end in used)
        inside = np.concatenate([np.arange(first, end) for first, end in used] or [np.zeros(0, int)])
        look_for_extremes(points.values[inside], points.columns, points.times[inside], findings)
        learned = np.concatenate([np.arange(first, end) for first, end in train] or [np.zeros(0, int)])
        tell_scaling(points.values[learned], points.columns, data.scaling, findings)
        _tell_of_short_stretches(points, window, findings)
        if early:
            what = f"{counted(early, 'point')} known as anomalies lie before the test"
            findings.add("early_anomalies", "note", f"{what}: their windows are left out, and not measured")
        seen = {str(points.series[start]) for start in sum((cut[name] for name in cut if name != "test"), [])} | {""}
        silent = sorted({str(points.series[first]) for first, _ in points.segments} - seen)
        if silent:
            message = f"{counted(len(silent), 'series', 'series')} that give no window for training or threshold"
            findings.add("no_windows", "warning", message, "", silent)
    stated, channels = "", ", ".join(points.columns[:10]) + (" ..." if len(points.columns) > 10 else "")
    if splitting:
        stated = f", training windows begin {'at every point' if step == 1 else f'every {step} points'}"
    length = f"windows of {window} points{f' ({told})' if told else ''}"
    about = [f"channels: {channels}; {length}{stated}", *(tested.about or points.about)]
    facts: dict = {"path": data.path, "columns": points.columns, "window": window, "points": len(values)}
    facts |= {"read_seconds": source.seconds, "about": about, "date_order": points.order}
    facts |= {} if points.step is None else {"resample": points.step}
    test = tested if not splitting or "test" in set(frame["split"]) else None
    chosen_by = held_out if splitting else []
    return WindowSamples(frame, store, facts, test, points.columns, chosen_by, points.anomalous)


def _tell_of_short_stretches(points: Points, window: int, findings: Findings) -> None:
    """Says how many points no window can hold because they stand between gaps, empty cells or splits."""
    lengths = np.array([end - first for first, end in points.segments])
    lost, total = int(lengths[lengths < window].sum()), int(lengths.sum())
    if lost > _LOST * total:
        what = f"{counted(lost, 'point')} of {total} lie in stretches shorter than a window of {window} points"
        remedy = "Fill the gaps with data.resample=auto, or shorten data.window"
        findings.add("short_stretches", "warning", f"{what}: no window holds them", remedy)


def windows_of(segments: list[tuple[int, int]], window: int, tail: bool = True) -> list[int]:
    """Where windows begin that lie side by side; with `tail` the last of a stretch may overlap the one before it."""
    starts: list[int] = []
    for first, end in segments:
        starts += range(first, end - window + 1, window)
        if tail and end - first > window and (end - first) % window:
            starts.append(end - window)
    return starts


def _stride(segments: list[tuple[int, int]], window: int) -> int:
    total = sum(max(end - first - window + 1, 0) for first, end in segments)
    return max(1, -(-total // _MOST_WINDOWS))


def _window_frame(
    points: Points, tested: Points, starts: np.ndarray, splits: list, window: int, offset: int, splitting: bool
) -> pd.DataFrame:
    """One row for each window; `by` is its series, `truth` counts its odd points, `tail` says that it overlaps the one
    before it.
    """
    items, labels, truth, of_series = [], [], [], []
    for start, split in zip(starts, splits):
        source, place = (tested, start - offset) if split == "test" else (points, start)
        items.append(f"{source.times[place]} to {source.times[place + window - 1]}")
        of_series.append(str(source.series[place]))
        odd = None if source.anomalous is None else source.anomalous[place : place + window]
        assumed = splitting and split != "test"
        labels.append(_ANOMALY if odd is not None and odd.any() else NORMAL if odd is not None or assumed else UNKNOWN)
        truth.append("" if odd is None else str(np.flatnonzero(odd).tolist()) if odd.any() else "")
    frame = make_frame(items, labels, splits)
    frame["start"] = starts - np.where(frame["split"] == "test", offset, 0)
    frame["by"] = pd.Series([name or None for name in of_series], dtype=object)
    frame["anomalous"], frame["known"], frame["truth"] = frame["label"] == _ANOMALY, frame["label"] != UNKNOWN, truth
    split, distance = frame["split"].fillna(""), frame["start"].diff()
    frame["tail"] = (split == split.shift()) & split.isin(["test", ""]) & (distance > 0) & (distance < window)
    return frame


def _without_leaks(
    frame: pd.DataFrame, values: np.ndarray, used: list[tuple[int, int]], window: int, on_leak: str, findings: Findings
) -> pd.DataFrame:
    """Finds test windows that stand, point by point, anywhere in what training and threshold use."""
    tested = frame["split"] == "test"
    if not tested.any():
        return frame
    wanted = set(frame["fingerprint"][tested])
    seen: set[int] = set()
    for first, end in used:
        for block in range(first, end - window + 1, 4096):
            starts = np.arange(block, min(block + 4096, end - window + 1))
            seen |= wanted & set(fingerprints_of(values[starts[:, None] + np.arange(window)]).tolist())
    leaked = tested & frame["fingerprint"].isin(seen)
    if not leaked.any():
        return frame
    message = f"{counted(leaked.sum(), 'test window')} are part of the series that training or threshold use"
    if on_leak == "drop":
        findings.add("leak", "note", f"{message}: left out")
        return frame[~leaked]
    message = f"{message}: test metrics will be too optimistic"
    remedy, items = "Leave them out with data.on_leak=drop", frame["item"][leaked]
    findings.add("leak", "error" if on_leak == "error" else "warning", message, remedy, items)
    return frame

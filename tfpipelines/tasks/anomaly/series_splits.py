"""How series are parted in time: training, the choice of an epoch, the threshold, the test."""

from collections import Counter
from dataclasses import replace

import numpy as np

from .config import AnomalySeriesData
from .points import Points

_TESTED = 0.3  # share of the points for the test, where anomalies are known
_HELD_OUT = 0.4  # share of the training points for the threshold, where it needs them all
_CALIBRATING = 0.32  # the same where that is enough
_CHOOSING = (0.08, 0.12, 0.16, 0.2, 0.3)  # shares for validation: the first that holds a window


def split_points(points: Points, data: AnomalySeriesData, least: int, tested_elsewhere: bool) -> None:
    """Parts each series in time where no split is given: training, then validation, which may choose the epoch, then
    calibration, which makes the threshold, then the test. Splits and segments are changed in place.

    Where validation points are given, calibration points are the last of them if they hold enough windows, as those
    points were held out like new ones, and else the last of training.

    Args:
        data: tells the shares, and the window, which is a number.
        least: normal windows that the threshold needs.
    """
    known = points.anomalous is not None and points.anomalous.any()
    test = (_TESTED if known else 0.0) if data.test == "auto" else data.test
    if tested_elsewhere or any(points.split == "test"):
        test = 0.0
    if any(split is None for split in points.split):
        _cut_tail(points, None, test, "test", "train")
    calibration = 0.0 if any(points.split == "calibration") else _calibrate(points, data, least)
    if not any(points.split == "validation"):
        _cut_tail(points, "train", _choosing(points, data, calibration), "validation", "train")


def normal_windows(points: Points, segments: list[tuple[int, int]], window: int, step: int) -> list[int]:
    """Windows without a known anomaly, `step` points apart."""
    starts = [start for first, end in segments for start in range(first, end - window + 1, step)]
    if points.anomalous is None:
        return starts
    before = np.concatenate([[0], np.cumsum(points.anomalous)])
    return [start for start in starts if before[start + window] == before[start]]


def _calibrate(points: Points, data: AnomalySeriesData, least: int) -> float:
    """Makes the calibration split; which share of the training points it has taken."""
    share = data.calibration
    if share == "auto":
        of_validation = _CALIBRATING / _HELD_OUT
        if _windows(points, "validation", of_validation, int(data.window)) >= least:
            _cut_tail(points, "validation", of_validation, "calibration", "validation")
            return 0.0
        enough = _windows(points, "train", _CALIBRATING, int(data.window)) >= least
        share = _CALIBRATING if enough else _HELD_OUT
    if share:
        _cut_tail(points, "train", share, "calibration", "train")
    return share


def _choosing(points: Points, data: AnomalySeriesData, calibration: float) -> float:
    """The share of the points left for training that is validation.

    Args:
        calibration: share of the training points that has been taken.
    """
    if data.validation != "auto":
        return min(data.validation / (1 - calibration), 1.0)
    if data.calibration == 0:
        return _HELD_OUT
    shares = [share / (1 - calibration) for share in _CHOOSING]
    return next((share for share in shares if _windows(points, "train", share, int(data.window))), shares[0])


def _windows(points: Points, split: str, share: float, window: int) -> int:
    """How many normal windows the last share of a split's points holds."""
    trial = replace(points, split=points.split.copy(), segments=list(points.segments))
    _cut_tail(trial, split, share, "tail", split)
    tail = [segment for segment in trial.segments if trial.split[segment[0]] == "tail"]
    return len(normal_windows(trial, tail, window, window))


def _cut_tail(points: Points, split: str | None, share: float, tail: str, rest: str) -> None:
    """Moves the last share of each series' points of a split to another split; segments are cut where it begins."""
    segments: list[tuple[int, int]] = []
    sizes, seen = Counter[str](), Counter[str]()
    for first, end in points.segments:
        if points.split[first] == split:
            sizes[points.series[first]] += end - first
    for first, end in points.segments:
        if points.split[first] != split:
            segments.append((first, end))
            continue
        name = points.series[first]
        before = seen[name]
        seen[name] += end - first
        middle = min(max(first + sizes[name] - round(share * sizes[name]) - before, first), end)
        points.split[first:middle], points.split[middle:end] = rest, tail
        segments += [edges for edges in ((first, middle), (middle, end)) if edges[0] < edges[1]]
    points.segments[:] = segments

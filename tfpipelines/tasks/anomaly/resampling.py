"""A series on a regular grid, from points at irregular times: `data.resample`.

A grid point at the time t, a multiple of the step, is the mean of the points within half a step of it. Where there
are none, it is interpolated between the grid points around it, if they are at most 4 steps apart; longer gaps stay
gaps. Grids of one step fit each other wherever a table begins.
"""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...core.words import counted
from ...datasets.findings import Findings
from ...errors import DataError
from .times import Times, have_offsets

BRIDGED = 3  # grid points in a row that are interpolated at most
_UNITS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_STEP = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)")
_USUAL = (1, 2, 5, 10, 15, 20, 30)  # seconds and minutes, for `auto`
_EVEN = 1.01  # times the median step that most steps of an even series have at most
_MOST = 0.99  # share of the steps that `auto` bridges
_CLOSE = 1e-6  # of a step: halves of it such as 0.15 of 0.1 are not exact


class Grid(NamedTuple):
    """Points on a regular grid, in order of time within each series.

    Args:
        values: float64 (points, channels), NaN where nothing is known.
        seconds: as `Times.seconds`, float64 (points,).
        of: number of a point of the series and split that each one is in, int64 (points,).
        cuts: whether between a point and the next there is a gap, bool (points - 1,).
        anomalous: bool (points,), None where nothing is known.
        filled: how many are interpolated.
    """

    values: np.ndarray
    seconds: np.ndarray
    of: np.ndarray
    cuts: np.ndarray
    anomalous: np.ndarray | None
    filled: int


def step_of(given: float | str, times: Times, groups: np.ndarray) -> float:
    """The step of the grid, in seconds or in the unit of the times.

    Args:
        given: `data.resample`: a number, a length such as 10s or 1min, or auto: at least the median step, and so long
            that 99 % of the steps are bridged, rounded up to a usual length; that of an even series as it is.
        groups: the series that each point is of, (points,).

    Raises:
        DataError: if the times do not allow it.
    """
    if not times.columns:
        cause = "data.resample needs the times of the points, and no column of times was found."
        raise DataError(cause, "Name it by data.time_column, or leave data.resample out.")
    if given == "auto":
        return _usual_step(times, groups)
    if isinstance(given, str):
        told = _STEP.fullmatch(given.strip())
        assert told is not None  # the section allows no other
        if not times.dates:
            cause = f"data.resample={given}: the times in column {times.named} are numbers, whose unit is not known."
            raise DataError(cause, "Give the step as a number in that unit, such as data.resample=10.")
        return float(told[1]) * _UNITS[told[2]]
    return float(given)


def _usual_step(times: Times, groups: np.ndarray) -> float:
    steps = np.diff(times.seconds)[groups[1:] == groups[:-1]]
    steps = steps[steps > 0]
    if not len(steps):
        return 1.0
    middle, most = float(np.median(steps)), float(np.quantile(steps, _MOST))
    if most <= _EVEN * middle:
        return middle
    wanted = max(middle, most / (BRIDGED + 1)) * (1 - 1e-9)
    if times.dates and wanted >= 1:
        usual = [unit * count for unit in (1, 60) for count in _USUAL] + [3600 * count for count in (1, 2, 3, 4, 6, 12)]
        if found := [length for length in usual if length >= wanted]:
            return float(min(found))
        return float(86400 * np.ceil(wanted / 86400))
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(next(power * count for count in (1, 2, 5, 10) if power * count >= wanted))


def resampled(
    values: np.ndarray, seconds: np.ndarray, groups: np.ndarray, parts: np.ndarray, anomalous: np.ndarray | None,
    step: float,
) -> Grid:  # fmt: skip
    """Puts points on a grid; no point of it is made of two series or splits.

    A grid point is an anomaly if one of its points is; one that is interpolated, if one beside it is.

    Args:
        values: float64 (points, channels), NaN for empty cells, which are left out of the mean.
        seconds: in order within each series, float64 (points,).
        groups, parts: the series and the split of each, (points,).
        anomalous: bool (points,), None where nothing is known.
        step: of the grid.
    """
    count = len(values)
    apart = np.concatenate([[False], (groups[1:] != groups[:-1]) | (parts[1:] != parts[:-1])])[:count]
    run, cell = np.cumsum(apart), np.floor(seconds / step + 0.5 + _CLOSE).astype(np.int64)
    first = np.flatnonzero(np.concatenate([[True], (np.diff(run) > 0) | (np.diff(cell) > 0)])[:count])
    known = np.where(np.isfinite(values), values, 0.0)
    totals = np.add.reduceat(known, first, axis=0) if count else known
    counts = np.add.reduceat(np.isfinite(values).astype(float), first, axis=0) if count else known
    means = np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)
    odd = None if anomalous is None else np.maximum.reduceat(anomalous, first) if count else anomalous
    cell, run = cell[first], run[first]
    # Grid points that are missing between two others are put in where they can be interpolated.
    ahead = np.diff(cell, append=cell[-1:])
    bridged = (ahead > 1) & (ahead <= BRIDGED + 1) & (np.diff(run, append=-1) == 0)
    repeats = np.where(bridged, ahead, 1)
    source = np.repeat(np.arange(len(cell)), repeats)
    later = np.arange(len(source)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    places, missing = cell[source] + later, later > 0
    grid = np.where(missing[:, None], np.nan, means[source])
    cuts = (np.diff(run[source]) != 0) | (np.diff(places) != 1)
    if odd is not None:
        odd = np.where(missing, odd[source] | odd[np.minimum(source + 1, len(odd) - 1)], odd[source])
    _fill(grid, places, np.concatenate([[0], np.cumsum(cuts)])[: len(grid)])
    return Grid(grid, places * step, first[source], cuts, odd, int(missing.sum()))


def _fill(grid: np.ndarray, places: np.ndarray, stretch: np.ndarray) -> None:
    """Interpolates what is NaN between known numbers of a stretch that are near enough, in place."""
    for channel in grid.T:
        known = np.flatnonzero(np.isfinite(channel))
        asked = np.flatnonzero(~np.isfinite(channel))
        after = np.searchsorted(known, asked)
        inside = (after > 0) & (after < len(known))
        asked, low, high = asked[inside], known[after[inside] - 1], known[after[inside]]
        near = (stretch[low] == stretch[high]) & (places[high] - places[low] <= BRIDGED + 1)
        asked, low, high = asked[near], low[near], high[near]
        share = (places[asked] - places[low]) / (places[high] - places[low])
        channel[asked] = channel[low] + share * (channel[high] - channel[low])


def written(seconds: np.ndarray, times: Times) -> np.ndarray:
    """The times of a grid, str (points,): as ISO 8601 in UTC, with its offset where dates have one, or as numbers."""
    if not times.dates:
        return np.array([str(int(value)) if value.is_integer() else f"{value:.15g}" for value in seconds.tolist()], str)
    offset = "+00:00" if have_offsets(times.written) else ""
    when = pd.to_datetime(np.round(seconds * 1000).astype(np.int64), unit="ms")
    whole = bool((when.microsecond == 0).all())
    told = when.strftime("%Y-%m-%d %H:%M:%S" if whole else "%Y-%m-%d %H:%M:%S.%f")
    return np.array([f"{text if whole else text[:-3]}{offset}" for text in told], str)


def tell_resampled(grid: Grid, step: float, count: int, times: Times, same: np.ndarray, findings: Findings) -> str:
    """Says what has become of a series.

    Args:
        count: points before.
        same: whether a grid point and the next are of one series and split, bool (points - 1,).

    Returns:
        The step in words.
    """
    told = f"{step:g} s" if times.dates else f"{step:g}"
    gaps = int((grid.cuts & same).sum())
    became = (
        f"{counted(count, 'point')} became {len(grid.values)} at a step of {told}, {grid.filled} of them interpolated"
    )
    left = f"{counted(gaps, 'gap')} of more than {BRIDGED + 1} steps {'is' if gaps == 1 else 'are'} left"
    remedy = "Set data.resample to another step, or to null for the points as they are"
    findings.add("resampled", "note", f"data.resample: {became}; {left}", remedy)
    return told

"""Time series as points: read from a table, in order of time, and cut where they break off."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ...core.words import counted, listed, percent
from ...datasets.cells import SHOWN, is_numeric, to_numbers, with_decimal_points
from ...datasets.columns.encoder import Columns
from ...datasets.findings import Findings
from ...datasets.source import locate
from ...datasets.source.base import SampleTable
from ...datasets.source.requests import INTERVALS, Request, form_of
from ...datasets.source.table import Table
from ...datasets.source.table_labels import clean_label
from ...datasets.table_cells import LINE
from ...datasets.times import TimeFormat, date_and_clock, order_of_dates, parse_dates, seconds
from ...errors import DataError
from .columns import choose_columns, settle_label
from .config import AnomalySeriesData
from .normal_samples import normal_labels
from .resampling import resampled, step_of, tell_resampled
from .resampling import written as grid_times
from .times import Times, find_times, read_times, repeats_an_hour

_UNEVEN = 0.05  # share of gaps among the steps from which on times are irregular
GAP = 1.5  # times the usual step: beyond it windows do not reach


@dataclass
class Points:
    """The points of a table, in order of time within each series.

    Args:
        values: float64 (points, channels).
        times: as written, (points,), str.
        columns: names of the channels.
        anomalous: bool (points,), None where nothing is known.
        split: str or None for each, (points,).
        segments: (first, end) of the stretches without a gap, an empty cell, or another series or split.
        path: of the table.
        series: which one each point belongs to, (points,), str.
        label: the column of labels.
        empty: the places of points with an empty cell, in words.
        about: what there is to say of the columns.
        order: of day and month in the dates, see `Times`.
        rows: number of the row of the table that each one is, (points,); None: they are as in the table, or on a grid.
        step: of the grid that they are on, in seconds or in the unit of the times; None: they are on none.
    """

    values: np.ndarray
    times: np.ndarray
    columns: list[str]
    anomalous: np.ndarray | None
    split: np.ndarray
    segments: list[tuple[int, int]]
    path: str
    series: np.ndarray
    label: str | None = None
    empty: list[str] = field(default_factory=list)
    about: list[str] = field(default_factory=list)
    order: str | None = None
    rows: np.ndarray | None = None
    step: float | None = None


def read_points(
    table: SampleTable,
    data: AnomalySeriesData,
    findings: Findings,
    *,
    columns: tuple[str, ...] | None,
    labelled: bool = True,
    usual: tuple[str, ...] = (),
    order: str | None = None,
) -> Points:
    """The points of a table with a row for each point in time.

    Args:
        table: with its cells.
        columns: the channels; None: all columns that hold nothing but numbers.
        labelled: whether labels are looked at; their column is no channel in any case.
        usual: see `normal_labels`.
        order: of day and month, where the dates do not tell, see `TimeFormat`.

    Raises:
        DataError: if a column is missing, times do not rise, or cells are no numbers.
    """
    findings.extend(table.findings)
    group, split = table.columns["series"], table.columns["split"]
    label = settle_label(table, data.label_column, columns, data.exclude, findings)
    others = {group, label, split, data.label_column, data.split_column}
    rows = table.cells = with_decimal_points(table.cells, others, findings)
    stamps = find_times(rows, data.time_column, {*others, *(data.exclude or ())}, findings)
    told = {*stamps, group, label, split}
    if not labelled:
        Columns.of_numbers(columns or ()).require(rows)
    labels = label is not None
    taken = list(
        choose_columns(rows, columns, told, findings, excluded=data.exclude, labelled=labels, numbers_only=True)
    )
    values = to_numbers(rows, taken, strict=labelled)
    times = read_times(rows, stamps, TimeFormat(data.time_format, order), findings)
    groups = rows[group].fillna("").to_numpy(str) if group else np.zeros(len(rows), "U1")
    sorting = np.argsort(groups, kind="stable") if group else np.arange(len(rows))
    rows, values, groups = rows.iloc[sorting], values[sorting], groups[sorting]
    times = replace(times, seconds=times.seconds[sorting], written=times.written[sorting])
    parts = table.frame["split"].to_numpy(object)[sorting]
    bad = ~np.isfinite(values.astype(np.float32))
    empty = np.any(bad, 1)
    empties = [f"line {line}" for line in rows[LINE][empty]]
    grid_step = None if data.resample is None else step_of(data.resample, times, groups)
    if empties and labelled and grid_step is None:
        message = f"{counted(len(empties), 'point')} with empty cells, or numbers that are not finite"
        shares = [f"{name} {percent(share)}" for name, share in zip(taken, bad.mean(0)) if share]
        told_of = f"{message} ({listed(shares, SHOWN)}; {_longest(empty, rows)}): no window holds one"
        remedy = "Fill them, or leave out columns that are mostly empty with data.exclude."
        findings.bad("missing_value", data.on_bad, told_of, remedy, empties, parts, empty)
    written = np.char.add(np.char.add(groups.astype(str), " "), times.written) if group else times.written
    anomalous, about = _known_anomalies(rows, label if labelled else None, parts, data, usual, findings)
    if labelled and data.intervals is not None:
        inside = _inside(data.intervals, times, groups, data, findings)
        anomalous = inside if anomalous is None else anomalous | inside
    path = table.source.named
    about_all = (label, empties, about, times.order or order)
    if grid_step is not None:
        _refuse_disorder(rows, times, groups, equal=True)
        plain = Points(values, written, taken, anomalous, parts, [], path, groups, *about_all)
        return _on_grid(plain, times, grid_step, findings)
    cuts = _cuts(rows, times, groups, findings) | (parts[1:] != parts[:-1])
    segments = stretches(cuts, empty)
    return Points(values, written, taken, anomalous, parts, segments, path, groups, *about_all, sorting)


def _on_grid(points: Points, times: Times, step: float, findings: Findings) -> Points:
    """Points on a regular grid, cut where gaps are left.

    Args:
        times: of the points.
        step: of the grid.
    """
    grid = resampled(points.values, times.seconds, points.series, points.split, points.anomalous, step)
    split, series = points.split[grid.of], points.series[grid.of]
    same = (series[1:] == series[:-1]) & (split[1:] == split[:-1])
    told = tell_resampled(grid, step, len(points.values), times, same, findings)
    written = grid_times(grid.seconds, times)
    if (series != "").any():
        written = np.char.add(np.char.add(series.astype(str), " "), written)
    segments = stretches(grid.cuts, ~np.isfinite(grid.values).all(1))
    about = [f"on a grid with a step of {told}", *points.about]
    return replace(
        points, values=grid.values, times=written, anomalous=grid.anomalous, split=split, segments=segments,
        series=series, empty=[], about=about, step=step,
    )  # fmt: skip


def _longest(empty: np.ndarray, rows: pd.DataFrame) -> str:
    """Where the longest stretch of empty points is."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], empty.astype(int), [0]])))
    first, end = max(zip(edges[::2], edges[1::2]), key=lambda pair: pair[1] - pair[0])
    lines = rows[LINE].to_numpy()
    where = f"line {lines[first]}" if end - first == 1 else f"line {lines[first]} to line {lines[end - 1]}"
    return f"the longest stretch: {counted(end - first, 'point')}, {where}"


def _cuts(rows: pd.DataFrame, times: Times, groups: np.ndarray, findings: Findings) -> np.ndarray:
    """Whether between a point and the next the series changes or breaks off, bool (points - 1,)."""
    steps, same = np.diff(times.seconds), groups[1:] == groups[:-1]
    usual = np.ones(len(steps))
    for name in np.unique(groups):  # series may tick at different rates
        inside = same & (groups[1:] == name)
        usual[groups[1:] == name] = np.median(steps[inside]) if inside.any() else 1.0
    _refuse_disorder(rows, times, groups)
    gap = same & (steps > GAP * usual)
    if gap.any():
        lines = rows[LINE].to_numpy()[1:]
        items = [f"line {line}: {size:.1f} steps" for line, size in zip(lines[gap], steps[gap] / usual[gap])]
        place = int(np.argmax(np.where(gap, steps / usual, 0)))
        largest = f"the largest of {steps[place] / usual[place]:,.1f} usual steps before line {lines[place]}"
        message = f"{counted(gap.sum(), 'gap')} in time, {largest} ({times.written[place + 1]})"
        remedy = "Leave them: windows on both sides are used; data.resample=auto fills those of up to 3 steps"
        if gap.sum() > _UNEVEN * same.sum():
            share = percent(gap.sum() / same.sum())
            message = f"The times are irregular: {share} of the steps are gaps; {message}"
            remedy = "Set data.resample=auto, or to a step, or remove the column of times if rows count as even"
        reach = f"no window reaches across a step of more than {GAP:g} times the median"
        findings.add("gap", "warning", f"{message}: {reach}", remedy, items)
    return ~same | gap


def _refuse_disorder(rows: pd.DataFrame, times: Times, groups: np.ndarray, equal: bool = False) -> None:
    """Raises DataError if points of a series are not later than the one before; with `equal` they may be as late."""
    steps, same = np.diff(times.seconds), groups[1:] == groups[:-1]
    back = np.flatnonzero(same & ~((steps >= 0) if equal else (steps > 0)))
    if len(back):
        _refuse_order(rows, times, back)


def _refuse_order(rows: pd.DataFrame, times: Times, back: np.ndarray) -> None:
    """Raises DataError: points are not later than the one before, those of the numbers `back`."""
    line, when = rows[LINE].to_numpy(), times.written
    lines = [f"line {line[place + 1]}: {when[place + 1]} after {when[place]}" for place in back]
    late = f"{counted(len(back), 'point')} not later than the one before"
    remedy = "Sort the rows; where there are several series, name their column by data.series_column."
    pair = date_and_clock(rows, list(rows.columns)) if len(times.columns) == 1 else ()
    if repeats_an_hour(times, back):
        late = f"{late}, as in local time when clocks are set back"
        after = f"{when[back[0] + 1]}+01:00"
        remedy = f"Write the times in UTC, or with their offset as in {after}, or remove the rows of the second hour."
    elif times.columns[0] in pair:
        remedy = f"Set data.time_column=[{','.join(pair)}], which joins the two columns."
    elif (times.seconds[back + 1] == times.seconds[back]).all():
        remedy = "Remove the copies; where there are several series, name their column by data.series_column."
        if times.dates and not any(":" in when[place] for place in back):
            remedy = f"{remedy} If another column holds the time of day: data.time_column=[{times.columns[0]},COLUMN]."
    raise DataError(f"The times in column {times.named} do not rise: {late}.", remedy, lines[:10])


def stretches(cuts: np.ndarray | bool, empty: np.ndarray) -> list[tuple[int, int]]:
    """(first, end) of the points in a row that are not empty, with a cut between them where `cuts` says so."""
    edges = [0, *(np.flatnonzero(cuts | empty[1:] | empty[:-1]) + 1).tolist(), len(empty)]
    return [(first, end) for first, end in zip(edges, edges[1:]) if end > first and not empty[first]]


def _known_anomalies(
    rows: pd.DataFrame,
    label: str | None,
    splits: np.ndarray,
    data: AnomalySeriesData,
    usual: tuple[str, ...],
    findings: Findings,
) -> tuple[np.ndarray | None, list[str]]:
    """Which points are anomalies by their labels, None where nothing is known; and what there is to say of it."""
    labels = pd.Series([clean_label(value) for value in rows[label]] if label else [], dtype=object)
    missing = labels.isna()
    if missing.all():
        return None, []
    names = normal_labels(labels.dropna(), data.normal, usual=usual, unlabelled=bool(missing.any()))
    if missing.any() and names:
        items = [f"line {line}" for line in rows[LINE][missing.to_numpy()]]
        message = f"{counted(len(items), 'point')} without a label"
        findings.bad("no_label", data.on_bad, message, "Label them.", items, splits, missing.to_numpy())
    told = f"labels: column {label}; normal: {', '.join(names) or 'what has none'}"
    return (~missing & ~labels.isin(names)).to_numpy(), [told]


def _inside(path: str, times: Times, groups: np.ndarray, data: AnomalySeriesData, findings: Findings) -> np.ndarray:
    """Which points lie in an interval of a table with columns start, end and, where there are several, the series."""
    table = Table(locate(path, "data.intervals"), path).read(Request(INTERVALS, form=form_of(data)))
    rows, columns, series_column = (
        table.cells,
        [str(table.columns[end]) for end in ("start", "end")],
        data.series_column,
    )
    how = TimeFormat(data.time_format, times.order)
    if times.dates and data.time_format is None:
        how = TimeFormat(order=order_of_dates(pd.concat([rows[name].dropna() for name in columns]), how, path))
    ends = []
    for column in columns:
        if data.time_format is None and is_numeric(rows[column]) == times.dates:
            held = "numbers" if times.dates else "no numbers"
            message = f"{path}: its column {column} holds {held}, unlike the times of the series."
            raise DataError(message, "Write them alike; name the column of times by data.time_column.")
        dated = times.dates
        ends.append(seconds(parse_dates(rows[column], how)) if dated else to_numbers(rows, [column])[:, 0])
    turned = np.flatnonzero(~(ends[1] >= ends[0]))
    if len(turned):
        message = f"{path}: {counted(len(turned), 'interval')} that end before they begin."
        raise DataError(message, "Fix them.", [f"line {rows[LINE].iloc[row]}" for row in turned[:10]])
    names = rows[series_column].fillna("").to_numpy(str) if series_column in rows else None
    if names is None and len(set(groups)) > 1:
        raise DataError(f"{path} does not say which series an interval is of.", f"Add the column {series_column}.")
    inside, empty = np.zeros(len(times.seconds), bool), 0
    for row, (low, high) in enumerate(zip(*ends)):
        here = (times.seconds >= low) & (times.seconds <= high)
        if names is not None and set(groups) != {""}:
            here &= groups == names[row]
        empty += not here.any()
        inside |= here
    if empty:
        message = f"{empty} of {counted(len(rows), 'interval')} hold no point of the series"
        findings.add("empty_intervals", "warning", message)
    return inside

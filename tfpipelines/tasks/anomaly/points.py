"""Time series as points: read from a table, in order of time, and cut where they break off."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ...core.words import counted
from ...datasets.findings import Findings
from ...datasets.source import locate
from ...datasets.source.base import SampleTable
from ...datasets.source.requests import INTERVALS, Request
from ...datasets.source.table import Table, clean_label
from ...datasets.table_files import LINE
from ...errors import DataError
from .config import AnomalySeriesData
from .normal_samples import normal_labels
from .rows import choose_columns, is_numeric, to_numbers

_PERHAPS_TIMES = {"ts", "t"}  # if they rise
_GAP = 1.5  # times the usual step: beyond it windows do not reach


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


def read_points(
    table: SampleTable,
    data: AnomalySeriesData,
    findings: Findings,
    *,
    columns: tuple[str, ...] | None,
    labelled: bool = True,
    usual: tuple[str, ...] = (),
    key: str = "data.columns",
) -> Points:
    """The points of a table with a row for each point in time.

    Args:
        table: with its cells.
        columns: the channels; None: all columns that hold nothing but numbers.
        labelled: whether labels are looked at; their column is no channel in any case.
        usual: see `normal_labels`.
        key: the config field to speak of; "": none, the columns are those of a model.

    Raises:
        DataError: if a column is missing, times do not rise, or cells are no numbers.
    """
    findings.extend(table.findings)
    rows = table.cells
    stamp, group, label, split = (table.columns[role] for role in ("time", "series", "label", "split"))
    if stamp is None:
        stamp = _only_dates(rows, {group, data.label_column, data.split_column}, findings)
    elif (
        not data.time_column
        and stamp.strip().lower() in _PERHAPS_TIMES
        and not (is_numeric(rows[stamp]) and (np.diff(to_numbers(rows, [stamp], strict=False)[:, 0]) > 0).mean() > 0.9)
    ):
        stamp = None  # a measurement by that name
    taken = choose_columns(rows, columns, {stamp, group, label, split}, findings, key)
    values = to_numbers(rows, taken, strict=labelled)
    times = _times(rows, stamp)
    groups = rows[group].fillna("").to_numpy(str) if group else np.zeros(len(rows), "U1")
    order = np.argsort(groups, kind="stable") if group else np.arange(len(rows))
    rows, values, times, groups = rows.iloc[order], values[order], times[order], groups[order]
    parts = table.frame["split"].to_numpy(object)[order]
    empty = ~np.all(np.isfinite(values.astype(np.float32)), 1)
    empties = [f"line {line}" for line in rows[LINE][empty]]
    if empties and labelled:
        message = f"{counted(len(empties), 'point')} with empty cells, or numbers that are not finite"
        findings.bad("missing_value", data.on_bad, message, "Fill them.", empties, parts, empty)
    cuts = _cuts(rows, times, groups, stamp, findings) | (parts[1:] != parts[:-1])
    written = rows[stamp].fillna("").to_numpy(str) if stamp else np.arange(len(rows)).astype(str)
    written = np.char.add(np.char.add(groups.astype(str), " "), written) if group else written
    anomalous, about = _known_anomalies(rows, label if labelled else None, parts, data, usual, findings)
    if labelled and data.intervals is not None:
        dates = stamp is not None and not is_numeric(rows[stamp])
        inside = _inside(data.intervals, times, groups, dates, data.series_column, findings)
        anomalous = inside if anomalous is None else anomalous | inside
    segments, path = stretches(cuts, empty), table.source.named
    return Points(values, written, taken, anomalous, parts, segments, path, groups, label, empties, about)


def _only_dates(rows: pd.DataFrame, others: set[str | None], findings: Findings) -> str | None:
    """The only column of dates, where none is known by its name."""
    words = [column for column in rows.columns if column not in {LINE, *others} and not is_numeric(rows[column])]
    digits = lambda cells: cells.str.contains(r"\d", na=False).mean()
    dates = [name for name in words if digits(rows[name]) > 0.9 and _dates(rows[name]).notna().mean() > 0.9]
    if len(dates) == 1:
        message = f"Column {dates[0]} holds dates: it is taken for the time"
        findings.add("time_column", "note", message, "Name another by data.time_column")
        return dates[0]
    message = "No time column was found: the rows count as evenly spaced, without gaps"
    findings.add("no_time", "note", message, "Name it by data.time_column")
    return None


def _times(rows: pd.DataFrame, column: str | None) -> np.ndarray:
    """Seconds, or the numbers themselves, float64; the row number without a time column."""
    if column is None:
        return np.arange(len(rows), dtype=np.float64)
    if is_numeric(rows[column]):
        return to_numbers(rows, [column])[:, 0]
    dates = _dates(rows[column])
    if dates.isna().any():
        lines = [f"line {line}: {cell!r}" for line, cell in zip(rows[LINE][dates.isna()], rows[column][dates.isna()])]
        message = f"Column {column!r} holds {counted(len(lines), 'cell')} that are neither numbers nor dates."
        raise DataError(message, "Fix them, or set another column with data.time_column.", lines[:10])
    return _seconds(dates)


def _seconds(dates: pd.Series) -> np.ndarray:
    return dates.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6


def _dates(cells: pd.Series) -> pd.Series:
    return pd.to_datetime(cells, errors="coerce", utc=True, format="mixed")


def _cuts(
    rows: pd.DataFrame, times: np.ndarray, groups: np.ndarray, stamp: str | None, findings: Findings
) -> np.ndarray:
    """Whether between a point and the next the series changes or breaks off, bool (points - 1,)."""
    steps, same = np.diff(times), groups[1:] == groups[:-1]
    usual = np.ones(len(steps))
    for name in np.unique(groups):  # series may tick at different rates
        inside = same & (groups[1:] == name)
        usual[groups[1:] == name] = np.median(steps[inside]) if inside.any() else 1.0
    back = np.flatnonzero(same & ~(steps > 0))
    if len(back):
        line, when = rows[LINE].to_numpy(), rows[stamp].to_numpy()
        lines = [f"line {line[place + 1]}: {when[place + 1]} after {when[place]}" for place in back]
        late = f"{counted(len(back), 'point')} not later than the one before"
        remedy = "Sort the rows; where there are several series, name their column by data.series_column."
        raise DataError(f"The times in column {stamp!r} do not rise: {late}.", remedy, lines[:10])
    gap = same & (steps > _GAP * usual)
    if gap.any():
        sizes = zip(rows[LINE].to_numpy()[1:][gap], steps[gap] / usual[gap])
        items = [f"line {line}: {size:.1f} steps" for line, size in sizes]
        findings.add("gap", "note", f"{counted(gap.sum(), 'gap')} in time: no window reaches across one", "", items)
    return ~same | gap


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


def _inside(
    path: str, times: np.ndarray, groups: np.ndarray, dates: bool, series_column: str | None, findings: Findings
) -> np.ndarray:
    """Which points lie in an interval of a table with columns start, end and, where there are several, the series."""
    table = Table(locate(path, "data.intervals"), path).read(Request(INTERVALS))
    rows, ends = table.cells, []
    for column in (str(table.columns["start"]), str(table.columns["end"])):
        if is_numeric(rows[column]) == dates:
            held = "numbers" if dates else "no numbers"
            message = f"{path}: its column {column} holds {held}, unlike the times of the series."
            raise DataError(message, "Write them alike; name the column of times by data.time_column.")
        ends.append(_seconds(_dates(rows[column])) if dates else to_numbers(rows, [column])[:, 0])
    turned = np.flatnonzero(~(ends[1] >= ends[0]))
    if len(turned):
        message = f"{path}: {counted(len(turned), 'interval')} that end before they begin."
        raise DataError(message, "Fix them.", [f"line {rows[LINE].iloc[row]}" for row in turned[:10]])
    names = rows[series_column].fillna("").to_numpy(str) if series_column in rows else None
    if names is None and len(set(groups)) > 1:
        raise DataError(f"{path} does not say which series an interval is of.", f"Add the column {series_column}.")
    inside, empty = np.zeros(len(times), bool), 0
    for row, (low, high) in enumerate(zip(*ends)):
        here = (times >= low) & (times <= high)
        if names is not None and set(groups) != {""}:
            here &= groups == names[row]
        empty += not here.any()
        inside |= here
    if empty:
        message = f"{empty} of {counted(len(rows), 'interval')} hold no point of the series"
        findings.add("empty_intervals", "warning", message)
    return inside

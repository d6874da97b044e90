"""Time series as points: read from a table, in order of time, and cut where they break off."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..config.anomaly import AnomalySeriesData
from ..errors import DataError, counted
from .findings import Findings
from .normals import normal_labels
from .rows import choose_columns, to_numbers
from .source import locate
from .source.base import SampleTable
from .source.kinds import INTERVALS, Request
from .source.table import Table, clean_label
from .tables import LINE

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
    findings.entries += table.findings.entries
    rows = table.cells
    stamp, group, label, split = (table.columns[role] for role in ("time", "series", "label", "split"))
    if stamp is None:
        stamp = _only_dates(rows, {group, data.label_column, data.split_column}, findings)
    elif (
        not data.time_column
        and stamp.strip().lower() in _PERHAPS_TIMES
        and not (_numeric(rows[stamp]) and (np.diff(to_numbers(rows, [stamp], strict=False)[:, 0]) > 0).mean() > 0.9)
    ):
        stamp = None  # a measurement by that name
    taken = choose_columns(rows, columns, {stamp, group, label, split}, findings, key)
    values = to_numbers(rows, taken, strict=labelled)
    times = _times(rows, stamp)
    groups = rows[group].fillna("").to_numpy(str) if group else np.zeros(len(rows), "U1")
    order = np.argsort(groups, kind="stable") if group else np.arange(len(rows))
    rows, values, times, groups = rows.iloc[order], values[order], times[order], groups[order]
    parts = table.frame["split"].to_numpy(object)[order]
    empty = ~np.isfinite(values.astype(np.float32)).all(1)
    if empty.any() and labelled:
        message = f"{counted(empty.sum(), 'point')} with empty cells, or numbers that are not finite"
        remedy = "Fill them."
        findings.bad("missing_value", data.on_bad, message, remedy, [f"line {line}" for line in rows[LINE][empty]])
    segments = _segments(rows, times, groups, parts, empty, stamp, findings)
    written = rows[stamp].fillna("").to_numpy(str) if stamp else np.arange(len(rows)).astype(str)
    written = np.char.add(np.char.add(groups.astype(str), " "), written) if group else written
    anomalous, about = (
        _known_anomalies(rows, label, data.normal, usual, data.on_bad, findings) if labelled else (None, [])
    )
    if labelled and data.intervals is not None:
        dates = stamp is not None and not _numeric(rows[stamp])
        inside = _inside(data.intervals, times, groups, dates, data.series_column, findings)
        anomalous = inside if anomalous is None else anomalous | inside
    empties = [f"line {line}" for line in rows[LINE][empty]]
    return Points(values, written, taken, anomalous, parts, segments, table.source.named, groups, label, empties, about)


def _only_dates(rows: pd.DataFrame, others: set[str | None], findings: Findings) -> str | None:
    """The only column of dates, where none is known by its name."""
    words = [column for column in rows if column not in {LINE, *others} and not _numeric(rows[column])]
    dates = [
        column
        for column in words
        if rows[column].str.contains(r"\d", na=False).mean() > 0.9 and _dates(rows[column]).notna().mean() > 0.9
    ]
    if len(dates) == 1:
        message = f"Column {dates[0]} holds dates: it is taken for the time"
        findings.add("time_column", "note", message, "Name another by data.time_column")
        return dates[0]
    message = "No column is known as time: the rows count as evenly spaced and unbroken"
    findings.add("no_time", "note", message, "Name it by data.time_column")
    return None


def _times(rows: pd.DataFrame, column: str | None) -> np.ndarray:
    """Seconds, or the numbers themselves, float64; the row number without a time column."""
    if column is None:
        return np.arange(len(rows), dtype=np.float64)
    if _numeric(rows[column]):
        return to_numbers(rows, [column])[:, 0]
    dates = _dates(rows[column])
    if dates.isna().any():
        lines = [f"line {line}: {cell!r}" for line, cell in zip(rows[LINE][dates.isna()], rows[column][dates.isna()])]
        message = f"Column {column!r} holds {counted(len(lines), 'cell')} that are neither numbers nor dates."
        raise DataError(message, "Mend them, or name another column by data.time_column.", lines[:10])
    return _seconds(dates)


def _seconds(dates: pd.Series) -> np.ndarray:
    return dates.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6


def _numeric(cells: pd.Series) -> bool:
    return bool(pd.to_numeric(cells, errors="coerce").notna().mean() > 0.5)


def _dates(cells: pd.Series) -> pd.Series:
    return pd.to_datetime(cells, errors="coerce", utc=True, format="mixed")


def _segments(
    rows: pd.DataFrame,
    times: np.ndarray,
    groups: np.ndarray,
    parts: np.ndarray,
    empty: np.ndarray,
    stamp: str | None,
    findings: Findings,
) -> list[tuple[int, int]]:
    """Stretches of points whose times rise evenly, of one series and split, without empty cells."""
    steps, same = np.diff(times), groups[1:] == groups[:-1]
    usual = np.ones(len(steps))
    for name in np.unique(groups):  # series may tick at different rates
        inside = same & (groups[1:] == name)
        usual[groups[1:] == name] = np.median(steps[inside]) if inside.any() else 1.0
    back = np.flatnonzero(same & ~(steps > 0))
    if len(back):
        lines = [
            f"line {rows[LINE].iloc[place + 1]}: {rows[stamp].iloc[place + 1]} after {rows[stamp].iloc[place]}"
            for place in back
        ]
        raise DataError(
            f"The times in column {stamp!r} do not rise: {counted(len(back), 'point')} not later than the one before.",
            "Sort the rows; where there are several series, name their column by data.series_column.",
            lines[:10],
        )
    gap = same & (steps > _GAP * usual)
    if gap.any():
        items = [
            f"line {rows[LINE].iloc[place + 1]}: {steps[place] / usual[place]:.1f} steps"
            for place in np.flatnonzero(gap)
        ]
        findings.add("gap", "note", f"{counted(gap.sum(), 'gap')} in time: no window reaches across one", "", items)
    breaks = np.flatnonzero(~same | gap | (parts[1:] != parts[:-1]) | empty[1:] | empty[:-1]) + 1
    edges = [0, *breaks.tolist(), len(times)]
    return [(first, end) for first, end in zip(edges, edges[1:]) if end > first and not empty[first]]


def _known_anomalies(
    rows: pd.DataFrame,
    label: str | None,
    normal: tuple[str, ...] | None,
    usual: tuple[str, ...],
    on_bad: str,
    findings: Findings,
) -> tuple[np.ndarray | None, list[str]]:
    """Which points are anomalies by their labels, None where nothing is known; and what there is to say of it."""
    labels = (
        pd.Series([clean_label(value) for value in rows[label]], dtype=object) if label else pd.Series(dtype=object)
    )
    if labels.isna().all():
        return None, []
    missing = labels.isna()
    names = normal_labels(labels.dropna(), normal, usual=usual, unlabelled=bool(missing.any()))
    if missing.any() and names:
        message = f"{counted(missing.sum(), 'point')} without a label"
        remedy = "Label them."
        findings.bad("no_label", on_bad, message, remedy, [f"line {line}" for line in rows[LINE][missing.to_numpy()]])
    return (~missing & ~labels.isin(names)).to_numpy(), [
        f"labels: column {label}; normal: {', '.join(names) or 'what has none'}"
    ]


def _inside(
    path: str, times: np.ndarray, groups: np.ndarray, dates: bool, series_column: str | None, findings: Findings
) -> np.ndarray:
    """Which points lie in one of the intervals of a table with the columns start and end, and that of the series
    where there are several.
    """
    table = Table(locate(path, "data.intervals"), path).read(Request(INTERVALS))
    rows, ends = table.cells, []
    for column in (str(table.columns["start"]), str(table.columns["end"])):
        if _numeric(rows[column]) == dates:
            raise DataError(
                f"{path}: its column {column} holds {'numbers' if dates else 'no numbers'}, unlike the "
                "times of the series.",
                "Write them alike; name the column of times by data.time_column.",
            )
        ends.append(_seconds(_dates(rows[column])) if dates else to_numbers(rows, [column])[:, 0])
    turned = np.flatnonzero(~(ends[1] >= ends[0]))
    if len(turned):
        message = f"{path}: {counted(len(turned), 'interval')} that end before they begin."
        raise DataError(message, "Mend them.", [f"line {rows[LINE].iloc[row]}" for row in turned[:10]])
    names = rows[series_column].fillna("").to_numpy(str) if series_column in rows else None
    if names is None and len(set(groups)) > 1:
        raise DataError(f"{path} does not say which series an interval is of.", f"Add the column {series_column}.")
    inside, empty = np.zeros(len(times), bool), 0
    for row, (low, high) in enumerate(zip(*ends)):
        here = (
            (times >= low)
            & (times <= high)
            & (True if names is None or len(set(groups)) == 1 and "" in set(groups) else groups == names[row])
        )
        empty += not here.any()
        inside |= here
    if empty:
        findings.add(
            "empty_intervals", "warning", f"{empty} of {counted(len(rows), 'interval')} hold no point of the series"
        )
    return inside

"""Time series as points: read from a table, in order of time, and cut where they break off."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DataError, counted
from .findings import Findings
from .normals import normal_labels
from .rows import choose_columns, to_numbers
from .sources import locate
from .tables import LINE, TABLES, clean_label, find_column, parse_splits, read_table

_LABELS = ("label", "class", "anomaly", "is_anomaly", "outlier", "is_outlier", "fault")
_TIMES = ("time", "timestamp", "date", "datetime", "ts", "t")
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
    """

    values: np.ndarray
    times: np.ndarray
    columns: list[str]
    anomalous: np.ndarray | None
    split: np.ndarray
    segments: list[tuple[int, int]]
    path: str


def read_points(
    path: str, findings: Findings, *, time_column: str | None = None, series_column: str | None = None, columns: tuple[str, ...] | None = None, label_column: str | None = None,
    normal: tuple[str, ...] | None = None, intervals: str | None = None, split_column: str | None = None, on_bad: str = "error", strict: bool = True, labelled: bool = True,
    usual: tuple[str, ...] = (), key: str = "data.path",
) -> Points:  # fmt: skip
    """Reads a table with a row for each point in time.

    Args:
        strict: False takes a label column that is named but absent as not named.
        labelled: whether labels are looked at; their column is no channel in any case.
        usual: see `normal_labels`.
        key: the config field to speak of.
        (others): the fields of the same name in `AnomalySeriesData`.

    Raises:
        DataError: if a column is missing, times do not rise, or cells are no numbers.
    """
    located = locate(path, key)
    if located.suffix.lower() not in TABLES:
        raise DataError(f"{located} is no table that is known by its ending.", f"Give a file that ends in {', '.join(sorted(TABLES))}.")
    rows = read_table(located)
    stamp = find_column(rows, "time", time_column, "data.time_column", False, _TIMES)
    group = find_column(rows, "series", series_column, "data.series_column", False, ()) if series_column else None
    label = find_column(rows, "label", label_column if strict or label_column in rows else None, "data.label_column", False, _LABELS)
    split = find_column(rows, "split", split_column if strict or split_column in rows else None, "data.split_column", False)
    taken = choose_columns(rows, columns, {stamp, group, label, split}, findings, "data.columns")
    values = to_numbers(rows, taken)
    times = _times(rows, stamp)
    groups = rows[group].fillna("").to_numpy(str) if group else np.zeros(len(rows), "U1")
    order = np.argsort(groups, kind="stable") if group else np.arange(len(rows))
    rows, values, times, groups = rows.iloc[order], values[order], times[order], groups[order]
    parts = np.array(parse_splits(rows, split, findings) or [None] * len(rows), object)
    empty = ~np.isfinite(values).all(1)
    if empty.any():
        findings.bad("missing_value", on_bad, f"{counted(empty.sum(), 'point')} with empty cells, or numbers that are not finite", "Fill them.", [f"line {line}" for line in rows[LINE][empty]])
    segments = _segments(rows, times, groups, parts, empty, stamp, findings)
    written = rows[stamp].fillna("").to_numpy(str) if stamp else np.arange(len(rows)).astype(str)
    written = np.char.add(np.char.add(groups.astype(str), " "), written) if group else written
    anomalous = _known_anomalies(rows, label, normal, usual) if labelled else None
    if intervals is not None:
        inside = _inside(intervals, times, stamp is not None and not _numeric(rows[stamp]))
        anomalous = inside if anomalous is None else anomalous | inside
    return Points(values, written, taken, anomalous, parts, segments, str(path))


def _times(rows: pd.DataFrame, column: str | None) -> np.ndarray:
    """Seconds, or the numbers themselves, float64; the row number without a time column."""
    if column is None:
        return np.arange(len(rows), dtype=np.float64)
    if _numeric(rows[column]):
        return to_numbers(rows, [column])[:, 0]
    dates = _dates(rows[column])
    if dates.isna().any():
        lines = [f"line {line}: {cell!r}" for line, cell in zip(rows[LINE][dates.isna()], rows[column][dates.isna()])]
        raise DataError(f"Column {column!r} holds {counted(len(lines), 'cell')} that are neither numbers nor dates.", "Mend them, or name another column by data.time_column.", lines[:10])
    return dates.to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6


def _numeric(cells: pd.Series) -> bool:
    return bool(pd.to_numeric(cells, errors="coerce").notna().mean() > 0.5)


def _dates(cells: pd.Series) -> pd.Series:
    return pd.to_datetime(cells, errors="coerce", utc=True, format="mixed")


def _segments(rows: pd.DataFrame, times: np.ndarray, groups: np.ndarray, parts: np.ndarray, empty: np.ndarray, stamp: str | None, findings: Findings) -> list[tuple[int, int]]:
    """Stretches of points whose times rise evenly, of one series and split, without empty cells."""
    steps, same = np.diff(times), groups[1:] == groups[:-1]
    back = np.flatnonzero(same & ~(steps > 0))
    if len(back):
        lines = [f"line {rows[LINE].iloc[place + 1]}: {rows[stamp].iloc[place + 1]} after {rows[stamp].iloc[place]}" for place in back]
        raise DataError(f"The times in column {stamp!r} do not rise: {counted(len(back), 'point')} not later than the one before.", "Sort the rows; where there are several series, name their column by data.series_column.", lines[:10])
    usual = np.median(steps[same]) if same.any() else 1.0
    gap = same & (steps > _GAP * usual)
    if gap.any():
        items = [f"line {rows[LINE].iloc[place + 1]}: {steps[place] / usual:.1f} steps" for place in np.flatnonzero(gap)]
        findings.add("gap", "note", f"{counted(gap.sum(), 'gap')} in time: no window reaches across one", "", items)
    breaks = np.flatnonzero(~same | gap | (parts[1:] != parts[:-1]) | empty[1:] | empty[:-1]) + 1
    edges = [0, *breaks.tolist(), len(times)]
    return [(first, end) for first, end in zip(edges, edges[1:]) if end > first and not empty[first]]


def _known_anomalies(rows: pd.DataFrame, label: str | None, normal: tuple[str, ...] | None, usual: tuple[str, ...]) -> np.ndarray | None:
    if label is None:
        return None
    labels = pd.Series([clean_label(value) for value in rows[label]], dtype=object)
    if labels.isna().all():
        return None
    return (labels.notna() & ~labels.isin(normal_labels(labels.dropna(), normal, usual=usual))).to_numpy()


def _inside(path: str, times: np.ndarray, dates: bool) -> np.ndarray:
    """Which points lie in one of the intervals of a table with the columns start and end."""
    rows = read_table(locate(path, "data.intervals"))
    ends = [find_column(rows, role, None, f"the column {role} of data.intervals", True, (role,)) for role in ("start", "end")]
    first, last = ((_dates(rows[column]).to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6) if dates else to_numbers(rows, [column])[:, 0] for column in ends)
    inside = np.zeros(len(times), bool)
    for low, high in zip(first, last):
        inside |= (times >= low) & (times <= high)
    return inside


def raw_series(inputs: Any, window: int, columns: list[str], **fields) -> list[tuple[str, Points | None, str]]:
    """The series that `inputs` mean: a table's path, a DataFrame with such columns, an array (points, channels), or a list of such.

    Args:
        fields: of `AnomalySeriesData`, that tell how to read.

    Returns:
        Of each its name, its points (None if it cannot be read), and why not, or "".
    """
    alone = isinstance(inputs, (str, Path, pd.DataFrame)) or hasattr(inputs, "__array__")
    found: list[tuple[str, Points | None, str]] = []
    for number, entry in enumerate([inputs] if alone else inputs):
        if not isinstance(entry, (str, Path)):
            found.append((str(number), _from_memory(entry, columns), ""))
            continue
        try:
            findings = Findings()
            points = read_points(str(entry), findings, columns=tuple(columns), strict=False, labelled=False, key="the input", **fields)
            findings.raise_errors()
            short = "" if any(end - first >= window for first, end in points.segments) else f"no {window} points in a row"
            found.append((str(entry), None if short else points, short))
        except DataError as error:
            found.append((str(entry), None, " ".join(str(error).split())))
    return found


def _from_memory(entry: Any, columns: list[str]) -> Points:
    if isinstance(entry, pd.DataFrame):
        missing = [name for name in columns if name not in entry]
        if missing:
            raise DataError(f"The DataFrame has no column {missing[0]!r}.", f"Expected: {', '.join(columns)}.")
        entry = entry[columns].to_numpy()
    values = np.asarray(entry, np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] != len(columns):
        raise DataError(f"One of the inputs has the shape {np.shape(entry)}.", f"Expected: (points, {len(columns)}).")
    whole = np.isfinite(values).all(1)
    edges = [0, *(np.flatnonzero(~whole[1:] | ~whole[:-1]) + 1).tolist(), len(values)]
    segments = [(first, end) for first, end in zip(edges, edges[1:]) if end > first and whole[first]]
    return Points(values, np.arange(len(values)).astype(str), columns, None, np.full(len(values), None, object), segments, "")

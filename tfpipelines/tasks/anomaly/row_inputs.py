"""Raw input for prediction: tables, DataFrames and arrays become rows of numbers, or series."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...core.words import listed
from ...datasets.cells import SHOWN, with_decimal_points
from ...datasets.findings import Findings
from ...datasets.input_columns import Origin
from ...datasets.raw_inputs import Found, walk_inputs
from ...datasets.source.requests import ROWS, SERIES, Request
from ...datasets.source.table import Frame
from ...datasets.table_files import table_of
from ...errors import DataError
from .config import AnomalySeriesData
from .points import Points, read_points, stretches
from .rows import take_numbers

_EXPECTED = "Give paths of tables, DataFrames, or arrays (n, columns)."


def raw_rows(inputs: Any, columns: list[str]) -> tuple[list[str], np.ndarray, list[str], list[Origin | None]]:
    """The rows that `inputs` mean: a table's path or a glob pattern, a DataFrame with such columns, an array (n,
    columns) or (columns,), or a list of such.

    Returns:
        Items (the number of the row, with the table's path where there are several inputs), float32 (n, columns) with 0
        where there is nothing, for each row why it cannot be read, or "", and the row of a table that it is.
    """
    found = list(walk_inputs(inputs, Request.to_predict(ROWS, {}), _EXPECTED))
    items: list[str] = []
    errors: list[str] = []
    origins: list[Origin | None] = []
    pieces = [np.zeros((0, len(columns)), np.float32)]
    for entry in found:
        values, error = np.zeros((1, len(columns))), entry.error
        try:
            if entry.table is not None:
                values = take_numbers(entry.table, Findings(), tuple(columns), strict=False, key="").values
            elif not error:
                values = _rows_from_memory(entry.value, columns)
        except DataError as reason:
            if not entry.name:
                raise
            error = " ".join(str(reason).split())
        if error:
            items, errors, origins = [*items, entry.name], [*errors, error], [*origins, None]
        else:
            origins += _origins(entry, len(values))
            with np.errstate(over="ignore"):
                values = values.astype(np.float32)
            several = entry.name and len(found) > 1
            items += [f"{entry.name}:{row}" if several else str(len(items) + row) for row in range(len(values))]
            bad = [", ".join(columns[place] for place in np.flatnonzero(~row)[:5]) for row in np.isfinite(values)]
            errors += [f"no number: {names}" if names else "" for names in bad]
        pieces.append(np.where(np.isfinite(values), values, np.float32(0)).astype(np.float32))
    return items, np.concatenate(pieces), errors, origins


def _origins(entry: Found, count: int) -> list[Origin | None]:
    """The rows of a table that are the rows of an entry."""
    given = entry.table.given if entry.table is not None else None
    if isinstance(entry.value, pd.DataFrame):
        given = Frame(entry.value).given
    return [None if given is None else Origin(given, row) for row in range(count)]


def raw_series(
    inputs: Any, window: int, columns: list[str], order: str | None = None, **fields
) -> list[tuple[str, Points | None, str]]:
    """The series that `inputs` mean: a table's path or a glob pattern, a DataFrame with such columns, an array (points,
    channels), or a list of such.

    Args:
        order: of day and month in dates that do not tell, see `TimeFormat`.
        fields: of `AnomalySeriesData`, that tell how to read.

    Returns:
        Of each its name, its points (None if it cannot be read), and what could not be read, or "".
    """
    data = AnomalySeriesData.model_construct(**fields)
    request = replace(Request.of(SERIES, data, training=False), labelled=False)
    found: list[tuple[str, Points | None, str]] = []
    for number, entry in enumerate(walk_inputs(inputs, request, _EXPECTED)):
        name, points, error = entry.name or str(number), None, entry.error
        table = Frame(entry.value).read(request) if isinstance(entry.value, pd.DataFrame) else entry.table
        try:
            if table is not None:
                points = read_points(
                    table, data, Findings(), columns=tuple(columns), labelled=False, key="", order=order
                )
            elif not error:
                points = _series_from_memory(entry.value, columns)
        except DataError as reason:
            if not entry.name:
                raise
            error = " ".join(str(reason).split())
        if points is not None and not any(end - first >= window for first, end in points.segments):
            points, error = None, f"no {window} points in a row"
        elif points is not None and points.empty:
            more = f" and {len(points.empty) - 5} more" if len(points.empty) > 5 else ""
            error = f"empty cells, no window holds them: {', '.join(points.empty[:5])}{more}"
        found.append((name, points, error))
    return found


def _rows_from_memory(entry: Any, columns: list[str]) -> np.ndarray:
    if isinstance(entry, pd.Series) and set(columns) <= set(entry.index):  # a row of a DataFrame
        entry = entry.to_frame().T
    if isinstance(entry, pd.DataFrame):
        return numbers_of(entry, columns)
    values = np.atleast_2d(as_numbers(entry))
    if values.ndim != 2 or values.shape[1] != len(columns):
        raise DataError(f"One of the inputs has the shape {np.shape(entry)}.", f"Expected: (n, {len(columns)}).")
    return values


def numbers_of(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """The columns of a DataFrame, float64 (rows, columns), NaN where a cell is no number."""
    missing = [name for name in columns if name not in frame]
    if missing:
        raise DataError(f"The DataFrame has no column {missing[0]!r}.", f"Expected: {listed(columns, SHOWN)}.")
    if len(frame) and not all(pd.api.types.is_numeric_dtype(frame[name]) for name in columns):
        frame = with_decimal_points(table_of(frame[columns], Path("the DataFrame")), set(), Findings())
    numbers = [pd.to_numeric(frame[name], errors="coerce") for name in columns]
    return np.stack([cells.to_numpy(np.float64, na_value=np.nan) for cells in numbers], 1)


def as_numbers(array: Any) -> np.ndarray:
    """An array as float64, NaN where it holds None or NA.

    Raises:
        DataError: if it holds anything else.
    """
    try:
        values = np.asarray(array)
        return (np.where(pd.isna(values), np.nan, values) if values.dtype == object else values).astype(np.float64)
    except (TypeError, ValueError) as error:
        message = f"One of the inputs is no array of numbers: {error}."
        raise DataError(message, "Give paths of tables, DataFrames, or arrays of numbers.") from error


def _series_from_memory(entry: Any, columns: list[str]) -> Points:
    values = as_numbers(entry)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] != len(columns):
        raise DataError(f"One of the inputs has the shape {np.shape(entry)}.", f"Expected: (points, {len(columns)}).")
    count, empty = len(values), ~np.all(np.isfinite(values.astype(np.float32)), 1)
    times, parts, groups = np.arange(count).astype(str), np.full(count, None, object), np.zeros(count, "U1")
    names = [f"point {row}" for row in np.flatnonzero(empty)]
    return Points(values, times, columns, None, parts, stretches(False, empty), "", groups, None, names)

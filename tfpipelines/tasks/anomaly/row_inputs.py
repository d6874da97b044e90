"""Raw input for prediction: tables, DataFrames and arrays become rows of numbers, or series."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ...datasets.columns.encoder import Columns, Encoded, tell_unseen
from ...datasets.columns.samples import raw_table_rows
from ...datasets.findings import Findings
from ...datasets.input_columns import Origin
from ...datasets.raw_inputs import walk_inputs
from ...datasets.source.requests import ROWS, SERIES, Request
from ...datasets.source.table import Frame
from ...datasets.table_files import PLAIN, TableForm
from ...errors import DataError
from .config import AnomalySeriesData
from .features import features, needed_numbers
from .points import Points, read_points, stretches

_EXPECTED = "Give paths of tables, DataFrames, or arrays (n, columns)."


def raw_rows(
    inputs: Any, columns: Columns, form: TableForm = PLAIN
) -> tuple[list[str], np.ndarray, list[str], list[Origin | None], list[str]]:
    """The rows that `inputs` mean, see `raw_table_rows`.

    Returns:
        Items, what a detector sees of them, float32 (n, features) with 0 where there is nothing, for each row why it
        cannot be read, or "", the row of a table that it is, and what there is to say of all.
    """
    items, cells, errors, origins = raw_table_rows(inputs, columns, {}, ROWS, form)
    encoded, findings = columns.transform(cells), Findings()
    values, bad = detector_rows(encoded, columns)
    unread = {name: one for name, one in encoded.unread.items() if name not in needed_numbers(columns)}
    tell_unseen(replace(encoded, unread=unread), "these rows", findings)  # of the needed ones errors tell
    errors = [error or reason for error, reason in zip(errors, bad)]
    notes = [entry.message for entry in findings.entries]
    return items, values, errors, origins, notes


def detector_rows(encoded: Encoded, columns: Columns) -> tuple[np.ndarray, list[str]]:
    """What a detector sees of encoded rows, float32 (rows, features) with 0 where there is nothing; and for each row
    which numbers it lacks, or "".
    """
    needed = needed_numbers(columns)
    gaps = np.isnan(encoded.numbers[:, list(needed.values())])
    names = np.array([*needed, ""])[:-1]
    bad = [f"no number: {', '.join(names[row][:5])}" if row.any() else "" for row in gaps]
    return np.nan_to_num(features(encoded, columns)), bad


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
                points = read_points(table, data, Findings(), columns=tuple(columns), labelled=False, order=order)
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

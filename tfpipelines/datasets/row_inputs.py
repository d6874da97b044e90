"""Raw input for prediction: tables, DataFrames and arrays become rows of numbers."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DataError, TfpipelinesError
from .findings import Findings
from .rows import few, read_numbers


def raw_rows(inputs: Any, columns: list[str]) -> tuple[list[str], np.ndarray, list[str]]:
    """The rows that `inputs` mean: a table's path, a DataFrame with such columns, an array (n, columns) or (columns,),
    or a list of such.

    Returns:
        Items (the number of the row, with the table's path where there are several inputs), float32 (n, columns) with 0
        where there is nothing, and for each row why it cannot be read, or "".
    """
    inputs = [inputs] if isinstance(inputs, (str, Path, pd.DataFrame)) or hasattr(inputs, "__array__") else inputs
    if not isinstance(inputs, Iterable):
        raise DataError(
            f"The inputs are of type {type(inputs).__name__}.",
            "Give paths of tables, DataFrames, or arrays (n, columns).",
        )
    inputs = list(inputs)
    items, pieces, errors = [], [np.zeros((0, len(columns)), np.float32)], []
    for entry in inputs:
        path = str(entry) if isinstance(entry, (str, Path)) else ""
        try:
            with np.errstate(over="ignore"):
                values = _raw(entry, columns).astype(np.float32)
        except TfpipelinesError as error:
            if not path:
                raise
            items, errors = [*items, path], [*errors, " ".join(str(error).split())]
            pieces.append(np.zeros((1, len(columns)), np.float32))
            continue
        good = np.isfinite(values)
        items += [f"{path}:{row}" if path and len(inputs) > 1 else str(len(items) + row) for row in range(len(values))]
        errors += [
            "" if row.all() else "no number: " + ", ".join(columns[place] for place in np.flatnonzero(~row)[:5])
            for row in good
        ]
        pieces.append(np.where(good, values, np.float32(0)))
    return items, np.concatenate(pieces), errors


def _raw(entry: Any, columns: list[str]) -> np.ndarray:
    if isinstance(entry, (str, Path)):
        return read_numbers(str(entry), Findings(), tuple(columns), None, None, strict=False, key="").values
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
        raise DataError(f"The DataFrame has no column {missing[0]!r}.", f"Expected: {few(columns)}.")
    return np.stack(
        [pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64, na_value=np.nan) for name in columns], 1
    )


def as_numbers(array: Any) -> np.ndarray:
    """An array as float64.

    Raises:
        DataError: if it holds anything else.
    """
    try:
        return np.asarray(array, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"One of the inputs is no array of numbers: {error}.",
            "Give paths of tables, DataFrames, or arrays of numbers.",
        ) from error

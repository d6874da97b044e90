"""Which column of a table identifies its rows."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

IDENTIFIERS = "identifiers"  # key of a table's `attrs`: the columns of the whole, where this is a part of one
_NAMES = ("id", "key", "uuid", "guid")  # usual ones, the likeliest first; others end in _id


def identifiers_of(cells: pd.DataFrame) -> list[str]:
    """The column that identifies the rows of a table by its name and its distinct values, in a list; [] without."""
    if IDENTIFIERS in cells.attrs:
        return [name for name in cells.attrs[IDENTIFIERS] if name in cells]
    return next(([name] for name in _candidates(cells.columns) if _all_distinct(cells[name])), [])


def identifiers_among(header: Iterable[str]) -> list[str]:
    """The same by its name alone, for rows that are still to come."""
    return _candidates(header)[:1]


def _candidates(header: Iterable[Any]) -> list[Any]:
    """Columns whose names say that they identify rows, the likeliest first."""
    names = {name: str(name).strip().lower() for name in header}
    usual = [name for wanted in _NAMES for name, small in names.items() if small == wanted]
    return usual + [name for name, small in names.items() if small.endswith("_id")]


def _all_distinct(column: pd.Series) -> bool:
    """Whether all values are there, and no two are the same."""
    words = pd.Series(["" if is_missing(value) else str(value).strip() for value in column], dtype=object)
    return bool(words.ne("").all() and words.is_unique)


def is_missing(value: Any) -> bool:
    """Whether there is nothing: None, NaN, NaT or pandas' NA."""
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))

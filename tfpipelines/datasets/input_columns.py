"""The columns of the tables that predictions are made for: which row each comes from, and what stands there."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from .raw_inputs import is_missing

_IDENTIFIERS = ("id", "key", "uuid", "guid")  # usual names, the likeliest first; others end in _id


class Origin(NamedTuple):
    """A row of a table.

    Args:
        cells: the table, as it is written, with row numbers for an index.
        row: its number.
    """

    cells: pd.DataFrame
    row: int


def input_columns(origins: Sequence[Origin | None], everything: bool) -> pd.DataFrame:
    """What stands in the rows that predictions are made for.

    Args:
        origins: of each prediction, None where it comes from no table.
        everything: all columns; False: only the column of each table that identifies its rows, if there is one.

    Returns:
        A row per origin, values as they are in their table, None where there is nothing; without columns where there is
        no table.
    """
    tables = list({id(origin.cells): origin.cells for origin in origins if origin is not None}.values())
    kept = tables if everything else [cells[identifiers_of(cells)] for cells in tables]
    if not any(len(cells.columns) for cells in kept):
        return pd.DataFrame(index=range(len(origins)))
    first, starts = 0, {}
    for cells in tables:
        starts[id(cells)], first = first, first + len(cells)
    rows = [first if origin is None else starts[id(origin.cells)] + origin.row for origin in origins]
    if len(kept) == 1 and first not in rows:
        return kept[0].iloc[rows].reset_index(drop=True)
    kept = [cells.astype(object) for cells in kept]  # a whole number stays one beside what is missing
    chosen = pd.concat(kept, ignore_index=True).reindex(rows).reset_index(drop=True)
    return chosen.where(chosen.notna(), None)


def identifiers_of(cells: pd.DataFrame) -> list[str]:
    """The column that identifies the rows of a table by its name and its distinct values, in a list; [] without."""
    names = {name: str(name).strip().lower() for name in cells.columns}
    usual = [name for wanted in _IDENTIFIERS for name, small in names.items() if small == wanted]
    candidates = usual + [name for name, small in names.items() if small.endswith("_id")]
    return next(([name] for name in candidates if _all_distinct(cells[name])), [])


def _all_distinct(column: pd.Series) -> bool:
    """Whether all values are there, and no two are the same."""
    words = pd.Series(["" if is_missing(value) else str(value).strip() for value in column], dtype=object)
    return bool(words.ne("").all() and words.is_unique)

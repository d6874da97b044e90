"""The columns of the tables that predictions are made for: which row each comes from, and what stands there."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from .identifying import identifiers_of, is_missing
from .source.table_labels import clean_label
from .table_cells import cell_text


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


def cells_of_origins(origins: Sequence[Origin | None], name: str | None) -> list[str | None] | None:
    """What stands in a column in the rows that predictions are made for, see `cell_name`; None where it is in none.

    Args:
        name: of the column; None: none.
    """
    if name is None or not any(origin is not None and name in origin.cells for origin in origins):
        return None
    return [
        None if origin is None or name not in origin.cells else cell_name(origin.cells[name].iat[origin.row])
        for origin in origins
    ]


def cell_name(cell: Any) -> str | None:
    """A cell as the name of a group, as readers of tables clean it; None for what is missing."""
    return None if is_missing(cell) else clean_label(cell_text(cell))


def cells_of_rows(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> pd.DataFrame:
    """Some columns of rows, values as they are in them, None where a row lacks one; for `with_input_columns`."""
    cells = {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names}
    return pd.DataFrame(cells, index=range(len(rows)))

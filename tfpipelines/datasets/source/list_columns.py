"""Columns of tables that hold a list of numbers in each row, such as an embedding."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from ..findings import Findings
from ..table_cells import LINE, Listed

_MOST = 10_000  # numbers in a list


def spread_lists(cells: pd.DataFrame, kept: Collection[str], findings: Findings) -> pd.DataFrame:
    """The table with a column for each place of the lists: those of `x` become `x_0`, `x_1`, ...

    Lists of other things than numbers, or of several lengths, stay as they are, and so do those for whose elements
    there are columns of that name.

    Args:
        cells: `in_words`.
        kept: columns that play a role.
        findings: told which columns were spread.
    """
    widths = {name: _width(cells[name]) for name in cells.columns if name not in kept and name != LINE}
    named = {name: [f"{name}_{place}" for place in range(width)] for name, width in widths.items() if width}
    named = {name: names for name, names in named.items() if {*names}.isdisjoint(cells.columns)}
    if not named:
        return cells
    parts: list[pd.DataFrame] = []
    for name in cells.columns:
        if (names := named.get(name)) is None:
            parts.append(cells[[name]])
            continue
        empty = (None,) * len(names)
        rows = [cell.items if isinstance(cell, Listed) else empty for cell in cells[name]]
        parts.append(pd.DataFrame(rows, columns=names, index=cells.index, dtype=object))
        message = f"Column {name!r} holds lists of {len(names)}: each place is a column, {names[0]} to {names[-1]}"
        findings.add("spread_lists", "note", message)
    table = pd.concat(parts, axis=1)
    table.attrs = cells.attrs
    return table


def _width(values: pd.Series) -> int:
    """How many numbers each list of a column has; 0 where it holds anything else, or nothing."""
    held = [cell for cell in values if cell is not None]
    if not held or not isinstance(held[0], Listed):
        return 0
    width = len(held[0].items)
    if not 0 < width <= _MOST or not all(isinstance(cell, Listed) and len(cell.items) == width for cell in held):
        return 0
    try:
        np.array([cell.items for cell in held], np.float64)
    except ValueError:
        return 0
    return width

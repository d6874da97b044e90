"""Cells of tables, as their files have them and as text."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import DataError
from .compact_cells import CompactFrame
from .sample_table import SEPARATOR

LINE = "line of the file"  # the column that says where a row begins
PLAIN_TEXT = "plain text"  # in `attrs`: every cell is text, as CSV has it


class Listed(str):
    """A cell that held a list: its elements joined by bars, and each of them in `items`."""

    items: tuple[str, ...]

    @classmethod
    def of(cls, values: Iterable) -> "Listed":
        """Of the elements of a list."""
        items = tuple(_word(value) for value in values)
        cell = cls(SEPARATOR.join(items) or SEPARATOR)  # no label at all is not the same as a missing one
        cell.items = items
        return cell


def in_words(cells: pd.DataFrame) -> pd.DataFrame:
    """What `read_cells` gives with every cell as text, a list as `Listed`, an absent one as None."""
    if isinstance(cells, CompactFrame):
        packed = {name: cells.array_of(name).without_empty() for name in cells.columns if name != LINE}
        compact = CompactFrame({**packed, LINE: cells[LINE]})
        compact.attrs = {name: value for name, value in cells.attrs.items() if name != PLAIN_TEXT}
        return compact
    columns = {name: cells[name] for name in cells.columns if name != LINE}
    if cells.attrs.get(PLAIN_TEXT):
        filled = {name: column.where((column != "").to_numpy(bool), None) for name, column in columns.items()}
        table = pd.DataFrame({**filled, LINE: cells[LINE]})
        table.attrs = {name: value for name, value in cells.attrs.items() if name != PLAIN_TEXT}
        return table
    words = {name: pd.Series([cell_text(value) for value in column], dtype=object) for name, column in columns.items()}
    table = pd.DataFrame({**words, LINE: cells[LINE]})
    table.attrs = cells.attrs
    return table


def table_of(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """A DataFrame with its cells `in_words`; `path` is what messages call it."""
    return in_words(cells_of(frame, path))


def cells_of(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """A DataFrame as `read_cells` gives it; `path` is what messages call it."""
    frame = frame.astype(object).where(frame.notna(), None)
    return frame_of(path, [str(name) for name in frame.columns], frame.values.tolist(), list(range(1, len(frame) + 1)))


def frame_of(path: Path, header: list[str], rows: list[list], lines: list[int]) -> pd.DataFrame:
    """A table of cells, and the line where each row begins.

    Raises:
        DataError: if there is no row, or two columns bear one name.
    """
    require_columns(path, header, len(rows))
    columns = {name: pd.Series([row[i] for row in rows], dtype=object) for i, name in enumerate(header)}
    return pd.DataFrame({**columns, LINE: lines})


def require_columns(path: Path, header: list[str], rows: int) -> None:
    """Raises DataError where there is no row, or two columns bear one name."""
    if not header or not rows:
        raise DataError(f"{path} holds no rows.", "A table begins with a line of column names.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{path}: the column {twice[0]!r} appears twice in the header.", "Rename one of them.")


def cell_text(value) -> str | None:
    """A cell as text, a list as `Listed`, None where there is nothing."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return Listed.of(value)
    return None if value is None or value == "" else _word(value)


def _word(value) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of whole numbers with gaps comes as floats
    return str(value)

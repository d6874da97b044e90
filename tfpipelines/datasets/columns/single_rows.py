"""Encodes rows of a table that come one by one, which takes pandas longer than a detector needs to answer."""

from collections.abc import Callable, Mapping, Sequence
from numbers import Real

import numpy as np
import pandas as pd

from ..cells import PLAIN_NUMBER, to_finite
from ..findings import Findings
from ..table_cells import cell_text
from .column import Column, codes_of, numbers_of
from .encoder import Columns, Encoded

_KNOWN = 4_096  # different cells of a column whose encoding is remembered
_LONGEST = 200  # characters of such a cell


class RowEncoder:
    """Encodes rows as `Columns.transform` does, each by itself: commas that a cell leaves open are read as those of the
    training table.

    Args:
        columns: how they are encoded.
    """

    def __init__(self, columns: Columns):
        self._columns = columns
        self._encoders: list[Callable[[object], np.ndarray]] = [_encoder(column) for column in columns.columns]

    def encode(self, rows: Sequence[Mapping[str, object]]) -> Encoded:
        """Rows as networks take them; a column that one lacks is missing in it.

        Args:
            rows: column -> cell, of text, a number, a bool or None.
        """
        count = len(rows)
        numbers, codes, unseen = [np.zeros((count, 0))], [np.zeros((count, 0), np.int32)], {}
        for column, encode in zip(self._columns.columns, self._encoders):
            cells = [encode(row.get(column.name)) for row in rows]
            values = np.array(cells).reshape(count, max(1, len(column.features)))
            if column.kind == "category":
                codes.append(np.abs(values).astype(np.int32) * (values >= 0))
                if (values < 0).any():
                    unseen[column.name] = values[:, 0] < 0
            else:
                numbers.append(values)
        return Encoded(to_finite(np.concatenate(numbers, 1)), np.concatenate(codes, 1), unseen, {})


def _encoder(column: Column) -> Callable[[object], np.ndarray]:
    """From a cell of a column to its numbers, float64 (features,), or its code, (1,), which is -1 where the vocabulary
    lacks the value.
    """
    if column.kind == "number":
        return lambda value: np.array([_number(column, cell_text(value), isinstance(value, Real))])
    known: dict[str | None, np.ndarray] = {}

    def encode(value: object) -> np.ndarray:
        if (cell := cell_text(value)) in known:
            return known[cell]
        cells = pd.Series([cell], dtype=object)
        if column.kind == "category":
            code, stranger = codes_of(column, cells)
            encoded = np.where(stranger, -1, code)
        else:
            encoded = numbers_of(column, _with_commas_read(column, cells))[0].astype(np.float64)
        if len(known) < _KNOWN and (cell is None or len(cell) <= _LONGEST):
            known[cell] = encoded
        return encoded

    return encode


def _number(column: Column, cell: str | None, is_number: bool) -> float:
    """Of a cell as text.

    Args:
        is_number: it was a number, not text: in a column with decimal commas the text 1.234 may be a thousand.
    """
    if cell is None:
        return np.nan
    if PLAIN_NUMBER.fullmatch(cell) and (is_number or not (column.commas == "decimal" and "." in cell)):
        return float(cell)
    return float(numbers_of(column, _with_commas_read(column, pd.Series([cell], dtype=object)))[0, 0])


def _with_commas_read(column: Column, cells: pd.Series) -> pd.Series:
    return Columns([column]).with_commas_read(pd.DataFrame({column.name: cells}), Findings())[column.name]

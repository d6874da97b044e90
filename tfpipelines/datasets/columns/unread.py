"""Cells of tables that the model cannot make anything of: words among numbers, and values that training lacks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core.words import counted, listed
from ..cells import is_missing_word
from ..findings import Findings
from ..table_cells import LINE
from .types import SHOWN, Kind

_PLURAL = {"number": "numbers", "boolean": "booleans", "date": "dates"}

_MANY_RARE = 0.1  # share of the training rows


@dataclass(frozen=True)
class Unread:
    """Cells of a column that count as missing although they are not empty.

    Args:
        column: its name.
        kind: what it holds.
        words: the lines of cells that are of another kind, and what they hold.
        infinite: the same of numbers that are not finite in float32.
    """

    column: str
    kind: Kind
    words: tuple[str, ...]
    infinite: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.words) + len(self.infinite)


def unread_of(name: str, kind: Kind, cells: pd.DataFrame, numbers: np.ndarray) -> Unread:
    """The cells of a column that are not empty, but give no number.

    Args:
        cells: str or None, with that column.
        numbers: float32 (rows, columns) that it became.
    """
    missing = np.isnan(numbers[:, 0]) if kind in _PLURAL else np.zeros(len(cells), bool)
    missing[missing] = ~is_missing_word(cells[name][missing]).to_numpy()
    infinite = missing & (kind == "number")
    infinite[infinite] = pd.to_numeric(cells[name][infinite], errors="coerce").notna().to_numpy()
    lines = cells[LINE].to_numpy() if LINE in cells else np.arange(1, len(cells) + 1)
    place = lambda mask: tuple(f"line {line}: {cell!r}" for line, cell in zip(lines[mask], cells[name][mask]))
    return Unread(name, kind, place(missing & ~infinite), place(infinite))


def tell_unread(unread: Mapping[str, Unread], findings: Findings) -> None:
    """Adds a warning of each column with cells that count as missing although they are not empty."""
    for name, one in unread.items():
        if one.words:
            count, plural = counted(len(one.words), "cell"), _PLURAL[one.kind]
            message = f"Column {name!r} holds words among its {plural} in {count}: they count as missing"
            remedy = f"Correct them, or set data.types={{{name}: category}} before training"
            if one.kind == "date":
                message = f"Column {name!r} holds no dates, or such of another order of day and month, in {count}"
                message, remedy = f"{message}: they count as missing", "Write them as 2026-01-31"
            findings.add(f"words_among_{plural}", "warning", message, remedy, one.words)
        if one.infinite:
            what = f"Column {name!r} holds numbers that are not finite in float32 in"
            message = f"{what} {counted(len(one.infinite), 'cell')}: they count as missing"
            findings.add("infinite", "warning", message, "Correct them", one.infinite)


def tell_unseen(unseen: Mapping[str, int], what: str, findings: Findings) -> None:
    """Adds a note of values that no training row has.

    Args:
        unseen: column -> how many of its cells.
        what: the rows are, in the plural.
    """
    if unseen:
        told = [f"{name} ({count})" for name, count in unseen.items()]
        message = f"Values in {what} that the vocabulary of the training rows lacks: {listed(told, SHOWN)}"
        findings.add("unseen_categories", "note", message, "They count as unknown", told)


def tell_rare(shares: Mapping[str, float], findings: Findings) -> None:
    """Adds a warning of columns of which a model does not know many values of its own training rows.

    Args:
        shares: column -> share of the training rows whose value its vocabulary lacks.
    """
    told = [f"{name} ({share:.0%})" for name, share in shares.items() if share > _MANY_RARE]
    if told:
        message = f"Columns of which many training rows have a value outside of the vocabulary: {listed(told, SHOWN)}"
        remedy = "Raise data.categories, lower data.min_count, or leave them out with data.exclude"
        findings.add("rare_categories", "warning", message, remedy, told)

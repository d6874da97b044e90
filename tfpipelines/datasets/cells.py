"""The cells of tables as numbers, however they are written."""

import re
import string
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from ..core.words import counted, listed
from ..errors import DataError
from .findings import Findings
from .table_cells import LINE

SHOWN = 10
_MISSING = {"nan", "na", "n/a", "#n/a", "null", "none", "?", "-", "--", ""}
_SPACES = string.whitespace + "\x1c\x1d\x1e\x1f"  # of ASCII, by `str.isspace`
_LOOKED_AT = 1_000  # cells of a column, before all of them are
_BETWEEN = "\0\0"
_PADDED = re.compile(r"\0\s|\s\0")  # in what `joined` gives
_LONGEST = max(map(len, _MISSING))
_WHOLE = r"\s*[+-]?\d+\s*"
_COMMA = re.compile(r"\s*[+-]?\d+,\d+(?:[eE][+-]?\d+)?\s*|\s*[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?\s*|" + _WHOLE)
_THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?\s*|\s*[+-]?\d*\.\d+\s*|" + _WHOLE)
PLAIN_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")  # without commas and words
_REPLACED = {"decimal": (_COMMA, ((".", ""), (",", "."))), "thousands": (_THOUSANDS, ((",", ""),))}


def is_numeric(cells: pd.Series) -> bool:
    """Whether most cells are numbers."""
    return bool(len(cells)) and float(np.isnan(floats_of(cells)).mean()) < 0.5


def is_missing_word(cells: pd.Series) -> pd.Series:
    """Which cells are empty, or say so by a word such as NA or ?; bool."""
    if pd.api.types.is_numeric_dtype(cells):
        return cells.isna()
    missing = cells.isna().to_numpy(bool, copy=True)
    there = np.flatnonzero(~missing)
    words = [cell if isinstance(cell, str) else str(cell) for cell in cells.to_numpy(object)[there].tolist()]
    if not _are_padded(joined(words)):  # else their lengths do not tell
        short = np.fromiter(map(len, words), np.int64, len(words)) <= _LONGEST
        there, words = there[short], [words[place] for place in np.flatnonzero(short).tolist()]
    missing[there] = [word.strip().lower() in _MISSING for word in words]
    return pd.Series(missing, cells.index)


def _are_padded(text: str) -> bool:
    """Whether some word of what `joined` gives begins or ends with white space."""
    if not text.isascii():
        return bool(_PADDED.search(text))
    there = [mark for mark in _SPACES if mark in text]
    return any(f"\0{mark}" in text or f"{mark}\0" in text for mark in there)


def floats_of(cells: pd.Series) -> np.ndarray:
    """Cells as numbers, float64 (rows,), NaN for words; of few words again and again each is read once."""
    few = cells.iloc[:_LOOKED_AT]
    if few.nunique() > len(few) / 2:
        return pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
    codes, words = pd.factorize(cells)  # -1: nothing
    numbers = pd.to_numeric(pd.Series(words), errors="coerce").to_numpy(np.float64)
    return np.append(numbers, np.nan)[codes]


def joined(words: Iterable[str]) -> str:
    """Words in one text, each between two NUL characters: one search finds whether any of them matches."""
    return f"\0{_BETWEEN.join(words)}\0"


def to_finite(numbers: np.ndarray) -> np.ndarray:
    """Numbers as float32, NaN where that is not finite."""
    with np.errstate(over="ignore"):
        values = numbers.astype(np.float32)
    return np.where(np.isfinite(values), values, np.float32(np.nan))


def with_decimal_points(
    rows: pd.DataFrame,
    others: Collection[str | None],
    findings: Findings,
    known: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """The rows with numbers such as 0,5 and 1.234,5 (a decimal comma) or 1,234.5 written as Python writes them.

    The arguments are those of `uses_of_commas`.

    Returns:
        The rows, whose `attrs["commas"]` holds how those of each column are read, where some are.
    """
    uses = uses_of_commas(rows, others, known)
    tell_of_commas(uses, rows, findings)
    return with_commas_read(rows, uses) if any(use in _REPLACED for use in uses.values()) else rows


def uses_of_commas(
    rows: pd.DataFrame,
    others: Collection[str | None],
    known: Mapping[str, str] = MappingProxyType({}),
    words: float = 0.0,
) -> dict[str, str]:
    """How the commas of each column are read.

    A column is one of such numbers if all its cells allow that, and some cell allows nothing else: 1,234 may be either.
    What one column tells goes for those of the table that do not tell. Missing cells, and words for such, are passed
    over.

    Args:
        rows: cells as text, None where they are empty.
        others: columns that hold no numbers, such as that of labels.
        known: column -> `decimal` or `thousands`, how a model has read its commas, where cells do not tell.
        words: share of the cells of a column that may be words nevertheless.

    Returns:
        Column -> `decimal`, `thousands`, `either` where nothing tells, or "" for words; of columns with commas.
    """
    reading: dict[str, str] = {}
    for column in rows.columns:
        if column == LINE or column in others or pd.api.types.is_numeric_dtype(rows[column]):
            continue
        cells = rows[column].dropna()
        marks = "," if known.get(column) != "decimal" else ",."  # 1.234 alone is a number with a decimal point
        text = joined(cell for cell in cells if isinstance(cell, str))
        if any(mark in text for mark in marks):
            reading[column] = _use_of_commas(cells[~is_missing_word(cells)], words)
    told = {use for use in reading.values() if use in _REPLACED}
    (alike,) = told if len(told) == 1 else ("",)
    for column, use in reading.items():
        if use == "either":
            reading[column] = known.get(column) or alike or use
    return reading


def with_commas_read(rows: pd.DataFrame, uses: Mapping[str, str]) -> pd.DataFrame:
    """The rows with the numbers of some columns as Python writes them; other cells of them stay.

    Args:
        uses: column -> how its commas are read, see `uses_of_commas`.

    Returns:
        The rows, whose `attrs["commas"]` holds the columns that were read so.
    """
    uses = {column: use for column, use in uses.items() if use in _REPLACED}
    changed = {column: _replaced(rows[column], *_REPLACED[use]) for column, use in uses.items()}
    attrs = {**rows.attrs, "commas": uses}
    rows = rows.assign(**changed)
    rows.attrs = attrs
    return rows


def _use_of_commas(cells: pd.Series, words: float) -> str:
    """`decimal`, `thousands`, `either` (some cell has a comma, and none tells), or "" for words."""
    fits = [np.array([bool(form.fullmatch(str(cell))) for cell in cells], bool) for form in (_COMMA, _THOUSANDS)]
    numbers = fits[0] | fits[1]
    if not numbers.any() or (~numbers).mean() > words:
        return ""
    decimal, thousands = (bool(fit[numbers].all()) for fit in fits)
    if decimal and thousands:
        return "either"
    return "decimal" if decimal else "thousands" if thousands else ""


def _replaced(cells: pd.Series, form: re.Pattern, pairs: tuple[tuple[str, str], ...]) -> pd.Series:
    """The cells of a form with some characters replaced."""
    fits = np.array([isinstance(cell, str) and bool(form.fullmatch(cell)) for cell in cells], bool)
    changed = cells[fits]
    for old, new in pairs:
        changed = changed.str.replace(old, new, regex=False)
    values = cells.to_numpy(object, copy=True)
    values[fits] = changed.to_numpy(object)
    return pd.Series(values, index=cells.index, name=cells.name, dtype=object)


def tell_of_commas(reading: Mapping[str, str], rows: pd.DataFrame, findings: Findings, setting: str = "") -> None:
    """Adds notes of the columns whose commas are read, and a warning of those that are unclear.

    Args:
        reading: column -> how its commas are read, see `uses_of_commas`.
        setting: that tells how unclear ones are read, as a remedy; "": there is none.
    """
    of = lambda use: [column for column, found in reading.items() if found == use]
    if decimal := of("decimal"):
        findings.add("decimal_comma", "note", f"Commas are read as decimal points in: {listed(decimal, SHOWN)}")
    if thousands := of("thousands"):
        findings.add("thousands", "note", f"Commas are read as separators of thousands in: {listed(thousands, SHOWN)}")
    if unclear := of("either"):
        first = next(cell for cell in rows[unclear[0]] if cell is not None and "," in cell)
        what = f"Numbers such as {first.strip()}, whose comma may separate decimals or thousands"
        message = f"{what}, are taken for words in: {listed(unclear, SHOWN)}"
        remedy = f"Write them with a decimal point, without separators{', or ' * bool(setting)}{setting}"
        findings.add("unclear_comma", "warning", message, remedy)


def to_numbers(rows: pd.DataFrame, columns: list[str], strict: bool = True) -> np.ndarray:
    """The cells of some columns, float64 (rows, columns), NaN where they are empty; or where they are no numbers,
    unless `strict`.

    Raises:
        DataError: naming line and column of a cell that is no number.
    """
    values = np.empty((len(rows), len(columns)))
    for place, column in enumerate(columns):
        cells = rows[column]
        numbers = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
        words = np.isnan(numbers) & ~is_missing_word(cells).to_numpy()
        if strict and words.any():
            lines = [f"line {line}: {cell!r}" for line, cell in zip(rows[LINE][words], cells[words])]
            message = f"Column {column!r} holds words among its numbers: {counted(len(lines), 'cell')}."
            raise DataError(message, "Fix them, or leave the column out with data.exclude.", lines[:SHOWN])
        values[:, place] = numbers
    return values

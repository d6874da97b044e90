"""Labels and splits, as the columns of a table have them."""

import ast
import unicodedata

import pandas as pd

from ...core.words import counted, listed
from ...errors import DataError
from ..findings import Findings
from ..label_advice import mark_of
from ..sample_table import SEPARATOR, split_of
from ..table_cells import LINE, Listed
from .requests import Request

_LONGEST_LIST = 10_000  # characters of a list that is written as text


def parse_splits(frame: pd.DataFrame, column: str | None, findings: Findings) -> list[str | None] | None:
    """The splits named in a column, by their usual names; None without one.

    Unknown words are an error finding with their lines.
    """
    if column is None:
        return None
    splits = [split_of(word) if word is not None else None for word in frame[column]]
    rows = zip(splits, frame[column], frame[LINE])
    unknown = [f"line {line}: {word!r}" for split, word, line in rows if split is None]
    if unknown:
        message = f"{counted(len(unknown), 'row')} with an unknown word for the split in column {column}"
        findings.add("unknown_split", "error", message, "Use train, validation or test.", unknown)
    return splits


def labels_of_marks(
    cells: pd.DataFrame, columns: tuple[str, ...], request: Request, findings: Findings
) -> list[str | None]:
    """The labels of columns of 0 and 1: the names of those that hold 1; None where a cell is empty.

    They are classes, and no several labels, if each row has one and `data.target` does not say otherwise.

    Raises:
        DataError: if a cell is neither 0 nor 1, or a row has not one label and `data.target` is class.
    """
    key, target = request.kind.key("label"), request.target
    marks = {column: [None if cell is None else mark_of(cell) for cell in cells[column]] for column in columns}
    for column, found in marks.items():
        told = zip(found, cells[column], cells[LINE])
        wrong = [f"line {line}: {cell!r}" for mark, cell, line in told if mark is None and cell is not None]
        if wrong:
            cause = f"Column {column!r} of {key} holds {counted(len(wrong), 'cell')} other than 0 and 1."
            raise DataError(cause, "Several columns are labels only if they hold 0 and 1; name one column.", wrong[:10])
    names = [clean_label(column) or column for column in columns]
    rows = list(zip(*marks.values()))
    missing = [any(mark is None for mark in row) for row in rows]
    held = [[name for name, mark in zip(names, row) if mark] for row in rows]
    single = all(len(row) == 1 for row, none in zip(held, missing) if not none)
    if target == "class" and not single:
        raise DataError(f"Some rows have not one label in {listed(list(columns))}.", "Set data.target=labels.")
    kind = "a class" if single and target != "labels" else "labels"
    message = f"Columns {listed(list(columns))} hold only 0 and 1: each row's 1 is read as {kind}"
    findings.add("one_hot", "note", message, f"Name another column by {key} if they are no labels")
    if any(SEPARATOR in name for name in names):
        findings.add("bar_in_label", "error", "A bar in the name of a column of labels", "Rename it", columns)
    several = lambda row: row[0] if kind == "a class" else str(Listed.of(row))
    return [None if none else several(row) for row, none in zip(held, missing)]


def labels_of(cells: pd.DataFrame, column: str, findings: Findings) -> list[str | None]:
    """The labels of a column: a word each, or several joined by bars where cells hold lists, or are all written as
    lists, such as `['a', 'b']`.
    """
    values = list(cells[column])
    lists = [_written_list(value) for value in values if value is not None]
    if lists and all(entry is not None for entry in lists):
        found = iter(lists)
        values = [None if value is None else next(found) for value in values]
        message = f"Column {column} holds lists written as text: each element is taken for a label"
        findings.add("written_lists", "note", message)
    bars = [
        f"line {line}: {item!r}"
        for value, line in zip(values, cells[LINE])
        if isinstance(value, Listed)
        for item in value.items
        if SEPARATOR in item
    ]
    if bars:
        message = f"{counted(len(bars), 'label')} with a bar in lists of column {column}: a bar separates labels"
        findings.add("bar_in_label", "error", message, "Rename these labels, for example with a slash.", bars)
    return [clean_label(value) for value in values]


def _written_list(value: str) -> Listed | None:
    """A cell such as `['a', "b"]` as the list it means; None for any other."""
    if isinstance(value, Listed) or not (value.startswith("[") and value.endswith("]")) or len(value) > _LONGEST_LIST:
        return None
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return Listed.of(found) if isinstance(found, list) and all(isinstance(item, (str, int)) for item in found) else None


def clean_label(value: str | None) -> str | None:
    """A label without surrounding space, in Unicode's composed form; None if nothing is left."""
    text = unicodedata.normalize("NFC", value).strip() if value is not None else ""
    return text or None

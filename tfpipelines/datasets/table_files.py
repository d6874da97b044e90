"""Tables of samples: CSV, TSV, JSONL and Parquet, checked before pandas gets to see them."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from ..errors import DataError
from .sample_table import SEPARATOR

LINE = "line of the file"  # the column that says where a row begins
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


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
    columns = {name: cells[name] for name in cells.columns if name != LINE}
    words = {name: pd.Series([cell_text(value) for value in column], dtype=object) for name, column in columns.items()}
    table = pd.DataFrame({**words, LINE: cells[LINE]})
    table.attrs = cells.attrs
    return table


def read_cells(path: Path) -> pd.DataFrame:
    """Reads a table; cells are as the file has them: text, or numbers and lists where it holds such. Row i stands for
    the sample; column `LINE` is where it begins. What is not as the ending of the file says stands in `attrs["as"]`.

    Raises:
        DataError: naming line and byte of what is wrong with the file.
    """
    kind = path.suffix.lower()
    if kind == ".parquet":
        return _read_parquet(path)
    text = _read_text(path)
    if kind in (".jsonl", ".ndjson"):
        return _read_jsonl(path, text)
    return _read_csv(path, text, "\t" if kind == ".tsv" else ",")


def _named(delimiter: str) -> str:
    return _NAMES.get(delimiter, repr(delimiter))


def delimiter_of(text: str, usual: str) -> str:
    """What separates the columns: the usual character, unless the header lacks it and has another."""
    header = re.sub(r'"[^"\n]*"', "", text.partition("\n")[0])
    others = {mark: header.count(mark) for mark in ",;\t|" if mark in header}
    return usual if usual in others or not others else max(others, key=lambda mark: others[mark])


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError as error:
            message = f"{path}: byte {error.start} is not UTF-16, as its first bytes say it is."
            raise DataError(message, "Save the table as plain UTF-8 text.") from error
    if b"\0" in content:
        byte = content.index(b"\0")
        line = content.count(b"\n", 0, byte) + 1
        message = f"{path}, line {line}: a NUL byte at byte {byte}."
        raise DataError(message, "Save the table as plain UTF-8 text (not UTF-16).")
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"{path}, line {line}: byte {error.start} (0x{content[error.start]:02x}) is not UTF-8."
        raise DataError(
            message,
            "Save the table as UTF-8, for example: iconv -f cp1252 -t utf-8 OLD > NEW (cp1252 is usual on Windows).",
        ) from error


def _read_csv(path: Path, text: str, usual: str) -> pd.DataFrame:
    if stated := re.match(r"sep=(.)\r?\n", text):  # as Excel writes it
        text = "\n" + text[stated.end() :]
    delimiter = stated[1] if stated else delimiter_of(text, usual)
    told = [] if delimiter == usual else [f"columns separated by {_named(delimiter)}"]
    longest = csv.field_size_limit(len(text) + 1)  # Python's own is 131,072 characters
    try:
        frame = _read_csv_rows(path, text, delimiter)
    except DataError:
        if delimiter != "\t" or (found := _with_plain_quotes(path, text, delimiter)) is None:
            raise
        frame, told = found, [*told, "quotes as part of the text"]
    finally:
        csv.field_size_limit(longest)
    frame.attrs["as"] = told
    return frame


def _with_plain_quotes(path: Path, text: str, delimiter: str) -> pd.DataFrame | None:
    """The table where quotes mean nothing, as many programs write them in .tsv; None where that is no table either."""
    try:
        return _read_csv_rows(path, text, delimiter, csv.QUOTE_NONE)
    except DataError:
        return None


def _read_csv_rows(path: Path, text: str, delimiter: str, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> pd.DataFrame:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, quoting=quoting)
    rows, lines = [], []
    header: list[str] = []
    start = 1
    try:
        for row in reader:
            if not header:
                header = [name.strip() for name in row]
            elif row:  # an empty line is no row
                if len(row) != len(header):
                    message = f"{path}, line {start}: {len(row)} fields, but the header has {len(header)}."
                    raise DataError(message, f"Fix the line; quote fields that hold {_named(delimiter)}s.")
                rows.append(row)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        message = f"{path}, line {start}: {str(error).replace(delimiter, _named(delimiter))}."
        raise DataError(message, "Fix the line; double the quotes inside quoted fields.") from error
    return _frame(path, header, rows, lines)


def _read_jsonl(path: Path, text: str) -> pd.DataFrame:
    records, lines, remedy = [], [], "Each line must hold one JSON object."
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: not JSON: {error}.", remedy) from error
        if not isinstance(record, dict):
            raise DataError(f"{path}, line {number}: not a JSON object.", remedy)
        records.append(record)
        lines.append(number)
    header = list(dict.fromkeys(key for record in records for key in record))
    return _frame(path, header, [[record.get(key) for key in header] for record in records], lines)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        message = f"{path}: reading Parquet needs pyarrow."
        raise DataError(message, "Install it: pip install 'tfpipelines[parquet]'.") from None
    try:
        frame = pd.read_parquet(path)
    except Exception as error:  # pyarrow has many kinds of errors for a damaged file
        raise DataError(f"{path} is not a readable Parquet file: {error}.", "Write it again.") from error
    return cells_of(frame, path)


def table_of(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """A DataFrame with its cells `in_words`; `path` is what messages call it."""
    return in_words(cells_of(frame, path))


def cells_of(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """A DataFrame as `read_cells` gives it; `path` is what messages call it."""
    frame = frame.astype(object).where(frame.notna(), None)
    return _frame(path, [str(name) for name in frame.columns], frame.values.tolist(), list(range(1, len(frame) + 1)))


def _frame(path: Path, header: list[str], rows: list[list], lines: list[int]) -> pd.DataFrame:
    if not header or not rows:
        raise DataError(f"{path} holds no rows.", "A table begins with a line of column names.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{path}: the column {twice[0]!r} appears twice in the header.", "Rename one of them.")
    columns = {name: pd.Series([row[i] for row in rows], dtype=object) for i, name in enumerate(header)}
    return pd.DataFrame({**columns, LINE: lines})


def cell_text(value) -> str | None:
    """A cell as text, a list as `Listed`, None where there is nothing."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return Listed.of(value)
    return None if value is None or value == "" else _word(value)


def _word(value) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of whole numbers with gaps comes as floats
    return str(value)

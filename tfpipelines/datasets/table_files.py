"""Tables of samples: CSV, TSV, JSON, Parquet and sheets of Excel, checked before pandas gets to see them."""

import codecs
import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from ..errors import DataError
from . import workbooks
from .compressed import COMPRESSIONS, content_of, ending_of, plain_ending
from .json_tables import read_json
from .table_cells import cells_of, frame_of

TEXTUAL = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")  # each also compressed
ENDINGS = (*TEXTUAL, *(kind + packed for kind in TEXTUAL for packed in COMPRESSIONS), ".parquet", *workbooks.ENDINGS)
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True)
class TableForm:
    """How a table is written, where its file does not tell.

    Args:
        delimiter: between the columns of CSV; where the header has none, another that it has is taken.
        encoding: of text that is not UTF-8.
        sheet: name of the sheet of a workbook; default: the first.
    """

    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None


PLAIN = TableForm()


def read_cells(path: Path, form: TableForm = PLAIN) -> pd.DataFrame:
    """Reads a table; cells are as the file has them: text, or numbers and lists where it holds such. Row i stands for
    the sample; column `LINE` is where it begins. What is not as the ending of the file says stands in `attrs["as"]`.

    Raises:
        DataError: naming line and byte of what is wrong with the file.
    """
    kind = plain_ending(ending_of(path.name))
    if kind == ".parquet":
        return _read_parquet(path)
    if kind in workbooks.ENDINGS:
        return workbooks.read_sheet(path, form.sheet)
    text, told = _text_of(path, content_of(path), form.encoding)
    if kind in (".jsonl", ".ndjson", ".json"):
        cells = read_json(path, text, lines=kind != ".json")
    else:
        cells = _read_csv(path, text, "\t" if kind == ".tsv" else ",", form.delimiter)
    if told:
        cells.attrs["as"] = [told, *cells.attrs.get("as", [])]
    return cells


def _named(delimiter: str) -> str:
    return _NAMES.get(delimiter, repr(delimiter))


def delimiter_of(text: str, usual: str) -> str:
    """What separates the columns: the usual character, unless the header lacks it and has another."""
    header = re.sub(r'"[^"\n]*"', "", text.partition("\n")[0])
    others = {mark: header.count(mark) for mark in ",;\t|" if mark in header}
    return usual if usual in header or not others else max(others, key=lambda mark: others[mark])


def _text_of(path: Path, content: bytes, encoding: str | None) -> tuple[str, str]:
    """The text of a file, and in words how it is encoded where that is neither UTF-8 nor told by its first bytes."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return content.decode("utf-16"), ""
        except UnicodeDecodeError as error:
            message = f"{path}: byte {error.start} is not UTF-16, as its first bytes say it is."
            raise DataError(message, "Save the table as plain UTF-8 text.") from error
    zero = content.find(b"\0")
    try:
        if zero < 0:
            return content.decode("utf-8").removeprefix("\ufeff"), ""
        fault = f"a NUL byte at byte {zero}"
    except UnicodeDecodeError as error:
        zero, fault = error.start, f"byte {error.start} (0x{content[error.start]:02x}) is not UTF-8"
    if encoding is not None:
        try:
            if "\0" not in (text := content.decode(encoding)):
                return text.removeprefix("\ufeff"), f"the encoding {encoding}"
        except UnicodeDecodeError as error:
            zero, fault = error.start, f"byte {error.start} is neither UTF-8 nor {encoding}, as data.encoding has it"
    line = content.count(b"\n", 0, zero) + 1
    remedy = "Set data.encoding, for example data.encoding=cp1252, which is usual on Windows, or save it as UTF-8."
    if content[zero : zero + 1] == b"\0":
        remedy = "Save the table as plain UTF-8 text, or set data.encoding=utf-16-le if it is UTF-16."
    raise DataError(f"{path}, line {line}: {fault}.", remedy)


def _read_csv(path: Path, text: str, usual: str, given: str | None = None) -> pd.DataFrame:
    if stated := re.match(r"sep=(.)\r?\n", text):  # as Excel writes it
        text = "\n" + text[stated.end() :]
    delimiter = stated[1] if stated else delimiter_of(text, given or usual)
    told = [] if delimiter == (given or usual) else [f"columns separated by {_named(delimiter)}"]
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
    return frame_of(path, header, rows, lines)


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

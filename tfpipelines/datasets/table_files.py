"""Tables of samples: CSV, TSV, JSON, Parquet and sheets of Excel, checked before pandas gets to see them."""

import codecs
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..errors import DataError
from . import csv_tables, workbooks
from .compressed import COMPRESSIONS, content_of, ending_of, plain_ending
from .json_tables import read_json
from .table_cells import cells_of

TEXTUAL = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")  # each also compressed
ENDINGS = (*TEXTUAL, *(kind + packed for kind in TEXTUAL for packed in COMPRESSIONS), ".parquet", *workbooks.ENDINGS)


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
    usual = "\t" if kind == ".tsv" else ","
    plain = ending_of(path.name) in (".csv", ".tsv") and form.encoding is None and path.is_file()
    if plain and path.stat().st_size >= csv_tables.LARGE:
        if (large := csv_tables.read_large_csv(path, usual, form.delimiter)) is not None:
            return large
    text, told = _text_of(path, content_of(path), form.encoding)
    if kind in (".jsonl", ".ndjson", ".json"):
        cells = read_json(path, text, lines=kind != ".json")
    else:
        cells = csv_tables.read_csv(path, text, usual, form.delimiter)
    if told:
        cells.attrs["as"] = [told, *cells.attrs.get("as", [])]
    return cells


def _in_seven_bits(encoding: str) -> bool:
    """Whether an encoding writes letters beyond ASCII by bytes of ASCII."""
    return any(encoded.isascii() and encoded for encoded in (letter.encode(encoding, "ignore") for letter in "é犬"))


def _text_of(path: Path, content: bytes, encoding: str | None) -> tuple[str, str]:
    """The text of a file, and in words how it is encoded where that is neither UTF-8 nor told by its first bytes."""
    if encoding is not None and _in_seven_bits(encoding):  # its bytes are valid UTF-8
        try:
            return content.decode(encoding), f"the encoding {encoding}"
        except UnicodeDecodeError as error:
            message = f"{path}: byte {error.start} is not {encoding}, as data.encoding has it."
            raise DataError(message, "Set data.encoding to another one, or leave it out.") from error
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise DataError(f"{path} is UTF-32.", "Save the table as plain UTF-8 text.")
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

"""CSV: columns separated by a character, cells that may be quoted."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

import numpy as np
import pandas as pd

from ..core.machine import release_memory
from ..errors import DataError
from .compact_cells import CompactFrame, Packer
from .table_cells import LINE, PLAIN_TEXT, frame_of, require_columns

_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_FEW = 10_000  # characters, below which the strict reader is as fast
LARGE = 2**24  # bytes, from which on cells are kept compact
_PART = 2**22  # bytes of such a file that are read at once


def _named(delimiter: str) -> str:
    return _NAMES.get(delimiter, repr(delimiter))


def delimiter_of(text: str, usual: str) -> str:
    """What separates the columns: the usual character, unless the header lacks it and has another."""
    header = re.sub(r'"[^"\n]*"', "", text.partition("\n")[0])
    others = {mark: header.count(mark) for mark in ",;\t|" if mark in header}
    return usual if usual in header or not others else max(others, key=lambda mark: others[mark])


def read_csv(path: Path, text: str, usual: str, given: str | None = None) -> pd.DataFrame:
    """The cells of CSV.

    Args:
        text: of the file.
        usual: character between the columns.
        given: the same, where the user names it.

    Raises:
        DataError: naming the line of what is wrong.
    """
    if stated := re.match(r"sep=(.)\r?\n", text):  # as Excel writes it
        text = "\n" + text[stated.end() :]
    delimiter = stated[1] if stated else delimiter_of(text, given or usual)
    told = [] if delimiter == (given or usual) else [f"columns separated by {_named(delimiter)}"]
    longest = csv.field_size_limit(len(text) + 1)  # Python's own is 131,072 characters
    try:
        frame = _read_fast(path, text, delimiter)
        frame = _read_rows(path, text, delimiter) if frame is None else frame
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
        return _read_rows(path, text, delimiter, csv.QUOTE_NONE)
    except DataError:
        return None


def _read_rows(path: Path, text: str, delimiter: str, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> pd.DataFrame:
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
        told = str(error).replace(f"'{delimiter}'", f"'{_named(delimiter)}'")
        message = f"{path}, line {start}: {told}."
        raise DataError(message, "Fix the line; double the quotes inside quoted fields.") from error
    return frame_of(path, header, rows, lines)


def _read_fast(path: Path, text: str, delimiter: str) -> pd.DataFrame | None:
    """What `_read_rows` gives, by the parser of pandas: for text in which every row has as many fields as the header,
    every quote opens or closes a whole field, and no line is blank. None for other text.
    """
    plain = delimiter == "\t" or (delimiter.isascii() and delimiter.isprintable())
    if len(text) < _FEW or not plain or text.count("\r") != text.count("\r\n") or "\0" in text:
        return None
    content = text.encode("utf-8", "surrogatepass")
    rows = _begins_of_rows(np.frombuffer(content, np.uint8), ord(delimiter))
    if rows is None:
        return None
    begins, lines = rows
    first = content[: begins[1]].decode("utf-8", "surrogatepass")
    header = next(csv.reader(io.StringIO(first, newline=""), delimiter=delimiter, strict=True))
    header = [name.strip() for name in header]
    require_columns(path, header, len(begins) - 1)
    cells = _parsed(content[begins[1] :], delimiter, len(header))
    if cells is None or len(cells) != len(begins) - 1:
        return None
    frame = pd.DataFrame({**{name: cells[place] for place, name in enumerate(header)}, LINE: lines[1:]})
    frame.attrs[PLAIN_TEXT] = True
    return frame


def read_large_csv(path: Path, usual: str, given: str | None = None) -> pd.DataFrame | None:
    """What `read_csv` gives, with cells that are kept as compact as in the file, which is read part by part; None for a
    table that is not as plain as `_read_fast` needs it.

    Args:
        usual, given: as in `read_csv`.
    """
    with open(path, "rb") as file:
        try:
            text = file.readline(_PART).decode("utf-8-sig")
        except UnicodeDecodeError:
            return None
        delimiter = delimiter_of(text, given or usual)
        if '"' in text or text.startswith("sep=") or not text.endswith("\n") or not delimiter.isascii():
            return None
        header = [name.strip() for name in next(csv.reader([text.rstrip("\r\n")], delimiter=delimiter), [])]
        columns, lines, line = [Packer() for _ in header], list[np.ndarray](), 2
        for part in _parts(file):
            found = _cells_of(part, delimiter, len(header))
            if found is None:
                return None
            cells, begins = found
            for place, column in enumerate(columns):
                column.add(cells[place].tolist())
            lines.append(begins + (line - 1))
            line += part.count(b"\n")
    require_columns(path, header, sum(map(len, lines)))
    frame = CompactFrame(
        {**{name: column.whole() for name, column in zip(header, columns)}, LINE: np.concatenate(lines)}
    )
    frame.attrs[PLAIN_TEXT] = True
    frame.attrs["as"] = [] if delimiter == (given or usual) else [f"columns separated by {_named(delimiter)}"]
    release_memory()
    return frame


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    """The rest of a file in whole lines, a few megabytes at a time; the last part is the longest."""
    rest = file.read(2 * _PART)
    while more := file.read(_PART):
        end = rest.rfind(b"\n", 0, _PART) + 1
        while end and rest.count(b'"', 0, end) % 2:  # within a quoted cell
            end = rest.rfind(b"\n", 0, end - 1) + 1
        if end:
            yield rest[:end]
        rest = rest[end:] + more
    if rest:
        yield rest


def _cells_of(part: bytes, delimiter: str, columns: int) -> tuple[pd.DataFrame, np.ndarray] | None:
    """The cells of some rows, and in which of their lines each begins; None where they are not plain."""
    if b"\0" in part or part.count(b"\r") != part.count(b"\r\n"):
        return None
    try:
        part.decode("utf-8")
    except UnicodeDecodeError:
        return None
    rows = _begins_of_rows(np.frombuffer(part, np.uint8), ord(delimiter))
    if rows is None:
        return None
    begins, lines = rows
    first = io.StringIO(part[: begins[1]].decode("utf-8"), newline="")
    if len(next(csv.reader(first, delimiter=delimiter))) != columns:  # the others have as many
        return None
    cells = _parsed(part, delimiter, columns)
    return (cells, lines) if cells is not None and len(cells) == len(begins) else None


def _parsed(content: bytes, delimiter: str, columns: int) -> pd.DataFrame | None:
    """The cells of rows, by the parser of pandas; None where a row has another number of them, or the first cell begins
    with a byte order mark, which that parser drops.
    """
    if content.startswith(codecs.BOM_UTF8):
        return None
    try:
        return pd.read_csv(
            io.BytesIO(content), sep=delimiter, header=None, names=range(columns), dtype=object, na_filter=False,
            index_col=False, skip_blank_lines=False, low_memory=False, encoding_errors="surrogatepass",
        )  # fmt: skip
    except pd.errors.ParserError:
        return None


def _begins_of_rows(codes: np.ndarray, delimiter: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Where each row begins, header included, and in which line; None unless all are as `_read_fast` needs them.

    Args:
        codes: of the text in UTF-8, uint8 (bytes,).
        delimiter: its code.
    """
    ends, marks = np.flatnonzero(codes == ord("\n")), np.flatnonzero(codes == delimiter)
    quotes = np.flatnonzero(codes == ord('"'))
    breaks = ends
    if len(quotes):
        if len(quotes) % 2 or not _are_whole_fields(codes, quotes, delimiter):
            return None
        ends, marks = (some[np.searchsorted(quotes, some) % 2 == 0] for some in (ends, marks))
    if not len(ends) or ends[-1] != len(codes) - 1:
        ends = np.append(ends, len(codes))
    counts = np.diff(np.searchsorted(marks, ends), prepend=0)
    begins = np.concatenate([[0], ends[:-1] + 1])
    if len(ends) < 2 or not counts[0] or (counts != counts[0]).any():  # a single column may have blank lines
        return None
    return begins, np.searchsorted(breaks, begins) + 1


def _are_whole_fields(codes: np.ndarray, quotes: np.ndarray, delimiter: int) -> bool:
    """Whether quotes open right behind a delimiter or the end of a line, or another quote, and close before one."""
    edges = np.array([delimiter, ord("\n"), ord("\r"), ord('"')], codes.dtype)
    opening, closing = quotes[::2], quotes[1::2]
    before = codes[opening[opening > 0] - 1]
    behind = codes[closing[closing < len(codes) - 1] + 1]
    return bool(np.isin(before, edges).all() and np.isin(behind, edges).all())

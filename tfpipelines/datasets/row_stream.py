"""Rows of a table that come one by one: CSV below a line of column names, or JSON lines."""

import codecs
import csv
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import DataError
from .csv_tables import delimiter_of

_MOST_LINES = 1_000  # of one row, whose quoted fields may hold ends of lines
_MOST_BYTES = 2**24  # of one line
_OPEN = "unexpected end of data"  # what the module csv says where a quoted field goes on in the next line


class Unread(str):
    """Why there is no row where one should be."""


Row = dict[str, Any] | Unread


class RowStream:
    """The rows of a stream, which may never end. What it holds of it is the lines that have come and are not read yet.

    Args:
        read: gives bytes as they come, and none at the end, such as `sys.stdin.buffer.read1`.
        name: what messages call it.

    Attributes:
        header: the columns, of JSON lines those of the first one.
        first: the first line.

    Raises:
        DataError: if the first line is no text, has a column twice, or there is none.
    """

    def __init__(self, read: Callable[[], bytes], name: str = "stdin"):
        self._read, self._name = read, name
        self._rest, self._lines, self._ended = b"", list[bytes](), False
        self._number, self._pending = 0, list[str]()
        self.header: list[str] = []
        self._json, self._delimiter = False, ","
        self.first = self._begin()

    def batches(self, most: int) -> Iterator[list[Row]]:
        """The rows in their order, as many at a time as have come, at most `most`; a row that cannot be read is the
        reason for it.
        """
        rows: list[Row] = []
        while self._lines or self._more():
            for line in self._taken():
                if (row := self._row(line)) is not None:
                    rows.append(row)
                if len(rows) == most:
                    yield rows
                    rows = []
            if rows:
                yield rows
                rows = []
        if self._pending:
            yield [self._unended()]

    def _begin(self) -> str:
        """Reads the first line, which tells what the others are."""
        stated = None
        while self._lines or self._more():
            line = self._lines.pop(0)
            self._number += 1
            if self._number == 1:
                if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                    raise DataError(f"{self._name} is UTF-16.", "Give UTF-8, such as by iconv -f utf-16 -t utf-8.")
                line = line.removeprefix(codecs.BOM_UTF8)
            text = self._decoded(line)
            if isinstance(text, Unread):
                raise DataError(f"{self._name}, {text}.", "Give plain UTF-8 text.")
            if self._number == 1 and (stated := re.fullmatch(r"sep=(.)\r?", text)):  # as Excel writes it
                self._delimiter = stated[1]
            elif text.strip().startswith("{"):
                self._json = True
                self._lines.insert(0, line)  # which is a row, too
                self._number -= 1
                row = self._of_json(text)
                self.header = [] if isinstance(row, Unread) else list(row)
                return text.strip()
            elif text.strip():
                self._delimiter = self._delimiter if stated else delimiter_of(text, ",")
                self.header = [name.strip() for name in next(csv.reader([text], delimiter=self._delimiter), [])]
                if twice := sorted({name for name in self.header if self.header.count(name) > 1}):
                    cause = f"{self._name}: the column {twice[0]!r} appears twice in the header."
                    raise DataError(cause, "Rename one of them.")
                return text.strip()
        raise DataError(f"{self._name} holds no rows.", "A table begins with a line of column names.")

    def _more(self) -> bool:
        """Waits for lines; whether some have come."""
        while not self._lines and not self._ended:
            chunk = self._read()
            self._ended = not chunk
            *self._lines, self._rest = (self._rest + chunk).split(b"\n")
            if self._ended and self._rest:
                self._lines.append(self._rest)
                self._rest = b""
            if len(self._rest) > _MOST_BYTES:
                cause = f"{self._name} has a line of more than {_MOST_BYTES:,} bytes."
                raise DataError(cause, "A row ends with the end of a line.")
        return bool(self._lines)

    def _taken(self) -> list[bytes]:
        lines, self._lines = self._lines, []
        return lines

    def _decoded(self, line: bytes) -> str | Unread:
        if b"\0" in line:
            return Unread(f"line {self._number}: a NUL byte")
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            return Unread(f"line {self._number}: byte {error.start} (0x{line[error.start]:02x}) is not UTF-8")

    def _row(self, line: bytes) -> Row | None:
        """The row that ends with a line; None where none does."""
        self._number += 1
        text = self._decoded(line)
        if isinstance(text, Unread):
            self._pending = []
            return text
        if self._json:
            return self._of_json(text) if text.strip() else None
        self._pending.append(text + "\n")
        try:
            fields = next(csv.reader(self._pending, delimiter=self._delimiter, strict=True), [])
        except csv.Error as error:
            if str(error) == _OPEN and len(self._pending) < _MOST_LINES:
                return None
            if str(error) == _OPEN:
                return self._unended()
            self._pending = []
            return Unread(f"line {self._number}: {error}")
        self._pending = []
        if not fields:  # an empty line is no row
            return None
        if len(fields) != len(self.header):
            return Unread(f"line {self._number}: {len(fields)} fields, but the header has {len(self.header)}")
        return dict(zip(self.header, fields))

    def _unended(self) -> Unread:
        """Why there is no row in the lines since a quote that is not closed, which are given up."""
        first, self._pending = self._number - len(self._pending) + 1, []
        end = f", so lines {first} to {self._number} are no rows" if first < self._number else ""
        return Unread(f"line {first}: a quoted field does not end{end}")

    def _of_json(self, text: str) -> Row:
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            return Unread(f"line {self._number}: not JSON: {error}")
        if not isinstance(record, dict):
            return Unread(f"line {self._number}: not a JSON object")
        return {str(name): value for name, value in record.items()}

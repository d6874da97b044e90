"""From the body of a request to items."""

import base64
import binascii
import csv
import io
import json
import logging
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .items import Item
from .limits import Limits
from .problems import Problem

_CELLS = 1_000_000  # of a table
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s"';]+)""", re.IGNORECASE)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # or an escaped backslash with such letters
_TAKES = {  # what a model takes -> what can be sent to it
    "image": "an image (Content-Type: image/png or such), several as multipart/form-data, or JSON with base64",
    "text": "text/plain, or application/json",
    "row": "text/csv with a line of column names, or application/json",
    "series": "text/csv with a line of column names, or application/json",
    "draw": "application/json",
}
EXAMPLES: dict[str, Any] = {  # what a model takes -> a document that can be sent to it
    "image": {"inputs": [{"image": "iVBORw0KGgo="}]},
    "text": {"inputs": ["A gripping film"]},
    "row": {"inputs": [{"COLUMN": 1.5}]},
    "series": {"inputs": [[{"COLUMN": 1.5}, {"COLUMN": 1.7}]]},
    "draw": {"inputs": [{"seed": 0}]},
}


class Parser:
    """Reads bodies for one model.

    Args:
        takes: what it takes, see `items.KINDS`.
        limits: of items, texts and rows.
    """

    def __init__(self, takes: str, limits: Limits):
        self._takes, self._limits = takes, limits

    def items(self, content_type: str, body: bytes) -> list[Item | Problem]:
        """The inputs in a body; in place of one that cannot be taken, why.

        Args:
            content_type: the header of that name.

        Raises:
            Problem: if the body is of another kind, malformed, or too much.
        """
        kind = content_type.partition(";")[0].strip().lower()
        _require_utf8(kind, content_type)
        if not body:
            raise Problem("malformed", "The body is empty.", f"Send {_TAKES[self._takes]}.")
        items = self._parsed(kind, content_type, body)
        if not items:
            raise Problem("malformed", "There is no input in the body.", f"Send {_TAKES[self._takes]}.")
        self._require_few(len(items), "inputs")
        return items

    def of_values(self, values: list[Any]) -> list[Item]:
        """Inputs as JSON values.

        Raises:
            Problem: if one is not what the model takes, or too much.
        """
        self._require_few(len(values), "inputs")
        of: Callable[[str, Any], Item] = getattr(self, f"_{self._takes}")
        return [of(str(number), value) for number, value in enumerate(values)]

    def _each(self, values: Iterable[tuple[str, Any]]) -> list[Item | Problem]:
        """Of names and JSON values, or bytes of a text."""
        of: Callable[[str, Any], Item] = getattr(self, f"_{self._takes}")
        found: list[Item | Problem] = []
        for name, value in values:
            try:
                found.append(of(name, value))
            except Problem as problem:
                problem.item = name
                found.append(problem)
        return found

    def _parsed(self, kind: str, content_type: str, body: bytes) -> list[Item | Problem]:
        takes = self._takes
        if kind == "application/json":
            return self._of_json(body)
        if kind == "multipart/form-data" and takes != "draw":
            return self._of_parts(content_type, body)
        if kind.startswith("image/") and takes == "image":
            return [Item("image", "0", body)]
        if kind == "text/plain" and takes == "text":
            return self._each([("0", body)])
        if kind in ("text/csv", "text/tab-separated-values") and takes in ("row", "series"):
            return self._of_table(body, "\t" if kind.endswith("values") else ",")
        said = f"The content type is {kind[:60]!r}" if kind else "The request says no content type"
        raise Problem("unsupported", f"{said}, and the model takes another.", f"Send {_TAKES[takes]}.")

    def _require_few(self, count: int, what: str) -> None:
        if count > (most := self._limits.items):
            raise Problem("too_large", f"The request has {count} {what}, and {most} are the most.", "Send fewer.")

    # --- forms
    def _of_json(self, body: bytes) -> list[Item | Problem]:
        document = parse_json(body)
        inputs = document.get("inputs") if isinstance(document, dict) else None
        if not isinstance(inputs, list):
            example = json.dumps(EXAMPLES[self._takes])
            raise Problem("malformed", 'The document has no list "inputs".', f"Send {example}.")
        self._require_few(len(inputs), "inputs")
        return self._each((str(number), value) for number, value in enumerate(inputs))

    def _of_parts(self, content_type: str, body: bytes) -> list[Item | Problem]:
        items: list[Item | Problem] = []
        for part in parts_of(content_type, body, most=4 * self._limits.items):
            if self._takes == "image":
                items.append(Item("image", part.filename or str(len(items)), part.content))
            elif self._takes == "text":
                items += self._each([(part.filename or str(len(items)), part.content)])
            else:
                items += self._of_table(part.content, ",")
        return items

    def _of_table(self, body: bytes, delimiter: str) -> list[Item | Problem]:
        text = _utf8(body, None)
        if "\0" in text:
            raise Problem("malformed", "The table holds a NUL byte.", "Send plain CSV.")
        series = self._takes == "series"
        most = self._limits.rows if series else self._limits.items
        lines: list[list[str]] = []
        cells = 0
        try:
            for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
                if not line:
                    continue
                lines.append(line)
                cells += len(line)
                if len(lines) > most + 1:
                    raise Problem("too_large", f"The table has more than {most} rows.", "Send fewer.")
                if cells > _CELLS:
                    raise Problem("too_large", f"The table has more than {_CELLS:,} cells.", "Send fewer.")
        except csv.Error as error:
            raise Problem("malformed", f"The table cannot be read: {error}.", "Send CSV.") from error
        if len(lines) < 2:
            cause = "The table has no row below a line of column names."
            raise Problem("malformed", cause, "Send a first line that names the columns.")
        header, *rows = lines
        header = [name.strip() for name in header]
        wrong: dict[int, Problem] = {}  # number of a row -> why
        for number, row in enumerate(rows):
            if len(row) != len(header):
                cause = f"Line {number + 2} has {len(row)} cells, and the first line names {len(header)} columns."
                wrong[number] = Problem("malformed", cause, "Send as many cells as columns.", str(number))
                if series:
                    raise wrong[number]
        if series:
            return self._each([("0", [dict(zip(header, row)) for row in rows])])
        items = self._each((str(number), dict(zip(header, row))) for number, row in enumerate(rows))
        return [wrong.get(number, item) for number, item in enumerate(items)]

    # --- single inputs
    def _image(self, name: str, value: Any) -> Item:
        value = value.get("image") if isinstance(value, dict) else value
        if not isinstance(value, str):
            raise self._wrong(name, value)
        encoded = value.partition(",")[2] if value.startswith("data:") else value
        try:
            content = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Problem("malformed", "The image is no base64.", "Encode the file's bytes.", name) from error
        return Item("image", name, content)

    def _text(self, name: str, value: Any) -> Item:
        if isinstance(value, dict):
            value = value.get("text")
        if isinstance(value, str):
            content = value.encode("utf-8")
        elif isinstance(value, bytes):
            content = _utf8(value, name).encode("utf-8")
        else:
            raise self._wrong(name, value)
        if len(content) > self._limits.text:
            cause = f"The text is longer than {self._limits.text / 1e3:g} kB."
            raise Problem("too_large", cause, "Send a shorter one.", name)
        return Item("text", name, content)

    def _row(self, name: str, value: Any) -> Item:
        if not isinstance(value, dict) or not all(_is_cell(cell) for cell in value.values()):
            raise self._wrong(name, value)
        return Item("row", name, json.dumps(value).encode())

    def _series(self, name: str, value: Any) -> Item:
        if isinstance(value, dict):
            value = value.get("rows")
        if isinstance(value, list) and len(value) > (most := self._limits.rows):
            raise Problem(
                "too_large", f"The series has {len(value)} rows, and {most} are the most.", "Send fewer.", name
            )
        plain = isinstance(value, list) and all(
            isinstance(row, dict) and all(map(_is_cell, row.values())) for row in value
        )
        if not plain or not value:
            raise self._wrong(name, value)
        return Item("series", name, json.dumps(value).encode())

    def _draw(self, name: str, value: Any) -> Item:
        known = {"seed", "class"}
        good = isinstance(value, dict) and set(value) <= known
        seed, label = (value.get("seed", 0), value.get("class")) if good else (0, None)
        whole = isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**31
        if not good or not whole or not (label is None or isinstance(label, str)):
            raise self._wrong(name, value)
        return Item("draw", name, json.dumps(value).encode())

    def _wrong(self, name: str, value: Any) -> Problem:
        example = json.dumps(EXAMPLES[self._takes]["inputs"][0])
        cause = f"Input {name} is not what the model takes, but {_named(value)}."
        return Problem("malformed", cause, f"Send such as {example}.", name)


class Part(NamedTuple):
    """A part of a form: the name of its file, "" without, and its content."""

    filename: str
    content: bytes


def parts_of(content_type: str, body: bytes, most: int) -> list[Part]:
    """The parts of a multipart body; nothing is written to disk.

    Raises:
        Problem: if it is malformed or ends early, or has more parts.
    """
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # a client's mistakes are told to the client
    _, options = parse_options_header(content_type)
    parts: list[Part] = []
    field, value, disposition, content = bytearray(), bytearray(), bytearray(), bytearray()
    ends: list[bool] = []

    def begin() -> None:
        if len(parts) >= most:
            raise Problem("too_large", f"The form has more than {most} parts.", "Send fewer.")
        disposition.clear()
        content.clear()

    def header_end() -> None:
        if bytes(field).lower() == b"content-disposition":
            disposition[:] = value
        field.clear()
        value.clear()

    def end() -> None:
        _, facts = parse_options_header(bytes(disposition))
        parts.append(Part(_file_name(facts.get(b"filename", b"")), bytes(content)))

    try:
        parser = MultipartParser(options.get(b"boundary", b""), {
            "on_part_begin": begin,
            "on_header_field": lambda data, start, stop: field.extend(data[start:stop]),
            "on_header_value": lambda data, start, stop: value.extend(data[start:stop]),
            "on_header_end": header_end,
            "on_part_data": lambda data, start, stop: content.extend(data[start:stop]),
            "on_part_end": end,
            "on_end": lambda: ends.append(True),
        })  # fmt: skip
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise Problem("malformed", "The form is no multipart/form-data.", "Send it as curl -F does.") from error
    if not ends:  # the last part may be missing, or half of it
        raise Problem("malformed", "The form ends before its last boundary.", "Send it as curl -F does.")
    return parts


def parse_json(body: bytes) -> Any:
    """A JSON document; NaN and Infinity, which JSON lacks, and halves of surrogate pairs are refused.

    Raises:
        Problem: if it is none.
    """

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    text = _utf8(body, None)
    try:
        document = json.loads(text, parse_constant=refuse)
        if _SURROGATE.search(text):
            json.dumps(document, ensure_ascii=False).encode("utf-8")
        return document
    except UnicodeEncodeError as error:
        cause = "The body holds half of a surrogate pair."
        raise Problem("malformed", cause, "Send whole characters.") from error
    except (ValueError, RecursionError) as error:
        why = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        raise Problem("malformed", f"The body is no JSON{why}.", "Send one JSON document, in UTF-8.") from error


def _require_utf8(kind: str, content_type: str) -> None:
    if not kind.startswith("text/") and kind != "application/json":
        return
    found = _CHARSET.search(content_type)
    if found and found[1].lower().replace("_", "-") not in ("utf-8", "utf8", "us-ascii", "ascii"):
        raise Problem("unsupported", f"The body is in {found[1][:20]!r}.", "Send UTF-8.")


def _utf8(content: bytes, name: str | None) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        cause = f"The text is not UTF-8, at byte {error.start}."
        raise Problem("malformed", cause, "Send UTF-8.", name) from error


def _file_name(name: bytes) -> str:
    """The last part of a client's path, of characters that can be shown; it is only told again, never opened."""
    text = name.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in text if character.isprintable())[:200]


def _is_cell(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))


def _named(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")

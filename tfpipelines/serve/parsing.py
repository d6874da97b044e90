"""From the body of a request to items."""

import base64
import binascii
import csv
import io
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from .items import Item
from .limits import Limits
from .problems import Problem

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
        limits: of items and texts.
    """

    def __init__(self, takes: str, limits: Limits):
        self._takes, self._limits = takes, limits

    def items(self, content_type: str, body: bytes) -> list[Item]:
        """The inputs in a body.

        Args:
            content_type: the header of that name.

        Raises:
            Problem: if it is of another kind, malformed, or too much.
        """
        kind = content_type.partition(";")[0].strip().lower()
        if not body:
            raise Problem("malformed", "The body is empty.", f"Send {_TAKES[self._takes]}.")
        items = self._parsed(kind, content_type, body)
        if not items:
            raise Problem("malformed", "There is no input in the body.", f"Send {_TAKES[self._takes]}.")
        return self._within_limits(items)

    def of_values(self, values: list[Any]) -> list[Item]:
        """Inputs as JSON values.

        Raises:
            Problem: if one is not what the model takes, or too much.
        """
        of: Callable[[str, Any], Item] = getattr(self, f"_{self._takes}")
        return self._within_limits([of(str(number), value) for number, value in enumerate(values)])

    def _parsed(self, kind: str, content_type: str, body: bytes) -> list[Item]:
        takes = self._takes
        if kind == "application/json":
            return self._of_json(body)
        if kind == "multipart/form-data" and takes != "draw":
            return self._of_parts(content_type, body)
        if kind.startswith("image/") and takes == "image":
            return [Item("image", "0", body)]
        if kind == "text/plain" and takes == "text":
            return [self._text("0", body)]
        if kind in ("text/csv", "text/tab-separated-values") and takes in ("row", "series"):
            return self._of_table(body, "\t" if kind.endswith("values") else ",")
        said = f"The content type is {kind[:60]!r}" if kind else "The request says no content type"
        raise Problem("unsupported", f"{said}, and the model takes another.", f"Send {_TAKES[takes]}.")

    def _within_limits(self, items: list[Item]) -> list[Item]:
        most = self._limits.items
        if len(items) > most:
            raise Problem("too_large", f"The request has {len(items)} inputs, and {most} are the most.", "Send fewer.")
        for item in items:
            if item.kind == "text" and len(item.content) > self._limits.text:
                cause = f"The text is longer than {self._limits.text / 1e3:g} kB."
                raise Problem("too_large", cause, "Send a shorter one.", item.name)
        return items

    # --- forms
    def _of_json(self, body: bytes) -> list[Item]:
        document = parse_json(body)
        inputs = document.get("inputs") if isinstance(document, dict) else None
        if not isinstance(inputs, list):
            example = json.dumps(EXAMPLES[self._takes])
            raise Problem("malformed", 'The document has no list "inputs".', f"Send {example}.")
        if len(inputs) > self._limits.items:
            most = self._limits.items
            raise Problem("too_large", f"The request has {len(inputs)} inputs, and {most} are the most.", "Send fewer.")
        return self.of_values(inputs)

    def _of_parts(self, content_type: str, body: bytes) -> list[Item]:
        items: list[Item] = []
        for part in parts_of(content_type, body, most=4 * self._limits.items):
            if self._takes == "image":
                items.append(Item("image", part.filename or str(len(items)), part.content))
            elif self._takes == "text":
                items.append(self._text(part.filename or str(len(items)), part.content))
            else:
                items += self._of_table(part.content, ",")
        return items

    def _of_table(self, body: bytes, delimiter: str) -> list[Item]:
        text = _utf8(body, None)
        if "\0" in text:
            raise Problem("malformed", "The table holds a NUL byte.", "Send plain CSV.")
        try:
            lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if line]
        except csv.Error as error:
            raise Problem("malformed", f"The table cannot be read: {error}.", "Send CSV.") from error
        if len(lines) < 2:
            cause = "The table has no row below a line of column names."
            raise Problem("malformed", cause, "Send a first line that names the columns.")
        header, *rows = lines
        header = [name.strip() for name in header]
        for number, row in enumerate(rows, 2):
            if len(row) != len(header):
                cause = f"Line {number} has {len(row)} cells, and the first line names {len(header)} columns."
                raise Problem("malformed", cause, "Send as many cells as columns.")
        records = [dict(zip(header, row)) for row in rows]
        if self._takes == "series":
            return [self._series("0", records)]
        if len(records) > self._limits.items:
            cause = f"The request has {len(records)} rows, and {self._limits.items} are the most."
            raise Problem("too_large", cause, "Send fewer.")
        return [self._row(str(number), record) for number, record in enumerate(records)]

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
            try:
                return Item("text", name, value.encode("utf-8"))
            except UnicodeEncodeError as error:
                cause = "The text holds half of a surrogate pair."
                raise Problem("malformed", cause, "Send whole characters.", name) from error
        if not isinstance(value, bytes):
            raise self._wrong(name, value)
        return Item("text", name, _utf8(value, name).encode("utf-8"))

    def _row(self, name: str, value: Any) -> Item:
        if not isinstance(value, dict) or not all(_is_cell(cell) for cell in value.values()):
            raise self._wrong(name, value)
        return Item("row", name, json.dumps(value).encode())

    def _series(self, name: str, value: Any) -> Item:
        if isinstance(value, dict):
            value = value.get("rows")
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
        Problem: if it is malformed, or has more parts.
    """
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    _, options = parse_options_header(content_type)
    parts: list[Part] = []
    field, value, disposition, content = bytearray(), bytearray(), bytearray(), bytearray()

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
        })  # fmt: skip
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise Problem("malformed", "The form is no multipart/form-data.", "Send it as curl -F does.") from error
    return parts


def parse_json(body: bytes) -> Any:
    """A JSON document; NaN and Infinity, which JSON lacks, are refused.

    Raises:
        Problem: if it is none.
    """

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    try:
        return json.loads(_utf8(body, None), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        why = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        raise Problem("malformed", f"The body is no JSON{why}.", "Send one JSON document, in UTF-8.") from error


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

"""Inputs on their way from a request to the model, and what is said of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .problems import Problem

KINDS = ("image", "text", "row", "series", "draw")  # what a model takes


@dataclass(frozen=True)
class Item:
    """One input.

    Args:
        kind: `image` (a file's content), `pixels` (uint8 levels), `text` (UTF-8), `row` (a JSON object of a table's
            cells), `series` (a JSON list of such) or `draw` (a JSON object: what a generator is told).
        name: what it is called in the answer.
        content: of that kind.
        shape: of pixels: (height, width, channels).
        pixels: of an image, once its header has been read.
        opened: the image of Pillow by which that was done.
    """

    kind: str
    name: str
    content: bytes
    shape: tuple[int, ...] = ()
    pixels: int = 0
    opened: Any = field(default=None, compare=False, repr=False)

    def header(self) -> dict[str, Any]:
        """All but the content, JSON values."""
        return {"kind": self.kind, "name": self.name, "shape": list(self.shape)}

    @classmethod
    def of(cls, header: dict[str, Any], content: bytes) -> "Item":
        """Restored."""
        return cls(header["kind"], header["name"], content, tuple(header["shape"]))


@dataclass
class Answer:
    """What is said of an item: its records, or why there are none.

    Args:
        records: as `predict --json` has them; several of a series.
        problem: in their place.
        of_request: whether the problem is that of all inputs of the request together.
    """

    records: Sequence[dict[str, Any]] = field(default_factory=list)
    problem: Problem | None = None
    of_request: bool = False


def unreadable(item: Item, cause: str, remedy: str = "") -> Answer:
    """The answer to an item that cannot be read."""
    return Answer(problem=Problem("unreadable", _sentence(cause), remedy, item.name))


def too_late(item: Item) -> Answer:
    """The answer to an item for which others left no time."""
    return Answer(problem=Problem("too_long", "There was no time left for this input.", "Send fewer.", item.name))


def lacking(item: Item, row: dict[str, Any], columns: Sequence[str], longest: int) -> Answer | None:
    """The answer to a row without a column that the model needs, or with a cell that is too long; None where all is
    well.

    Args:
        longest: characters of a cell.
    """
    if missing := [name for name in columns if name not in row]:
        cause = f"The row lacks {', '.join(missing[:10])}"
        return unreadable(item, cause, "Give each column of the model, null where there is no value.")
    if any(isinstance(row[name], str) and len(row[name]) > longest for name in columns):
        return unreadable(item, f"A cell is longer than {longest} characters", "Send a shorter one.")
    return None


def _sentence(cause: str) -> str:
    cause = cause[:1].upper() + cause[1:]
    return cause if cause.endswith((".", "?", "!")) else f"{cause}."

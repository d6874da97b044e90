"""How much one request, and all of them together, may take."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from ..core.words import nearest
from ..errors import ConfigError

_LARGEST = 2**53  # whole number
_LONGEST = 86_400  # seconds or milliseconds


@dataclass(frozen=True)
class Limits:
    """What is refused beyond.

    Args:
        body: bytes of a request.
        items: inputs of a request.
        pixels: of an image, by its header.
        side: pixels of the longer side of an image.
        request_pixels: of all images of a request together.
        text: bytes of a text, as UTF-8.
        rows: of a series.
        queue: inputs that wait for a worker.
        seconds: until a request is answered, from when its body is there.
        body_seconds: until its headers, and then its body, have come.
        connections: open at a time.
        batch: inputs that go through the model together.
        batch_ms: milliseconds that the first of them waits for others, where others are on their way.
        memory: bytes that a worker may take beyond what it has once the model is loaded.
    """

    body: int = 10_000_000
    items: int = 32
    pixels: int = 20_000_000
    side: int = 20_000
    request_pixels: int = 100_000_000
    text: int = 100_000
    rows: int = 100_000
    queue: int = 64
    seconds: float = 10.0
    body_seconds: float = 10.0
    connections: int = 100
    batch: int = 16
    batch_ms: float = 5.0
    memory: int = 2_000_000_000


def parse_limits(words: Iterable[str]) -> Limits:
    """Limits that are asked for, as `name=value`; the others are as usual.

    Raises:
        ConfigError: for an unknown name, or a value that is no number above 0, or too large a number.
    """
    kinds: dict[str, type] = {field.name: type(field.default) for field in fields(Limits)}
    given: dict[str, Any] = {}
    for word in words:
        name, mark, value = word.partition("=")
        if name not in kinds or not mark:
            likely = nearest(name, kinds)
            remedy = f"Did you mean {likely}=...?" if likely and mark else f"Allowed: {', '.join(kinds)}."
            raise ConfigError(f"--limit: got {word!r}, which is no limit with a value.", remedy)
        try:
            number = float(value)
            given[name] = kinds[name](number)
        except (ValueError, OverflowError):
            number = math.nan
        whole = kinds[name] is not int or number == given.get(name)
        most = _LARGEST if kinds[name] is int else _LONGEST
        if not (0 < number <= most or name == "batch_ms" and number == 0) or not whole:
            what = f"a whole number from 1 to {most}" if kinds[name] is int else f"a number above 0, at most {most}"
            raise ConfigError(f"--limit {name}: got {value!r}; allowed: {what}.")
    return Limits(**given)

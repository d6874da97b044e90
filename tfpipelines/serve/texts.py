"""From a text to the ids of its tokens, by the vocabulary file of an export alone."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_SPACE = re.compile(r"[ \t\n\v\f\r]+")


class Tokenizer:
    """Reads texts for an exported model.

    Args:
        tables: content of vocabulary.json.
    """

    def __init__(self, tables: Mapping[str, Any]):
        self._ids = tables.get("ids")
        self._places = _places(self._ids["tokens"][2:], 2) if self._ids else {}
        parts = {name: table["parts"] for name, table in tables.items() if isinstance(table, dict) and "parts" in table}
        self._strips = {name: tables[name]["strips"] for name in parts}
        self._parts = {
            name: [(part, _places(part["tokens"], part["first"])) for part in some] for name, some in parts.items()
        }

    def feed(self, texts: Sequence[str], inputs: Sequence[str]) -> dict[str, np.ndarray]:
        """Input -> int32 (texts, length), padded with 0 to the longest.

        Args:
            inputs: names of those that the model has.
        """
        return {name: _padded([self._of(name, text) for text in texts]) for name in inputs}

    def _of(self, name: str, text: str) -> list[int]:
        if name in self._parts:
            found: list[int] = []
            for part, places in self._parts[name]:
                tokens = _cut(text, part, self._strips[name])
                found += [places.get(token, 0) for token in tokens[: part["max_length"]]]
            return [*found, 0]
        assert self._ids is not None
        tokens = _cut(text, self._ids, self._ids["strips"])
        return [self._places.get(token, 1) for token in tokens[: self._ids["max_length"]]] or [1]


def _cut(text: str, settings: Mapping[str, Any], strips: str) -> list[str]:
    """The tokens of a text; see the rules in vocabulary.json."""
    how = settings["standardize"] or ""
    if how.startswith("lower"):
        text = text.translate(_LOWER)
    if how.endswith("strip_punctuation"):
        text = text.translate(dict.fromkeys(map(ord, strips)))
    pieces = [piece for piece in _SPACE.split(text) if piece] if settings["split"] == "whitespace" else list(text)
    if not settings["ngrams"]:
        return pieces
    return [
        " ".join(pieces[start : start + length])
        for length in settings["ngrams"]
        for start in range(len(pieces) - length + 1)
    ]


def _places(tokens: Sequence[str], first: int) -> dict[str, int]:
    return {token: number for number, token in enumerate(tokens, first)}


def _padded(rows: list[list[int]]) -> np.ndarray:
    ids = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for row, values in zip(ids, rows):
        row[: len(values)] = values
    return ids

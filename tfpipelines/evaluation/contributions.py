"""What each word adds to the outputs of a linear model of n-grams, exactly."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from .occlusion import strongest_ngrams

_SPACE = " \t\n\v\f\r"  # where tokens are split


@dataclass(frozen=True, eq=False)
class GramTable:
    """The n-grams of one kind in a linear model.

    Args:
        names: of the n-grams; of characters joined by spaces.
        table: float (n-grams, outputs + 1): what each adds to the outputs, and the square that its text's length is
            the root of the sum of.
        characters: whether these are n-grams of characters, else of words.
        lengths: of the n-grams.
        lower, strip: whether ASCII letters are lowercased, and which characters are left out.
        most: n-grams of a text that count; the shorter ones come first.
        share: what the outputs are multiplied by.
    """

    names: Sequence[str]
    table: np.ndarray
    characters: bool
    lengths: Sequence[int]
    lower: bool
    strip: str
    most: int
    share: float = 1.0

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where each n-gram stands in the table."""
        return {name: place for place, name in enumerate(self.names)}

    def of(self, text: str) -> np.ndarray:
        """What each character of a text adds to the outputs, float64 (characters, outputs)."""
        kept = [place for place, character in enumerate(text) if character not in self.strip]
        plain = "".join(text[place] for place in kept)
        if self.lower:
            plain = re.sub("[A-Z]+", lambda found: found[0].lower(), plain)
        units = [(place, place + 1) for place in range(len(plain))]
        if not self.characters:
            units = [found.span() for found in re.finditer(f"[^{_SPACE}]+", plain)]
        every = [place for place in kept if text[place] not in _SPACE]  # what stands for an n-gram of spaces
        added, square = np.zeros((len(text), self.table.shape[1] - 1)), 0.0
        for name, start, end in self._grams(plain, units):
            if (row := self.places.get(name)) is None:
                continue
            letters = [kept[place] for place in range(start, end) if plain[place] not in _SPACE] or every
            if letters:
                added[letters] += self.table[row, :-1] / len(letters)
            square += self.table[row, -1]
        return self.share * added / np.sqrt(max(square, 1e-12))

    def _grams(self, plain: str, units: list[tuple[int, int]]):
        """(name, start, end) of the n-grams of a text, in the order that counts."""
        count = 0
        for length in self.lengths:
            for first in range(len(units) - length + 1):
                if count == self.most:
                    return
                count += 1
                some = units[first : first + length]
                yield " ".join(plain[start:end] for start, end in some), some[0][0], some[-1][1]


def explain_linear_texts(
    texts: list[str],
    outputs: np.ndarray,
    tables: Sequence[GramTable],
    classes: list[str],
    *,
    temperature: float = 1.0,
    characters: bool = False,
    multi_label: bool = False,
) -> list[dict[str, Any]]:
    """What each word adds to the logit of the most probable class of its text, less what it adds to those of the others
    on average; of several labels to its logit alone. The words of a text add up to that difference but for what the
    model tells of an empty text.

    Args:
        texts: not empty.
        outputs: of the model, float (texts, outputs).
        tables: of all kinds of n-grams.
        classes: their names; []: of numbers, whose words add to the only output.
        temperature: what logits are divided by.
        characters: tell of characters instead of words, for scripts without spaces.
        multi_label: whether classes do not exclude each other.

    Returns:
        As `explain_texts` and `explain_numbers`.
    """
    found = []
    for text, logits in zip(texts, outputs.astype(np.float64) / temperature):
        chosen = int(logits.argmax())
        direction = np.zeros(len(logits))
        direction[chosen] = 1.0
        if classes and not multi_label and len(logits) > 1:
            direction -= (1.0 - direction) / (len(logits) - 1)
        added = sum(table.of(text) for table in tables) @ direction / temperature
        spans = [match.span() for match in re.finditer(r"\S" if characters else r"\S+", text)]
        words = [
            {"word": text[start:end], "start": start, "end": end, "weight": round(float(added[start:end].sum()), 4)}
            for start, end in spans
        ]
        told: dict[str, Any] = {"value": float(f"{logits[0]:.6g}")}
        if classes:
            others = np.delete(logits, chosen)
            odds = logits[chosen] if multi_label or not len(others) else logits[chosen] - np.logaddexp.reduce(others)
            told = {"class": classes[chosen], "log_odds": round(float(odds), 4)}
        found.append({**told, "words": words})
    return found


def ngrams_of_tables(tables: Sequence[GramTable], classes: list[str], count: int) -> pd.DataFrame:
    """The n-grams that speak loudest for each class, as `strongest_ngrams` has them; a weight is what an n-gram adds to
    the logit of a text of one kind of n-grams that has length 1. Those of characters are in quotes.

    Args:
        tables: of all kinds; of an n-gram that stands in several, the weights are added.
        classes: their names; of numbers two, for a higher and for a lower one.
        count: rows of each class.
    """
    found: dict[str, np.ndarray] = {}
    for table in tables:
        scale = np.sqrt(np.maximum(table.table[:, -1:], 1e-12))
        weights = table.share * table.table[:, :-1] / scale
        weights = np.where(table.table[:, -1:] > 0, weights, 0.0)
        for name, row in zip(table.names, weights):
            told = f"'{name[::2]}'" if table.characters else name
            found[told] = found[told] + row if told in found else row
    weights = np.array(list(found.values())).reshape(len(found), -1)
    if weights.shape[1] == 1 and len(classes) == 2:
        weights = weights * np.array([[1.0, -1.0]])
    return strongest_ngrams(list(found), weights, classes, count)

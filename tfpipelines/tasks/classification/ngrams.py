"""The kinds of n-grams that linear models of texts take, and their vocabularies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfpipelines import datasets, models

from .encoders import encoder_of
from .word_vectors import words_with_vectors

VECTORS = "words_with_vectors"
_USUAL = (1, 200_000)  # least count and most n-grams of a kind, which its name does not tell


@dataclass(frozen=True)
class NGrams:
    """A kind of n-grams.

    Args:
        name: of the kind, and of the input of a network.
        words: longest n-gram of words; 0: of characters, or words with vectors.
        characters: shortest and longest n-gram of characters.
        min_count, size: of the vocabulary.
    """

    name: str
    words: int = 0
    characters: tuple[int, ...] = ()
    min_count: int = 1
    size: int = 200_000

    def cutter(self, standardize: str) -> "models.Cutter":
        """How texts are cut into them."""
        (found,) = models.wide_cutters(self.words or (0 if self.characters else 1), self.characters, standardize)
        return found

    def vocabulary(self, tokens: "datasets.Tokens", rows: np.ndarray, vectors: str | None) -> list[str]:
        """Those of the training texts.

        Args:
            tokens: of all texts.
            rows: numbers of the training texts.
            vectors: `data.vectors`.
        """
        if self.name == VECTORS:
            return words_with_vectors(vectors, tokens.vocabulary(rows))
        keep = _is_within_words if self.characters else None
        return tokens.vocabulary(rows, self.size, self.min_count, keep)


def kinds_of(networks: Sequence[Any]) -> tuple[NGrams, ...]:
    """What networks take besides tokens, each kind once.

    Args:
        networks: sections `model`.
    """
    found: dict[str, NGrams] = {}
    for network in networks:
        found |= {kind.name: kind for kind in kinds_of_network(network)}
    return tuple(found.values())


def kinds_of_network(network: Any) -> tuple[NGrams, ...]:
    """The kinds that one network takes, in the order of its inputs."""
    if is_linear(network) and network.name == "features":
        return () if encoder_of(network) else (NGrams(VECTORS),)
    if not is_linear(network):
        return ()
    kinds = []
    if network.words:
        kinds.append(NGrams("", words=network.words, min_count=network.min_count, size=network.size))
    if network.characters:
        kinds.append(NGrams("", 0, tuple(network.characters), network.min_count, network.size))
    named = [NGrams(_name(kind), kind.words, kind.characters, kind.min_count, kind.size) for kind in kinds]
    return (*named, *((NGrams(VECTORS),) if network.vectors else ()))


def is_linear(network: Any) -> bool:
    """Whether a network is a linear model, which is fitted and not trained."""
    return not network.origin.kind.own and dict(network)["name"] in ("wide", "features")


def _name(kind: NGrams) -> str:
    unit = "words" if kind.words else "characters"
    low, high = kind.characters or (1, kind.words)
    limits = () if (kind.min_count, kind.size) == _USUAL else (kind.min_count, kind.size)
    return "_".join(map(str, (unit, low, high, *limits)))


def _is_within_words(name: bytes) -> bool:
    """Whether no character of an n-gram, joined by spaces as in "g o o d", is a space but the first and the last. What
    spans two words says little more than both.
    """
    return b"   " not in name or name == b"   "  # of a space and its neighbours; alone, it is two spaces

"""The word vectors of the package, read once, when they are first asked for."""

import functools
import itertools
from collections.abc import Sequence
from importlib import resources
from typing import NamedTuple

import numpy as np

from .pieces import MARK, pieces_of, split_words

WIDTH = 256  # numbers of a vector


class WordVectors(NamedTuple):
    """Vectors of some words.

    Args:
        vectors: float32 (words, 256); 0 where there is none.
        weights: float32 (words,), above 0 and at most 1: how much each word counts in the mean of a text, little if it
            is frequent (SIF, Arora et al. 2017); 0 where there is no vector.
        found: bool (words,), whether there is a vector.
    """

    vectors: np.ndarray
    weights: np.ndarray
    found: np.ndarray


class _Entries(NamedTuple):
    """What the file holds.

    Args:
        places: the place of each entry of the tokenizer's vocabulary.
        vectors: int8 (entries, 256), to be multiplied by `scales`, float32 (entries,).
        weights: float32 (entries,), see `WordVectors`.
    """

    places: dict[str, int]
    vectors: np.ndarray
    scales: np.ndarray
    weights: np.ndarray


@functools.cache
def _entries() -> _Entries:
    file = resources.files("tfpipelines.networks.word_vectors") / "weights" / "all_minilm_l6_v2.npz"
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
        words = bytes(arrays["words"]).decode().split("\n")
        places = {word: place for place, word in enumerate(words)}
        return _Entries(places, arrays["vectors"], arrays["scales"], arrays["weights"])


@functools.cache
def _whole_places() -> dict[str, int]:
    return {word: place for word, place in _entries().places.items() if not word.startswith(MARK) and word.isalpha()}


def whole_words() -> tuple[list[str], np.ndarray, np.ndarray]:
    """The words that have vectors of their own: those of letters alone, in the order of the file, which is nearly that
    of frequency, single characters first.

    Returns:
        The words; their vectors, float32 (words, 256); and their weights, float32 (words,), see `WordVectors`.
    """
    whole, entries = _whole_places(), _entries()
    places = np.fromiter(whole.values(), np.int64, len(whole))
    vectors = entries.vectors[places] * entries.scales[places, None]
    return list(whole), vectors, entries.weights[places]


def vectors_of(words: Sequence[str]) -> WordVectors:
    """The vectors of words, also of words that are not in the file.

    A word in the file has its own vector. Any other is cut as BERT's uncased tokenizer does (lower case, no accents,
    punctuation split off, then the longest pieces), and has the mean of its pieces' vectors, each times its weight;
    pieces that the tokenizer does not know are left out. The weight of such a word is that of its rarest piece, since
    no word is more frequent than that. So a token of several words, with spaces between, has the mean of its words.

    Args:
        words: any text; a word that has none but unknown pieces has no vector.
    """
    entries = _entries()
    cut = [_cut(word, entries.places) for word in words]
    counts = np.fromiter(map(len, cut), np.int64, len(cut))
    flat = np.fromiter(itertools.chain.from_iterable(cut), np.int64, int(counts.sum()))
    found = counts > 0
    vectors, weights = np.zeros((len(cut), WIDTH), np.float32), np.zeros(len(cut), np.float32)
    if len(flat):
        starts = (np.cumsum(counts) - counts)[found]
        of_pieces = entries.weights[flat]
        shares = of_pieces / np.repeat(np.add.reduceat(of_pieces, starts), counts[found])
        scaled = entries.vectors[flat] * (entries.scales[flat] * shares)[:, None]
        vectors[found] = np.add.reduceat(scaled, starts)
        weights[found] = np.maximum.reduceat(of_pieces, starts)
    return WordVectors(vectors, weights, found)


def _cut(word: str, places: dict[str, int]) -> list[int]:
    """The entries that a word consists of; [] for none."""
    if word in places and not word.startswith(MARK):
        return [places[word]]
    pieces = (pieces_of(part, places) or () for part in split_words(word))
    return [places[piece] for piece in itertools.chain.from_iterable(pieces)]

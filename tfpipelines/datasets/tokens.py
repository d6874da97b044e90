"""Texts as numbers: their tokens, the vocabularies counted from them, and the ids that batches are cut from."""

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import tensorflow as tf

_BLOCK = 8192  # texts whose ids are looked at together
FIRST = 2  # id of the first name of a vocabulary; 0 is padding, 1 any other token


@dataclass(frozen=True)
class Tokens:
    """The tokens of a list of texts, each by the number of its name.

    Args:
        names: the distinct tokens, object (names,) of UTF-8 bytes; few of millions of n-grams are ever read as text.
        codes: place in `names` of each token, one text after the other, int32 (tokens,).
        splits: text i has the tokens splits[i] to splits[i + 1] - 1, int64 (texts + 1,).
    """

    names: np.ndarray
    codes: np.ndarray
    splits: np.ndarray

    @classmethod
    def of(cls, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> "Tokens":
        """From the tokens, some texts at a time: UTF-8 bytes (tokens,), and how many each text has, (texts,)."""
        numbers: dict[bytes, int] = {}
        codes, lengths = [np.zeros(0, np.int32)], [np.zeros(1, np.int64)]
        for flat, some in pieces:
            places, names = pd.factorize(flat)
            table = np.fromiter((numbers.setdefault(name, len(numbers)) for name in names), np.int32, len(names))
            codes.append(table[places] if len(flat) else np.zeros(0, np.int32))
            lengths.append(some)
        return cls(np.array(list(numbers), object), np.concatenate(codes), np.cumsum(np.concatenate(lengths)))

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text, int64 (texts,)."""
        return np.diff(self.splits)

    def vocabulary(
        self,
        rows: np.ndarray,
        size: int | None = None,
        min_count: int = 1,
        keep: Callable[[bytes], bool] | None = None,
    ) -> list[str]:
        """Names that occur in some texts, the most frequent first, ties by code point.

        Args:
            rows: numbers of the texts.
            size: the most names.
            min_count: names that occur less often are left out.
            keep: tells of a name, as UTF-8 bytes, whether it may be among them; None: each may.
        """
        counts = np.zeros(len(self.names), np.int64)
        for some in _blocks(rows):
            counts += np.bincount(self.codes[_mask(self.splits, some)], minlength=len(self.names))
        places = np.flatnonzero(counts >= max(min_count, 1))
        if keep is not None:
            places = places[np.fromiter(map(keep, self.names[places]), bool, len(places))]
        if size is not None and len(places) > size:  # only those that may be among them need be sorted
            places = places[counts[places] >= np.partition(counts[places], -size)[-size]]
        names = self.names[places]
        order = np.lexsort((names, -counts[places]))[:size]  # bytes of UTF-8 have the order of code points
        # What Keras calls an unknown token cannot be a known one.
        return [name.decode("utf-8") for name in names[order] if name != b"[UNK]"]

    def sequences(self, vocabulary: list[str]) -> "Sequences":
        """Every text as ids: 2 for the first name of the vocabulary, and so on, 1 for others."""
        ids = {name.encode("utf-8"): FIRST + place for place, name in enumerate(vocabulary)}
        table = np.fromiter((ids.get(name, 1) for name in self.names), np.int32, len(self.names))
        return Sequences(table[self.codes] if len(self.codes) else np.zeros(0, np.int32), self.splits)

    def known(self, vocabulary: list[str], most: int) -> "Sequences":
        """What `sequences(vocabulary).first(most).known()` gives, some texts at a time: most n-grams are unknown."""
        ids = {name.encode("utf-8"): FIRST + place for place, name in enumerate(vocabulary)}
        table = np.fromiter((ids.get(name, 1) for name in self.names), np.int32, len(self.names))
        flats, lengths = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
        for start in range(0, len(self.splits) - 1, _BLOCK):
            ends = self.splits[start : start + _BLOCK + 1]
            part = Sequences(table[self.codes[ends[0] : ends[-1]]], ends - ends[0]).first(most).known()
            flats.append(part.flat)
            lengths.append(part.lengths)
        return Sequences.of(np.concatenate(flats), np.concatenate(lengths))


@dataclass(frozen=True)
class Sequences:
    """Ids of a list of texts: text i has flat[splits[i]:splits[i + 1]].

    Args:
        flat: int32 (ids,).
        splits: int64 (texts + 1,).
    """

    flat: np.ndarray
    splits: np.ndarray

    @classmethod
    def of(cls, flat: np.ndarray, lengths: np.ndarray) -> "Sequences":
        """From the ids of all texts, one text after the other, and how many each has."""
        return cls(flat, np.concatenate([[0], np.cumsum(lengths)]))

    @property
    def lengths(self) -> np.ndarray:
        """Ids of each text, int64 (texts,)."""
        return np.diff(self.splits)

    def at(self, rows: np.ndarray) -> np.ndarray:
        """The ids of some texts, one after the other."""
        found, end = np.empty(np.diff(self.splits)[rows].sum(), self.flat.dtype), 0
        for some in _blocks(rows):
            part = self.flat[_mask(self.splits, some)]
            found[end : end + len(part)] = part
            end += len(part)
        return found

    def known(self) -> "Sequences":
        """Without ids of unknown tokens."""
        keep = self.flat >= FIRST
        splits = np.zeros(len(self.splits), np.int64)
        for start in range(0, len(self.splits) - 1, _BLOCK):  # a running count of all ids would take as much as they do
            ends = self.splits[start : start + _BLOCK + 1]
            before = np.concatenate([[0], np.cumsum(keep[ends[0] : ends[-1]])])
            splits[start + 1 : start + len(ends)] = splits[start] + before[ends[1:] - ends[0]]
        return Sequences(self.flat[keep], splits)

    def first(self, length: int) -> "Sequences":
        """The first ids of each text, at most `length`."""
        if not len(self.flat) or self.lengths.max() <= length:
            return self
        return self.cut(length, least=0)

    def cut(self, length: int, least: int = 1) -> "Sequences":
        """The first ids of each text, at most `length`; one of fewer than `least` gets unknown tokens."""
        lengths = np.minimum(self.lengths, length)
        starts = self.splits[:-1]
        splits = np.concatenate([[0], np.cumsum(np.maximum(lengths, least))])
        flat = np.ones(splits[-1], np.int32)
        places = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        flat[np.repeat(splits[:-1], lengths) + places] = self.flat[np.repeat(starts, lengths) + places]
        return Sequences(flat, splits)

    def shifted(self, by: int) -> "Sequences":
        """Every id larger by `by`."""
        return Sequences(self.flat + np.int32(by), self.splits)

    def beside(self, other: "Sequences") -> "Sequences":
        """Each text's ids followed by those in `other`."""
        ragged = tf.concat([self.ragged(), other.ragged()], 1)
        return Sequences(ragged.flat_values.numpy(), ragged.row_splits.numpy())

    def ragged(self) -> tf.RaggedTensor:
        """The same as a tensor, int32 (texts, None)."""
        return tf.RaggedTensor.from_row_splits(tf.constant(self.flat), tf.constant(self.splits), validate=False)


def wide_sequences(parts: list[tuple[Sequences, int]]) -> Sequences:
    """The known n-grams of every text, one kind after the other, the ids of each kind beginning where those of the last
    end.

    Args:
        parts: known n-grams of the texts, and how many the vocabulary has, of each kind.
    """
    sequences, before = [], 0
    for known, count in parts:
        sequences.append(known.shifted(before))
        before += count
    return functools.reduce(Sequences.beside, sequences)


def log_count_ratios(
    sequences: Sequences, rows: np.ndarray, labels: np.ndarray, classes: int, features: int, smoothing: float = 1.0
) -> np.ndarray:
    """How much each feature speaks for each class: log of its share in the class over its share in the others (Wang &
    Manning 2012).

    Args:
        sequences: features of every text.
        rows, labels: the training texts, and their class numbers or multi-label targets.
        features: how many ids there are; those of padding and unknown tokens, 0 and 1, have no say.
        smoothing: added to each count.

    Returns:
        float32 (features, classes).
    """
    targets = np.eye(classes, dtype=np.float32)[labels] if labels.ndim == 1 else labels
    ratios = np.zeros((features, classes), np.float32)
    for number in range(classes):
        inside, outside = np.zeros((2, features))
        for some, told in zip(_blocks(rows), _blocks(targets[:, number])):
            flat, member = sequences.at(some), np.repeat(told, sequences.lengths[some])
            inside += np.bincount(flat, member, features)
            outside += np.bincount(flat, 1 - member, features)
        inside, outside = inside + smoothing, outside + smoothing
        inside[:FIRST] = outside[:FIRST] = 0
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios[:, number] = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    ratios[:FIRST] = 0
    return ratios


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Some rows at a time: places of ids are long numbers, eight bytes for each id of four."""
    return (rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK))


def _mask(splits: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Places of the ids of some texts, in their order, int64."""
    lengths = np.diff(splits)[rows]
    return np.repeat(splits[rows] - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())

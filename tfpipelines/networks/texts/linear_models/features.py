"""Texts as vectors of their n-grams, or of the vectors of their words, for linear models."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array, csr_matrix, hstack

TINY = 1e-12  # least square of a length
# Added to the size of a log-count ratio: a feature that says nothing by itself may say something beside others.
DAMPING = 1.0
_MOST_KEPT = 2**24  # numbers of the vectors of all texts that are kept
_SQUARE = 2.0  # mean squared length of the vectors of words, together


@dataclass(frozen=True, eq=False)
class Grams:
    """The n-grams of one kind, such as words or characters, in texts.

    Args:
        counts: how often each n-gram is in each text, (texts, n-grams).
        vectors: float32 (n-grams, numbers): then a text is the weighted mean of the vectors of its n-grams.
        weights: with vectors, float32 (n-grams,): of each n-gram in that mean.
    """

    counts: csr_array
    vectors: np.ndarray | None = None
    weights: np.ndarray | None = None

    @property
    def dense(self) -> bool:
        """Whether texts are vectors without zeros."""
        return self.vectors is not None

    def means_of(self, counts: csr_array) -> np.ndarray:
        """The weighted sums of the vectors of texts divided by the root of the sum of squared weights, float64 (texts,
        numbers).

        Args:
            counts: of some texts, (texts, n-grams).
        """
        assert self.vectors is not None and self.weights is not None
        weights = self.weights.astype(np.float64)
        norms = np.sqrt(np.maximum(counts @ weights**2, TINY))
        return (counts @ (self.vectors * weights[:, None])) / norms[:, None]

    @cached_property
    def means(self) -> np.ndarray | None:
        """Those of all texts, which are the same in every fold; None where they would be large."""
        assert self.vectors is not None
        large = self.counts.shape[0] * self.vectors.shape[1] > _MOST_KEPT
        return None if large else self.means_of(self.counts)

    def size(self, rows: np.ndarray) -> int:
        """Numbers of some texts that are not zero."""
        return self.counts[rows].nnz if self.vectors is None else len(rows) * self.vectors.shape[1]


@dataclass(frozen=True, eq=False)
class Vectors:
    """Texts as vectors that something else has made of them.

    Args:
        values: float32 (texts, numbers).
    """

    values: np.ndarray
    dense = True

    def size(self, rows: np.ndarray) -> int:
        """Numbers of some texts."""
        return len(rows) * self.values.shape[1]


Kind = Grams | Vectors


def counts_of(flat: np.ndarray, splits: np.ndarray, names: int, first: int) -> csr_array:
    """Counts (texts, names) of the ids of texts, one text after the other; ids below `first` do not count.

    Args:
        flat: int32 (ids,).
        splits: int64 (texts + 1,): text i has flat[splits[i]:splits[i + 1]].
    """
    known = flat >= first
    ends = np.concatenate([[0], np.cumsum(known)])[splits]
    ids = (flat[known] - first).astype(np.int32), ends.astype(np.int32)  # scikit-learn takes no wider ones
    counts = csr_array((np.ones(int(ends[-1])), *ids), (len(splits) - 1, names))
    counts.sum_duplicates()
    return counts


class Features:
    """How texts become vectors, learned from some of them.

    Those of each kind of n-grams have length 1: counts scaled by the inverse document frequency (Sparck Jones 1972),
    with `ratios` also by how much an n-gram speaks for a class, its log-count ratio (Wang & Manning 2012). Where
    n-grams have vectors, the text is their weighted sum divided by the root of the sum of squared weights (Arora et al.
    2017 have a mean), centred, its mean squared length 2: as much as that of n-grams of words and of characters. So are
    texts that come as vectors.

    Args:
        kinds: n-grams or vectors of all texts.
        rows: numbers of the texts that are known.
        targets: of these; see `fitting.fit_texts`.
        ratios: whether n-grams are scaled by log-count ratios, too.
    """

    def __init__(self, kinds: Sequence[Kind], rows: np.ndarray, targets: np.ndarray, ratios: bool):
        self.kinds = kinds
        self.scales = [_scale(kind, rows, targets, ratios) for kind in kinds]
        self._centres: list[np.ndarray | None] = []
        self._sizes: list[float] = []
        for kind in kinds:
            if not kind.dense:
                self._centres.append(None)
                self._sizes.append(1.0)
                continue
            vectors = _vectors(kind, rows)
            centre = vectors.mean(0)
            self._centres.append(centre)
            self._sizes.append(float(np.sqrt(max(np.square(vectors - centre).sum(1).mean() / _SQUARE, TINY))))

    @property
    def dense(self) -> bool:
        """Whether no kind is sparse."""
        return all(kind.dense for kind in self.kinds)

    def vectors(self, rows: np.ndarray) -> Any:
        """The vectors of some texts, float64 (texts, features); sparse unless all kinds are dense."""
        parts: list[Any] = []
        for kind, scale, centre, size in zip(self.kinds, self.scales, self._centres, self._sizes):
            if centre is not None:
                parts.append((_vectors(kind, rows) - centre) / size)
                continue
            assert isinstance(kind, Grams)
            counts = kind.counts[rows]
            norms = np.sqrt(np.maximum(counts @ scale**2, TINY))
            vectors = counts.copy()
            vectors.data = counts.data * scale[counts.indices] / np.repeat(norms, np.diff(counts.indptr))
            parts.append(vectors)
        if self.dense:
            return np.concatenate(parts, axis=1)
        return csr_matrix(hstack([csr_array(part) for part in parts], "csr"))

    def tables(self, weights: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Weights of features as what each n-gram adds to the outputs before its text's length divides it.

        Args:
            weights: float64 (features, outputs).

        Returns:
            For each kind of n-grams float64 (n-grams, outputs + 1), the last column the square whose sum over a text is
            that of its length; for vectors float64 (numbers, outputs); and what is added to the intercept, float64
            (outputs,).
        """
        tables, offset, start = [], np.zeros(weights.shape[1]), 0
        for kind, scale, centre, size in zip(self.kinds, self.scales, self._centres, self._sizes):
            width = len(scale) if centre is None else len(centre)
            part = weights[start : start + width] / size
            start += width
            if centre is not None:
                offset -= centre @ part
            if isinstance(kind, Vectors):
                tables.append(part)
                continue
            if kind.vectors is not None:
                part = kind.vectors.astype(np.float64) @ part
            tables.append(np.concatenate([part * scale[:, None], scale[:, None] ** 2], axis=1))
        return tables, offset


def _vectors(kind: Kind, rows: np.ndarray) -> np.ndarray:
    """The vectors of some texts of a dense kind, float64 (texts, numbers)."""
    if isinstance(kind, Vectors):
        return kind.values[rows].astype(np.float64)
    return kind.means[rows] if kind.means is not None else kind.means_of(kind.counts[rows])


def _scale(kind: Kind, rows: np.ndarray, targets: np.ndarray, ratios: bool) -> np.ndarray:
    """What the counts of each n-gram are multiplied by, float64 (n-grams,); of vectors, which are taken as
    they are, 1.
    """
    if isinstance(kind, Vectors):
        return np.ones(kind.values.shape[1])
    if kind.weights is not None:
        return kind.weights.astype(np.float64)
    counts = kind.counts[rows]
    documents = np.bincount(counts.indices, minlength=counts.shape[1])
    scale = np.log((1 + len(rows)) / (1 + documents)) + 1
    return scale * (DAMPING + np.abs(_log_count_ratios(counts, targets)).max(1)) if ratios else scale


def _log_count_ratios(counts: csr_array, targets: np.ndarray, smoothing: float = 1.0) -> np.ndarray:
    """log of the share of each n-gram in a class over its share in all others, float64 (n-grams, classes); of numbers,
    of the texts above their mean.
    """
    if targets.ndim == 2:
        members = targets > 0.5
    elif np.issubdtype(targets.dtype, np.floating):
        members = (targets > targets.mean())[:, None]
    else:
        members = targets[:, None] == np.unique(targets)
    inside = counts.T @ members.astype(np.float64) + smoothing
    outside = np.asarray(counts.sum(0)).reshape(-1, 1) + 2 * smoothing - inside
    return np.log(inside / inside.sum(0)) - np.log(outside / outside.sum(0))

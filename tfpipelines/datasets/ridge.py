"""A linear model of the n-grams of texts, for numbers."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge

from .tokens import FIRST, Sequences, log_count_ratios

_PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
TINY = 1e-12  # least square of a length
_STREAM = 3  # of random numbers
_LEAST_RATIO = 0.5  # of a feature that says nothing by itself: it may say something beside others


def ridge_table(
    sequences: Sequences, rows: np.ndarray, values: np.ndarray, kinds: Sequence[int], seed: int, ratios: bool = False
) -> np.ndarray:
    """What each feature adds to a number: ridge regression on TF-IDF vectors (Hoerl & Kennard 1970), those of each kind
    of features of length 1.

    The penalty is the one of the least error on a fifth of the training texts, drawn by the seed.

    Args:
        sequences: features of every text.
        rows, values: the training texts, and their numbers of mean 0, float (rows,).
        kinds: how many features there are of each kind, such as words and characters, whose ids follow each other
            behind those of padding and unknown tokens, 0 and 1, which have no say.
        ratios: whether features are also scaled by how much each speaks for a number above the mean or below it, by
            their log-count ratios (Wang & Manning 2012). Those of texts that choose the penalty are of the others.

    Returns:
        float32 (features, 2 kinds): the weight of a feature times its scale in the column of its kind, 0 in those of
        others; behind them the square of the latter likewise. The scale is the inverse document frequency, with
        `ratios` times 1/2 + |log-count ratio|. The number of a text is the sum, over kinds, of the sum of the first
        over its features, as often as they occur, divided by the root of that of the second.
    """
    texts = _Texts(sequences, rows, values, kinds, ratios)
    held_out = np.random.default_rng([seed, _STREAM]).permutation(len(rows)) < len(rows) // 5
    best = _PENALTIES[-1]
    if held_out.any():
        scale = texts.scale(~held_out)
        vectors = texts.vectors(scale)

        def error(penalty: float) -> float:
            told = _fit(penalty, vectors[~held_out], values[~held_out]).predict(vectors[held_out])
            return float(np.square(told - values[held_out]).mean())

        best = min(_PENALTIES, key=error)
    scale = texts.scale(np.ones(len(rows), bool))
    weights = _fit(best, texts.vectors(scale), values).coef_
    return np.concatenate([texts.by_kind(weights * scale), texts.by_kind(scale**2)], 1).astype(np.float32)


def _fit(penalty: float, vectors: csr_array, values: np.ndarray) -> Ridge:
    return Ridge(penalty, fit_intercept=False, solver="sparse_cg").fit(vectors, values)


class _Texts:
    """Texts as vectors of their features; the arguments are those of `ridge_table`."""

    def __init__(self, sequences: Sequences, rows: np.ndarray, values: np.ndarray, kinds: Sequence[int], ratios: bool):
        self.sequences, self.rows, self.values, self.kinds, self.ratios = sequences, rows, values, kinds, ratios
        self.features = FIRST + sum(kinds)
        self.kind = np.concatenate([np.zeros(FIRST, int), np.repeat(np.arange(len(kinds)), kinds)])
        lengths = sequences.lengths[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        shape = len(rows), self.features
        self.counts = csr_array((np.ones(lengths.sum()), sequences.at(rows), starts), shape)
        self.counts.sum_duplicates()
        self.frequency = np.log((1 + len(rows)) / (1 + np.bincount(self.counts.indices, minlength=self.features))) + 1
        self.frequency[:FIRST] = 0

    def scale(self, known: np.ndarray) -> np.ndarray:
        """Of each feature, by the values of the texts that are known, bool (rows,): float (features,)."""
        if not self.ratios:
            return self.frequency
        above = (self.values[known] > 0).astype(np.float32)[:, None]
        ratios = log_count_ratios(self.sequences, self.rows[known], above, 1, self.features)[:, 0]
        return self.frequency * (_LEAST_RATIO + np.abs(ratios.astype(np.float64)))

    def vectors(self, scale: np.ndarray) -> csr_array:
        """Counts times scales, those of each kind of length 1: float (rows, features)."""
        counts = self.counts
        norms = np.sqrt(np.maximum(counts @ self.by_kind(scale**2), TINY))  # (rows, kinds)
        vectors = counts.copy()
        of_row = np.repeat(np.arange(len(self.rows)), np.diff(counts.indptr))
        vectors.data = counts.data * scale[counts.indices] / norms[of_row, self.kind[counts.indices]]
        return vectors

    def by_kind(self, numbers: np.ndarray) -> np.ndarray:
        """Those of features in a column for each kind, 0 elsewhere: (features, kinds)."""
        table = np.zeros((self.features, len(self.kinds)))
        table[np.arange(self.features), self.kind] = numbers
        return table

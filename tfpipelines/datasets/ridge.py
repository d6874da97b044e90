"""A linear model of the n-grams of texts, for numbers."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge

from .tokens import FIRST, Sequences

_PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
TINY = 1e-12  # least square of a length
_STREAM = 3  # of random numbers


def ridge_table(
    sequences: Sequences, rows: np.ndarray, values: np.ndarray, kinds: Sequence[int], seed: int
) -> np.ndarray:
    """What each feature adds to a number: ridge regression on TF-IDF vectors (Hoerl & Kennard 1970), those of each kind
    of features of length 1.

    The penalty is the one of the least error on a fifth of the training texts, drawn by the seed.

    Args:
        sequences: features of every text.
        rows, values: the training texts, and their numbers of mean 0, float (rows,).
        kinds: how many features there are of each kind, such as words and characters, whose ids follow each other
            behind those of padding and unknown tokens, 0 and 1, which have no say.

    Returns:
        float32 (features, 2 kinds): the weight of a feature times its inverse document frequency in the column of its
        kind, 0 in those of others; behind them the square of the latter likewise. The number of a text is the sum, over
        kinds, of the sum of the first over its features, as often as they occur, divided by the root of that of the
        second.
    """
    features = FIRST + sum(kinds)
    kind = np.concatenate([np.zeros(FIRST, int), np.repeat(np.arange(len(kinds)), kinds)])
    lengths = sequences.lengths[rows]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    counts = csr_array((np.ones(lengths.sum()), sequences.at(rows), starts), (len(rows), features))
    counts.sum_duplicates()
    frequency = np.log((1 + len(rows)) / (1 + np.bincount(counts.indices, minlength=features))) + 1
    frequency[:FIRST] = 0
    squares = np.zeros((features, len(kinds)))
    squares[np.arange(features), kind] = frequency**2
    norms = np.sqrt(np.maximum(counts @ squares, TINY))  # (rows, kinds)
    vectors = counts.copy()
    vectors.data = (
        vectors.data
        * frequency[vectors.indices]
        / norms[np.repeat(np.arange(len(rows)), np.diff(vectors.indptr)), kind[vectors.indices]]
    )
    held_out = np.random.default_rng([seed, _STREAM]).permutation(len(rows)) < len(rows) // 5

    def fit(penalty: float, some: np.ndarray) -> Ridge:
        return Ridge(penalty, fit_intercept=False, solver="sparse_cg").fit(vectors[some], values[some])

    def error(penalty: float) -> float:
        told = fit(penalty, ~held_out).predict(vectors[held_out])
        return float(np.square(told - values[held_out]).mean())

    best = min(_PENALTIES, key=error) if held_out.any() else _PENALTIES[-1]
    table = np.zeros((features, len(kinds)))
    table[np.arange(features), kind] = fit(best, np.ones(len(rows), bool)).coef_ * frequency
    return np.concatenate([table, squares], 1).astype(np.float32)

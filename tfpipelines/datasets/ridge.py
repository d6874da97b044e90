"""A linear model of the n-grams of texts, for numbers."""

import numpy as np
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge

from .tokens import FIRST, Sequences

_PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_STREAM = 3  # of random numbers


def ridge_table(sequences: Sequences, rows: np.ndarray, values: np.ndarray, features: int, seed: int) -> np.ndarray:
    """What each feature adds to a number: ridge regression on TF-IDF vectors of length 1 (Hoerl & Kennard 1970).

    The penalty is the one of the least error on a fifth of the training texts, drawn by the seed.

    Args:
        sequences: features of every text.
        rows, values: the training texts, and their numbers of mean 0, float (rows,).
        features: how many ids there are; those of padding and unknown tokens, 0 and 1, have no say.

    Returns:
        float32 (features, 2): the weight of a feature times its inverse document frequency, and the square of the
        latter. The number of a text is the sum of the first over its features, as often as they occur, divided by the
        root of the sum of the second.
    """
    lengths = sequences.lengths[rows]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    counts = csr_array((np.ones(lengths.sum()), sequences.at(rows), starts), (len(rows), features))
    counts.sum_duplicates()
    frequency = np.log((1 + len(rows)) / (1 + np.bincount(counts.indices, minlength=features))) + 1
    frequency[:FIRST] = 0
    squares = frequency**2
    norms = np.sqrt(np.maximum(counts @ squares, 1e-12))
    vectors = counts.multiply(frequency[None]).multiply(1 / norms[:, None]).tocsr()
    held_out = np.random.default_rng([seed, _STREAM]).permutation(len(rows)) < len(rows) // 5

    def fit(penalty: float, some: np.ndarray) -> Ridge:
        return Ridge(penalty, fit_intercept=False, solver="sparse_cg").fit(vectors[some], values[some])

    def error(penalty: float) -> float:
        told = fit(penalty, ~held_out).predict(vectors[held_out])
        return float(np.square(told - values[held_out]).mean())

    best = min(_PENALTIES, key=error) if held_out.any() else _PENALTIES[-1]
    weights = fit(best, np.ones(len(rows), bool)).coef_
    return np.stack([weights * frequency, squares], 1).astype(np.float32)

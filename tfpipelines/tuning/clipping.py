"""Scores without those so bad that they would hide all differences among good ones."""

import numpy as np


def clipped(scores, direction: str) -> np.ndarray:
    """The scores, none of them farther from the median on the bad side than twice the best one is on the good side.

    Args:
        scores: finite, at least one.
        direction: `max` or `min`, what is good.
    """
    scores = np.asarray(scores, np.float64)
    median, best = np.median(scores), scores.max() if direction == "max" else scores.min()
    limit = 3 * median - 2 * best
    return np.maximum(scores, limit) if direction == "max" else np.minimum(scores, limit)

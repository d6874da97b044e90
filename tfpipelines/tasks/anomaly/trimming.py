"""Training samples that are left out because they may be anomalies: `train.contamination`.

Refits that are trimmed, as the concentration steps of the minimum covariance determinant are (Rousseeuw & Van Driessen
1999): detectors are fitted to what is left, score all samples, the oddest share is left out, and so on. A sample is
scored by detectors that have not seen it: the nearest neighbour of one that they have is itself.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

ROUNDS = 5  # at most
_FOLDS = 2
_FEWEST = 8  # samples of which some are left out
_ADDED = 0.1  # of the median score, before the logarithm: of tiny scores the digits are few


class Trimmed(NamedTuple):
    """Which samples are left out.

    Args:
        left_out: bool (samples,).
        odds: of each sample, the higher the odder, float64 (samples,): the mean over the detectors of the logarithm of
            its score, in quartile distances above the median.
        rounds: refits that it took.
    """

    left_out: np.ndarray
    odds: np.ndarray
    rounds: int


# Scores of some samples by a detector that is fitted to others: of (the latter, the former), int64 numbers of samples.
Detector = Callable[[np.ndarray, np.ndarray], np.ndarray]


def left_out(count: int, share: float) -> int:
    """How many of so many samples are left out."""
    return int(share * count + 1e-9) if count >= _FEWEST else 0


def trim(count: int, share: float, detectors: Sequence[Detector], seed: int, in_turn: bool) -> Trimmed:
    """Leaves out the oddest samples.

    Args:
        count: samples.
        share: of them that is left out, 0 to 0.5, see `left_out`.
        detectors: whose scores are all asked for.
        seed: of the halves of the samples, each of which is scored by detectors that are fitted to the other.
        in_turn: whether neighbours among the samples overlap: the halves are the first and the last ones then.
    """
    most, kept, odds = left_out(count, share), np.ones(count, bool), np.zeros(count)
    places = np.arange(count)
    fold = places * _FOLDS // count if in_turn else np.random.default_rng([seed, 15]).permutation(count) % _FOLDS
    rounds = 0
    while most and rounds < ROUNDS:
        rounds += 1
        odds = np.mean([_odds(_scores(scores_of, kept, fold)) for scores_of in detectors], 0)
        now = np.ones(count, bool)
        now[np.argsort(-odds, kind="stable")[:most]] = False
        if (now == kept).all():
            break
        kept = now
    return Trimmed(~kept, odds, rounds)


def _scores(scores_of: Detector, kept: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Of all samples by a detector, each by what it is without the half that the sample is of."""
    scores = np.zeros(len(kept))
    for number in range(_FOLDS):
        fitted, asked = np.flatnonzero(kept & (fold != number)), np.flatnonzero(fold == number)
        # A half may be all anomalies, as a bad stretch of a series is.
        scores[asked] = scores_of(fitted if len(fitted) > 1 else np.flatnonzero(fold != number), asked)
    return scores


def _odds(scores: np.ndarray) -> np.ndarray:
    """Scores of a detector on the scale that all have in common; quartiles, since some are far from all others."""
    known = np.maximum(scores, 0.0)
    told = np.log(known + max(_ADDED * float(np.median(known)), 1e-12))
    low, middle, high = np.percentile(told, [25, 50, 75])
    return (told - middle) / max(high - low, 1e-6)

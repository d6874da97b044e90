"""From which probability on a label is predicted, chosen by labelled rows."""

import numpy as np

THRESHOLD = 0.5

_FEWEST = 10  # rows with a label, and without it, below which its threshold stays
_RANGE = 0.05, 0.95  # of thresholds


def fit_thresholds(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """For each label the threshold of the highest F1 (Lipton et al. 2014), the one nearest to 0.5 of equal ones.

    It lies halfway between two neighbouring probabilities. Where fewer than ten rows have the label, or fewer than ten
    have not, it stays 0.5, since so few rows would choose it by chance.

    Args:
        targets: 1 for each label that a row has, (n, labels).
        probabilities: float (n, labels).

    Returns:
        float64 (labels,), between 0.05 and 0.95.
    """
    return np.array([_best(has > 0.5, scores) for has, scores in zip(targets.T, probabilities.T)], np.float64)


def _best(has: np.ndarray, scores: np.ndarray) -> float:
    if min(has.sum(), (~has).sum()) < _FEWEST:
        return THRESHOLD
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order].astype(np.float64), np.cumsum(has[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + has.sum())  # of predicting the first 1, 2, ... rows
    cuts = (ranked + np.append(ranked[1:], 0.0)) / 2
    allowed = (np.append(ranked[1:], -1.0) < ranked) & (cuts >= _RANGE[0]) & (cuts <= _RANGE[1])
    usual = 2 * (has & (scores >= THRESHOLD)).sum() / max((scores >= THRESHOLD).sum() + has.sum(), 1)
    if not allowed.any() or f1[allowed].max() <= usual:
        return THRESHOLD
    best = np.flatnonzero(allowed & (f1 >= f1[allowed].max() - 1e-12))
    return float(cuts[best[np.abs(cuts[best] - THRESHOLD).argmin()]])


def decisions(probabilities: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
    """Which labels are predicted, bool (n, labels).

    Args:
        probabilities: float (n, labels).
        thresholds: float (labels,), from where on each label is predicted; None: 0.5.
    """
    return probabilities >= (THRESHOLD if thresholds is None else thresholds)

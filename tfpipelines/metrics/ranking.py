"""How well scores rank, for many resamples of the same rows: they are sorted once."""

import numpy as np


class Ranking:
    """The metrics of scikit-learn's `roc_auc_score` and `average_precision_score` of rows that are drawn again and
    again.

    Args:
        positive: bool (rows,).
        scores: float (rows,), the higher the more likely positive.
    """

    def __init__(self, positive: np.ndarray, scores: np.ndarray):
        self._order = np.argsort(-scores, kind="stable")
        self._positive = positive[self._order]
        # the last row of each run of equal scores
        self._ends = np.flatnonzero(np.append(np.diff(scores[self._order]) != 0, True))

    def figures(self, counts: np.ndarray) -> dict[str, float]:
        """`roc_auc` and `average_precision` (mean precision over the steps of recall) of the rows drawn; {} unless rows
        of both kinds are.

        Args:
            counts: how often each row was drawn, int (rows,).
        """
        found, drawn = self._so_far(counts)
        false = drawn - found
        if not found[-1] or not false[-1]:
            return {}
        return {
            "roc_auc": float(np.trapezoid(np.append(0, found), np.append(0, false)) / (found[-1] * false[-1])),
            "average_precision": _average_precision(found, drawn),
        }

    def average_precision(self, counts: np.ndarray) -> float | None:
        """That alone; None unless a positive row is drawn."""
        found, drawn = self._so_far(counts)
        return _average_precision(found, drawn) if found[-1] else None

    def _so_far(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positive rows, and all rows, down to each distinct score."""
        drawn = counts[self._order]
        return np.cumsum(drawn * self._positive)[self._ends], np.cumsum(drawn)[self._ends]


def _average_precision(found: np.ndarray, drawn: np.ndarray) -> float:
    return float((np.diff(found, prepend=0) * found / np.maximum(drawn, 1)).sum() / found[-1])

"""How well scores rank, for many resamples of the same rows: they are sorted once."""

import numpy as np


class Ranking:
    """The figures of scikit-learn's `roc_auc_score` and `average_precision_score` of rows that are drawn again and again.

    Args:
        positive: bool (rows,).
        scores: float (rows,), the higher the more likely positive.
    """

    def __init__(self, positive: np.ndarray, scores: np.ndarray):
        self._order = np.argsort(-scores, kind="stable")
        self._positive = positive[self._order]
        self._ends = np.flatnonzero(np.append(np.diff(scores[self._order]) != 0, True))  # the last row of each run of equal scores

    def positives(self, counts: np.ndarray) -> int:
        """How many drawn rows are positive; `counts` says how often each row was drawn, int (rows,)."""
        return int(counts[self._order][self._positive].sum())

    def average_precision(self, counts: np.ndarray) -> float:
        """Mean precision over the steps of recall; one positive row must be drawn."""
        found, all_of_them = self._so_far(counts)
        return float((np.diff(found, prepend=0) * found / np.maximum(all_of_them, 1)).sum() / found[-1])

    def roc_auc(self, counts: np.ndarray) -> float:
        """The area under the ROC curve; a row of each kind must be drawn."""
        found, all_of_them = self._so_far(counts)
        false = all_of_them - found
        return float(np.trapezoid(np.append(0, found), np.append(0, false)) / (found[-1] * false[-1]))

    def _so_far(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positive rows, and all rows, down to each distinct score."""
        drawn = counts[self._order]
        return np.cumsum(drawn * self._positive)[self._ends], np.cumsum(drawn)[self._ends]

"""Figures of a classifier whose rows may have several labels: a function for each name that the registry gives to them.

A label is predicted from its threshold on, 0.5 unless another is given. Each function takes rows that are drawn, and
gives a number, or None where they do not allow it.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
from sklearn import metrics

from .calibration_error import expected_calibration_error, grouped_calibration_error
from .ranking import Ranking
from .single_label import SMALLEST
from .thresholds import decisions


class Known:
    """What is known of each row, computed once for all resamples.

    Args:
        targets: 1 for each label that a row has, (n, labels).
        probabilities: float (n, labels), each in [0, 1].
        thresholds: from where on each label is predicted, float (labels,); None: 0.5.
    """

    def __init__(self, targets: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray | None = None):
        self.targets, self.probabilities, self.thresholds = targets, probabilities, thresholds
        actual, decided = targets > 0.5, decisions(probabilities, thresholds)
        self.right = (actual == decided).all(1)
        self.wrong = (actual != decided).mean(1)  # share of the decisions of each row
        self.outcomes = actual & decided, ~actual & decided, actual & ~decided, ~actual & ~decided

    def draw(self, rows: np.ndarray | None = None) -> "Drawn":
        """Some rows by number, any of them several times; None: each once."""
        return Drawn(self, np.arange(len(self.targets)) if rows is None else rows, whole=rows is None)

    @property
    def rarest(self) -> int:
        """The least number of rows with a label, or without one."""
        having = (self.targets > 0.5).sum(0)
        return int(np.minimum(having, len(self.targets) - having).min())

    @property
    def shares(self) -> dict[str, np.ndarray]:
        """The metrics that are shares of rows, and which rows they count, bool (n,)."""
        return {"accuracy": self.right}

    def with_extreme(self, wrong: bool) -> "Known":
        """With one row more that is told wrong or right in each label, with as much confidence as any row is: wrong in
        the rarer of the two answers, which weighs more; right in having the label, which counts for every metric.
        """
        confidence = np.maximum(self.probabilities, 1 - self.probabilities).max(0)
        target = (self.targets > 0.5).mean(0) <= 0.5 if wrong else np.ones(self.targets.shape[1], bool)
        row = np.where(target != wrong, confidence, 1 - confidence)
        targets = np.concatenate([self.targets, target[None].astype(self.targets.dtype)])
        return Known(targets, np.concatenate([self.probabilities, row[None]]), self.thresholds)

    @cached_property
    def losses(self) -> np.ndarray:
        """Mean negative log probability of the right answers, float64 (n,)."""
        right = np.where(self.targets > 0.5, self.probabilities, 1.0 - self.probabilities).astype(np.float64)
        return -np.log(np.clip(right, SMALLEST, 1.0)).mean(1)

    @cached_property
    def rankings(self) -> list[Ranking]:
        """Of each label that a row has."""
        columns = zip((self.targets > 0.5).T, self.probabilities.T)
        return [Ranking(positive, scores) for positive, scores in columns if positive.any()]

    @cached_property
    def calibration_error(self) -> Callable[[np.ndarray], float]:
        return grouped_calibration_error(*as_decisions(self.targets, self.probabilities), self.targets.shape[1])


class Drawn:
    """Rows that are drawn, and what all metrics of decisions need: `tp`, `fp`, `fn` and `tn`, the rows of each label
    that are rightly and wrongly said to have it, and wrongly and rightly not, int (labels,).

    Args:
        whole: whether the rows are all of them, each once.
    """

    def __init__(self, known: Known, rows: np.ndarray, whole: bool):
        self.known, self.rows, self.whole = known, rows, whole
        self.tp, self.fp, self.fn, self.tn = (outcome[rows].sum(0) for outcome in known.outcomes)


def accuracy(drawn: Drawn) -> float:
    """Of whole rows: every label right."""
    return drawn.known.right[drawn.rows].mean()


def hamming_loss(drawn: Drawn) -> float:
    return drawn.known.wrong[drawn.rows].mean()


def balanced_accuracy(drawn: Drawn) -> float:
    """Mean over labels."""
    with np.errstate(invalid="ignore"):
        recalls = np.stack([drawn.tp / (drawn.tp + drawn.fn), drawn.tn / (drawn.tn + drawn.fp)])
    return float(np.nanmean(np.nanmean(recalls, 0)))


def f1_micro(drawn: Drawn) -> float:
    return _f1(*(counts.sum(keepdims=True) for counts in (drawn.tp, drawn.fp, drawn.fn)))


def f1_macro(drawn: Drawn) -> float:
    return _f1(drawn.tp, drawn.fp, drawn.fn)


def _f1(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> float:
    total = 2 * tp + fp + fn
    return np.where(total > 0, 2 * tp / np.maximum(total, 1), 0.0).mean()


def log_loss(drawn: Drawn) -> float:
    """Mean over all decisions."""
    return drawn.known.losses[drawn.rows].mean()


def average_precision(drawn: Drawn) -> float | None:
    """Mean over the labels that a row has."""
    known = drawn.known
    if drawn.whole:
        present = known.targets.sum(0) > 0
        if not present.any():
            return None
        targets, probabilities = known.targets[:, present], known.probabilities[:, present]
        return metrics.average_precision_score(targets, probabilities, average="macro")
    counts = np.bincount(drawn.rows, minlength=len(known.targets))
    found = [value for ranking in known.rankings if (value := ranking.average_precision(counts)) is not None]
    return float(np.mean(found)) if found else None


def ece(drawn: Drawn) -> float:
    """Over all decisions."""
    if drawn.whole:
        return expected_calibration_error(*as_decisions(drawn.known.targets, drawn.known.probabilities))
    return drawn.known.calibration_error(drawn.rows)


def per_label(
    targets: np.ndarray, probabilities: np.ndarray, labels: list[str], thresholds: np.ndarray | None = None
) -> dict[str, dict[str, float]]:
    """{label: {precision, recall, f1, support, threshold, average_precision}}; the threshold only where some are given,
    and the last one only where both answers occur.
    """
    actual, decided = targets > 0.5, decisions(probabilities, thresholds)
    hits, claimed, support = (actual & decided).sum(0), decided.sum(0), actual.sum(0)
    table = {}
    for number, name in enumerate(labels):
        precision, recall = hits[number] / max(claimed[number], 1), hits[number] / max(support[number], 1)
        f1 = 2 * hits[number] / max(claimed[number] + support[number], 1)
        table[name] = {"precision": float(precision), "recall": float(recall), "f1": float(f1)}
        table[name]["support"] = int(support[number])
        if thresholds is not None:
            table[name]["threshold"] = float(thresholds[number])
        if 0 < support[number] < len(targets):
            area = metrics.average_precision_score(targets[:, number], probabilities[:, number])
            table[name]["average_precision"] = float(area)
    return table


def as_decisions(targets: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every (row, label) pair as a row of its own with two classes, no and yes: (pairs,) and (pairs, 2)."""
    yes = probabilities.reshape(-1)
    return targets.reshape(-1).astype(int), np.stack([1 - yes, yes], 1)

"""Figures of a classifier whose rows have one label each: a function for each name that the registry gives to them.

Each takes rows that are drawn, and gives a number, or None where they do not allow it.
"""

from functools import cached_property

import numpy as np
from sklearn import metrics

from .calibration_error import bin_of, binned_error

SMALLEST = 1e-7  # probabilities are kept from 0 by this much before the logarithm, as Keras does


class Known:
    """What is known of each row, computed once for all resamples.

    Args:
        labels: class numbers, int (n,).
        probabilities: float (n, classes), rows adding up to 1.
    """

    def __init__(self, labels: np.ndarray, probabilities: np.ndarray):
        self.labels, self.probabilities, self.classes = labels, probabilities, probabilities.shape[1]
        self.predicted, self.confidence = probabilities.argmax(1), probabilities.max(1)
        self.right, self.bins = self.predicted == labels, bin_of(self.confidence)
        self.hits = np.where(self.right, labels, self.classes)  # the class of what is told right, else one number more

    def draw(self, rows: np.ndarray | None = None) -> "Drawn":
        """Some rows by number, any of them several times; None: each once."""
        return Drawn(self, np.arange(len(self.labels)) if rows is None else rows)

    @property
    def rarest(self) -> int:
        """Rows of the class that has fewest."""
        return int(np.bincount(self.labels, minlength=self.classes).min())

    @property
    def shares(self) -> dict[str, np.ndarray]:
        """The metrics that are shares of rows, and which rows they count, bool (n,)."""
        return {"accuracy": self.right, **({"top_5": self.in_top_5} if self.classes > 5 else {})}

    def with_extreme(self, wrong: bool) -> "Known":
        """With one row more, of the rarest class, which weighs most, that is told wrong or right with as much
        confidence as any row is: wrong as the next rare class, and its own class last.
        """
        counts = np.bincount(self.labels, minlength=self.classes)
        rarest, next_rare = np.argsort(np.where(counts > 0, counts, counts.max() + 1), kind="stable")[:2]
        ranked = np.sort(self.probabilities[self.confidence.argmax()])[::-1]
        others = [number for number in range(self.classes) if number not in (rarest, next_rare)]
        order = [next_rare, *others, rarest] if wrong else [rarest, *others, next_rare]
        row = np.empty(self.classes, self.probabilities.dtype)
        row[order] = ranked
        return Known(np.append(self.labels, rarest), np.concatenate([self.probabilities, row[None]]))

    @cached_property
    def losses(self) -> np.ndarray:
        """Negative log probability of the true class, float64 (n,)."""
        chosen = self.probabilities[np.arange(len(self.labels)), self.labels].astype(np.float64)
        return -np.log(np.clip(chosen, SMALLEST, 1.0))

    @cached_property
    def in_top_5(self) -> np.ndarray:
        """Whether fewer than five classes come before the true one, bool (n,); of equal probabilities the later class
        comes first, as in scikit-learn.
        """
        true = self.probabilities[np.arange(len(self.labels)), self.labels][:, None]
        later = np.arange(self.classes) > self.labels[:, None]
        return ((self.probabilities > true) | ((self.probabilities == true) & later)).sum(1) < 5


class Drawn:
    """Rows that are drawn, and what all metrics of decisions need: `hits` (rows that are told right), `actual` and
    `claimed` rows of each class, int (classes,).
    """

    def __init__(self, known: Known, rows: np.ndarray):
        self.known, self.rows = known, rows
        count = lambda numbers: np.bincount(numbers[rows], minlength=known.classes + 1)[:-1]
        self.hits, self.actual, self.claimed = count(known.hits), count(known.labels), count(known.predicted)


def accuracy(drawn: Drawn) -> float:
    return drawn.hits.sum() / len(drawn.rows)


def balanced_accuracy(drawn: Drawn) -> float:
    """Over the classes present."""
    present = drawn.actual > 0
    return (drawn.hits[present] / drawn.actual[present]).mean()


def f1_macro(drawn: Drawn) -> float:
    """Over the classes present or predicted."""
    total = drawn.actual + drawn.claimed
    return (2 * drawn.hits[total > 0] / total[total > 0]).mean()


def top_5(drawn: Drawn) -> float | None:
    return drawn.known.in_top_5[drawn.rows].mean() if drawn.known.classes > 5 else None


def log_loss(drawn: Drawn) -> float:
    return drawn.known.losses[drawn.rows].mean()


def ece(drawn: Drawn) -> float:
    known, rows = drawn.known, drawn.rows
    return binned_error(known.bins[rows], known.confidence[rows], known.right[rows])


def matthews(drawn: Drawn) -> float:
    """0 where all rows are of one class, or are said to be."""
    count, actual, claimed = float(len(drawn.rows)), drawn.actual.astype(float), drawn.claimed.astype(float)
    together = count * drawn.hits.sum() - actual @ claimed
    spread = (count**2 - actual @ actual) * (count**2 - claimed @ claimed)
    return together / np.sqrt(spread) if spread > 0 else 0.0


def per_class(labels: np.ndarray, probabilities: np.ndarray, classes: list[str]) -> dict[str, dict[str, float]]:
    """{class: {precision, recall, f1, support}}."""
    columns = metrics.precision_recall_fscore_support(
        labels, probabilities.argmax(1), labels=np.arange(len(classes)), zero_division=0
    )
    return {
        name: {"precision": float(precision), "recall": float(recall), "f1": float(f1), "support": int(support)}
        for name, precision, recall, f1, support in zip(classes, *columns)
    }

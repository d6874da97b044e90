"""Figures of a classifier whose rows may have several labels, with bootstrap intervals.

A label is predicted from 0.5 on.
"""

from collections.abc import Callable

import numpy as np
from sklearn import metrics

from .metrics import SMALLEST, expected_calibration_error, grouped_calibration_error
from .ranking import Ranking

THRESHOLD = 0.5


def multi_label_metrics(targets: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """The figures of a multi-label classifier.

    Args:
        targets: 1 for each label that a row has, (n, labels).
        probabilities: float (n, labels), each in [0, 1].

    Returns:
        accuracy (of whole rows: every label right), hamming_loss (share of wrong decisions), balanced_accuracy (mean
        over labels), f1_micro, f1_macro, average_precision (mean over the labels present), log_loss (natural logarithm,
        mean over all decisions), ece (over all decisions).
    """
    values = {name: draw(np.arange(len(targets))) for name, draw in _figures(targets, probabilities).items()}
    present = targets.sum(0) > 0
    if present.any():
        values["average_precision"] = metrics.average_precision_score(
            targets[:, present], probabilities[:, present], average="macro"
        )
    values["ece"] = expected_calibration_error(*as_decisions(targets, probabilities))
    return {name: float(value) for name, value in values.items()}


def multi_label_intervals(
    targets: np.ndarray, probabilities: np.ndarray, resamples: int, seed: int, level: float = 0.95
) -> dict[str, list[float]]:
    """Percentile intervals by resampling rows, of all figures but average_precision and ece; {} without resamples."""
    generator = np.random.default_rng([seed, 2])
    draws: dict[str, list[float]] = {}
    figures = _figures(targets, probabilities)
    for _ in range(resamples):
        rows = generator.integers(0, len(targets), len(targets))
        for name, draw in figures.items():
            draws.setdefault(name, []).append(draw(rows))
    tail = 50 * (1 - level)
    return {
        name: [float(value) for value in np.percentile(values, [tail, 100 - tail])] for name, values in draws.items()
    }


def multi_label_row_figures(targets: np.ndarray, probabilities: np.ndarray) -> Callable[[np.ndarray], dict[str, float]]:
    """The figures of `multi_label_metrics` as a function of row numbers, in which a row may occur several times.

    A label that no drawn row has plays no part in average_precision.

    Args:
        targets, probabilities: as there.
    """
    parts = _figures(targets, probabilities)
    calibration_error = grouped_calibration_error(*as_decisions(targets, probabilities), targets.shape[1])
    rankings = [
        Ranking(column > 0.5, scores) for column, scores in zip(targets.T, probabilities.T) if (column > 0.5).any()
    ]

    def figures(rows: np.ndarray) -> dict[str, float]:
        values = {name: draw(rows) for name, draw in parts.items()}
        counts = np.bincount(rows, minlength=len(targets))
        present = [value for ranking in rankings if (value := ranking.average_precision(counts)) is not None]
        if present:
            values["average_precision"] = np.mean(present)
        values["ece"] = calibration_error(rows)
        return {name: float(value) for name, value in values.items()}

    return figures


def per_label(targets: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> dict[str, dict[str, float]]:
    """{label: {precision, recall, f1, support, average_precision}}; the last only where both answers occur."""
    actual, decided = targets > 0.5, probabilities >= THRESHOLD
    hits, claimed, support = (actual & decided).sum(0), decided.sum(0), actual.sum(0)
    table = {}
    for number, name in enumerate(labels):
        precision, recall = hits[number] / max(claimed[number], 1), hits[number] / max(support[number], 1)
        f1 = 2 * hits[number] / max(claimed[number] + support[number], 1)
        table[name] = {
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "support": int(support[number]),
        }
        if 0 < support[number] < len(targets):
            table[name]["average_precision"] = float(
                metrics.average_precision_score(targets[:, number], probabilities[:, number])
            )
    return table


def as_decisions(targets: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every (row, label) pair as a row of its own with two classes, no and yes: (pairs,) and (pairs, 2)."""
    yes = probabilities.reshape(-1)
    return targets.reshape(-1).astype(int), np.stack([1 - yes, yes], 1)


def _figures(targets: np.ndarray, probabilities: np.ndarray) -> dict:
    """{figure: function of row numbers}, each computed from what is known of every row."""
    actual, decided = targets > 0.5, probabilities >= THRESHOLD
    right = (actual == decided).all(1)
    hits, false, missed, quiet = actual & decided, ~actual & decided, actual & ~decided, ~actual & ~decided
    wrong = (false | missed).mean(1)
    chosen = np.where(actual, probabilities, 1.0 - probabilities).astype(np.float64)
    losses = -np.log(np.clip(chosen, SMALLEST, 1.0)).mean(1)

    def balanced(rows):
        tp, fp, fn, tn = (part[rows].sum(0) for part in (hits, false, missed, quiet))
        with np.errstate(invalid="ignore"):
            recalls = np.stack([tp / (tp + fn), tn / (tn + fp)])
        return np.nanmean(np.nanmean(recalls, 0))

    def f1(rows, micro):
        tp, fp, fn = (part[rows].sum(0) for part in (hits, false, missed))
        if micro:
            tp, fp, fn = tp.sum(keepdims=True), fp.sum(keepdims=True), fn.sum(keepdims=True)
        total = 2 * tp + fp + fn
        return np.where(total > 0, 2 * tp / np.maximum(total, 1), 0.0).mean()

    return {
        "accuracy": lambda rows: right[rows].mean(),
        "hamming_loss": lambda rows: wrong[rows].mean(),
        "balanced_accuracy": balanced,
        "f1_micro": lambda rows: f1(rows, True),
        "f1_macro": lambda rows: f1(rows, False),
        "log_loss": lambda rows: losses[rows].mean(),
    }

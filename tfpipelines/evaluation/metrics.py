"""Figures of a classifier, with bootstrap intervals."""

from collections.abc import Callable

import numpy as np
from sklearn import metrics

_BINS = 15
SMALLEST = 1e-7  # probabilities are kept from 0 by this much before the logarithm, as Keras does


def classification_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """The figures of a single-label classifier.

    Args:
        labels: class numbers, int (n,).
        probabilities: float (n, classes), rows adding up to 1.

    Returns:
        accuracy, balanced_accuracy (mean recall of the classes present), f1_macro (over the classes present or
        predicted), top_5 (where there are more than five classes), log_loss (natural logarithm), ece.
    """
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(1)
    present = np.unique(labels)
    values = {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "balanced_accuracy": metrics.recall_score(labels, predicted, labels=present, average="macro", zero_division=0),
        "f1_macro": metrics.f1_score(labels, predicted, average="macro", zero_division=0),
    }
    if classes > 5:
        values["top_5"] = _in_top_5(labels, probabilities).mean()
    values["log_loss"] = _log_losses(labels, probabilities).mean()
    values["ece"] = expected_calibration_error(labels, probabilities)
    return {name: float(value) for name, value in values.items()}


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = _BINS) -> float:
    """Mean distance between confidence and accuracy over equally wide bins of confidence (Naeini et al. 2015)."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    return _ece(_bin(confidence, bins), confidence, right, bins)


def grouped_calibration_error(
    labels: np.ndarray, probabilities: np.ndarray, group: int
) -> Callable[[np.ndarray], float]:
    """`expected_calibration_error` as a function of the numbers of groups of so many neighbouring rows."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = _bin(confidence, _BINS)
    cells = bins + _BINS * np.repeat(np.arange(len(bins) // group), group)
    gaps = np.bincount(cells, right.astype(float) - confidence, len(bins) // group * _BINS).reshape(
        -1, _BINS
    )  # of each group in each bin
    return lambda groups: float(np.abs(gaps[groups].sum(0)).sum() / (len(groups) * group))


def bootstrap_intervals(
    labels: np.ndarray, probabilities: np.ndarray, resamples: int, seed: int, level: float = 0.95
) -> dict[str, list[float]]:
    """Percentile intervals of every figure of `classification_metrics`, by resampling rows (Efron & Tibshirani 1993).

    Args:
        labels, probabilities: as there.
        resamples: 0 gives {}.
        seed: of the resampling.

    Returns:
        {figure: [low, high]}.
    """
    if not resamples:
        return {}
    figures, count = row_figures(labels, probabilities), len(labels)
    generator = np.random.default_rng([seed, 2])
    draws: dict[str, list[float]] = {}
    for _ in range(resamples):
        for name, value in figures(generator.integers(0, count, count)).items():
            draws.setdefault(name, []).append(value)
    tail = 50 * (1 - level)
    return {
        name: [float(value) for value in np.percentile(values, [tail, 100 - tail])] for name, values in draws.items()
    }


def row_figures(labels: np.ndarray, probabilities: np.ndarray) -> Callable[[np.ndarray], dict[str, float]]:
    """The figures of `classification_metrics` as a function of row numbers, in which a row may occur several times.

    What is known of each row is computed once, so that a resample costs little.

    Args:
        labels, probabilities: as there.
    """
    classes = probabilities.shape[1]
    predicted, confidence = probabilities.argmax(1), probabilities.max(1)
    cells, right, bins = labels * classes + predicted, predicted == labels, _bin(confidence, _BINS)
    losses = _log_losses(labels, probabilities)
    in_top_5 = _in_top_5(labels, probabilities)

    def figures(rows: np.ndarray) -> dict[str, float]:
        values = _from_confusion(np.bincount(cells[rows], minlength=classes * classes).reshape(classes, classes))
        if classes > 5:
            values["top_5"] = in_top_5[rows].mean()
        values["log_loss"] = losses[rows].mean()
        values["ece"] = _ece(bins[rows], confidence[rows], right[rows], _BINS)
        return {name: float(value) for name, value in values.items()}

    return figures


def per_class(labels: np.ndarray, probabilities: np.ndarray, classes: list[str]) -> dict[str, dict[str, float]]:
    """{class: {precision, recall, f1, support}}."""
    columns = metrics.precision_recall_fscore_support(
        labels, probabilities.argmax(1), labels=np.arange(len(classes)), zero_division=0
    )
    return {
        name: {"precision": float(precision), "recall": float(recall), "f1": float(f1), "support": int(support)}
        for name, precision, recall, f1, support in zip(classes, *columns)
    }


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> dict[str, np.ndarray]:
    """Mean confidence, accuracy and number of rows of each bin of confidence, (bins,) each; empty bins hold NaN."""
    confidence, right = probabilities.max(1), (probabilities.argmax(1) == labels).astype(float)
    places = _bin(confidence, bins)
    counts = np.bincount(places, minlength=bins)
    with np.errstate(invalid="ignore"):
        return {
            "confidence": np.bincount(places, confidence, bins) / counts,
            "accuracy": np.bincount(places, right, bins) / counts,
            "count": counts,
        }


def _from_confusion(confusion: np.ndarray) -> dict[str, float]:
    """accuracy, balanced_accuracy and f1_macro from counts (true class, predicted class)."""
    hits, actual, claimed = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    present, involved = actual > 0, (actual + claimed) > 0
    return {
        "accuracy": hits.sum() / confusion.sum(),
        "balanced_accuracy": (hits[present] / actual[present]).mean(),
        "f1_macro": (2 * hits[involved] / (actual + claimed)[involved]).mean(),
    }


def _in_top_5(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Whether fewer than five classes come before the true one; of equal probabilities the later class comes first,
    as in scikit-learn.
    """
    true = probabilities[np.arange(len(labels)), labels][:, None]
    later = np.arange(probabilities.shape[1]) > labels[:, None]
    return ((probabilities > true) | ((probabilities == true) & later)).sum(1) < 5


def _log_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(chosen, SMALLEST, 1.0))


def _bin(confidence: np.ndarray, bins: int) -> np.ndarray:
    return np.minimum((confidence * bins).astype(int), bins - 1)


def _ece(places: np.ndarray, confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    gaps = np.bincount(places, right.astype(float) - confidence, bins)
    return float(np.abs(gaps).sum() / len(places))

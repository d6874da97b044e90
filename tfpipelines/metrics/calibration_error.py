"""How far confidence is from accuracy, over bins of confidence."""

from collections.abc import Callable

import numpy as np

BINS = 15


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean distance between confidence and accuracy over equally wide bins of confidence (Naeini et al. 2015).

    Args:
        labels: class numbers, int (n,).
        probabilities: float (n, classes).
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    return binned_error(bin_of(confidence), confidence, right)


def binned_error(places: np.ndarray, confidence: np.ndarray, right: np.ndarray) -> float:
    """The same of rows whose bins are known; (n,) each."""
    gaps = np.bincount(places, right.astype(float) - confidence, BINS)
    return float(np.abs(gaps).sum() / len(places))


def grouped_calibration_error(
    labels: np.ndarray, probabilities: np.ndarray, group: int
) -> Callable[[np.ndarray], float]:
    """`expected_calibration_error` as a function of the numbers of groups of so many neighbouring rows."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    groups = len(labels) // group
    cells = bin_of(confidence) + BINS * np.repeat(np.arange(groups), group)
    gaps = np.bincount(cells, right.astype(float) - confidence, groups * BINS).reshape(-1, BINS)  # (groups, bins)
    return lambda numbers: float(np.abs(gaps[numbers].sum(0)).sum() / (len(numbers) * group))


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> dict[str, np.ndarray]:
    """Mean confidence, accuracy and number of rows of each bin of confidence, (bins,) each; empty bins hold NaN."""
    confidence, right = probabilities.max(1), (probabilities.argmax(1) == labels).astype(float)
    places = bin_of(confidence, bins)
    counts = np.bincount(places, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean, share = np.bincount(places, confidence, bins) / counts, np.bincount(places, right, bins) / counts
    return {"confidence": mean, "accuracy": share, "count": counts}


def bin_of(confidence: np.ndarray, bins: int = BINS) -> np.ndarray:
    """The number of the bin that each confidence lies in."""
    return np.minimum((confidence * bins).astype(int), bins - 1)

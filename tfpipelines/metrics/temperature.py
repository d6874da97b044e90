"""Temperature scaling."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, log_softmax, softmax

_PRIOR_DEVIATION = 0.5  # of the logarithm of the temperature


def fit_temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    """The temperature under which `softmax(logits / temperature)` best explains the labels (Guo et al. 2017).

    Log loss alone would send the temperature of a few well-told rows to 0, and the model's confidence to 1: hence a
    normal prior on its logarithm, mean 0, standard deviation 0.5, which gives way to the data as rows grow; and where
    no row is mistaken there is nothing to learn overconfidence from, and nothing is changed.

    Args:
        labels: class numbers, int (n,); or 1 for each label that a row has, (n, classes): then it is sigmoid for
            softmax.
        logits: float (n, classes).

    Returns:
        Between 0.05 and 20; 1 where no row is mistaken.
    """
    single = labels.ndim == 1
    if (logits.argmax(1) == labels).all() if single else ((logits > 0) == (labels > 0.5)).all():
        return 1.0
    rows = np.arange(len(labels))
    logits = logits.astype(np.float64)
    if not single:
        logits = np.where(labels > 0.5, logits, -logits)  # of the right answer

    def penalty(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        losses = -log_softmax(scaled, axis=1)[rows, labels] if single else -log_expit(scaled)
        return losses.sum() + 0.5 * (log_temperature / _PRIOR_DEVIATION) ** 2

    return float(np.exp(minimize_scalar(penalty, bounds=(np.log(0.05), np.log(20.0)), method="bounded").x))


def probabilities(logits: np.ndarray, temperature: float, multi_label: bool = False) -> np.ndarray:
    """Probabilities from logits divided by the temperature, by softmax or sigmoid, float32 (n, classes)."""
    scaled = logits.astype(np.float32) / np.float32(temperature)
    return expit(scaled) if multi_label else softmax(scaled, axis=1)

"""Temperature scaling."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def fit_temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    """The temperature that gives `softmax(logits / temperature)` the least log loss (Guo et al. 2017).

    Args:
        labels: class numbers, int (n,).
        logits: float (n, classes).

    Returns:
        Between 0.05 and 20; 1 where the fit does not lower the loss.
    """
    rows = np.arange(len(labels))
    logits = logits.astype(np.float64)
    loss = lambda log_temperature: -log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels].mean()
    best = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(best.x)) if best.fun < loss(0.0) else 1.0

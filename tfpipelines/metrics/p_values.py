"""What held-out normal scores say of another score: its p-value, and whether it is normal.

Each is written once, for NumPy, for the graph of a model that is shipped, and for what such a model is compared with.
"""

from typing import Any

ANOMALY, NORMAL = "anomaly", "normal"


def p_values(scores: Any, calibration: Any, library: Any) -> Any:
    """The share of normal samples that would look as odd or odder: (1 + number of held-out scores as high) / (n + 1).

    Args:
        scores: float64 (n,); a NaN is as odd as infinity.
        calibration: held-out normal scores, float64 (m,), ascending.
        library: `numpy` or `tensorflow`, whose arrays they are.

    Returns:
        float64 (n,).
    """
    count = len(calibration)
    scores = library.where(scores == scores, scores, library.ones_like(scores) * float("inf"))
    below = library.searchsorted(calibration, scores, "left")
    below = library.cast(below, "float64") if hasattr(library, "cast") else below  # NumPy does so by itself
    return (1.0 + count - below) / (count + 1.0)


def is_normal(scores: Any, threshold: Any) -> Any:
    """Whether scores are no alarms, bool of the same shape; one that is no number is an alarm.

    Args:
        threshold: a number, or one for each score.
    """
    return scores <= threshold

"""The full evaluation of a classifier on one set of samples: metrics, tables and pictures.

Labels come as class numbers, int (n,), or, where a row may have several, as 1 for each that it has, (n, classes).
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..metrics import as_decisions, classifier_intervals, classifier_metrics, decisions, per_class, per_label
from .plots import plot_confusion, plot_per_label, plot_reliability
from .predictions import prediction_table, write_csv


def evaluate(
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: list[str],
    resamples: int,
    seed: int,
    thresholds: np.ndarray | None = None,
) -> dict[str, Any]:
    """Figures, their 95% intervals and the table by class.

    Args:
        labels: see above.
        probabilities: float (n, classes).
        thresholds: with several labels, from where on each is predicted, float (classes,); None: 0.5.

    Returns:
        {`test`: {figure: value}, `intervals`: {figure: [low, high]}, `per_class`: {class: ...}, `samples`: n}.
    """
    return {
        "test": classifier_metrics(labels, probabilities, thresholds),
        "intervals": classifier_intervals(labels, probabilities, resamples, seed, thresholds),
        "per_class": per_class(labels, probabilities, classes)
        if labels.ndim == 1
        else per_label(labels, probabilities, classes, thresholds),
        "samples": len(labels),
    }


def write_evaluation(
    folder: Path, plots: Path, figures: dict[str, Any], labels: np.ndarray, probabilities: np.ndarray,
    classes: list[str], frame: pd.DataFrame, temperature: float, thresholds: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Writes predictions.csv into `folder`, and confusion_matrix.png (or per_label.png) and reliability.png into
    `plots`.

    Args:
        figures: what `evaluate` gave.
        frame: `item`, `label` and, where samples are texts, `text` of each row.
        thresholds: see `evaluate`.

    Returns:
        Positions of the mistakes, the most confident first.
    """
    single = labels.ndim == 1
    given = probabilities, classes, list(frame["label"]), None, frame.get("text"), not single, thresholds
    table = prediction_table(frame["item"], *given)
    write_csv(folder / "predictions.csv", table)
    if single:
        plot_confusion(plots / "confusion_matrix.png", labels, probabilities, classes)
    else:
        plot_per_label(plots / "per_label.png", figures["per_class"])
    truth, shares = (labels, probabilities) if single else as_decisions(labels, probabilities)
    plot_reliability(plots / "reliability.png", truth, shares, figures["test"]["ece"], temperature)
    return confident_mistakes(labels, probabilities, thresholds)


def confident_mistakes(
    labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray | None = None
) -> np.ndarray:
    """Positions of wrong rows: by the probability of the wrong class, or of a multi-label row's most wrong decision."""
    if labels.ndim == 1:
        wrong, confidence = probabilities.argmax(1) != labels, probabilities.max(1)
    else:
        opposite = np.where(labels > 0.5, 1 - probabilities, probabilities)  # of what is true
        wrong, confidence = (decisions(probabilities, thresholds) != (labels > 0.5)).any(1), opposite.max(1)
    mistakes = np.flatnonzero(wrong)
    return mistakes[np.argsort(-confidence[mistakes], kind="stable")]

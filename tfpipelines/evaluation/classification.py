"""The full account of a classifier on one set of samples: figures, tables and pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..runs import atomic_write
from .metrics import bootstrap_intervals, classification_metrics, per_class
from .plots import plot_confusion, plot_reliability
from .predictions import prediction_table, to_csv


def account(labels: np.ndarray, probabilities: np.ndarray, classes: list[str], resamples: int, seed: int) -> dict[str, Any]:
    """Figures, their 95% intervals and the table by class.

    Args:
        labels: class numbers, int (n,).
        probabilities: float (n, classes).

    Returns:
        {`test`: {figure: value}, `intervals`: {figure: [low, high]}, `per_class`: {class: ...}, `samples`: n}.
    """
    return {
        "test": classification_metrics(labels, probabilities),
        "intervals": bootstrap_intervals(labels, probabilities, resamples, seed),
        "per_class": per_class(labels, probabilities, classes),
        "samples": len(labels),
    }


def write_account(
    folder: Path, plots: Path, figures: dict[str, Any], labels: np.ndarray, probabilities: np.ndarray, classes: list[str], items: list[str],
    temperature: float, draw_mistakes: Callable[[Path, np.ndarray, int], None],
) -> None:  # fmt: skip
    """Writes predictions.csv into `folder`, and confusion_matrix.png, reliability.png and mistakes.png into `plots`.

    Args:
        figures: what `account` gave.
        items: what each sample is called.
        draw_mistakes: function of (path, positions of mistakes, the most confident first, their number).
    """
    table = prediction_table(items, probabilities, classes, [classes[number] for number in labels])
    atomic_write(folder / "predictions.csv", to_csv(table))
    plot_confusion(plots / "confusion_matrix.png", labels, probabilities, classes)
    plot_reliability(plots / "reliability.png", labels, probabilities, figures["test"]["ece"], temperature)
    mistakes = np.flatnonzero(probabilities.argmax(1) != labels)
    mistakes = mistakes[np.argsort(-probabilities[mistakes].max(1), kind="stable")]
    draw_mistakes(plots / "mistakes.png", mistakes, len(mistakes))

"""The full evaluation of a regressor on one set of samples: metrics, table of predictions, pictures.

Values, predictions and the ends of prediction intervals are in the unit of the target, float64 (n,).
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.words import figure
from ..metrics import regressor_intervals, regressor_metrics
from .number_plots import plot_predicted, plot_residuals
from .predictions import write_csv


def number_table(
    items, predicted: np.ndarray, low=None, high=None, labels=None, errors=None, text=None
) -> pd.DataFrame:
    """One row per sample.

    Args:
        items: what each sample is called.
        predicted: float (n,).
        low, high: ends of its prediction interval, float (n,); default none.
        labels: true values where known, float (n,).
        errors: for each sample why it could not be read, or "".
        text: of each sample, where samples are texts.

    Returns:
        Columns `item`, `text` and `label` (where they are given), `predicted`, `low` and `high` (where they are);
        `error` last, if there is any, and then nothing is predicted for its rows.
    """
    failed = np.array([bool(error) for error in errors or [""] * len(predicted)], bool)
    columns: dict[str, Any] = {"item": pd.Series(list(items), dtype=object)}
    columns |= {} if text is None else {"text": pd.Series(list(text), dtype=object)}
    columns |= {} if labels is None else {"label": np.asarray(labels, np.float64)}
    ends = {} if low is None or high is None else {"low": low, "high": high}
    for name, numbers in {"predicted": predicted, **ends}.items():
        columns[name] = np.where(failed, np.nan, np.asarray(numbers, np.float64))
    table = pd.DataFrame(columns)
    return table.assign(error=list(errors)) if failed.any() else table


def evaluate_numbers(
    values: np.ndarray,
    predicted: np.ndarray,
    low: np.ndarray | None,
    high: np.ndarray | None,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Figures and their 95% intervals.

    Returns:
        {`test`: {figure: value}, `intervals`: {figure: [low, high]}, `samples`: n}.
    """
    return {
        "test": regressor_metrics(values, predicted, low, high),
        "intervals": regressor_intervals(values, predicted, resamples, seed, low, high),
        "samples": len(values),
    }


def write_numbers(
    folder: Path,
    plots: Path,
    figures: dict[str, Any],
    frame: pd.DataFrame,
    predicted: np.ndarray,
    low: np.ndarray | None,
    high: np.ndarray | None,
) -> np.ndarray:
    """Writes predictions.csv into `folder`, and predicted_vs_true.png and residuals.png into `plots`.

    Args:
        figures: what `evaluate_numbers` gave.
        frame: `item`, `value` (the true one) and, where samples are texts, `text` of each row.

    Returns:
        Positions of all rows, the largest absolute error first.
    """
    values = frame["value"].to_numpy(np.float64)
    text = frame["text"] if "text" in frame else None
    table = number_table(frame["item"], predicted, low, high, values, text=text)
    write_csv(folder / "predictions.csv", table)
    told = [f"{name.upper()} {figure(figures['test'][name])}" for name in ("rmse", "r2") if name in figures["test"]]
    plot_predicted(plots / "predicted_vs_true.png", values, predicted, low, high, ", ".join(told).replace("R2", "R²"))
    plot_residuals(plots / "residuals.png", values, predicted, low, high)
    return np.argsort(-np.abs(values - predicted), kind="stable")

"""Pictures of a regressor: predicted against true values, and residuals."""

from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .plots import MARK, TRAIN, VALIDATION, save_figure

_MOST_POINTS = 3_000  # drawn one by one; more are counted by hexagons
_BINS = 40
_Scale = Literal["linear", "log"]
_CELLS = 50  # hexagons along an axis


def plot_predicted(
    path: Path, values: np.ndarray, predicted: np.ndarray, low: np.ndarray | None, high: np.ndarray | None, title: str
) -> None:
    """Predicted against true values, the diagonal, and the prediction intervals as a band.

    Args:
        values, predicted: float (n,).
        low, high: ends of each row's prediction interval, float (n,), or None.
    """
    figure = Figure((5.6, 5.2), layout="compressed")
    axis = figure.subplots()
    both = np.concatenate([values, predicted])
    wide = _is_wide(both)
    ends = both.min(), both.max()
    pad = 0.04 * (ends[1] - ends[0]) or abs(ends[0]) * 0.1 or 1.0
    limits = (ends[0] / 1.2, ends[1] * 1.2) if wide else (ends[0] - pad, ends[1] + pad)
    if low is not None and high is not None:
        order = np.argsort(predicted, kind="stable")
        edges = (np.maximum(low, limits[0] / 10) if wide else low)[order], high[order]
        axis.fill_betweenx(predicted[order], *edges, color=VALIDATION, alpha=0.15, linewidth=0, label="intervals")
        for edge in edges:
            axis.plot(edge, predicted[order], color=VALIDATION, linewidth=0.8, zorder=3)
    axis.plot(limits, limits, color="black", linewidth=0.8, linestyle="--", zorder=3, label="predicted = true")
    if wide:
        axis.set(xscale="log", yscale="log")
    _draw_points(figure, axis, values, predicted, wide, wide)
    axis.set(xlabel="true", ylabel="predicted", xlim=limits, ylim=limits, aspect="equal")
    axis.set_title(title, fontsize=10)
    axis.legend(frameon=False, fontsize=8, loc="upper left")
    axis.grid(alpha=0.25)
    save_figure(figure, path)


def plot_residuals(
    path: Path, values: np.ndarray, predicted: np.ndarray, low: np.ndarray | None, high: np.ndarray | None
) -> None:
    """Residuals (true less predicted) against predictions, beside their histogram; of positive values of several orders
    of magnitude true divided by predicted. Arguments as of `plot_predicted`.
    """
    wide = _is_wide(np.concatenate([values, predicted]))
    beside = (lambda numbers: numbers / predicted) if wide else (lambda numbers: numbers - predicted)
    residuals, equal = beside(values), 1.0 if wide else 0.0
    figure = Figure((7.4, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
    if wide:
        left.set(xscale="log", yscale="log")
    if low is not None and high is not None:
        order = np.argsort(predicted, kind="stable")
        edges = beside(np.maximum(low, predicted * 1e-9) if wide else low)[order], beside(high)[order]
        left.fill_between(predicted[order], *edges, color=VALIDATION, alpha=0.15, linewidth=0)
        for number, edge in enumerate(edges):
            label = None if number else "intervals"
            left.plot(predicted[order], edge, color=VALIDATION, linewidth=0.8, zorder=3, label=label)
        left.legend(fontsize=8, loc="upper left")
    _draw_points(figure, left, predicted, residuals, wide, wide)
    size = float(np.abs(np.log(residuals) if wide else residuals).max()) or 1.0
    bins = np.linspace(-size, size, _BINS + 1)
    ends = np.array([-1.08, 1.08]) * size
    limits = np.exp(ends) if wide else ends
    ratio = "true / predicted" if wide else "true - predicted"
    left.set(xlabel="predicted", ylabel=ratio, ylim=tuple(limits), title="residuals")
    right.hist(residuals, (np.exp(bins) if wide else bins).tolist(), orientation="horizontal", color=TRAIN)
    right.axhline(float(np.median(residuals)), color=MARK, linewidth=1, linestyle=":", label="median")
    right.legend(frameon=False, fontsize=8)
    right.set(xlabel="rows")
    for axis in (left, right):
        axis.axhline(equal, color="black", linewidth=0.8, linestyle="--", zorder=3)
        axis.grid(alpha=0.25)
    save_figure(figure, path)


def _draw_points(
    figure: Figure, axis: Axes, across: np.ndarray, up: np.ndarray, wide_across: bool, wide_up: bool
) -> None:
    """Rows as points, or where they are many as counts."""
    if len(across) <= _MOST_POINTS:
        alpha = float(np.clip(30 / np.sqrt(len(across)), 0.25, 0.8))
        axis.plot(across, up, "o", markersize=3.5, markeredgewidth=0, color=VALIDATION, alpha=alpha)
        return
    across_scale: _Scale = "log" if wide_across else "linear"
    up_scale: _Scale = "log" if wide_up else "linear"
    cells = axis.hexbin(
        across, up, gridsize=_CELLS, bins="log", mincnt=1, cmap="viridis", linewidths=0.1,
        xscale=across_scale, yscale=up_scale,
    )  # fmt: skip
    figure.colorbar(cells, ax=axis, fraction=0.045, label="rows")


def _is_wide(numbers: np.ndarray) -> bool:
    """Whether they are better drawn on a logarithmic axis."""
    return bool(numbers.min() > 0 and np.quantile(numbers, 0.99) > 20 * np.median(numbers))

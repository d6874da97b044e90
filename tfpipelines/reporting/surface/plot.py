"""The picture of a loss surface."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...core.words import counted
from ...evaluation.plots import save_figure, short
from .result_files import LossSurface

_MARK, _COLORS, _LEVELS, _LINES = "#c0392b", "viridis", 40, 10
_APART = 0.05  # of the whole range: the least distance of ticks
_LARGE = 15.0  # ratio of the largest to the smallest loss from which on the scale is not linear
_HIGHEST = 1e6  # times the loss of the trained weights: what is above is drawn there


@dataclass(frozen=True)
class Scale:
    """How losses become heights.

    Args:
        name: `linear`, `logarithmic`, or `asinh` where some are not above 0.
        height: function of losses.
        ticks: losses that are written beside the axes.
    """

    name: str
    height: Callable
    ticks: np.ndarray


def plot_surface(path: Path, surface: LossSurface) -> None:
    """Draws the surface and its contours side by side, the trained weights marked; losses that are not finite at
    the highest one.
    """
    losses, about = clipped(surface.losses, surface.center)
    scale = scale_of(losses)
    heights, steps = scale.height(losses), surface.steps
    low, high = heights.min(), heights.max()
    if high - low < 1e-9:  # a plain
        low, high = low - 0.5, high + 0.5
    norm, (alpha, beta) = Normalize(low, high), np.meshgrid(steps, steps)
    center = heights[len(steps) // 2, len(steps) // 2]

    figure = Figure((12.5, 5.6), layout="constrained")
    solid, flat = figure.add_subplot(1, 2, 1, projection="3d"), figure.add_subplot(1, 2, 2)
    looks = {"rcount": 201, "ccount": 201, "linewidth": 0.15, "edgecolor": (0, 0, 0, 0.25), "antialiased": True}
    solid.plot_surface(alpha, beta, heights, cmap=_COLORS, norm=norm, **looks, alpha=0.92)  # in this order
    solid.plot([0, 0], [0, 0], [center, high], color=_MARK, linewidth=1.0, linestyle=":", zorder=10)
    solid.plot([0], [0], [center], "o", color=_MARK, markersize=5, zorder=11)
    names = {"xlabel": r"$\alpha$, along direction 1", "ylabel": r"$\beta$, along direction 2"}
    solid.set(**names, zlim=(low, high), box_aspect=(1, 1, 0.75))
    solid.set_zlabel("loss", rotation=90, labelpad=9)
    for axis in (solid.xaxis, solid.yaxis, flat.xaxis, flat.yaxis):
        axis.set_ticks(np.linspace(steps[0], steps[-1], 5))
        axis.set_major_formatter("{x:g}")
    solid.tick_params(labelsize=8, pad=1)
    solid.tick_params(axis="z", pad=4)
    solid.view_init(elev=32, azim=-58)

    flat.contourf(alpha, beta, heights, levels=np.linspace(low, high, _LEVELS + 1), cmap=_COLORS, norm=norm)
    if losses.max() > losses.min():
        levels = np.linspace(low, high, _LINES + 2)[1:-1]
        flat.contour(alpha, beta, heights, levels, colors="white", linewidths=0.5, alpha=0.6, linestyles="solid")
    told = f"trained weights: {surface.center:.4g}"
    flat.plot([0], [0], "o", color=_MARK, markeredgecolor="white", markersize=7, label=told)
    flat.set(**names, aspect="equal")
    flat.legend(loc="upper right", fontsize=8, framealpha=0.85)
    label = "loss" if scale.name == "linear" else f"loss, {scale.name} scale"
    bar = figure.colorbar(ScalarMappable(norm, _COLORS), ax=flat, fraction=0.046, pad=0.03, label=label)
    ticks: list[tuple[float, float]] = []
    placed = zip(scale.height(scale.ticks), scale.ticks)
    for height, tick in sorted(placed, key=lambda entry: abs(entry[1])):  # 0 before its neighbours
        if low <= height <= high and all(abs(height - other) > _APART * (high - low) for other, _ in ticks):
            ticks.append((height, tick))
    for axis in (solid.zaxis, bar.ax.yaxis):
        axis.set_ticks([height for height, _ in ticks], [f"{tick:g}" for _, tick in ticks])
    bar.ax.minorticks_off()
    title = f"Loss surface of {short(surface.run, 60)} along two filter-normalized random directions"
    mean = f"mean of {counted(surface.samples, 'sample')} of the {surface.split} split, seed {surface.seed}"
    figure.suptitle(f"{title}\n{surface.loss}; {mean}{about}", fontsize=10)
    save_figure(figure, path)


def clipped(losses: np.ndarray, center: float) -> tuple[np.ndarray, str]:
    """Losses that can be drawn, and a sentence on those that were not.

    Those that are not finite, or beyond a million times the one of the trained weights, are drawn as the highest of the
    others.
    """
    finite = np.isfinite(losses)
    if not finite.any():
        return np.zeros_like(losses), "\nno point has a finite loss"
    limit = _HIGHEST * max(abs(center), float(np.abs(losses[finite]).min()), 1e-3) if np.isfinite(center) else np.inf
    good = finite & (losses <= limit)
    highest = losses[good].max() if good.any() else losses[finite].min()
    parts = [f"{counted(int((~finite).sum()), 'point')} without a finite loss"] if not finite.all() else []
    parts += [f"{counted(int((finite & ~good).sum()), 'point')} above {limit:.3g}"] if (finite & ~good).any() else []
    return np.where(good, losses, highest), f"\n{' and '.join(parts)}, drawn at {highest:.3g}" if parts else ""


def scale_of(losses: np.ndarray) -> Scale:
    """Linear where that shows all, else logarithmic, or asinh where some losses are not above 0."""
    low, high = float(losses.min()), float(losses.max())
    if low > 0 and high / low > _LARGE:
        return Scale("logarithmic", np.log10, _round_numbers(low, high))
    if low <= 0 and high - low > _LARGE * abs(low):
        unit = max(abs(low), (high - low) / 1000)
        below = -_round_numbers(unit / 10, -low)[::-1] if low < 0 else np.zeros(0)
        ticks = np.concatenate([below, [0.0], _round_numbers(unit / 3, high)])
        return Scale("asinh", lambda values: np.arcsinh(np.asarray(values) / unit), ticks)
    return Scale("linear", np.asarray, np.asarray(MaxNLocator(7).tick_values(low, high)))


def _round_numbers(low: float, high: float) -> np.ndarray:
    """Numbers that are easy to read, evenly spread over several orders of magnitude; both ends above 0."""
    exponents = np.arange(np.floor(np.log10(low)) - 1, np.ceil(np.log10(high)) + 1)
    some = np.array([])
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        some = np.concatenate([digit * 10**exponents for digit in digits])
        some = np.sort(some[(some >= low) & (some <= high)])
        if len(some) >= 4:
            break
    return some[:: -(-len(some) // 9)] if len(some) else some

"""Pictures of a search."""

import math
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from ..core.config import Dimension
from ..core.words import counted
from ..evaluation.plots import save_figure, short
from .clipping import clipped
from .importance import Importance, places_of
from .space import Space
from .state import Trial, ranked

_LINE, _STOPPED, _BEST = "#0b6e99", "#7f8fa6", "#c0392b"
_MARKS = {
    "completed": ("o", _LINE, "completed"),
    "pruned": ("v", _STOPPED, "pruned by the median rule"),
    "cut": ("s", _STOPPED, "cut short by a budget"),
}
_PER_LINE = 4  # slices


def plot_best(path: Path, trials: list[Trial], metric: str, direction: str) -> None:
    """Objective by trial, and, for the better half, by epochs spent, with the best so far as a line.

    Args:
        trials: in the order of their numbers; those without a score only count their epochs.
    """
    better = max if direction == "max" else min
    spent, best, rows = 0, None, []
    for trial in trials:
        spent += trial.spent
        if trial.score is not None:
            best = trial.score if best is None else better(best, trial.score)
            rows.append((trial, trial.score, spent, best))
    figure = Figure((9.5, 3.6), layout="constrained")
    axes = figure.subplots(1, 2)
    numbers, counts = [trial.number for trial, _, _, _ in rows], [count for _, _, count, _ in rows]
    for axis, name, places in zip(axes, ("trial", "epochs of all trials so far"), (numbers, counts)):
        axis.step(places, [best for _, _, _, best in rows], where="post", color=_BEST, label="best so far")
        for status, (mark, color, label) in _MARKS.items():
            some = [(place, score) for place, (trial, score, _, _) in zip(places, rows) if trial.status == status]
            if some:
                axis.plot(*zip(*some), mark, color=color, markersize=5, label=label)
        axis.set(xlabel=name, ylabel=metric)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.25)
    scores = sorted((score for _, score, _, _ in rows), reverse=direction == "max")
    low, high = sorted((scores[0], scores[(len(scores) - 1) // 2]))
    margin = 0.06 * (high - low) or 0.01 * abs(high) or 0.01
    axes[1].set_ylim(low - margin, high + margin)
    axes[1].set_title("the better half", fontsize=10)
    axes[0].set_title("all trials", fontsize=10)
    axes[0].legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def plot_parallel(path: Path, space: Space, trials: list[Trial], metric: str, direction: str) -> None:
    """A line for each trial through its values, coloured by its rank; fields that a trial does not have are passed
    below the axis.
    """
    paths = list(space.dimensions)
    order = ranked(trials, direction)[::-1]  # the best last, so that it lies on top
    scores = clipped([trial.score for trial in order], direction)
    low, high = scores.min(), scores.max()
    figure = Figure((max(6.0, 2.0 * (len(paths) + 1) + 1.2), 4.2), layout="constrained")
    axis = figure.subplots()
    colors, norm = colormaps["viridis"], Normalize(0, max(1, len(trials) - 1))
    for rank, (trial, score) in enumerate(zip(order, scores)):
        heights = [*places_of(space, trial), (score - low) / (high - low) if high > low else 0.5]
        heights = [max(height, -0.12) for height in heights]
        color, width, alpha = (_BEST, 2.4, 1.0) if trial is order[-1] else (colors(norm(rank)), 1.1, 0.75)
        axis.plot(range(len(heights)), heights, color=color, linewidth=width, alpha=alpha)
    box = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75}
    for place, name in enumerate(paths):
        axis.axvline(place, color="black", linewidth=0.8)
        for height, label in _ticks(space, name):
            axis.text(place + 0.03, height, label, fontsize=8, va="center", bbox=box)
    axis.axvline(len(paths), color="black", linewidth=0.8)
    below, above = "≤ " if order[0].score < low else "", "≥ " if order[0].score > high else ""
    for height, sign in ((0.5, ""),) if low == high else ((0.0, below), (0.5, ""), (1.0, above)):
        axis.text(len(paths) + 0.03, height, f"{sign}{low + height * (high - low):.4g}", fontsize=8, va="center")
    axis.set_xticks(range(len(paths) + 1), [*(short(name, 24, end=True) for name in paths), metric], fontsize=8)
    axis.set_yticks([])
    axis.set_ylim(-0.18, 1.06)
    axis.set_xlim(-0.1, len(paths) + 0.45)
    for side in axis.spines.values():
        side.set_visible(False)
    axis.set_title(f"{counted(len(trials), 'trial')}; the better, the brighter; red: the best", fontsize=10)
    save_figure(figure, path)


def plot_importance(path: Path, found: Importance, metric: str, count: int) -> None:
    """A bar for each field, with the spread over shuffles."""
    names = list(found.fields)[::-1]
    figure = Figure((6.4, 1.4 + 0.4 * len(names)), layout="constrained")
    axis = figure.subplots()
    means, deviations = zip(*(found.fields[name] for name in names))
    axis.barh([short(name, 30, end=True) for name in names], means, xerr=deviations, color=_LINE)
    axis.set(xlabel=f"increase of a random forest's error in {metric}, field shuffled")
    told = (
        "trials; out-of-bag R² of the forest:" if found.score > 0 else "trials are too few to tell: R² of unseen trials"
    )
    title = f"{count} {told} {found.score:.2f}"
    axis.set_title(title, fontsize=10)
    axis.grid(alpha=0.25, axis="x")
    save_figure(figure, path)


def plot_slices(path: Path, space: Space, trials: list[Trial], metric: str, direction: str) -> None:
    """Objective over each field by itself; trials that failed, or are far worse than the median, stand at the edge as
    crosses.

    Args:
        trials: that have ended, with or without a score.
    """
    failed = [trial for trial in trials if trial.score is None]
    trials = [trial for trial in trials if trial.score is not None]
    paths = list(space.dimensions)
    if not paths:
        return
    columns = min(_PER_LINE, len(paths))
    lines = math.ceil(len(paths) / columns)
    best = ranked(trials, direction)[0]
    scores = dict(zip((trial.number for trial in trials), clipped([trial.score for trial in trials], direction)))
    edge = (min if direction == "max" else max)(scores.values())
    figure = Figure((max(4.5, 3.1 * columns + 0.6), 3.0 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()

    def places(some: list[Trial], name: str) -> list[float]:
        values, choices = [trial.values[name] for trial in some], space.choices(name)
        return values if choices is None else [choices.index(value) for value in values]

    for axis, name in zip(axes, paths):
        choices = space.choices(name)
        having = [trial for trial in trials if name in trial.values]
        for status, (mark, color, _) in _MARKS.items():
            for far in (False, True):
                far_off = [trial for trial in having if (scores[trial.number] != trial.score) == far]
                some = [trial for trial in far_off if trial.status == status]
                heights, mark = [scores[trial.number] for trial in some], "x" if far else mark
                axis.plot(places(some, name), heights, mark, color=color, markersize=4.5, alpha=0.8)
        some = [trial for trial in failed if name in trial.values]
        axis.plot(places(some, name), [edge] * len(some), "x", color=_BEST, markersize=6)
        if name in best.values:
            axis.plot(places([best], name), [best.score], "*", color=_BEST, markersize=13)
        if choices is not None:
            labels, turn = [short(_said(value), 16) for value in choices], (0, "center")
            if len(choices) > 3:
                turn = 35, "right"
            axis.set_xticks(range(len(choices)), labels, rotation=turn[0], ha=turn[1], fontsize=8)
            axis.set_xlim(-0.5, len(choices) - 0.5)
        else:
            _show_interval(axis, space, name)
        axis.set_title(short(name, 30, end=True), fontsize=9)
        axis.margins(y=0.08)
        axis.grid(alpha=0.25)
    for axis in axes[len(paths) :]:
        axis.axis("off")
    for axis in axes[::columns]:
        axis.set_ylabel(metric)
    marks = "star: the best; round: completed; other grey marks: stopped early"
    figure.suptitle(f"{marks}; cross: failed (red), or far worse than shown", fontsize=8)
    save_figure(figure, path)


def _show_interval(axis, space: Space, path: str) -> None:
    """The whole interval, with its ends and its middle named."""
    dimension = space.dimensions[path]
    low, high = dimension.ends
    if dimension.scale == "log":
        axis.set_xscale("log")
        axis.xaxis.set_minor_locator(NullLocator())
        margin = (high / low) ** 0.06
        axis.set_xlim(low / margin, high * margin)
    else:
        margin = 0.06 * (high - low)
        axis.set_xlim(low - margin, high + margin)
    places = [_middle(dimension, share) for share in (0.0, 0.5, 1.0)]
    axis.set_xticks(places, [f"{place:.3g}" for place in places])


def _middle(dimension: Dimension, share: float) -> float:
    """A value of an interval by its share of the way, as the scale has it."""
    low, high = dimension.ends
    return low * (high / low) ** share if dimension.scale == "log" else low + share * (high - low)


def _ticks(space: Space, path: str) -> list[tuple[float, str]]:
    """(height, label) along one axis of the parallel coordinates."""
    choices = space.choices(path)
    if choices is not None:
        return [(space.place(path, value), short(_said(value), 16)) for value in choices]
    return [(height, f"{_middle(space.dimensions[path], height):.3g}") for height in (0.0, 0.5, 1.0)]


def _said(value) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return "null" if value is None else str(np.round(value, 6) if isinstance(value, float) else value)

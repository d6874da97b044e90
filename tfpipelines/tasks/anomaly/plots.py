"""Pictures of an anomaly detector: scores, curves, heat maps, a series with its alarms."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn import metrics

from ...evaluation.heat_maps import outlined, overlay
from ...evaluation.plots import Sheet, save_figure, short
from ...metrics.detection import runs

_NORMAL, _ODD, _MARK = "#0b6e99", "#c0392b", "#222222"
_BINS = 40
_MOST_POINTS = 20_000  # drawn of a series


def plot_scores(
    path: Path, scores: np.ndarray, anomalous: np.ndarray, known: np.ndarray, held_out: np.ndarray, threshold: float
) -> None:
    """Histogram of scores with the threshold.

    Args:
        scores, anomalous, known: of the test, float and bool (n,).
        held_out: scores that the threshold was made from.
    """
    figure = Figure((7.2, 4.2), layout="constrained")
    axis = figure.subplots()
    everything = np.concatenate([scores, held_out, [threshold]])
    wide = everything.min() > 0 and np.quantile(everything, 0.99) > 20 * np.median(everything)
    low, high = everything.min(), everything.max()
    usual = held_out if len(held_out) else scores
    edge = threshold + 4 * max(threshold - float(np.median(usual)), 1e-12)
    beyond = not wide and high > edge
    high = edge if beyond else high
    spaced, last = (np.geomspace, high) if wide and high > low else (np.linspace, high if high > low else low + 1)
    edges = spaced(low, last, _BINS + 1).tolist()
    groups = [
        (held_out, f"normal, held out for the threshold ({len(held_out)})", _NORMAL, "step"),
        (scores[~anomalous & known], f"normal, test ({(~anomalous & known).sum()})", _NORMAL, "bar"),
        (scores[anomalous], f"anomalies, test ({anomalous.sum()})", _ODD, "bar"),
        (scores[~known], f"unlabelled, test ({(~known).sum()})", _MARK, "bar"),
    ]
    for values, label, color, kind in groups:
        if len(values):
            style = {"histtype": "step", "linewidth": 1.5} if kind == "step" else {"alpha": 0.45}
            shares = np.full(len(values), 1 / len(values))
            axis.hist(np.clip(values, low, high), edges, weights=shares, color=color, label=label, **style)
    axis.axvline(threshold, color=_MARK, linestyle="--", linewidth=1.2, label=f"threshold {threshold:.4g}")
    last = " (the last bar: all beyond it)" if beyond else ""
    axis.set(xlabel=f"score{last}", ylabel="share of the group", title="scores")
    if wide:
        axis.set_xscale("log")
    axis.legend(frameon=False, fontsize=8)
    axis.grid(alpha=0.25)
    save_figure(figure, path)


def plot_ranking(path: Path, anomalous: np.ndarray, scores: dict[str, np.ndarray], threshold: float) -> None:
    """ROC and precision-recall curves of the model, which comes first, and of what stands beside it.

    Args:
        scores: {name: float (n,)}.
        threshold: of the model; marked on its curves.
    """
    figure = Figure((9.2, 4.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, (name, values) in enumerate(scores.items()):
        color, width = (_NORMAL, 2.0) if number == 0 else (f"C{number + 6}", 1.1)
        false, true, _ = metrics.roc_curve(anomalous, values)
        precision, recall, _ = metrics.precision_recall_curve(anomalous, values)
        left.plot(false, true, color=color, linewidth=width, label=f"{name}: area {metrics.auc(false, true):.3f}")
        area = metrics.average_precision_score(anomalous, values)
        right.plot(recall, precision, color=color, linewidth=width, label=f"{name}: {area:.3f}")
    alarms = next(iter(scores.values())) > threshold
    left.plot(alarms[~anomalous].mean(), alarms[anomalous].mean(), "o", color=_MARK, label="threshold")
    if alarms.any():
        right.plot(alarms[anomalous].mean(), anomalous[alarms].mean(), "o", color=_MARK, label="threshold")
    left.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle="--")
    left.set(xlabel="false-alarm rate", ylabel="share of anomalies found", title="ROC")
    recalled, precise = "share of anomalies found (recall)", "share of alarms that are right (precision)"
    right.set(xlabel=recalled, ylabel=precise, title="precision and recall, average precision")
    for axis in (left, right):
        axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axis.grid(alpha=0.25)
    left.legend(frameon=False, fontsize=8, loc="lower right")
    right.legend(frameon=False, fontsize=8, loc="lower left")
    save_figure(figure, path)


def plot_maps(
    path: Path,
    images: np.ndarray,
    rows: list[dict[str, Any]],
    maps: np.ndarray,
    scale: tuple[float, float],
    masks: list,
    outlines: list[list[np.ndarray]],
    reconstructions: np.ndarray | None,
) -> None:
    """A sheet of pictures, each beside its mask, its reconstruction and its heat map.

    Args:
        images: uint8 (n, height, width, channels).
        rows: of each, {`item`, `label`, `score`, `verdict`}.
        maps: the distances, float (n, height, width).
        scale: distances where the heat begins and where it is full.
        masks: bool (height, width), or None where there is none.
        outlines: those of odd regions of each, float (corners, 2) of (x, y).
        reconstructions: levels 0 to 255, as `images`; None where there are none.
    """
    masked = any(mask is not None for mask in masks)
    rebuilt = ["reconstruction"] if reconstructions is not None else []
    names = ["picture", *(["mask"] if masked else []), *rebuilt, "distance"]
    blocks = 2 if len(images) > 1 else 1
    lines = max(1, -(-len(images) // blocks))
    sheet = Sheet(lines, len(names) * blocks, 2)
    for place, (image, row, distances) in enumerate(zip(images, rows, maps)):
        line, start = place // blocks, len(names) * (place % blocks)
        picture = np.asarray(outlined(image, outlines[place])) if outlines[place] else image
        shown = {"picture": picture, "distance": overlay(image, heat_of(distances, scale))}
        if masks[place] is not None:
            shown["mask"] = masks[place].astype(np.uint8)[..., None] * 255
        if reconstructions is not None:
            shown["reconstruction"] = reconstructions[place].round().astype(np.uint8)
        named = f"{short(row['item'], 24, end=True)}\n{short(row['label'], 18)}"
        titles = {"picture": named, "distance": f"{row['verdict']}\n{row['score']:.4g}"}
        for column, name in enumerate(names, start):
            if name in shown:
                sheet.show(line, column, shown[name], titles.get(name, name))
    sheet.save(path, "where they differ from what is normal: mistakes first, then the highest scores of each label")


def heat_of(distances: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """Distances as heat, 0 to 1: 0 where normal samples usually are, 1 where hardly any is."""
    low, high = scale
    return np.clip((distances - low) / max(high - low, 1e-12), 0, 1)


def plot_series(
    path: Path, points, part: slice, scores: np.ndarray, threshold: float, alarms: np.ndarray, title: str
) -> None:
    """A series with the score of the window that each point lies in; alarms and known anomalies are shaded.

    Args:
        points: with `values` (points, channels), `columns`, `times`, `series` and `anomalous` (or None).
        part: of the points, that is shown: 20,000 of them at most.
        scores: float (points,); NaN where there is none.
        alarms: points of alarmed windows, bool (points,).
    """
    first = part.start or 0
    part = slice(first, min(first + _MOST_POINTS, len(scores) if part.stop is None else part.stop))
    values, scores, alarms = points.values[part], scores[part], alarms[part]
    places = np.arange(first, first + len(values))
    channels = min(values.shape[1], 4)
    figure = Figure((11, 1.5 * channels + 2.6), layout="constrained")
    axes = list(figure.subplots(channels + 1, 1, sharex=True, squeeze=False)[:, 0])
    for number in range(channels):
        axes[number].plot(places, values[:, number], color=_NORMAL, linewidth=0.7)
        axes[number].set_ylabel(short(points.columns[number], 16))
    axes[-1].step(places, scores, color=_MARK, linewidth=0.9, where="mid")
    axes[-1].axhline(threshold, color=_ODD, linestyle="--", linewidth=1, label=f"threshold {threshold:.4g}")
    finite = scores[np.isfinite(scores)]
    if len(finite) and finite.min() > 0 and finite.max() > 20 * np.median(finite):
        axes[-1].set_yscale("log")
    axes[-1].set(ylabel="score", xlabel="time")
    edges = np.flatnonzero(points.series[part][1:] != points.series[part][:-1]) + first + 0.5
    for axis in axes:
        _shade(axis, alarms, first, _ODD, 0.25, "alarm")
        if points.anomalous is not None:
            _shade(axis, points.anomalous[part], first, "#e8a800", 0.45, "known anomaly")
        for edge in edges:
            axis.axvline(edge, color="black", linewidth=0.8)
        axis.margins(x=0)
        axis.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    times = points.times
    axes[-1].xaxis.set_major_formatter(lambda place, _: times[int(place)] if 0 <= place < len(times) else "")
    handles: dict[str, Any] = dict(zip(*reversed(axes[-1].get_legend_handles_labels())))
    axes[-1].legend(handles.values(), handles.keys(), frameon=False, fontsize=8, loc="upper left")
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def _shade(axis, flags: np.ndarray, offset: int, color: str, alpha: float, label: str) -> None:
    for number, (first, end) in enumerate(runs(flags)):
        sides = offset + first - 0.5, offset + end - 0.5
        axis.axvspan(*sides, color=color, alpha=alpha, linewidth=0, label=None if number else label)


def plot_columns(path: Path, columns: list[str], normal: np.ndarray, odd: np.ndarray, title: str) -> None:
    """How much more each column adds to the score of alarms than to that of normal samples, the most telling first.

    Args:
        normal, odd: mean distance by column, float (columns,).
    """
    more = odd - normal
    order = np.argsort(-more)[:20][::-1]
    figure = Figure((7, 1.2 + 0.32 * len(order)), layout="constrained")
    axis = figure.subplots()
    axis.barh(np.arange(len(order)), more[order], height=0.7, color=_ODD, alpha=0.7)
    axis.set_yticks(np.arange(len(order)), [short(columns[column], 28) for column in order])
    axis.set(xlabel="mean distance of alarms, above that of held-out normal samples", title=title)
    if more[order].min() > 0 and more[order].max() > 50 * np.median(more[order]):
        axis.set_xscale("log")
    axis.grid(alpha=0.25, axis="x")
    save_figure(figure, path)

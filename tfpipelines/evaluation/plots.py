"""Pictures of a run. Each function draws one PNG at the path given, and touches no global state of matplotlib."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image
from sklearn.metrics import confusion_matrix

from ..core.files import atomic_write
from ..metrics import by_epoch, reliability
from .fonts import drawn_with_fonts

TRAIN, VALIDATION, MARK = "#7f8fa6", "#0b6e99", "#c0392b"
POINTS = {"marker": "o", "markersize": 3}  # of curves by epoch
_DPI = 110
_NAMED = 30  # classes up to which a confusion matrix names rows and writes counts


def plot_curves(path: Path, rows: list[dict], best_epoch: int) -> None:
    """Loss (of the whole, where it is a sum of parts), accuracy and learning rate by epoch, that of the model marked.

    Args:
        rows: of history.csv; where they name phases, the beginning of each is marked.
        best_epoch: from 1; 0 for none.
    """
    epochs = [row["epoch"] for row in rows]
    begins = [row["epoch"] - 0.5 for before, row in zip(rows, rows[1:]) if row.get("phase") != before.get("phase")]
    names = [name for name in by_epoch(rows[0]) if name in rows[0]]
    figure = Figure((4.2 * (len(names) + 1), 3.4), layout="constrained")
    axes = list(figure.subplots(1, len(names) + 1, squeeze=False)[0])
    for axis, name in zip(axes, names):
        axis.plot(epochs, [row.get(name) for row in rows], color=TRAIN, label="training", **POINTS)
        if f"val_{name}" in rows[0]:
            values = [row.get(f"val_{name}") for row in rows]
            axis.plot(epochs, values, color=VALIDATION, label="validation", **POINTS)
        axis.set_title(name.replace("_", " "))
        if best_epoch:
            axis.axvline(best_epoch, color=MARK, linestyle=":", label=f"kept epoch ({best_epoch})")
        axis.legend(frameon=False)
    axes[-1].plot(epochs, [row["learning_rate"] for row in rows], color=TRAIN, **POINTS)
    axes[-1].set_title("learning rate")
    for axis in axes:
        for place in begins:
            axis.axvline(place, color="black", linewidth=0.8, linestyle="--")
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.25)
    save_figure(figure, path)


def plot_confusion(path: Path, labels: np.ndarray, probabilities: np.ndarray, classes: list[str]) -> None:
    """Confusion matrix: rows are true classes, shaded by share of the row, with counts where there is room."""
    counts = confusion_matrix(labels, probabilities.argmax(1), labels=np.arange(len(classes)))
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(3 + 0.45 * len(classes), 14)
    figure = Figure((side + 0.8, side), layout="compressed")
    axis = figure.subplots()
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axis, fraction=0.045, label="share of the true class")
    axis.set(xlabel="predicted", ylabel="true", title=f"{counts.trace()} of {counts.sum()} correct")
    if len(classes) <= _NAMED:
        shown = [short(name, 18) for name in classes]
        turned = max(map(len, shown)) > 3
        style: dict[str, Any] = {"rotation": 60, "ha": "right"} if turned else {"rotation": 0, "ha": "center"}
        axis.set_xticks(range(len(classes)), shown, rotation_mode="anchor", **style)
        axis.set_yticks(range(len(classes)), shown)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                color = "white" if shares[row, column] > 0.5 else "black"
                axis.text(column, row, count, ha="center", va="center", fontsize=8, color=color)
    save_figure(figure, path)


def plot_per_label(path: Path, table: dict[str, dict[str, float]]) -> None:
    """Precision, recall and f1 of each label of a multi-label classifier as bars, the worst f1 at the bottom.

    Args:
        table: what `per_label` gave; with many labels the worst and the best are shown.
    """
    rows = sorted(table.items(), key=lambda entry: entry[1]["f1"])
    if len(rows) > _NAMED:
        rows = rows[: _NAMED // 2] + rows[-(_NAMED // 2) :]
    figure = Figure((6.4, 1.2 + 0.42 * len(rows)), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(rows))
    for offset, name, color in ((0.27, "precision", TRAIN), (0.0, "recall", VALIDATION), (-0.27, "f1", MARK)):
        axis.barh(places + offset, [row[name] for _, row in rows], height=0.25, color=color, label=name)
    axis.set_yticks(places, [f"{short(name, 24)} ({row['support']})" for name, row in rows])
    axis.set(xlim=(0, 1), title="by label (number of rows that have it)")
    axis.set_ylim(-0.7, len(rows) - 0.3)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    axis.grid(alpha=0.25, axis="x")
    save_figure(figure, path)


def plot_reliability(path: Path, labels: np.ndarray, probabilities: np.ndarray, ece: float, temperature: float) -> None:
    """Reliability diagram: accuracy by confidence, over a histogram of confidence."""
    bins = reliability(labels, probabilities)
    number = len(bins["count"])
    figure = Figure((4.6, 5.2), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    edges = (np.arange(number) + 0.5) / number
    top.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle="--", label="perfectly calibrated")
    shares, width = np.nan_to_num(bins["accuracy"]), 0.92 / number
    top.bar(edges, shares, width=width, color=VALIDATION, alpha=0.35, label="accuracy of the bin")
    top.plot(bins["confidence"], bins["accuracy"], "o", color=VALIDATION, label="bin, at its mean confidence")
    top.set(ylabel="accuracy", ylim=(0, 1.02), xlim=(0, 1))
    top.set_title(f"expected calibration error {ece:.3f}, temperature {temperature:.2f}", fontsize=10)
    top.legend(frameon=False, loc="upper left", fontsize=8)
    bottom.bar(edges, bins["count"], width=width, color=TRAIN)
    bottom.set(xlabel="confidence", ylabel="samples", yscale="symlog")
    for axis in (top, bottom):
        axis.grid(alpha=0.25)
    save_figure(figure, path)


def plot_mistakes(path: Path, images: np.ndarray, items: list[str], told: list[str], title: str) -> None:
    """A sheet of the worst mistakes.

    Args:
        images: uint8 (n, height, width, channels), the worst first.
        items: of each.
        told: label and answer of each, in two lines.
        title: above them.
    """
    count, columns = len(images), min(6, max(len(images), 1))
    lines = max(1, -(-count // columns))
    sheet = Sheet(lines, columns, 3)
    for place, (image, item, taken) in enumerate(zip(images, items, told)):
        sheet.show(*divmod(place, columns), image, f"{taken}\n{short(item, 22, end=True)}")
    sheet.save(path, title)


class Sheet:
    """Pictures side by side, each with a small title above it. They share one Axes: one for each of them, and a layout
    of them all, take several times as long to draw.

    Args:
        lines, columns: of pictures.
        title_lines: of text above each.
    """

    _SIDE, _GAP, _LINE, _TOP = 1.6, 0.15, 0.12, 0.35  # inches: of a picture's place, between, of a text line, above all

    def __init__(self, lines: int, columns: int, title_lines: int):
        self._step = self._SIDE + self._GAP, self._SIDE + self._GAP + title_lines * self._LINE
        self._width, self._height = columns * self._step[0] + self._GAP, lines * self._step[1] + self._TOP + self._GAP
        self._figure = Figure((self._width, self._height))
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.axis("off")

    def show(self, line: int, column: int, image: np.ndarray, title: str = "") -> None:
        """Draws a picture, uint8 (height, width, channels), as large as its place allows."""
        height, width = image.shape[:2]
        scale = self._SIDE / max(height, width)
        left = self._GAP + column * self._step[0] + (self._SIDE - width * scale) / 2
        bottom = self._height - self._TOP - (line + 1) * self._step[1] + self._GAP
        extent = (left, left + width * scale, bottom, bottom + height * scale)
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        self._axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, extent=extent, aspect="auto")
        place = (left + width * scale / 2, bottom + height * scale + 0.03)
        self._axes.text(*place, title, fontsize=7, ha="center", va="bottom")

    def save(self, path: Path, title: str) -> None:
        """Writes the sheet as PNG, with a title above all."""
        width = max(self._width, 0.075 * len(title) + 0.2)
        self._figure.set_size_inches(width, self._height)
        self._axes.set(xlim=(0, width), ylim=(0, self._height))
        self._axes.text(width / 2, self._height - 0.1, title, fontsize=10, ha="center", va="top")
        save_figure(self._figure, path)


def plot_importance(path: Path, table: list[dict[str, Any]], unit: str) -> None:
    """Bars of the most important columns, with the deviation over permutations.

    Args:
        table: see `effects.permutation_importance`.
        unit: of the importance, in words.
    """
    shown = table[:_NAMED][::-1]
    figure = Figure((7, 1.2 + 0.25 * len(shown)), layout="constrained")
    axis = figure.subplots()
    names = [short(entry["column"], 30) for entry in shown]
    axis.barh(np.arange(len(shown)), [entry["importance"] for entry in shown], color=VALIDATION, height=0.7,
              xerr=[entry["deviation"] for entry in shown], error_kw={"ecolor": MARK, "elinewidth": 1})  # fmt: skip
    axis.set_yticks(np.arange(len(shown)), names, fontsize=8)
    axis.set_xlabel(unit)
    axis.grid(alpha=0.25, axis="x")
    save_figure(figure, path)


def as_picture(pixels: np.ndarray) -> Image.Image:
    """A Pillow image of uint8 (height, width, channels)."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def short(text: str, length: int, end: bool = False) -> str:
    """The text cut to a length, without what matplotlib would take for mathematics."""
    text = str(text).replace("$", r"\$")
    if len(text) <= length:
        return text
    return "…" + text[-length + 1 :] if end else text[: length - 1] + "…"


def save_figure(figure: Figure, path: Path) -> None:
    figure.set_dpi(_DPI)
    canvas = FigureCanvasAgg(figure)
    draw = lambda temporary: drawn_with_fonts(figure, lambda: canvas.print_png(str(temporary)))
    atomic_write(path, draw)

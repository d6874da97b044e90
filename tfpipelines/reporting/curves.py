"""Curves of history.csv as lines of an SVG, for runs that have not come to draw their own."""

from dataclasses import dataclass
from typing import Any

from ..metrics import EACH_EPOCH

WIDTH, HEIGHT, _LEFT, _BOTTOM, _TOP = 360, 200, 52, 26, 10
_OTHER = "discriminator_loss"  # has no validation: the generator's stands beside it
_MOST_POINTS = 400


@dataclass(frozen=True)
class Panel:
    """One diagram.

    Args:
        title: what is drawn.
        lines: (class of style, name, points of a polyline) of each.
        marks: (height in pixels, value) of ticks.
        first, last: epochs at its sides.
        summary: the same in words.
    """

    title: str
    lines: list[tuple[str, str, str]]
    marks: list[tuple[float, str]]
    first: int
    last: int
    summary: str


def panels(history: list[dict[str, Any]]) -> list[Panel]:
    """Diagrams of the metrics that are known of at least two epochs."""
    names = [entry.name for entry in EACH_EPOCH if (entry.main or entry.better == "min") and entry.name != _OTHER]
    found = [_panel(history, (name, _OTHER if name == "generator_loss" else f"val_{name}")) for name in names]
    return [panel for panel in found if panel is not None]


def series(history: list[dict[str, Any]], name: str) -> list[tuple[float, float]]:
    """(epoch, value) of the epochs where both are numbers."""
    rows = [(row.get("epoch"), row.get(name)) for row in history]
    return [(at, value) for at, value in rows if isinstance(at, (int, float)) and isinstance(value, (int, float))]


def _panel(history: list[dict[str, Any]], names: tuple[str, ...]) -> Panel | None:
    found = {
        name: points[:: -(-len(points) // _MOST_POINTS)] for name in names if len(points := series(history, name)) > 1
    }
    if not found:
        return None
    epochs, heights = zip(*(point for points in found.values() for point in points))
    first, last, low, high = min(epochs), max(epochs), min(heights), max(heights)
    if first == last:
        return None

    def place(epoch: float, value: float) -> tuple[float, float]:
        across = (epoch - first) / (last - first)
        up = (value - low) / (high - low) if high > low else 0.5
        return _LEFT + across * (WIDTH - _LEFT - 8), HEIGHT - _BOTTOM - up * (HEIGHT - _BOTTOM - _TOP)

    lines = []
    for name, points in found.items():
        drawn = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in points)
        lines.append(("second" if name == names[1] else "first", name, drawn))
    ticks = (low, (low + high) / 2, high) if high > low else (low,)
    marks = [(place(first, value)[1], f"{value:.3g}") for value in ticks]
    summary = "; ".join(
        f"{name}: {points[0][1]:.4g} in epoch {points[0][0]:.0f}, {points[-1][1]:.4g} in epoch {points[-1][0]:.0f}"
        for name, points in found.items()
    )
    return Panel(names[0].removeprefix("val_").replace("_", " "), lines, marks, int(first), int(last), summary)

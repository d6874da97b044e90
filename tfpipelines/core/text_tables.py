"""Tables of text, for the terminal and for pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .words import extremes


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row is its heading.

    Args:
        title: what it shows, for those who do not see it, too.
        columns: headings.
        rows: cells of each row.
        note: a line below, "" for none.
        figures_from: the first column of metrics, which stand to the right.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""
    figures_from: int = 1

    def __bool__(self) -> bool:
        """Whether there is something to show."""
        return bool(self.rows)


class Column(NamedTuple):
    """Figures of one part of the data.

    Args:
        heading: what they are of.
        figures: {figure: value}.
        spread: {figure: {`std`, `min`, `max`}}, of those that are means; any of them may be missing.
    """

    heading: str
    figures: dict[str, float]
    spread: dict[str, dict[str, float]]


def figures_table(
    heading: str,
    columns: list[Column],
    intervals: Mapping[str, Sequence[float]],
    baselines: dict[str, dict[str, float]],
    shown: Callable[[float | None], str],
) -> Table:
    """All metrics of a run.

    Args:
        heading: of their names.
        intervals: {figure: (low, high)} of the test.
        baselines: {name: {figure: value}} of what stands beside it.
        shown: a metric as text.
    """
    over = ["95% interval (test)"] if intervals else []
    rows = []
    for name in dict.fromkeys(name for column in columns for name in column.figures):
        row = [name, *(_with_spread(column, name, shown) for column in columns)]
        if intervals:
            row.append(extremes(intervals[name], shown) if name in intervals else "")
        rows.append([*row, *(shown(figures.get(name)) for figures in baselines.values())])
    beside = [
        name if name.startswith("real ") else f"baseline {name}" for name in baselines
    ]  # a network may be its namesake
    return Table("Figures", [heading, *(column.heading for column in columns), *over, *beside], rows)


def _with_spread(column: Column, name: str, shown: Callable[[float | None], str]) -> str:
    text, spread = shown(column.figures.get(name)), column.spread.get(name, {})
    if text and "std" in spread:
        text += f" ± {shown(spread['std'])}"
    if not text or not {"min", "max"} <= spread.keys():
        return text
    return f"{text} ({extremes((spread['min'], spread['max']), shown)})"

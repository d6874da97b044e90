"""Which columns of a row, or channels of a window, contribute most to its score; and a page of them."""

from pathlib import Path
from typing import Any

import numpy as np

from ..core.files import atomic_write
from ..output.pages import render

_SHOWN = 5
_MOST_ROWS = 500


def top_contributing_columns(
    columns: list[str], distances: np.ndarray, values: np.ndarray, expected: np.ndarray
) -> list[dict[str, Any]]:
    """The columns that add most to a distance.

    Args:
        columns: their names.
        distances: of each, float (columns,); what is negative counts as 0.
        values: of the sample, in the units of its table.
        expected: what the model makes of it.

    Returns:
        {`column`, `share` of the distance, `value`, `expected`} of at most five, the guiltiest first.
    """
    distances = np.maximum(distances, 0.0)
    total = float(distances.sum()) or 1.0
    found = []
    for place in np.argsort(-distances, kind="stable")[:_SHOWN]:
        share = round(float(distances[place]) / total, 4)
        told = {"value": float(values[place]), "expected": float(expected[place])}
        found.append({"column": columns[place], "share": share, **told})
    return found


def strongest_columns(columns: list[dict[str, Any]]) -> str:
    """The same in one line, for CSV."""
    return "; ".join(
        f"{entry['column']} {entry['share']:.0%} (is {entry['value']:.4g}, expected {entry['expected']:.4g})"
        for entry in columns[:3]
    )


def write_columns(path: Path, title: str, rows: list[dict[str, Any]]) -> None:
    """A self-contained page of samples with the columns that contribute most to their scores.

    Args:
        rows: {`item`, `verdict`, `score`, `p_value`, `explanation`} of each, the last as `predict` gives it.
    """
    shown, left = sorted(rows, key=lambda row: -row["score"])[:_MOST_ROWS], max(0, len(rows) - _MOST_ROWS)
    atomic_write(path, render(Path(__file__).with_name("columns.html.j2"), title=title, rows=shown, left=left))

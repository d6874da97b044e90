"""What the columns of a table do to predictions: in one row, by occlusion; in all rows, by permutation."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.files import atomic_write
from ..output.pages import render

_SHOWN = 8
_MOST_ROWS = 500
_REPEATS = 3  # permutations of each column
_MOST_PERMUTED = 1000  # rows

Part = tuple[np.ndarray, np.ndarray]  # numbers float32 (rows, columns), codes int32 (rows, categories)


def explain_rows(
    rows: Part,
    usual: Part,
    places: Sequence[tuple[str, list[int], list[int]]],
    words: Sequence[Sequence[str]],
    score: Callable[[Part], np.ndarray],
) -> list[dict[str, Any]]:
    """What each column of a row adds to its answer, compared with the usual value of the column.

    Args:
        rows: that are explained.
        usual: one row: the medians of the training rows and their most frequent categories.
        places: (name, its columns of numbers, its columns of codes) of each column of the table.
        words: of each row the cell of each column, as it is shown.
        score: rows -> what is explained of each row that is asked for, float (rows,).

    Returns:
        {`effects`: [{`column`, `value`, `effect`}]} of each row, the largest effects first.
    """
    count = len(rows[0])
    whole = score(rows)
    effects = np.zeros((count, len(places)))
    for number, (_, numbers, codes) in enumerate(places):
        changed = (rows[0].copy(), rows[1].copy())
        changed[0][:, numbers], changed[1][:, codes] = usual[0][:, numbers], usual[1][:, codes]
        effects[:, number] = whole - score(changed)
    found = []
    for row in range(count):
        order = np.argsort(-np.abs(effects[row]), kind="stable")[:_SHOWN].tolist()
        told = [(places[place][0], words[row][place], float(f"{effects[row][place]:.6g}")) for place in order]
        found.append({"effects": [dict(zip(("column", "value", "effect"), entry)) for entry in told]})
    return found


def strongest_effects(effects: list[dict[str, Any]]) -> str:
    """The same in one line, for CSV."""
    return "; ".join(f"{entry['column']}={entry['value']} {entry['effect']:+.3g}" for entry in effects[:3])


def write_effects(path: Path, title: str, note: str, rows: list[dict[str, Any]]) -> None:
    """A self-contained page of rows with what their columns add to the answers.

    Args:
        note: what effects are measured in.
        rows: {`item`, `told`: the answer in words, `explanation`} of each.
    """
    shown, left = rows[:_MOST_ROWS], max(0, len(rows) - _MOST_ROWS)
    content = render(Path(__file__).with_name("effects.html.j2"), title=title, note=note, rows=shown, left=left)
    atomic_write(path, content)


def permutation_importance(
    rows: Part,
    places: Sequence[tuple[str, list[int], list[int]]],
    loss: Callable[[Part, np.ndarray], float],
    seed: int,
) -> list[dict[str, Any]]:
    """How much worse the answers become if the values of one column are permuted among the rows (Breiman 2001).

    Args:
        rows: with known targets; of many some, drawn at random.
        places: see `explain_rows`.
        loss: rows, and their numbers among those given -> how bad the answers are.

    Returns:
        {`column`, `importance`, `deviation` of three permutations} of each column, the most important first.
    """
    random = np.random.default_rng([seed, 11])
    chosen = np.sort(random.permutation(len(rows[0]))[:_MOST_PERMUTED])
    some = (rows[0][chosen], rows[1][chosen])
    before = loss(some, chosen)
    found = []
    for name, numbers, codes in places:
        changes = []
        for _ in range(_REPEATS):
            order = random.permutation(len(chosen))
            changed = (some[0].copy(), some[1].copy())
            changed[0][:, numbers] = some[0][order][:, numbers]
            changed[1][:, codes] = some[1][order][:, codes]
            changes.append(loss(changed, chosen) - before)
        found.append({"column": name, "importance": float(np.mean(changes)), "deviation": float(np.std(changes))})
    return sorted(found, key=lambda entry: -entry["importance"])

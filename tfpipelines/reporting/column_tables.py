"""Tables of what the columns of a table do to a model: their importance, and metrics by the values of categories."""

import math

from ..core.text_tables import Table
from ..core.words import count, figure
from ..metrics import main_figure, metric
from . import values
from .facts import Facts

_MOST_COLUMNS = 30  # of which the importance is told
_MOST_SLICES = 20
_MOST_IN_CARD = 10
_MOST_METRICS = 3  # of slices
_DIGITS = 4  # of the largest importance
_LOSS = "increase of the test loss"


def importance_table(facts: Facts, most: int = _MOST_COLUMNS) -> Table:
    """The permutation importance of the columns, the most important first.

    Args:
        most: rows at most.
    """
    told = [(values.text(entry.get("column")), values.figures(entry)) for entry in facts.metrics.importance]
    known = sorted((pair for pair in told if "importance" in pair[1]), key=lambda pair: -pair[1]["importance"])
    largest = max((abs(numbers["importance"]) for _, numbers in known), default=0.0)
    decimals = max(0, _DIGITS - 1 - math.floor(math.log10(largest))) if largest else _DIGITS
    shown = lambda number: "" if number is None else f"{round(number, decimals) + 0.0:,.{decimals}f}"
    rows = [[name, *(shown(numbers.get(at)) for at in ("importance", "deviation"))] for name, numbers in known[:most]]
    left = f"The first {most} of {len(known):,} columns; all are in metrics.json." if len(known) > most else ""
    headings = ["column", facts.metrics.importance_unit or _LOSS, "deviation"]
    return Table("Permutation importance of the columns", headings, rows, left)


def slices_table(facts: Facts, most: int = _MOST_SLICES) -> Table:
    """The metrics of the test rows with one value of a category, the worst first, below those of all rows.

    Args:
        most: slices at most.
    """
    whole = facts.metrics.splits.get("test", {})
    main = main_figure(whole)
    shown = [main, *(name for name in whole if name != main and _fits(name, facts))][:_MOST_METRICS]
    told = [(entry, values.figures(entry)) for entry in facts.metrics.slices]
    known = [pair for pair in told if main in pair[1]]
    known.sort(key=lambda pair: [_gain(name, pair[1], whole, facts) for name in shown])
    cells = lambda numbers: [figure(numbers.get(name)) for name in shown[1:]]
    rows = [["all rows", "", count(facts.metrics.samples), figure(whole[main]), "", *cells(whole)]] if known else []
    for entry, numbers in known[:most]:
        value, change = values.text(entry.get("value")) or "(missing)", numbers[main] - whole[main]
        difference = f"{'-' if change < 0 else '+'}{figure(abs(change))}"
        first = [values.text(entry.get("column")), value, count(numbers.get("rows"))]
        rows.append([*first, figure(numbers[main]), difference, *cells(numbers)])
    note = "Slices of few rows differ by chance, too."
    if len(known) > most:
        note = f"The worst {most} of {len(known):,} slices; all are in metrics.json. {note}"
    headings = ["column", "value", "rows", main, "difference", *shown[1:]]
    return Table("Test metrics by the values of categories", headings, rows, note, 2)


def card_tables(facts: Facts) -> dict[str, Table]:
    """The same in short, for a model card."""
    return {"importance": importance_table(facts, _MOST_IN_CARD), "slices": slices_table(facts, _MOST_IN_CARD)}


def _fits(name: str, facts: Facts) -> bool:
    """Whether a metric says something of a few rows, of which classes may be missing."""
    entry = metric(name, facts.made or "")
    if entry is None or entry.better is None or entry.by_class or entry.biased:
        return False
    return entry.of in ("answers", "values")


def _gain(name: str, numbers: dict[str, float], whole: dict[str, float], facts: Facts) -> float:
    """By how much a metric is better than that of all rows."""
    entry = metric(name, facts.made or "")
    sign = -1 if entry is not None and entry.better == "min" else 1
    return sign * (numbers.get(name, whole[name]) - whole[name])

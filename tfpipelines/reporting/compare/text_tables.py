"""A comparison as tables of text, for the terminal and for the page."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from ...core.text_tables import Table
from ...core.words import counted, duration, extremes, figure, fixed, megabytes, signed
from ...metrics import direction_of, metric
from ...metrics.registry import REGRESSOR

_LONGEST_NAME, _LONGEST_VALUE = 24, 40  # characters
_WIDTH = 110  # characters that the columns of all runs share
_TEXT = 99  # figures_from: all is text, since metrics come with their intervals
_FEW = 3  # runs whose intervals stand beside their metrics


def tables_of(result: dict[str, Any], cut: bool = True) -> list[Table]:
    """All there is to show of what `compare` gives, in order.

    Args:
        cut: shorten long names and values.
    """
    names, longest = [run["name"] for run in result["runs"]], None
    if cut:
        longest = max(12, min(_LONGEST_VALUE, _WIDTH // len(names) - 3))
        names = short_names(names, min(_LONGEST_NAME, longest))
    tables = [_runs(result, names), *_differences(result, names, longest), *_metrics(result, names)]
    return [table for table in [*tables, *_tests(result, names)] if table.rows]


def short_names(names: list[str], longest: int) -> list[str]:
    """The names, long ones without their middle; with a number in front where that makes different ones alike."""
    short = [_without_middle(name, longest) for name in names]
    if len(set(short)) < len(set(names)):
        return [f"{number} {_without_middle(name, longest - 3)}" for number, name in enumerate(names, 1)]
    return short


def _without_middle(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    head = longest // 2
    return f"{text[:head]}…{text[head + 1 - longest :]}"


def _runs(result: dict[str, Any], names: list[str]) -> Table:
    rows = []
    for number, (run, name) in enumerate(zip(result["runs"], names)):
        seconds = run["seconds"]
        times = [duration(seconds[part]) if part in seconds else "" for part in ("training", "total")]
        size = megabytes(run["model_bytes"]) if run["model_bytes"] is not None else ""
        rows.append([name, "reference" if not number else "", str(run["pipeline"]), run["task"], *times, size])
    return Table("runs", ["run", "", "pipeline", "task", "training", "in all", "model"], rows, figures_from=_TEXT)


def _differences(result: dict[str, Any], names: list[str], longest: int | None) -> list[Table]:
    titles = {"pipeline": "the pipelines", "data": "the data", "versions": "versions and device"}
    tables = []
    for section, title in titles.items():
        fields = result["differences"][section]
        rows = [[row["field"], *(_value(value, longest) for value in row["values"])] for row in fields]
        tables.append(Table(f"what differs in {title}", ["field", *names], rows, figures_from=_TEXT))
    return tables


def _value(value: Any, longest: int | None) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if longest is None or len(text) <= longest:
        return text
    # of a path the end says more
    return f"…{text[1 - longest :]}" if text.startswith("/") else f"{text[: longest - 1]}…"


def _metrics(result: dict[str, Any], names: list[str]) -> list[Table]:
    tables = []
    for split, figures in result["metrics"].items():
        rows = []
        for name, entries in figures.items():
            shown = _shown(name)
            values = ["" if entry is None else shown(entry["value"]) for entry in entries]
            ranges = [_range(entry, shown) for entry in entries]
            if len(names) <= _FEW:
                rows.append([name, *(f"{value} ({reach})" if reach else value for value, reach in zip(values, ranges))])
            else:
                rows.append([name, *values])
                if any(ranges):
                    rows.append(["", *ranges])
        there = {key for entries in figures.values() for entry in entries if entry for key in entry}
        said = " (95% interval)" if "interval" in there else " (± deviation over folds)" if "spread" in there else ""
        tables.append(Table(f"{split}{said}", ["metric", *names], rows, figures_from=_TEXT))
    return tables


def _range(entry: dict[str, Any] | None, shown: Callable[[float | None], str]) -> str:
    if entry and "interval" in entry:
        return extremes(entry["interval"], shown)
    return f"± {shown(entry['spread']['std'])}" if entry and "spread" in entry else ""


def _shown(name: str) -> Callable[[float | None], str]:
    """How values of a metric are written: those in the unit of a target may be of any size."""
    return figure if _in_units(name) else fixed


def _in_units(name: str) -> bool:
    entry = metric(name, REGRESSOR)
    return entry is not None and entry.kind == REGRESSOR and entry.range == (0.0, math.inf)


def _signed(name: str) -> Callable[[float | None], str]:
    """The same of differences."""
    if not _in_units(name):
        return signed
    return lambda value: figure(value) if value is None or value < 0 else f"+{figure(value)}"


def _tests(result: dict[str, Any], names: list[str]) -> list[Table]:
    corrected = len(result["tests"]) > 1
    columns = ["test metric", "difference", "95% interval", "p", *(["p (Holm)"] if corrected else [])]
    tables = []
    for test in result["tests"]:
        rows = []
        for name, entry in test["figures"].items():
            shown = _signed(name)
            told = f"{shown(entry['difference'])}{_better(name, entry['difference'], entry['interval'])}"
            ends = extremes(entry["interval"], shown) if entry["interval"] else ""
            rows.append([name, told, ends, *_p_values(entry, corrected)])
        note, counts = "", test["mcnemar"]
        if counts:
            rows.append(["right or wrong (McNemar)", "", "", *_p_values(counts, corrected)])
            known = sum(counts[name] for name in ("both_right", "only_first", "only_second", "both_wrong"))
            note = (
                f"of {counted(known, 'row')} "
                f"{counts['both_right']} are right in both, {counts['only_first']} in {names[0]} alone, "
                f"{counts['only_second']} in {names[test['run']]} alone, {counts['both_wrong']} in neither"
            )
        tables.append(Table(f"{names[test['run']]} minus {names[0]}", columns, rows, note, _TEXT))
    return tables


def _better(name: str, difference: float, interval: Sequence[float] | None) -> str:
    """Whether a difference is one for the better, where that is known, and not by chance alone."""
    direction = direction_of(name)
    if not direction or not difference or (abs(difference) < 5e-5 and not _in_units(name)):
        return ""
    if interval is None or interval[0] <= 0 <= interval[1]:
        return ", no clear difference"
    return " better" if (difference > 0) == (direction == "max") else " worse"


def _p_values(entry: dict[str, Any], corrected: bool) -> list[str]:
    return [_p(entry["p"]), *([_p(entry["p_corrected"])] if corrected else [])]


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.0005 else f"{value:.1e}"

"""What the trials of a search say to do next; limits as in `advice`."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..core.words import counted, figure, percent, quoted, value
from . import values
from .facts import Facts

EDGE = 0.05  # share of an interval, on its scale, that counts as its edge
FAILED = 0.25  # share of trials
PER_FIELD = 5  # trials with a score for each field that is searched


def of_search(facts: Facts) -> Iterator[tuple[str, str, str]]:
    """(code, text, command) of each piece of advice."""
    summary, rows = facts.search.summary, facts.search.rows
    space = values.mapping(facts.section("search").get("space"))
    failed = [row for row in rows if row.get("status") == "failed"]
    if rows and len(failed) > FAILED * len(rows):
        reason, times = Counter(row.get("reason", "") for row in failed).most_common(1)[0]
        share = f"{len(failed)} of {counted(len(rows), 'trial')} failed (limit {percent(FAILED)})"
        yield "failed_trials", f"{share}; the most frequent reason ({times} times): {reason}", ""
    scored = [row for row in rows if values.parsed(row.get("rank")) is not None]
    if space and 0 < len(scored) < PER_FIELD * len(space):
        few = f"{counted(len(scored), 'trial has', 'trials have')} a score, for {counted(len(space), 'field')}"
        text = f"{few} (limit: {PER_FIELD} each): the best may be a matter of luck. Raise search.trials."
        yield "few_trials", text, ""
    yield from _edges(values.mapping(summary.get("values")), space)
    yield from _ties(facts, scored)
    if (facts.folder / "best.yaml").is_file():
        text = "best.yaml is the pipeline with the best values: run it on more data or for more epochs."
        yield "use_best", text, f"tfpipe run {quoted(f'{facts.shown}/best.yaml')}"


def _edges(best: dict[str, Any], space: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Best values that lie where their interval ends: better ones may lie beyond."""
    for path, chosen in best.items():
        dimension, chosen = values.mapping(space.get(path)), values.number(chosen)
        low, high = values.number(dimension.get("min")), values.number(dimension.get("max"))
        if chosen is None or low is None or high is None or not low < high:
            continue
        first, middle, last = low, chosen, high
        if dimension.get("scale") == "log":
            first, middle, last = (math.log(entry) if entry > 0 else -math.inf for entry in (low, chosen, high))
        place = (middle - first) / (last - first)
        if math.isfinite(place) and (place < EDGE or place > 1 - EDGE):
            side = "lower" if place < EDGE else "upper"
            where = f"at the {side} end of its interval, {value(low)} to {value(high)}"
            told = f"The best {path} is {value(chosen)}, {where}"
            text = f"{told}: widen it there, unless no other value makes sense."
            yield "edge", text, ""


def _ties(facts: Facts, scored: list[dict[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Trials that differ by less than the same values do with other seeds."""
    metric = values.text(facts.search.summary.get("metric"))
    spread = facts.metrics.spread.get("validation", {}).get(metric.removeprefix("val_"), {})
    if len(facts.search.seeds) < 2 or not {"min", "max"} <= spread.keys():
        return
    scores = [score for row in scored if (score := values.parsed(row.get(metric))) is not None]
    width = spread["max"] - spread["min"]
    near = sum(abs(score - scores[0]) <= width for score in scores) if scores else 0
    if near > 1 and width > 0:
        text = (
            f"{near} of {counted(len(scores), 'trial')} lie within {figure(width)} of the best {metric}, no more "
            "than the final runs differ between seeds: their order means little, so take the cheapest."
        )
        yield "ties", text, ""

"""Mean and spread over the folds of a cross-validation."""

from statistics import mean, stdev
from typing import Any


def summarize_folds(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The metrics.json of all folds together.

    Args:
        results: the metrics.json of each fold.

    Returns:
        `validation` and `test`: mean of each figure over folds; `spread`: for each of them mean, standard deviation,
        least and largest; `folds`: the figures of each fold; `time`.
    """
    parts = [part for part in ("validation", "test") if all(part in result for result in results)]
    spread: dict[str, dict[str, dict[str, float]]] = {part: {} for part in parts}
    for part in parts:
        for name in results[0][part]:
            if all(name in result[part] for result in results):
                some = [result[part][name] for result in results]
                spread[part][name] = {"mean": mean(some), "std": stdev(some), "min": min(some), "max": max(some)}
    seconds = {name: round(sum(result["time"][name] for result in results), 3) for name in ("training", "evaluation")}
    means = {part: {name: entry["mean"] for name, entry in names.items()} for part, names in spread.items()}
    folds = [{part: result[part] for part in parts} for result in results]
    return {**means, "spread": spread, "folds": folds, "time": seconds}

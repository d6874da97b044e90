"""Mean and spread of metrics, such as over the folds of a cross-validation."""

from statistics import mean, stdev
from typing import Any

from ..core.splits import SPLITS


def spread_of(values: list[float]) -> dict[str, float]:
    """Mean, standard deviation (of two values or more), least and largest of a metric of several models."""
    deviation = {"std": stdev(values)} if len(values) > 1 else {}
    return {"mean": mean(values), **deviation, "min": min(values), "max": max(values)}


def summarize_folds(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The metrics.json of all folds together.

    Args:
        results: the metrics.json of each fold.

    Returns:
        `validation` and `test`: mean of each metric over folds; `spread`: for each of them mean, standard deviation,
        least and largest; `folds`: the metrics of each fold; `time`.
    """
    splits = [split for split in SPLITS[1:] if all(split in result for result in results)]
    spread: dict[str, dict[str, dict[str, float]]] = {split: {} for split in splits}
    for split in splits:
        for name in results[0][split]:
            if all(name in result[split] for result in results):
                some = [result[split][name] for result in results]
                spread[split][name] = spread_of(some)
    seconds = {name: round(sum(result["time"][name] for result in results), 3) for name in ("training", "evaluation")}
    means = {split: {name: entry["mean"] for name, entry in names.items()} for split, names in spread.items()}
    folds = [{split: result[split] for split in splits} for result in results]
    return {**means, "spread": spread, "folds": folds, "time": seconds}

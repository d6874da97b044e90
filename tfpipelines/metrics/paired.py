"""Paired tests of runs on the same rows.

No tests of means: what is measured twice on the same rows is compared row by row.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import binomtest

RESAMPLES = 2_000
LEVEL = 0.05  # p-values below it are called more than chance
_MOST_DRAWN = 10**8  # rows in all resamples together
_LEAST = 200
_DRAWN_WEIGHTS = 20_000


def mcnemar(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """McNemar's exact test (McNemar 1947): whether one of two is right more often where one alone is.

    Args:
        first, second: which rows each has right, bool (rows,).

    Returns:
        `both_right`, `only_first`, `only_second`, `both_wrong` (rows) and `p`, two-sided by the binomial distribution;
        1 where they are right in the same rows.
    """
    outcomes = first & second, first & ~second, ~first & second, ~first & ~second
    names = "both_right", "only_first", "only_second", "both_wrong"
    table = {name: int(rows.sum()) for name, rows in zip(names, outcomes)}
    apart = table["only_first"] + table["only_second"]
    return {**table, "p": float(binomtest(table["only_first"], apart).pvalue) if apart else 1.0}


def resampled(
    runs: list[Callable[[np.ndarray], dict[str, float]]],
    strata: list[np.ndarray],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[list[dict[str, np.ndarray]], int]:
    """The metrics of every run on the same resampled rows (Efron & Tibshirani 1993).

    Args:
        runs: for each a function of row numbers to metrics, the rows in the same order.
        strata: row numbers that are resampled apart.
        resamples: fewer where there are very many rows.
        seed: of the resampling.

    Returns:
        For each run {figure: float (resamples,)}, NaN where a resample does not have it; and the number of resamples.
    """
    generator = np.random.default_rng([seed, 4])
    count = min(resamples, max(_LEAST, _MOST_DRAWN // max(1, sum(map(len, strata)) * len(runs))))
    names = [list(run(np.concatenate(strata))) for run in runs]
    draws = [{name: np.full(count, np.nan) for name in some} for some in names]
    for number in range(count):
        rows = np.concatenate([part[generator.integers(0, len(part), len(part))] for part in strata])
        for run, table in zip(runs, draws):
            for name, value in run(rows).items():
                if name in table:
                    table[name][number] = value
    return draws, count


def difference_of_shares(first: np.ndarray, second: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """95% interval of a difference of shares of the same rows, such as two accuracies; of no width for no rows alone.

    That of the mean of numbers between -1 and 1 by Gaffke (2005; Learned-Miller & Thomas 2020): weights of the rows are
    drawn from a flat Dirichlet distribution, and one row more has the worst difference for the lower end and the best
    for the upper one. Where both are right in the same rows, the ends are those of Clopper & Pearson (1934).

    Args:
        first, second: which rows count, bool (rows,).
        seed: of the weights.

    Returns:
        `interval`: [low, high] of the share in `second` less that in `first`;
        `p`, two-sided, which is what the interval says at every level: below 0.05 where the interval does not hold 0;
            at least 2 / (draws + 1).
    """
    alone = [int((~first & second).sum()), int((first & ~second).sum())]
    shapes = np.array([*alone, len(first) - sum(alone), 1], np.float64)
    weights = np.random.default_rng([seed, 6]).gamma(shapes, size=(_DRAWN_WEIGHTS, len(shapes)))
    weights /= weights.sum(axis=1, keepdims=True)
    apart = weights[:, 0] - weights[:, 1]
    lows, highs = apart - weights[:, 3], apart + weights[:, 3]
    interval = [float(np.percentile(lows, 2.5)), float(np.percentile(highs, 97.5))]
    return {"interval": interval, "p": _two_sided(min((lows <= 0).sum(), (highs >= 0).sum()), _DRAWN_WEIGHTS)}


def difference(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """95% percentile interval of a difference, and how often chance would be as far from 0 to either side.

    Args:
        first, second: a metric of two runs on the same resamples, float (resamples,).

    Returns:
        `interval` of second - first, None where all resamples say the same, from which nothing can be told of others;
        `p`, two-sided: twice the smaller share of resamples on one side of 0, which is what the percentile interval
            says at every level; at least 2 / (resamples + 1).
    """
    differences = (second - first)[~np.isnan(second - first)]
    low, high = (float(end) for end in np.percentile(differences, [2.5, 97.5]))
    p = _two_sided(min((differences <= 0).sum(), (differences >= 0).sum()), len(differences))
    return {"interval": [low, high] if low < high else None, "p": p}


def _two_sided(beyond: int, draws: int) -> float:
    """p of so many draws on the other side of 0."""
    return float(min(1.0, 2 * (1 + beyond) / (draws + 1)))


def holm(values: list[float]) -> list[float]:
    """p-values corrected for their number by the step-down method of Holm (1979)."""
    order = np.argsort(values, kind="stable")
    corrected, largest = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, values[place] * (len(values) - rank)))
        corrected[place] = largest
    return corrected

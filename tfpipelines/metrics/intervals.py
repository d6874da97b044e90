"""95% intervals of metrics that hold for few rows, too.

That of a share is exact (Clopper & Pearson 1934). All others are percentiles of resampled rows (Efron & Tibshirani
1993), among which is one row more than there are: for the worse end of the interval one that is as wrong as can be, for
the better end one that is as right. It stands for what a small sample happens not to show; where all rows are right,
resampling these alone would give an interval of no width. For the mean of bounded numbers this is the interval of
Gaffke (2005; Learned-Miller & Thomas 2020), whose special case for shares is that of Clopper and Pearson. Errors of a
regressor have no bound; there the row is up to twice as wrong as any is, by the tail of the errors.

There is none where none of them holds: of less than 10 rows, of metrics that are made of those of each class where one
has less than 5, and of the expected calibration error, which few rows make too large.

`python benchmarks/intervals.py` measures how often they hold.
"""

from collections.abc import Callable, Iterable

import numpy as np
from scipy.stats import beta, binom

from .registry import Metric

FEWEST_ROWS = 10  # for an interval by resampling
FEWEST_OF_CLASS = 5  # rows of each class, for that of a metric by class
_TAIL = 2.5  # % on either side
_MOST_DRAWN, _LEAST = 2 * 10**7, 100  # rows in all resamples together, and resamples


def resamples_of(wanted: int, rows: int) -> int:
    """How many resamples are drawn: fewer than are wanted where there are very many rows."""
    return min(wanted, max(_LEAST, _MOST_DRAWN // rows))


def of_share(hits: int, rows: int) -> list[float]:
    """[low, high] of the share of `rows` that are `hits`."""
    tail = _TAIL / 100
    low = beta.ppf(tail, hits, rows - hits + 1) if hits else 0.0
    return [float(low), float(beta.ppf(1 - tail, hits + 1, rows - hits)) if hits < rows else 1.0]


def of_f1(hits: int, wrong: int) -> list[float]:
    """[low, high] of 2 hits / (2 hits + wrong), by that of the share hits / (hits + wrong), with which it rises."""
    return [2 * share / (1 + share) for share in of_share(hits, hits + wrong)]


def of_median(numbers: np.ndarray) -> list[float]:
    """[low, high] of the median of what numbers, float (n,), are drawn from: two of them; of at least 6."""
    count = len(numbers)
    below = int(binom.ppf(_TAIL / 100, count, 0.5))  # so many of them, or fewer, lie below the median in 2.5 %
    ordered = np.sort(numbers)
    place = max(below - 1, 0)
    return [float(ordered[place]), float(ordered[count - 1 - place])]


def of_resamples(
    figures: Callable[[bool], Iterable[dict[str, float]]], metrics: Iterable[Metric], values: dict[str, float]
) -> dict[str, list[float]]:
    """{metric: [low, high]} by percentiles.

    Args:
        figures: whether the row more is a wrong one -> the metrics of each resample.
        metrics: which are wanted.
        values: those of the rows themselves.
    """
    worst, best = (_table(figures(wrong)) for wrong in (True, False))
    result = {}
    for entry in metrics:
        if entry.name not in worst or entry.name not in best:
            continue
        lower, upper = (worst, best) if entry.better == "max" else (best, worst)
        low = float(np.percentile(lower[entry.name], _TAIL))
        high = float(np.percentile(upper[entry.name], 100 - _TAIL))
        if entry.biased and entry.name in values:  # the value is as far from the truth as resamples are from the value
            turned = [2 * values[entry.name] - end for end in (high, low)]
            low, high = max(entry.range[0], min(low, turned[0])), min(entry.range[1], max(high, turned[1]))
        result[entry.name] = [low, high]
    return result


def _table(draws: Iterable[dict[str, float]]) -> dict[str, list[float]]:
    """{metric: its values}."""
    values: dict[str, list[float]] = {}
    for figures in draws:
        for name, value in figures.items():
            values.setdefault(name, []).append(value)
    return values

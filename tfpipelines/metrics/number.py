"""Figures of a regressor: a function for each name that the registry gives to them, and their intervals.

Each function takes rows that are drawn, and gives a number, or None where they do not allow it. All are in the unit of
the target.
"""

from collections.abc import Callable, Iterator
from functools import cache, cached_property

import numpy as np

from . import intervals, registry
from .registry import NUMBER

_UNSEEN = 8  # times as many rows as there are: the error that one of them exceeds is that of the row not seen
_LARGEST, _TAIL = 2.0, 10  # times the largest error, and the least number of rows in the tail of errors


class Known:
    """What is known of each row, computed once for all resamples.

    Args:
        values: true, float (n,).
        predicted: float (n,).
        low, high: ends of each row's prediction interval, float (n,), where there are any.
    """

    def __init__(
        self,
        values: np.ndarray,
        predicted: np.ndarray,
        low: np.ndarray | None = None,
        high: np.ndarray | None = None,
    ):
        self.values, self.predicted = np.asarray(values, np.float64), np.asarray(predicted, np.float64)
        self.errors = np.abs(self.values - self.predicted)
        self.scale = float(self.errors.max(initial=0.0)) or 1.0  # keeps squares of huge and tiny errors in range
        self.squares = (self.errors / self.scale) ** 2
        self.low, self.high = (None if end is None else np.asarray(end, np.float64) for end in (low, high))

    def draw(self, rows: np.ndarray | None = None) -> "Drawn":
        """Some rows by number, any of them several times; None: each once."""
        return Drawn(self, np.arange(len(self.values)) if rows is None else rows)

    @cached_property
    def inside(self) -> np.ndarray | None:
        """Which values lie inside their prediction interval, bool (n,); None without intervals."""
        if self.low is None or self.high is None:
            return None
        return (self.low <= self.values) & (self.values <= self.high)

    @cached_property
    def groups(self) -> tuple["Groups", "Groups"]:
        """The values and the predictions by their order."""
        return Groups(self.values), Groups(self.predicted)

    @cached_property
    def error_groups(self) -> "Groups":
        return Groups(self.errors)

    def with_extreme(self, wrong: bool) -> "Known":
        """With one row more, told right or wrong: a value further from the mean than any, told exactly; or one at the
        mean, told with a larger error than any row has (`_larger`). See `rank_extreme` for metrics of the order.
        """
        mean = self.values.mean()
        if wrong:
            return self._and(mean, mean + _larger(self.errors) * self.errors.max())
        away = self.values - mean
        value = mean + _larger(np.abs(away)) * away[np.abs(away).argmax()]
        return self._and(value, value)

    def rank_extreme(self, wrong: bool) -> "Known":
        """With one row more, whose value is the highest and whose prediction the lowest (wrong) or the highest."""
        above = lambda numbers: numbers.max() + 1.0 + np.abs(numbers).max()
        return self._and(above(self.values), -above(-self.predicted) if wrong else above(self.predicted))

    def _and(self, value: float, predicted: float) -> "Known":
        return Known(np.append(self.values, value), np.append(self.predicted, predicted))


def _larger(errors: np.ndarray) -> float:
    """How many times the largest error of n rows is the one that one of 8 n rows exceeds, by the tail of the errors
    (Hill 1975): about 1.5 for normal errors; at most 2.
    """
    ordered = np.sort(errors)[::-1]
    tail = min(len(errors) // 2, max(_TAIL, len(errors) // 10))
    if ordered[tail] <= 0:
        return _LARGEST
    return float(min(_LARGEST, _UNSEEN ** np.log(ordered[:tail] / ordered[tail]).mean()))


class Groups:
    """Numbers by their order, sorted once for many resamples of the same rows.

    Args:
        numbers: float (n,).
    """

    def __init__(self, numbers: np.ndarray):
        self.numbers, self._place = np.unique(numbers, return_inverse=True)  # ascending, and the place of each row

    def counts(self, rows: np.ndarray) -> np.ndarray:
        """How often each distinct number is drawn, int."""
        return np.bincount(self._place[rows], minlength=len(self.numbers))

    def ranks(self, rows: np.ndarray) -> np.ndarray:
        """Rank of each row that is drawn among all of them, equal ones the mean of theirs, float."""
        counts = self.counts(rows)
        return (np.cumsum(counts) - (counts - 1) / 2)[self._place[rows]]

    def median(self, rows: np.ndarray) -> float:
        so_far, count = np.cumsum(self.counts(rows)), len(rows)
        places = np.searchsorted(so_far, [(count + 1) // 2, count // 2 + 1])
        return float(self.numbers[places].mean())


class Drawn:
    """Rows that are drawn: `values`, `predicted` and absolute `errors` of each, float64 (rows,)."""

    def __init__(self, known: Known, rows: np.ndarray):
        self.known, self.rows = known, rows

    @property
    def values(self) -> np.ndarray:
        return self.known.values[self.rows]

    @property
    def predicted(self) -> np.ndarray:
        return self.known.predicted[self.rows]

    @property
    def errors(self) -> np.ndarray:
        return self.known.errors[self.rows]


def rmse(drawn: Drawn) -> float:
    return drawn.known.scale * np.sqrt(drawn.known.squares[drawn.rows].mean())


def mae(drawn: Drawn) -> float:
    return drawn.errors.mean()


def median_error(drawn: Drawn) -> float:
    return drawn.known.error_groups.median(drawn.rows)


def r2(drawn: Drawn) -> float | None:
    """None where all values are equal."""
    values = drawn.values
    if values.min() == values.max():
        return None
    from_mean = (values - values.mean()) / drawn.known.scale
    return 1.0 - drawn.known.squares[drawn.rows].sum() / (from_mean @ from_mean)


def spearman(drawn: Drawn) -> float | None:
    """None where all values, or all predictions, are equal."""
    one, other = (groups.ranks(drawn.rows) for groups in drawn.known.groups)
    if one.min() == one.max() or other.min() == other.max():
        return None
    one, other = one - one.mean(), other - other.mean()
    return float(np.clip((one @ other) / np.sqrt((one @ one) * (other @ other)), -1.0, 1.0))


def coverage(drawn: Drawn) -> float | None:
    return None if drawn.known.inside is None else drawn.known.inside[drawn.rows].mean()


def width(drawn: Drawn) -> float | None:
    known = drawn.known
    return None if known.low is None or known.high is None else (known.high - known.low)[drawn.rows].mean()


def regressor_metrics(
    values: np.ndarray, predicted: np.ndarray, low: np.ndarray | None = None, high: np.ndarray | None = None
) -> dict[str, float]:
    """Every metric that the rows allow, in the order of the registry.

    Args:
        values, predicted: true and predicted, finite, float (n,).
        low, high: ends of each row's prediction interval, float (n,); default none.
    """
    return _figures(Known(values, predicted, low, high).draw(), _functions())


def regressor_row_figures(
    values: np.ndarray, predicted: np.ndarray, low: np.ndarray | None = None, high: np.ndarray | None = None
) -> Callable[[np.ndarray], dict[str, float]]:
    """The metrics of `regressor_metrics` as a function of row numbers, in which a row may occur several times."""
    known, functions = Known(values, predicted, low, high), _functions()
    return lambda rows: _figures(known.draw(rows), functions)


def regressor_intervals(
    values: np.ndarray,
    predicted: np.ndarray,
    resamples: int,
    seed: int,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
) -> dict[str, list[float]]:
    """95% intervals of the metrics, see `intervals`; {} without resamples.

    Coverage is a share. That of the median error is made of two of the errors themselves, by the binomial distribution
    of how many lie below the median, and holds for any distribution. The width of prediction intervals has none.

    Args:
        resamples: how many; fewer where there are very many rows.
        seed: of the resampling.

    Returns:
        {metric: [low, high]}, in the order of the registry.
    """
    if not resamples or not len(values):
        return {}
    known, found = Known(values, predicted, low, high), {}
    if known.inside is not None:
        found["coverage"] = intervals.of_share(int(known.inside.sum()), len(values))
    if len(values) >= intervals.FEWEST_ROWS:
        found["median_error"] = intervals.of_median(known.errors)
        figures = _figures(known.draw(), _functions())
        others = [entry for entry in _entries() if entry.name in figures.keys() - found.keys() - {"width"}]
        found |= intervals.of_resamples(_resampler(known, others, resamples, seed), others, figures)
    return {entry.name: found[entry.name] for entry in _entries() if entry.name in found}


def _resampler(
    known: Known, entries: list[registry.Metric], resamples: int, seed: int
) -> Callable[[bool], Iterator[dict[str, float]]]:
    """Whether the row more is a wrong one -> the metrics of each resample."""
    rows, functions = len(known.values), dict(_functions())
    count = intervals.resamples_of(resamples, rows)
    by_order, others = (
        tuple((entry.name, functions[entry.name]) for entry in entries if (entry.of == "order") is order)
        for order in (True, False)
    )

    def figures(wrong: bool) -> Iterator[dict[str, float]]:
        generator = np.random.default_rng([seed, 2])
        larger, ranked = known.with_extreme(wrong), known.rank_extreme(wrong)
        for _ in range(count):
            drawn = generator.integers(0, rows + 1, rows)
            yield _figures(larger.draw(drawn), others) | _figures(ranked.draw(drawn), by_order)

    return figures


def _entries() -> list[registry.Metric]:
    return [entry for entry in registry.METRICS if NUMBER in entry.by]


@cache
def _functions() -> tuple[tuple[str, Callable], ...]:
    """(metric, its function)."""
    return tuple((entry.name, entry.function(NUMBER)) for entry in _entries())


def _figures(drawn: Drawn, functions: tuple[tuple[str, Callable], ...]) -> dict[str, float]:
    values = ((name, function(drawn)) for name, function in functions)
    return {name: float(value) for name, value in values if value is not None}

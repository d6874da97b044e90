"""The metrics of a classifier by the entries of the registry: of all rows, of resampled ones, and their intervals.

Labels come as class numbers, int (n,), or, where a row may have several, as 1 for each that it has, (n, labels).
Probabilities are float (n, classes): with one label rows that add up to 1, else each by itself in [0, 1].
"""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from . import intervals, multi_label, registry, single_label
from .registry import ONE, SEVERAL


def classifier_metrics(
    labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray | None = None
) -> dict[str, float]:
    """Every metric that the rows allow, in the order of the registry.

    Args:
        thresholds: with several labels, see `multi_label.Known`.
    """
    return _figures(_known(labels, probabilities, thresholds).draw(), _functions(labels.ndim))


def classifier_row_figures(
    labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray | None = None
) -> Callable[[np.ndarray], dict[str, float]]:
    """The metrics of `classifier_metrics` as a function of row numbers, in which a row may occur several times.

    What is known of each row is computed once, so that a resample costs little.
    """
    known, functions = _known(labels, probabilities, thresholds), _functions(labels.ndim)
    return lambda rows: _figures(known.draw(rows), functions)


def right_rows(labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
    """Which rows are predicted right, in every label where there are several; bool (n,)."""
    return _known(labels, probabilities, thresholds).right


def classifier_intervals(
    labels: np.ndarray, probabilities: np.ndarray, resamples: int, seed: int, thresholds: np.ndarray | None = None
) -> dict[str, list[float]]:
    """95% intervals of the metrics, see `intervals`; {} without resamples.

    Of several labels a row, metrics that hang on the order or the bins of numbers take too long for it.

    Args:
        resamples: how many; fewer where there are very many rows.
        seed: of the resampling.
        thresholds: with several labels, see `multi_label.Known`.

    Returns:
        {metric: [low, high]}, in the order of the registry.
    """
    if not resamples or not len(labels):
        return {}
    known, module = _known(labels, probabilities, thresholds), ONE if labels.ndim == 1 else SEVERAL
    shares = {name: intervals.of_share(int(right.sum()), len(labels)) for name, right in known.shares.items()}
    others = [entry for entry in registry.METRICS if module in entry.by and entry.name not in shares]
    allowed = lambda entry: entry.of != "bins" and (module == ONE or not entry.loose)
    enough = lambda entry: not entry.by_class or known.rarest >= intervals.FEWEST_OF_CLASS
    others = [entry for entry in others if allowed(entry) and enough(entry)]
    if len(labels) < intervals.FEWEST_ROWS or (module == ONE and probabilities.shape[1] < 2):
        others = []
    count = intervals.resamples_of(resamples, labels.size)
    functions = tuple((entry.name, entry.function(module)) for entry in others)

    def figures(wrong: bool) -> Iterator[dict[str, float]]:
        generator, more = np.random.default_rng([seed, 2]), known.with_extreme(wrong)
        for _ in range(count):
            yield _figures(more.draw(generator.integers(0, len(labels) + 1, len(labels))), functions)

    found = shares
    if others:
        found |= intervals.of_resamples(figures, others, _figures(known.draw(), functions))
    return {entry.name: found[entry.name] for entry in registry.METRICS if module in entry.by and entry.name in found}


def _known(
    labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray | None
) -> single_label.Known | multi_label.Known:
    if labels.ndim == 1:
        return single_label.Known(labels, probabilities)
    return multi_label.Known(labels, probabilities, thresholds)


@cache
def _functions(dimensions: int) -> tuple[tuple[str, Callable], ...]:
    """(metric, its function) by the shape of the labels."""
    module = ONE if dimensions == 1 else SEVERAL
    found = [entry for entry in registry.METRICS if module in entry.by]
    return tuple((entry.name, entry.function(module)) for entry in found)


def _figures(drawn, functions: tuple[tuple[str, Callable], ...]) -> dict[str, float]:
    values = ((name, function(drawn)) for name, function in functions)
    return {name: float(value) for name, value in values if value is not None}

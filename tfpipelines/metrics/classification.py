"""The metrics of a classifier by the entries of the registry: of all rows, of resampled ones, and their intervals.

Labels come as class numbers, int (n,), or, where a row may have several, as 1 for each that it has, (n, labels).
Probabilities are float (n, classes): with one label rows that add up to 1, else each by itself in [0, 1].
"""

from collections.abc import Callable, Iterable
from functools import cache

import numpy as np

from . import multi_label, registry, single_label
from .registry import ONE, SEVERAL


def classifier_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Every metric that the rows allow, in the order of the registry."""
    return _figures(_known(labels, probabilities).draw(), _functions(labels.ndim))


def classifier_row_figures(labels: np.ndarray, probabilities: np.ndarray) -> Callable[[np.ndarray], dict[str, float]]:
    """The metrics of `classifier_metrics` as a function of row numbers, in which a row may occur several times.

    What is known of each row is computed once, so that a resample costs little.
    """
    known, functions = _known(labels, probabilities), _functions(labels.ndim)
    return lambda rows: _figures(known.draw(rows), functions)


def classifier_intervals(
    labels: np.ndarray, probabilities: np.ndarray, resamples: int, seed: int
) -> dict[str, list[float]]:
    """95% percentile intervals of the metrics, by resampling rows (Efron & Tibshirani 1993); {} without resamples.

    Of several labels a row, metrics that hang on the order or the bins of numbers take too long for it.

    Args:
        resamples: how many.
        seed: of the resampling.

    Returns:
        {figure: [low, high]}.
    """
    known, functions = _known(labels, probabilities), _functions(labels.ndim, loose=labels.ndim == 1)
    generator, count = np.random.default_rng([seed, 2]), len(labels)
    return percentiles(_figures(known.draw(generator.integers(0, count, count)), functions) for _ in range(resamples))


def percentiles(draws: Iterable[dict[str, float]], tail: float = 50 * (1 - 0.95)) -> dict[str, list[float]]:
    """{figure: [low, high]} of the metrics of resamples, with `tail` % of them on either side outside."""
    values: dict[str, list[float]] = {}
    for figures in draws:
        for name, value in figures.items():
            values.setdefault(name, []).append(value)
    return {name: np.percentile(some, [tail, 100 - tail]).tolist() for name, some in values.items()}


def _known(labels: np.ndarray, probabilities: np.ndarray) -> single_label.Known | multi_label.Known:
    return (single_label if labels.ndim == 1 else multi_label).Known(labels, probabilities)


@cache
def _functions(dimensions: int, loose: bool = True) -> tuple[tuple[str, Callable], ...]:
    """(metric, its function) by the shape of the labels; without `loose` those that rounding cannot make jump."""
    module = ONE if dimensions == 1 else SEVERAL
    found = [entry for entry in registry.METRICS if module in entry.by and (loose or not entry.loose)]
    return tuple((entry.name, entry.function(module)) for entry in found)


def _figures(drawn, functions: tuple[tuple[str, Callable], ...]) -> dict[str, float]:
    values = ((name, function(drawn)) for name, function in functions)
    return {name: float(value) for name, value in values if value is not None}

"""Metrics of the test rows by category."""

from typing import Any

import numpy as np

from tfpipelines import datasets

from .. import targets

_LEAST_ROWS = 10  # of a slice
_MOST_VALUES = 20  # of a column that is sliced, the most frequent ones


def slice_metrics(
    samples: "datasets.TableSamples", columns: Any, target: "targets.Target", rows: np.ndarray, answers: np.ndarray
) -> list[dict[str, Any]]:
    """Metrics of the rows that have a value of a category.

    Args:
        columns: `datasets.Columns` of the samples.
        rows: of the store.
        answers: to them.

    Returns:
        {`column`, `value`, `rows`, and its metrics} of each value with ten rows at least.
    """
    found: list[dict[str, Any]] = []
    labels = datasets.encode_labels(samples.frame.loc[rows], target.classes)
    words = columns.cleaned(samples.cells.iloc[rows])
    for name, values in words.items():
        known, counts = np.unique(values.astype(str), return_counts=True)
        order = np.argsort(-counts, kind="stable")[:_MOST_VALUES]
        for place in order:
            some = values == known[place]
            if counts[place] >= _LEAST_ROWS:
                metrics = target.metrics(labels[some], answers[some])
                found.append({"column": name, "value": str(known[place]), "rows": int(counts[place]), **metrics})
    return found

"""Fits gradient-boosted trees: scikit-learn's histogram gradient boosting, on columns of numbers and of categories."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from .arrays import Trees
from .columns import Columns
from .conversion import Fitted, joined

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

_ROWS_OF_LEAF = 20
_ONE_THREAD = 2**22  # values of a table; up to here a second thread gains little, and waits for busy cores


@dataclass(frozen=True)
class BoostingSettings:
    """How trees are boosted (Friedman 2001; Ke et al. 2017); the names are scikit-learn's, the defaults those of the
    network `boosting`.

    Args:
        learning_rate: what each tree's values are multiplied by.
        max_iter: most trees of each output.
        max_leaf_nodes: most leaves of a tree.
        max_depth: most steps from root to leaf; None: any.
        min_samples_leaf: fewest training rows of a leaf; auto: by what they are fitted to.
        l2_regularization: penalty on the leaves' values.
        max_bins: numbers are told apart by at most so many bins, and categories by so many groups; 2 to 255.
        patience: with validation rows, iterations without a better loss after which the fit ends; the best is kept.
        loss: of a number.
        quantile: the one that the loss `quantile` is of.
    """

    learning_rate: float
    max_iter: int
    max_leaf_nodes: int
    max_depth: int | None
    min_samples_leaf: int | Literal["auto"]
    l2_regularization: float
    max_bins: int
    patience: int
    loss: Literal["squared_error", "absolute_error", "quantile"] = "squared_error"
    quantile: float = 0.5


class Rows(NamedTuple):
    """Rows of a table, encoded, and what is known of them.

    Args:
        numbers: float (rows, columns), NaN: missing; None: there is no such column.
        codes: int (rows, columns), 1 and up; 0: unknown or missing; None: there is no such column.
        targets: (rows,) of whole numbers: classes; (rows,) of floats: numbers; (rows, labels) of 0 and 1: labels.
        weights: float (rows,), or with several labels (rows, labels); None: all are equal.
    """

    numbers: np.ndarray | None
    codes: np.ndarray | None
    targets: np.ndarray
    weights: np.ndarray | None = None


class _Sample(NamedTuple):
    """What scikit-learn is given: columns float32; which are groups, from 0; targets; weights."""

    columns: np.ndarray
    categorical: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None

    def only(self, chosen: np.ndarray) -> "_Sample":
        weights = None if self.weights is None else self.weights[chosen]
        return self._replace(columns=self.columns[chosen], targets=self.targets[chosen], weights=weights)

    def of_label(self, label: int) -> "_Sample":
        """With one of several labels as target: 1 for those that have it."""
        weights = self.weights[:, label] if self.weights is not None and self.weights.ndim == 2 else self.weights
        return self._replace(targets=self.targets[:, label].astype(np.int64), weights=weights)


def fit_trees(
    numbers: np.ndarray | None,
    codes: np.ndarray | None,
    cardinalities: list[int],
    targets: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    outputs: int,
    settings: BoostingSettings,
    seed: int,
    validation: Rows | None = None,
) -> Trees:
    """Fits trees to training rows.

    The result does not depend on the number of threads. A class, label or category that no row has is fine.

    Args:
        numbers: see `Rows`, as the other three.
        cardinalities: known categories of each column of codes.
        outputs: classes (then the answers are logits of a softmax), labels (logits of a sigmoid each), or 1: a number.
        seed: of the rows that bins are made from, where there are more than 200,000.
        validation: rows that choose the number of iterations; None: all are made.
    """
    columns = Columns.of(numbers, codes, cardinalities, settings.max_bins)
    sample = _Sample(columns.encoded(numbers, codes), columns.categorical, np.asarray(targets), weights)
    held = None
    if validation is not None and len(validation.targets):
        encoded = columns.encoded(validation.numbers, validation.codes)
        held = _Sample(encoded, columns.categorical, np.asarray(validation.targets), validation.weights)
    with _threads(sample.columns.size):
        if sample.targets.ndim == 2:
            parts = [_label(sample, held, label, settings, seed) for label in range(outputs)]
            fitted = Fitted.side_by_side(parts)
        elif np.issubdtype(sample.targets.dtype, np.floating):
            fitted = _number(sample, held, settings, seed)
        else:
            fitted = _classes(sample, held, outputs, settings, seed)
    return joined(fitted, columns)


def _number(sample: _Sample, held: _Sample | None, settings: BoostingSettings, seed: int) -> Fitted:
    from sklearn.ensemble import HistGradientBoostingRegressor

    quantile = settings.quantile if settings.loss == "quantile" else None
    model = HistGradientBoostingRegressor(
        loss=settings.loss, quantile=quantile, **_options(sample, held, settings, seed)
    )
    return Fitted(*_boosted(model, sample, held), np.zeros(1, np.int32))


def _classes(sample: _Sample, held: _Sample | None, outputs: int, settings: BoostingSettings, seed: int) -> Fitted:
    """One tree an iteration for each class, or for the second of two.

    A class without rows gets the probability of half a row.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    present = np.unique(sample.targets)
    baseline, places = np.zeros(len(present)), present[-1:] if len(present) == 2 else present
    iterations: list = []
    if len(present) > 1:
        if held is not None:
            held = held.only(np.isin(held.targets, present))
            held = held if len(held.targets) else None
        model = HistGradientBoostingClassifier(**_options(sample, held, settings, seed))
        begun, iterations = _boosted(model, sample, held)
        baseline[-len(begun) :] = begun
    half_a_row = np.logaddexp.reduce(baseline) - np.log(2 * len(sample.targets))
    whole = np.full(outputs, half_a_row)
    whole[present] = baseline
    return Fitted(whole, iterations, places.astype(np.int32))


def _label(sample: _Sample, held: _Sample | None, label: int, settings: BoostingSettings, seed: int) -> Fitted:
    """One label of several: the logit of its being there."""
    sample, held = sample.of_label(label), held and held.of_label(label)
    two = _classes(sample, held, 2, settings, seed)
    return Fitted(two.baseline[1:] - two.baseline[:1], two.iterations, np.zeros(1, np.int32))


def _options(sample: _Sample, held: _Sample | None, settings: BoostingSettings, seed: int) -> dict[str, Any]:
    return {
        "learning_rate": settings.learning_rate,
        "max_iter": settings.max_iter,
        "max_leaf_nodes": settings.max_leaf_nodes,
        "max_depth": settings.max_depth,
        "min_samples_leaf": _leaf(sample) if settings.min_samples_leaf == "auto" else settings.min_samples_leaf,
        "l2_regularization": settings.l2_regularization,
        "max_bins": settings.max_bins,
        "categorical_features": sample.categorical,
        "early_stopping": held is not None,
        "n_iter_no_change": settings.patience,
        "random_state": seed,
    }


def _leaf(sample: _Sample) -> int:
    """Fewest rows of a leaf; few values of a number are told by fewer."""
    least = _ROWS_OF_LEAF if not np.issubdtype(sample.targets.dtype, np.floating) else len(sample.targets) // 50
    return min(max(least, 5), _ROWS_OF_LEAF)


def _boosted(
    model: "HistGradientBoostingClassifier | HistGradientBoostingRegressor", sample: _Sample, held: _Sample | None
) -> tuple[np.ndarray, list]:
    """(what the trees add to, the trees of each iteration up to the one with the best validation loss)."""
    given: dict[str, Any] = {"sample_weight": sample.weights}
    if held is not None:
        given |= {"X_val": held.columns, "y_val": held.targets, "sample_weight_val": held.weights}
    model.fit(sample.columns, sample.targets, **given)
    best = len(model._predictors) if held is None else int(np.argmax(model.validation_score_))
    return model._baseline_prediction.ravel(), model._predictors[:best]


@contextmanager
def _threads(values: int) -> Iterator[None]:
    """As many threads as pay for a table of so many values."""
    if values > _ONE_THREAD:
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "openmp"):
        yield

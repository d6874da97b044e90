"""Fits logistic and linear regression: scikit-learn's solvers, on columns of numbers and of categories."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

PENALTIES = (1e3, 1e2, 1e1, 1.0, 1e-1, 1e-2)  # 1 / C of logistic regression, alpha of ridge regression
_USUAL = 1.0  # without validation rows
_ITERATIONS = 1000


@dataclass(frozen=True, eq=False)
class Design:
    """Rows as a linear model sees them.

    Args:
        numbers: float (rows, columns), none missing.
        codes: int (rows, categories), 0 and up.
        targets: (rows,) of whole numbers: classes; (rows,) of floats: numbers; (rows, labels) of 0 and 1: labels.
        weights: float (rows,), or with several labels (rows, labels); None: all are equal.
    """

    numbers: np.ndarray
    codes: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None = None

    def of_label(self, label: int) -> "Design":
        """With one of several labels as target."""
        weights = self.weights[:, label] if self.weights is not None and self.weights.ndim == 2 else self.weights
        return replace(self, targets=self.targets[:, label].astype(np.int64), weights=weights)

    def only(self, chosen: np.ndarray) -> "Design":
        """Some of the rows."""
        weights = None if self.weights is None else self.weights[chosen]
        return Design(self.numbers[chosen], self.codes[chosen], self.targets[chosen], weights)


@dataclass(frozen=True, eq=False)
class Coefficients:
    """What was fitted.

    Args:
        numbers: float64 (columns, outputs).
        codes: of each category, float64 (its values + 1, outputs); 0 of values that no row has.
        intercept: float64 (outputs,).
    """

    numbers: np.ndarray
    codes: list[np.ndarray]
    intercept: np.ndarray


def fit_linear(
    training: Design,
    cardinalities: tuple[int, ...],
    *,
    outputs: int,
    weight_decay: float | None = None,
    validation: Design | None = None,
) -> Coefficients:
    """Fits logistic regression to classes and labels, ridge regression to numbers.

    The penalty is on the weights of columns brought to standard deviation 1, and of values of categories. The result
    does not depend on the number of threads.

    Args:
        cardinalities: values of each category.
        outputs: classes, labels, or 1: a number.
        weight_decay: the penalty on the squared weights, beside the mean loss of the rows, as that of Keras' L2; None:
            of six strengths the one with the least loss of the validation rows.
        validation: rows that choose the penalty.
    """
    from threadpoolctl import threadpool_limits

    scaling = _Scaling.of(training, cardinalities)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of solvers that stop after all iterations
        if training.targets.ndim == 2:
            pairs = [(training.of_label(label), validation and validation.of_label(label)) for label in range(outputs)]
            each = [_classes(one, held, scaling, 2, weight_decay) for one, held in pairs]
            whole = np.concatenate([two[:, 1:] - two[:, :1] for two in each], axis=1)
        elif np.issubdtype(training.targets.dtype, np.floating):
            whole = _number(training, validation, scaling, weight_decay)
        else:
            whole = _classes(training, validation, scaling, outputs, weight_decay)
    return scaling.unfolded(whole)


@dataclass(frozen=True, eq=False)
class _Scaling:
    """Columns of a design brought to mean 0 and standard deviation 1; values of categories as columns of 0 and 1."""

    mean: np.ndarray
    deviation: np.ndarray
    cardinalities: tuple[int, ...]

    @classmethod
    def of(cls, training: Design, cardinalities: tuple[int, ...]) -> "_Scaling":
        numbers = training.numbers.astype(np.float64)
        mean, deviation = numbers.mean(0), numbers.std(0)
        varies = deviation > 1e-9 * (1 + np.abs(mean))  # rounding alone gives constants a deviation, too
        return cls(mean, np.where(varies, deviation, 1.0), cardinalities)

    def columns(self, rows: Design) -> Any:
        """float64 (rows, columns); a sparse matrix where there are categories."""
        numbers = (rows.numbers - self.mean) / self.deviation
        if not self.cardinalities:
            return numbers
        import scipy.sparse

        count = len(rows.targets)
        parts = [scipy.sparse.csr_matrix(numbers)]
        for codes, cardinality in zip(rows.codes.T, self.cardinalities):
            places = np.arange(count), np.clip(codes, 0, cardinality)
            parts.append(scipy.sparse.csr_matrix((np.ones(count), places), (count, cardinality + 1)))
        return scipy.sparse.hstack(parts, "csr")

    def unfolded(self, weights: np.ndarray) -> Coefficients:
        """For columns as they are.

        Args:
            weights: float64 (columns + 1, outputs), the intercept in the last row.
        """
        width = len(self.mean)
        numbers = weights[:width] / self.deviation[:, None]
        edges = np.cumsum([width, *(cardinality + 1 for cardinality in self.cardinalities)])
        codes = [weights[low:high] for low, high in zip(edges[:-1], edges[1:])]
        return Coefficients(numbers, codes, weights[-1] - self.mean @ numbers)


def _classes(
    training: Design, validation: Design | None, scaling: _Scaling, outputs: int, weight_decay: float | None
) -> np.ndarray:
    """Weights float64 (columns + 1, outputs); a class without rows gets the probability of half a row."""
    from sklearn.linear_model import LogisticRegression

    columns, present = scaling.columns(training), np.unique(training.targets)
    whole = np.zeros((columns.shape[1] + 1, outputs))
    shares = np.bincount(training.targets, minlength=outputs) / len(training.targets)
    whole[-1] = np.log(np.maximum(shares, 0.5 / len(training.targets)))
    if len(present) < 2:
        return whole
    if validation is not None:
        validation = validation.only(np.isin(validation.targets, present))
    model = LogisticRegression(max_iter=_ITERATIONS, warm_start=True)

    def fitted(penalty: float) -> np.ndarray:
        model.set_params(C=1.0 / max(penalty, 1e-10)).fit(columns, training.targets, training.weights)
        weights = np.concatenate([model.coef_.T, model.intercept_[None]])
        return np.concatenate([np.zeros_like(weights), weights], axis=1) if weights.shape[1] == 1 else weights

    def loss(weights: np.ndarray, given: Any, rows: Design) -> np.ndarray:
        logits = given @ weights[:-1] + weights[-1]
        known = logits[np.arange(len(logits)), np.searchsorted(present, rows.targets)]
        return np.logaddexp.reduce(logits, axis=1) - known

    given = (
        None if weight_decay is None else 2 * weight_decay * len(training.targets)
    )  # it has half the squared weights
    best = _chosen(fitted, loss, validation, scaling, given)
    if len(present) < outputs:  # the others' intercepts are put on the scale of the rare ones'
        rare = np.log(0.5 / len(training.targets)) + np.logaddexp.reduce(best[-1])
        whole[-1] = rare
    whole[:, present] = best
    return whole


def _number(training: Design, validation: Design | None, scaling: _Scaling, weight_decay: float | None) -> np.ndarray:
    from sklearn.linear_model import Ridge

    columns = scaling.columns(training)

    def fitted(penalty: float) -> np.ndarray:
        solver = "auto" if isinstance(columns, np.ndarray) else "sparse_cg"
        model = Ridge(alpha=penalty, solver=solver, tol=1e-6).fit(columns, training.targets, training.weights)
        return np.append(model.coef_, model.intercept_)[:, None]

    def loss(weights: np.ndarray, given: Any, rows: Design) -> np.ndarray:
        return ((given @ weights[:-1] + weights[-1])[:, 0] - rows.targets) ** 2

    given = None if weight_decay is None else weight_decay * len(training.targets)
    return _chosen(fitted, loss, validation, scaling, given)


def _chosen(
    fitted: Callable[[float], np.ndarray],
    loss: Callable[[np.ndarray, Any, Design], np.ndarray],
    validation: Design | None,
    scaling: _Scaling,
    penalty: float | None,
) -> np.ndarray:
    """The weights for a penalty: the given one, the best on the validation rows, or the usual one."""
    if penalty is not None:
        return fitted(penalty)
    if validation is None or not len(validation.targets):
        return fitted(_USUAL)
    rows, best, least = scaling.columns(validation), None, np.inf
    for tried in PENALTIES:
        weights = fitted(tried)
        mean = float(np.average(loss(weights, rows, validation), weights=validation.weights))
        if best is None or mean < least:
            best, least = weights, mean
    assert best is not None
    return best

"""Losses and metrics that Keras lacks.

A network and the n-grams beside it are trained apart, each by a loss of its own, in one model. Its output is then three
pieces of `classes` logits: of the whole, of the n-grams, of the network.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from ..core.config.losses import LOSSES, loss_of
from ..core.config.train import Train

_TINY = 1e-7  # below which a share counts as this: powers of 0 have no gradient


def make_loss(train: Train, target: str, weights: np.ndarray | None = None) -> keras.losses.Loss:
    """The loss of a network's outputs.

    Args:
        train: its name and fields.
        target: class, labels or number, see `data.target`.
        weights: with several labels a row, of present and of absent labels, float (2, labels).
    """
    name, several = loss_of(train.loss, target), target == "labels"
    fields = {argument: getattr(train, field) for field, argument in LOSSES[name].takes.items()}
    if target == "number":
        return _OF_NUMBERS[name](**fields)
    if name == "cross_entropy" and weights is None:
        kind = keras.losses.BinaryCrossentropy if several else keras.losses.CategoricalCrossentropy
        return kind(from_logits=True)
    return LossOfLogits(_COSTS[name](**fields), several, name, weights)


class LossOfLogits(keras.losses.Loss):
    """What probabilities cost, weighed by the targets, which may be soft: (rows, classes) -> (rows,).

    With one label a row the probabilities are the softmax, and the costs of all classes are added. With several they
    are sigmoids; what is absent has the probability 1 - p, and the mean of the labels counts.

    Args:
        costs: functions of log p that give the cost of a label that is present, and of one that is absent of the log
            of its 1 - p.
        several: whether a row may have several labels.
        name: of the loss.
        weights: with several labels, what the costs of each are multiplied by where it is present, and where it is
            absent, float (2, labels); None: 1.
    """

    def __init__(
        self,
        costs: tuple[Callable[[Any], Any], Callable[[Any], Any]],
        several: bool,
        name: str,
        weights: np.ndarray | None = None,
    ):
        super().__init__(name=name)
        self.present, self.absent = costs
        self.several, self.weights = several, weights

    def call(self, y_true, y_pred):
        targets = ops.cast(y_true, y_pred.dtype)
        if not self.several:
            return ops.sum(targets * self.present(ops.log_softmax(y_pred, -1)), -1)
        present, absent = self.present(ops.log_sigmoid(y_pred)), self.absent(ops.log_sigmoid(-y_pred))
        if self.weights is not None:
            present, absent = (ops.cast(row, y_pred.dtype) * cost for row, cost in zip(self.weights, (present, absent)))
        return ops.mean(targets * present + (1.0 - targets) * absent, -1)


class QuantileLoss(keras.losses.Loss):
    """The loss whose least mean is at a quantile of the targets: (rows, 1) -> (rows,) (Koenker & Bassett 1978).

    Args:
        quantile: between 0 and 1.
    """

    def __init__(self, quantile: float):
        super().__init__(name="quantile")
        self.quantile = quantile

    def call(self, y_true, y_pred):
        above = ops.cast(y_true, y_pred.dtype) - y_pred
        return ops.mean(ops.maximum(self.quantile * above, (self.quantile - 1.0) * above), -1)


def _cross_entropy():
    cost = lambda log_p: -log_p
    return cost, cost


def _focal(gamma: float, alpha: float | None):
    cost = lambda log_p: -ops.power(_rest(log_p), gamma) * log_p
    if alpha is None:
        return cost, cost
    return lambda log_p: alpha * cost(log_p), lambda log_p: (1.0 - alpha) * cost(log_p)


def _poly1(epsilon: float):
    cost = lambda log_p: epsilon * _rest(log_p) - log_p
    return cost, cost


def _generalized(q: float):
    cost = lambda log_p: -ops.expm1(q * log_p) / q  # (1 - p^q) / q
    return cost, cost


def _asymmetric(present: float, absent: float, margin: float):
    def of_absent(log_rest):
        p = ops.maximum(_rest(log_rest) - margin, _TINY)
        return -ops.power(p, absent) * ops.log1p(-ops.minimum(p, 1.0 - _TINY))

    return _focal(present, None)[0], of_absent


def _rest(log_p):
    """1 - p."""
    return ops.maximum(-ops.expm1(log_p), _TINY)


_COSTS: dict[str, Callable[..., Any]] = {
    "cross_entropy": _cross_entropy, "focal": _focal, "poly1": _poly1, "generalized": _generalized,
    "asymmetric": _asymmetric,
}  # fmt: skip
_OF_NUMBERS: dict[str, Callable[..., keras.losses.Loss]] = {
    "mse": keras.losses.MeanSquaredError, "mae": keras.losses.MeanAbsoluteError, "huber": keras.losses.Huber,
    "quantile": QuantileLoss,
}  # fmt: skip


class LossOfParts(keras.losses.Loss):
    """The sum of the losses of the two parts; the whole has none, it follows from them.

    Args:
        loss: of logits.
        classes: how many there are.
    """

    def __init__(self, loss: keras.losses.Loss, classes: int):
        super().__init__(name="loss_of_parts")
        self.loss, self.classes = loss, classes

    def call(self, y_true, y_pred):
        _, wide, deep = keras.ops.split(y_pred, 3, -1)
        return self.loss.call(y_true, wide) + self.loss.call(y_true, deep)


class OfWhole(keras.metrics.Metric):
    """A metric of the whole's logits.

    Args:
        metric: of logits; its name is this one's.
        classes: how many there are.
    """

    def __init__(self, metric: keras.metrics.Metric, classes: int):
        super().__init__(name=metric.name)
        self.metric, self.classes = metric, classes

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.metric.update_state(y_true, y_pred[:, : self.classes], sample_weight)

    def result(self):
        return self.metric.result()

    def reset_state(self):
        self.metric.reset_state()


class OfRealRows(keras.metrics.Metric):
    """A metric of the rows whose weight is above 0, which all count alike.

    Args:
        metric: that takes weights; its name is this one's.
    """

    def __init__(self, metric: keras.metrics.Metric):
        super().__init__(name=metric.name)
        self.metric = metric

    def update_state(self, y_true, y_pred, sample_weight=None):
        counts = None if sample_weight is None else ops.cast(ops.greater(sample_weight, 0.0), "float32")
        self.metric.update_state(y_true, y_pred, counts)

    def result(self):
        return self.metric.result()

    def reset_state(self):
        self.metric.reset_state()


class RootMeanSquaredError(keras.metrics.Metric):
    """The root of the mean squared error in the target's unit.

    Args:
        restore: from what the network tells to the target's unit.
    """

    def __init__(self, restore: Callable[[Any], Any]):
        super().__init__(name="rmse")
        self.restore = restore
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        errors = self.restore(ops.cast(y_true, self.dtype)) - self.restore(ops.cast(y_pred, self.dtype))
        if sample_weight is None:
            self.total.assign_add(ops.sum(ops.square(errors)))
            self.count.assign_add(ops.cast(ops.size(errors), self.dtype))
            return
        weights = ops.reshape(ops.cast(sample_weight, self.dtype), (-1, *[1] * (len(errors.shape) - 1)))
        self.total.assign_add(ops.sum(weights * ops.square(errors)))
        self.count.assign_add(ops.sum(weights * ops.ones_like(errors)))

    def result(self):
        return ops.sqrt(ops.divide_no_nan(self.total, self.count))


class RowAccuracy(keras.metrics.MeanMetricWrapper):
    """Share of rows whose every label is told right: logits above 0 where targets, smoothed or not, are above 0.5."""

    def __init__(self):
        super().__init__(_right_rows, name="accuracy")


def _right_rows(y_true, y_pred):
    right = keras.ops.equal(keras.ops.greater(y_true, 0.5), keras.ops.greater(y_pred, 0.0))
    return keras.ops.cast(keras.ops.all(right, -1), "float32")

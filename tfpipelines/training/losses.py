"""Losses and metrics that Keras lacks.

A network and the n-grams beside it are trained apart, each by a loss of its own, in one model. Its output is then three
pieces of `classes` logits: of the whole, of the n-grams, of the network.
"""

import keras


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


class RowAccuracy(keras.metrics.MeanMetricWrapper):
    """Share of rows whose every label is told right: logits above 0 where targets, smoothed or not, are above 0.5."""

    def __init__(self):
        super().__init__(_right_rows, name="accuracy")


def _right_rows(y_true, y_pred):
    right = keras.ops.equal(keras.ops.greater(y_true, 0.5), keras.ops.greater(y_pred, 0.0))
    return keras.ops.cast(keras.ops.all(right, -1), "float32")

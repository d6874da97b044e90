"""Averaged weights: a moving average (Polyak & Juditsky 1992), or what an optimizer averages itself."""

from abc import abstractmethod
from collections.abc import Callable

import keras
import numpy as np

from ..core.config.train import Training
from .callbacks import Resumable
from .own_optimizers import ScheduleFreeAdamW


def averaging(settings: Training, optimizer: keras.optimizers.Optimizer, weights: list | None) -> "LentWeights | None":
    """The callback that has the averaged weights, where there are some.

    Args:
        optimizer: that trains.
        weights: those that `train.ema` averages; None: all of the model's.
    """
    if isinstance(optimizer, ScheduleFreeAdamW):
        return OwnAverages(optimizer)
    return AveragedWeights(settings.ema, weights) if settings.ema else None


class LentWeights(keras.callbacks.Callback):
    """Lends other weights to each validation than the raw ones, which go on training."""

    def __init__(self):
        super().__init__()
        self._raw: list = []

    @property
    @abstractmethod
    def _weights(self) -> list:
        """Of the model, those that are replaced."""

    @abstractmethod
    def lent(self) -> list:
        """What they are replaced by, tensors or variables in their order."""

    def model_weights(self) -> list[np.ndarray]:
        """The model's weights, in its order, those that are lent in place of those they are for."""
        given = {id(weight): keras.ops.convert_to_numpy(value) for weight, value in zip(self._weights, self.lent())}
        return [np.asarray(given[id(one)] if id(one) in given else one.numpy()) for one in self.model.weights]

    def on_test_begin(self, logs=None):
        self._raw, lent = [keras.ops.copy(weight) for weight in self._weights], self.lent()
        self._assign(lent)

    def on_test_end(self, logs=None):
        self._assign(self._raw)
        self._raw = []

    def _assign(self, values: list) -> None:
        for weight, value in zip(self._weights, values):
            weight.assign(keras.ops.copy(value))  # jax gives the arrays of variables away to its compiled steps


class OwnAverages(LentWeights):
    """The averages of an optimizer that has its own. They follow from its variables: checkpoints need no more.

    Args:
        optimizer: that trains.
    """

    def __init__(self, optimizer: ScheduleFreeAdamW):
        super().__init__()
        self.optimizer = optimizer

    @property
    def _weights(self) -> list:
        return self.model.trainable_variables

    def lent(self) -> list:
        return self.optimizer.averages()


class AveragedWeights(Resumable, LentWeights):
    """Keeps a moving average of all weights, statistics of normalization included, and lends it to each validation.

    The raw weights go on training. The decay rises with the number of steps t as min(decay, (1 + t) / (10 + t)), so
    that the random start is soon forgotten.

    Args:
        decay: share of the old average kept at each step.
        weights: of the model, that are averaged; None: all.
    """

    kept = ("steps",)

    def __init__(self, decay: float, weights: list | None = None):
        super().__init__()
        self.decay, self._some, self.steps = decay, weights, 0
        self.averages: list = []
        self._blend: Callable[[float], object] | None = None
        self._last_batch = -1

    @property
    def _weights(self) -> list:
        return self.model.weights if self._some is None else self._some

    def lent(self) -> list:
        return self.averages

    def get_arrays(self) -> list[np.ndarray]:
        """The averages, in the order of the weights they are of."""
        return [np.asarray(keras.ops.convert_to_numpy(value)) for value in self.averages]

    def set_arrays(self, arrays: list[np.ndarray]) -> None:
        """Takes back what `get_arrays` gave."""
        self.averages = [keras.ops.convert_to_tensor(array) for array in arrays]

    def on_train_begin(self, logs=None):
        if not self.averages:
            self.averages = [keras.ops.copy(weight) for weight in self._weights]
        if self._blend is None and keras.backend.backend() == "tensorflow":
            self._blend, self.averages = _blend_in_place(self._weights, self.averages)
        elif self._blend is None:
            self._blend = _blend_arrays(self)

    def on_epoch_begin(self, epoch, logs=None):
        self._last_batch = -1

    def on_train_batch_end(self, batch, logs=None):
        taken, self._last_batch = batch - self._last_batch, batch  # several where steps_per_execution is more than one
        keep = 1.0
        for _ in range(taken):
            self.steps += 1
            keep *= min(self.decay, (1 + self.steps) / (10 + self.steps))
        assert self._blend is not None  # made by on_train_begin
        self._blend(keep)


def _blend_in_place(weights: list, averages: list):
    """A function of the share to keep that moves averages towards the weights; and the averages, now variables.

    The graph holds them all: handing hundreds of tensors to it at each step took a quarter of the step.
    """
    import tensorflow as tf

    averages = [tf.Variable(value, trainable=False) for value in averages]
    pairs = list(zip(averages, [weight.value for weight in weights]))

    @tf.function(input_signature=[tf.TensorSpec((), tf.float32)])
    def blend(keep):
        for average, weight in pairs:
            average.assign_add(tf.cast(1.0 - keep, average.dtype) * (weight - average))

    return lambda keep: blend(tf.constant(keep, tf.float32)), averages


def _blend_arrays(callback: AveragedWeights):
    """The same for backends whose arrays are values."""
    function = lambda averages, weights, keep: [a + (1.0 - keep) * (w - a) for a, w in zip(averages, weights)]
    if keras.backend.backend() == "jax":
        import jax

        function = jax.jit(function)

    def blend(keep: float) -> None:
        if keras.backend.backend() == "jax":
            callback.model.jax_state_sync()
        weights = [keras.ops.convert_to_tensor(weight) for weight in callback._weights]
        callback.averages = function(callback.averages, weights, keras.ops.convert_to_tensor(keep, "float32"))

    return blend

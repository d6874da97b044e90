"""What a training makes small, as a function of the network's weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Objective:
    """The loss of a trained network without regularization, dropout, augmentation, label smoothing or class weights.

    Args:
        network: with the trained weights; trainable are those that its training moved. Its regularizers are taken off.
        loss: function of (targets, or None without; the network's outputs; the sum of what its layers add) to the mean
            of a batch, a scalar tensor.
        batches: function of rows of the store, int64 (rows,), to tf.data of (inputs, targets) or of inputs, each row
            once, in any order.
        name: of the loss, in words.
        labelled: whether batches have targets.
        before: the part that stands still: what `batches` gives -> what `network` takes; None where all of it may move.
    """

    network: keras.Model
    loss: Callable[[Any, Any, Any], Any]
    batches: Callable[[np.ndarray], tf.data.Dataset]
    name: str
    labelled: bool = True
    before: keras.Model | None = None

    def __post_init__(self):
        for variable in self.network.variables:
            variable.regularizer = None

    def in_memory(self, rows: np.ndarray) -> list[tuple]:
        """Batches of some rows, as tensors in memory: (inputs of the network, targets or None, number of rows)."""
        found = []
        for batch in self.batches(rows):
            inputs, targets = batch if self.labelled else (batch, None)
            count = int(keras.tree.flatten(inputs)[0].shape[0])
            if self.before is not None:
                inputs = self.before.predict_on_batch(keras.tree.map_structure(_tensor, inputs))
            wanted = None if targets is None else _tensor(targets)
            found.append((keras.tree.map_structure(_tensor, inputs), wanted, count))
        return found

    def function(self) -> Callable[[list, Any, Any], Any]:
        """The compiled loss: (values of the trainable variables, inputs, targets) -> mean of the batch, a scalar
        tensor.

        The values are arguments: the network's own weights are never assigned, so there is nothing to put back.
        """
        still = [variable.value for variable in self.network.non_trainable_variables]

        def loss(values, still, inputs, targets):
            outputs, _, added = self.network.stateless_call(values, still, inputs, training=False, return_losses=True)
            return self.loss(targets, outputs, sum(added))

        function = compiled(loss)
        return lambda values, inputs, targets: function(values, still, inputs, targets)


def compiled(function: Callable) -> Callable:
    """The function of tensors, compiled once for each shape by jax, or as one graph by TensorFlow."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return tf.function(function, reduce_retracing=True, autograph=False)


def _tensor(value):
    """A tensor of the backend from one of TensorFlow, which does the reading, or from an array."""
    foreign = tf.is_tensor(value) and keras.backend.backend() != "tensorflow"
    return keras.ops.convert_to_tensor(value.numpy() if foreign else value)

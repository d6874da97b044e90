"""A linear model of texts as plain Keras layers."""

from collections.abc import Mapping

import keras
import numpy as np

from .features import TINY
from .fitting import LinearTexts

_BEFORE = 2  # ids of padding and of unknown n-grams, which say nothing


def compiled(
    name: str, fitted: LinearTexts, kinds: tuple[str, ...], encoders: Mapping[str, keras.Model] = {}
) -> keras.Model:
    """A network that tells what a linear model tells, and is not trained.

    Args:
        name: of the network.
        fitted: the model.
        kinds: names of its kinds of n-grams or vectors, and of the inputs.
        encoders: of each kind of vectors, what makes them of the ids of tokens: int32 (batch, tokens) -> float32
            (batch, numbers).

    Returns:
        Model: ids int32 (batch, n-grams or tokens) of each kind -> outputs float32 (batch, outputs).
    """
    inputs, terms = [], []
    for kind, table in zip(kinds, fitted.tables, strict=True):
        ids = keras.Input((None,), dtype="int32", name=kind)
        inputs.append(ids)
        rows, width = table.shape
        if kind in encoders:
            weights = keras.layers.Dense(width, use_bias=False, name=f"{kind}_weights", dtype="float32")
            terms.append(weights(encoders[kind](ids)))
            continue
        embedding = keras.layers.Embedding(
            rows + _BEFORE, width, embeddings_initializer="zeros", name=f"{kind}_weights", dtype="float32"
        )
        sums = keras.ops.sum(embedding(ids), 1)  # (B, outputs + 1)
        terms.append(sums[:, :-1] / keras.ops.sqrt(keras.ops.maximum(sums[:, -1:], TINY)))
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    # The kernel is the identity: of Keras' layers that have a bias this is the plainest.
    outputs = keras.layers.Dense(len(fitted.intercept), name="intercept", dtype="float32")(total)
    network = keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name=name)
    set_linear_weights(network, fitted, kinds)
    for layer in network.layers:
        layer.trainable = False
    return network


def set_linear_weights(network: keras.Model, fitted: LinearTexts, kinds: tuple[str, ...]) -> None:
    """Gives a network that `compiled` has made the weights of another model of the same n-grams."""
    for kind, table in zip(kinds, fitted.tables, strict=True):
        layer = network.get_layer(f"{kind}_weights")
        before = layer.get_weights()[0].shape[0] - len(table)  # none in the weights of vectors
        layer.set_weights([np.pad(table, ((before, 0), (0, 0)))])
    network.get_layer("intercept").set_weights([np.eye(len(fitted.intercept), dtype=np.float32), fitted.intercept])


def from_vectors(network: keras.Model, kind: str) -> keras.Model:
    """The part of a network that `compiled` has made which takes the vectors of one kind, its only one: float32 (batch,
    numbers) -> outputs. It shares its layers.
    """
    return keras.Model(network.get_layer(f"{kind}_weights").input, network.output, name=f"{network.name}_of_vectors")

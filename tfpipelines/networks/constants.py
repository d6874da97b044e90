"""Arrays in the graph of a network that has been fitted: weights of layers of Keras' own, which nothing trains."""

import keras
import numpy as np
from keras import ops

_HALVES = np.float32(2**13 + 1)  # parts a float32 in two, the first one of 11 bits (Veltkamp 1968)


class Constants:
    """Arrays as weights, which a model's file keeps as they are: layers of one embedding, or of one a node.

    Args:
        inputs: any input of the graph.
    """

    def __init__(self, inputs: keras.KerasTensor):
        self.zero = ops.sum(ops.zeros_like(inputs, dtype="int32"))  # (), what the one embedding is asked for by

    def array(self, values: np.ndarray, name: str) -> keras.KerasTensor:
        """An array of any shape, float32."""
        return ops.reshape(table(values.reshape(1, -1), name)(self.zero), values.shape)

    def places(self, values: np.ndarray, name: str) -> keras.KerasTensor:
        """An array of whole numbers below 2**24, int32. (GPUs keep no variables of int32.)"""
        return ops.cast(self.array(values, name), "int32")

    def halves(self, matrix: np.ndarray, name: str) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """A matrix, float (rows, columns), as the sum of two: of the first digits, and of the rest."""
        matrix = np.asarray(matrix, np.float32)
        first = _first_digits(matrix)
        return self.array(first, name), self.array(matrix - first, f"{name}_rest")


def product(x: keras.KerasTensor, halves: tuple[keras.KerasTensor, keras.KerasTensor]) -> keras.KerasTensor:
    """x times a matrix, (batch, rows) by (rows, columns), in whole float32 also on devices that multiply matrices of
    fewer digits: those of TF32 have 11 bits, so each factor is parted in two.

    Args:
        halves: of the matrix, see `Constants.halves`.
    """
    large, small = halves
    high = x * _HALVES
    high = high - (high - x)  # as `_first_digits`
    return ops.matmul(high, large) + (ops.matmul(high, small) + ops.matmul(x - high, large))


def _first_digits(values: np.ndarray) -> np.ndarray:
    """The first 11 bits of float32 numbers."""
    scaled = values * _HALVES
    return scaled - (scaled - values)


def table(values: np.ndarray, name: str) -> keras.layers.Embedding:
    """A layer that gives the rows of a table, float32."""
    weights = [np.asarray(values, np.float32)]
    options = {"embeddings_initializer": "zeros", "weights": weights, "trainable": False, "dtype": "float32"}
    return keras.layers.Embedding(*values.shape, name=name, **options)

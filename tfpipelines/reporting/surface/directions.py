"""Random directions in the space of the weights, filter by filter as long as the trained weights (Li et al. 2018,
section 4).
"""

import keras
import numpy as np

_NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
    keras.layers.RMSNormalization,
)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


def random_direction(network: keras.Model, seed: int, number: int) -> list[np.ndarray]:
    """A filter-normalized Gaussian direction: each filter of it has the norm of that filter of the trained weights.

    A filter is what makes one output unit: of a convolution, a dense or a recurrent layer the slice of its kernel by
    the last axis, of a depthwise convolution a channel, of an embedding a row. Biases, the weights of normalizations
    and all others with less than two axes get 0.

    Args:
        network: with the trained weights.
        seed: of the direction.
        number: from 0; other numbers give independent directions.

    Returns:
        float32 arrays, one for each of `network.trainable_variables` and of its shape.
    """
    random, owners = np.random.default_rng([seed, number]), _owners(network)
    direction = []
    for variable in network.trainable_variables:
        weight = keras.ops.convert_to_numpy(variable.value).astype(np.float32)
        axes = filter_axes(owners[id(variable)], variable)
        if axes is None:
            direction.append(np.zeros_like(weight))
            continue
        step = random.standard_normal(weight.shape, np.float32)
        length, wanted = _norm(step, axes), _norm(weight, axes)
        direction.append(step * (wanted / np.maximum(length, np.finfo(np.float32).tiny)))
    return direction


def filter_axes(layer: keras.Layer, variable: keras.Variable) -> tuple[int, ...] | None:
    """The axes of a weight over which the norm of a filter is taken; None if it gets no direction.

    Args:
        layer: whose own the variable is.
    """
    rank = len(variable.shape)
    # the bias of a GRU and of attention heads has two axes
    if rank < 2 or isinstance(layer, _NORMALIZATIONS) or variable.name.endswith("bias"):
        return None
    if isinstance(layer, keras.layers.Embedding) or "embedding" in variable.name:  # those of positions among them
        kept = {0}
    elif isinstance(layer, _DEPTHWISE) or variable.name == "depthwise_kernel":
        kept = {rank - 2, rank - 1}
    elif isinstance(layer, _TRANSPOSED):
        kept = {rank - 2}
    elif isinstance(layer, keras.layers.EinsumDense):
        spec, output = layer.equation.replace(" ", "").split(",")[1].split("->")
        kept = {axis for axis, letter in enumerate(spec) if letter in output}
    else:
        kept = {rank - 1}
    axes = [axis for axis in range(rank) if axis not in kept]
    if all(variable.shape[axis] == 1 for axis in axes):  # an embedding of one number: a filter must not be one
        return tuple(range(rank - 1))
    return tuple(axes)


def _owners(network: keras.Model) -> dict[int, keras.Layer]:
    """The layer that each variable belongs to, by the variable's id: the innermost one that has it."""
    owners: dict[int, keras.Layer] = {}
    for layer in network._flatten_layers():  # outer layers come before those inside of them
        owners |= {id(variable): layer for variable in layer.trainable_variables}
    return owners


def _norm(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return np.sqrt(np.sum(np.square(array, dtype=np.float64), axis=axes, keepdims=True)).astype(np.float32)

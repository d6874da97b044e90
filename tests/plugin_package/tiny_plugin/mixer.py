"""A network that classifies images."""

import keras

from tfpipelines.core.config.networks import ImageNetwork
from tfpipelines.core.config.section import Count


def rule_width(width):
    if width % 2:
        raise ValueError(f"model.width: got {width}; allowed: an even number")


def mixer(input_shape, classes, common: ImageNetwork, width: Count = 8, *, seed: int | None = None):
    """One hidden layer.

    Args:
        width: of the hidden layer.
    """
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Dense(width, common.activation, kernel_initializer=keras.initializers.HeNormal(seed))(x)
    head = keras.initializers.GlorotUniform(None if seed is None else seed + 1)
    return keras.Model(inputs, keras.layers.Dense(classes, kernel_initializer=head, dtype="float32")(x), name="mixer")

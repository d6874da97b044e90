"""A network that reconstructs rows, with no fields that others have: its entry point says of what kind it is."""

import keras

from tfpipelines.core.config.section import Count


def plain_rows(input_shape, inside: Count = 4):
    """One hidden layer."""
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Dense(input_shape[0])(keras.layers.Dense(inside, "relu")(inputs)))

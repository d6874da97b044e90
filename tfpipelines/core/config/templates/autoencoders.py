"""A network of your own that reconstructs its input, for anomaly detection in images, rows or windows of a series.

Train it, and use what comes out as with any other network:

    tfpipe run TASK data.path=PLACE model.name=FILE:network model.width=128

The signature is read without running this file. Each parameter with an annotation and a default is a field of `model`:
its default, its checks and, from `Args:` below, its description (`tfpipe show TASK model.name=FILE:network`).
Annotations: int, float, bool, str, tuple[int, ...], Literal["a", "b"], Annotated[int, Field(ge=1)] and the like.
The fields loss, distance, pooling and top, by which a score is made of the reconstruction, are there already.
"""

import math
from typing import Annotated

import keras
from pydantic import Field


def network(
    input_shape,  # of a sample, given by the task: (height, width, channels), (columns,) or (points, channels)
    width: Annotated[int, Field(ge=1)] = 64,
    latent: Annotated[int, Field(ge=1)] = 8,
):
    """Dense layers down to a few numbers and back.

    Args:
        width: of the hidden layer on each side.
        latent: numbers that a sample has to pass through.
    """
    inputs = keras.Input(input_shape)  # images: 0 to 1; numbers: each column with mean 0 and deviation 1
    x = keras.layers.Flatten()(inputs)
    x = keras.layers.Dense(width, activation="relu")(x)
    x = keras.layers.Dense(latent, activation="relu")(x)
    x = keras.layers.Dense(width, activation="relu")(x)
    x = keras.layers.Dense(math.prod(input_shape))(x)
    return keras.Model(inputs, keras.layers.Reshape(input_shape)(x))  # the same shape as the input

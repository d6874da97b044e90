"""A network of your own, for images of classes.

Train it, search over its fields, and use what comes out as with any other network:

    tfpipe run image-cls data.path=photos/ model.name=FILE:network model.width=128
    tfpipe tune image-cls model.name=FILE:network search.space.model.width='[32, 64, 128]'

The signature is read without running this file. Each parameter with an annotation and a default is a field of `model`:
its default, its checks and, from `Args:` below, its description (`tfpipe show image-cls model.name=FILE:network`).
Annotations: int, float, bool, str, tuple[int, ...], Literal["a", "b"], Annotated[int, Field(ge=1)] and the like.
"""

from typing import Annotated, Literal

import keras
from pydantic import Field


def network(
    input_shape,  # (height, width, channels), given by the task
    classes,  # their number, given by the task
    width: Annotated[int, Field(ge=1)] = 64,
    depth: Annotated[int, Field(ge=1, le=8)] = 2,
    activation: Literal["relu", "gelu", "silu"] = "relu",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2,
):
    """Convolutions, then one dense layer.

    Args:
        width: channels of each convolution.
        depth: convolutions; behind each of them height and width are halved.
        activation: of the convolutions.
        dropout: share of units dropped before the output.
    """
    inputs = keras.Input(input_shape)  # levels from 0 to 255, any batch size
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for _ in range(depth):
        x = keras.layers.Conv2D(width, 3, padding="same", activation=activation)(x)  # (batch, height, width, width)
        x = keras.layers.MaxPooling2D(2, padding="same")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(dropout)(x)
    outputs = keras.layers.Dense(classes)(x)  # logits: no softmax here
    return keras.Model(inputs, outputs)


def rule_small_enough(width, depth):
    """Checks fields together, before anything is trained; its parameters name them. It may use only Python's basic
    built-in functions.
    """
    if width * depth > 4096:
        raise ValueError(f"model.width {width} times model.depth {depth} is more than 4096")

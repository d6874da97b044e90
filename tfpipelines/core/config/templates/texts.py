"""A network of your own, for texts of classes.

Train it, search over its fields, and use what comes out as with any other network:

    tfpipe run text-cls data.path=reviews.csv model.name=FILE:network model.width=128
    tfpipe tune text-cls model.name=FILE:network search.space.model.width='[32, 64, 128]'

The signature is read without running this file. Each parameter with an annotation and a default is a field of `model`:
its default, its checks and, from `Args:` below, its description (`tfpipe show text-cls model.name=FILE:network`).
Annotations: int, float, bool, str, tuple[int, ...], Literal["a", "b"], Annotated[int, Field(ge=1)] and the like.
"""

from typing import Annotated

import keras
from pydantic import Field


def network(
    vocabulary,  # number of token ids, given by the task: 0 stands behind the end of a text, 1 for unknown tokens
    classes,  # their number, given by the task
    width: Annotated[int, Field(ge=1)] = 64,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3,
):
    """The mean of the embeddings of all tokens, and one dense layer.

    Args:
        width: numbers for each token.
        dropout: share of units dropped before the output.
    """
    inputs = keras.Input((None,), dtype="int32")  # token ids (batch, length), any batch size and length
    x = keras.layers.Embedding(vocabulary, width)(inputs)  # (batch, length, width)
    present = keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(inputs, 0), x.dtype), -1)
    x = keras.ops.sum(x * present, 1) / keras.ops.maximum(keras.ops.sum(present, 1), 1.0)  # (batch, width)
    x = keras.layers.Dropout(dropout)(x)
    outputs = keras.layers.Dense(classes)(x)  # logits: no softmax here
    return keras.Model(inputs, outputs)

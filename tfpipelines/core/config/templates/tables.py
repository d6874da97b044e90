"""A network of your own, for the rows of a table.

Train it, search over its fields, and use what comes out as with any other network:

    tfpipe run tabular data.path=houses.csv data.target_column=price model.name=FILE:network model.width=128
    tfpipe tune tabular model.name=FILE:network search.space.model.width='[32, 64, 128]'

The signature is read without running this file. Each parameter with an annotation and a default is a field of `model`:
its default, its checks and, from `Args:` below, its description (`tfpipe show tabular model.name=FILE:network`).
Annotations: int, float, bool, str, tuple[int, ...], Literal["a", "b"], Annotated[int, Field(ge=1)] and the like.
"""

from typing import Annotated

import keras
from pydantic import Field


def network(
    numbers,  # how many columns of numbers there are, given by the task; 0 without
    cardinalities,  # how many values each category has, a tuple given by the task
    classes,  # their number, given by the task; 1 where a number is predicted
    width: Annotated[int, Field(ge=1)] = 64,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
):
    """Numbers beside embedded categories, and one hidden layer.

    Args:
        width: of the hidden layer.
        dropout: share of units dropped behind it.
    """
    inputs, parts = [], []
    if numbers:  # scaled, 0 where one is missing; columns with gaps have one more, 1 where they are missing
        inputs.append(keras.Input((numbers,)))
        parts.append(inputs[-1])
    if cardinalities:  # codes from 1 on, 0 where a value is missing or unknown
        codes = keras.Input((len(cardinalities),), dtype="int32")
        inputs.append(codes)
        parts += [keras.layers.Embedding(count + 1, 4)(codes[:, place]) for place, count in enumerate(cardinalities)]
    x = keras.ops.concatenate(parts, -1) if len(parts) > 1 else parts[0]
    x = keras.layers.Dropout(dropout)(keras.layers.Dense(width, activation="relu")(x))
    outputs = keras.layers.Dense(classes)(x)  # logits: no softmax here
    return keras.Model(inputs, outputs)

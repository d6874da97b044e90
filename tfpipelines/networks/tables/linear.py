"""A linear model."""

import keras

from tfpipelines.core.config.networks import TableNetwork
from tfpipelines.core.config.section import NonNegative
from tfpipelines.networks.table_layers import Inputs, Table


def linear(
    table: Table,
    common: TableNetwork,
    weight_decay: NonNegative = 0.0,
    *,
    seed: int | None = None,
) -> keras.Model:
    """Logistic or linear regression: a weight for each number, and for each value of a category.

    Args:
        weight_decay: L2 penalty on the weights, added to the loss (train.weight_decay is the decoupled kind).
    """
    inputs = Inputs(table, clip=False)
    penalty = keras.regularizers.L2(weight_decay) if weight_decay else None
    terms = []
    parts = [part for part in (inputs.numbers, inputs.gaps) if part is not None]
    x = keras.ops.concatenate(parts, 1) if len(parts) > 1 else parts[0] if parts else None
    if x is not None:
        start = keras.initializers.RandomUniform(-0.01, 0.01, seed=seed)
        options = {"kernel_initializer": start, "kernel_regularizer": penalty, "dtype": "float32"}
        terms.append(keras.layers.Dense(table.outputs, name="logits", **options)(x))
    terms += inputs.embedded(lambda cardinality: table.outputs, keras.initializers.Zeros, penalty)
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return inputs.model(total)

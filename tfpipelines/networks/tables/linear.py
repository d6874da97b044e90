"""A linear model."""

from typing import Literal

import keras

from tfpipelines.core.config.networks import TableNetwork
from tfpipelines.core.config.section import Auto, NonNegative
from tfpipelines.networks.table_layers import Inputs, Table, columns_of
from tfpipelines.networks.tables.regression.fitting import Coefficients


def linear(
    table: Table,
    common: TableNetwork,
    fit: Literal["exact", "gradient"] = "exact",
    weight_decay: Auto | NonNegative = "auto",
    clip: bool = True,
    *,
    seed: int | None = None,
) -> keras.Model:
    """Logistic or linear regression: a weight for each number, and for each value of a category.

    Args:
        fit: exact: by scikit-learn (logistic regression by L-BFGS, ridge regression), before the network is built; then
            one epoch measures it. A loss other than the cross-entropy or the squared error is trained as with gradient.
            gradient: trained as the other networks are.
        weight_decay: L2 penalty on the weights, added to the loss (train.weight_decay is the decoupled kind); with
            exact on those of columns brought to standard deviation 1. auto: exact: of six strengths the best on the
            validation split; gradient: none.
        clip: large numbers are clipped smoothly, so that a value far off counts less (Holzmueller et al. 2024); false:
            the model is a linear function of the numbers.
    """
    inputs = Inputs(table, clip=clip)
    decay = None if weight_decay == "auto" else weight_decay
    fitted = table.fit_linear(columns_of(table, clip), decay) if fit == "exact" else None
    penalty = keras.regularizers.L2(decay) if fitted is None and decay else None
    terms = []
    if (x := inputs.columns) is not None:
        start = keras.initializers.RandomUniform(-0.01, 0.01, seed=seed)
        options = {"kernel_initializer": start, "kernel_regularizer": penalty, "dtype": "float32"}
        terms.append(keras.layers.Dense(table.outputs, name="logits", **options)(x))
    terms += inputs.embedded(lambda cardinality: table.outputs, keras.initializers.Zeros, penalty)
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    network = inputs.model(total)
    if fitted is not None:
        _set(network, fitted)
    return network


def _set(network: keras.Model, fitted: Coefficients) -> None:
    """Gives a network the weights of a fitted model, which training leaves alone."""
    intercept = fitted.intercept
    if fitted.numbers.size:
        network.get_layer("logits").set_weights([fitted.numbers, intercept])
        intercept = 0.0 * intercept
    for number, values in enumerate(fitted.codes):
        network.get_layer(f"embedding{number}").set_weights([values + intercept])
        intercept = 0.0 * intercept
    for layer in network.layers:
        layer.trainable = False

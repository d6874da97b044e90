"""Multilayer perceptron."""

import keras

from tfpipelines.core.config.networks import ImageNetwork
from tfpipelines.core.config.section import Counts, Normalization
from tfpipelines.networks.layers import Builder, scaled_input


def mlp(
    input_shape: tuple[int, int, int],
    classes: int,
    common: ImageNetwork,
    units: Counts = (256, 128),
    normalization: Normalization = "batch",
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Multilayer perceptron over the flattened image.

    Each dense layer has normalization, activation and dropout (Rumelhart et al. 1986).

    Args:
        units: width of each hidden layer.
        normalization: of each hidden layer.
    """
    build = Builder(common, seed=seed, for_training=for_training, normalization=normalization)

    # === Layers ===
    inputs, x = scaled_input(input_shape)
    x = keras.layers.Flatten(name="flatten")(x)
    for number, width in enumerate(units, 1):
        x = build.dense(width, f"dense{number}")(x)  # (B, width)
        x = build.activate(build.normalize(x, f"norm{number}"), f"act{number}")
        x = build.dropout(x, common.dropout, f"dropout{number}")

    # === Functional model ===
    return keras.Model(inputs, build.logits(classes)(x), name="mlp")

"""Multilayer perceptron."""

import keras

from .layers import Builder, scaled_input


def mlp(
    input_shape: tuple[int, int, int],
    classes: int,
    units: tuple[int, ...] = (256, 128),
    activation: str = "relu",
    initializer: str = "he_normal",
    normalization: str = "batch",
    dropout: float = 0.3,
    weight_decay: float = 0.0,
    *,
    seed: int | None = None,
    fused: bool = False,
) -> keras.Model:
    """Dense layers over the flattened image, each with normalization, activation and dropout (Rumelhart et al. 1986).

    Args:
        input_shape: (height, width, channels).
        classes: number of classes.
        units: width of each hidden layer.
        activation, initializer, normalization, weight_decay, seed, fused: see `layers.Builder`.
        dropout: share of units dropped after each hidden layer.

    Returns:
        Model: levels 0 to 255 (batch, height, width, channels) -> logits float32 (batch, classes).
    """
    build = Builder(
        activation=activation,
        initializer=initializer,
        normalization=normalization,
        weight_decay=weight_decay,
        seed=seed,
        fused=fused,
    )

    # === Layers ===
    inputs, x = scaled_input(input_shape)
    x = keras.layers.Flatten(name="flatten")(x)
    for number, width in enumerate(units, 1):
        x = build.dense(width, f"dense{number}")(x)  # (B, width)
        x = build.activate(build.normalize(x, f"norm{number}"), f"act{number}")
        x = build.dropout(x, dropout, f"dropout{number}")

    # === Functional model ===
    return keras.Model(inputs, build.logits(classes)(x), name="mlp")

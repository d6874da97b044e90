"""The classic convolutional stack."""

import keras

from .layers import Builder, scaled_input


def cnn(
    input_shape: tuple[int, int, int],
    classes: int,
    filters: tuple[int, ...] = (32, 64, 128),
    convolutions: tuple[int, ...] = (2,),
    kernel_size: int = 3,
    pooling: str = "max",
    head: str = "average",
    units: tuple[int, ...] = (),
    activation: str = "relu",
    initializer: str = "he_normal",
    normalization: str = "batch",
    dropout: float = 0.3,
    weight_decay: float = 0.0,
    *,
    seed: int | None = None,
    fused: bool = False,
) -> keras.Model:
    """Stages of convolution, normalization and activation, closed by pooling (after LeCun et al. 1998; VGG, 2015).

    Pooling stops where the feature map would become smaller than 2 pixels; the last stage is closed by the head
    instead.

    Args:
        input_shape: (height, width, channels).
        classes: number of classes.
        filters: channels of each stage.
        convolutions: convolutions in each stage; one number serves all stages.
        kernel_size: side of the convolutions, in pixels.
        pooling: `max` or `average`, 2 x 2.
        head: how the last feature map becomes a vector: `average` or `max` over all positions, or `flatten`.
        units: width of dense layers before the output.
        dropout: share of units dropped before the output and between dense layers.
        activation, initializer, normalization, weight_decay, seed, fused: see `layers.Builder`.

    Returns:
        Model: levels 0 to 255 (batch, height, width, channels) -> logits float32 (batch, classes).

    Raises:
        ValueError: if `convolutions` has neither one number nor one for each stage.
    """
    counts = tuple(convolutions) * len(filters) if len(convolutions) == 1 else tuple(convolutions)
    if len(counts) != len(filters):
        raise ValueError(
            f"convolutions has {len(counts)} numbers for {len(filters)} stages; give one number, or one for each stage"
        )
    build = Builder(
        activation=activation,
        initializer=initializer,
        normalization=normalization,
        weight_decay=weight_decay,
        seed=seed,
        fused=fused,
    )
    pool = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}[pooling]
    heads = {
        "average": keras.layers.GlobalAveragePooling2D,
        "max": keras.layers.GlobalMaxPooling2D,
        "flatten": keras.layers.Flatten,
    }

    # === Layers ===
    inputs, x = scaled_input(input_shape)
    for stage, (width, count) in enumerate(zip(filters, counts), 1):
        for number in range(1, count + 1):
            x = build.conv(width, kernel_size, f"conv{stage}_{number}")(x)  # (B, H, W, width)
            x = build.activate(build.normalize(x, f"norm{stage}_{number}"), f"act{stage}_{number}")
        if stage < len(filters) and min(x.shape[1:3]) >= 4:
            x = pool(2, name=f"pool{stage}")(x)
    x = heads[head](name="head")(x)
    for number, width in enumerate(units, 1):
        x = build.dropout(x, dropout, f"dropout{number}")
        x = build.dense(width, f"dense{number}")(x)
        x = build.activate(build.normalize(x, f"norm_dense{number}"), f"act_dense{number}")
    x = build.dropout(x, dropout)

    # === Functional model ===
    return keras.Model(inputs, build.logits(classes)(x), name="cnn")

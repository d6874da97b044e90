"""Residual networks."""

import keras

from .layers import Builder, scaled_input

IMAGENET_STEM_FROM = 96  # shorter side in pixels from which `stem="auto"` shrinks the image first


def resnet(
    input_shape: tuple[int, int, int],
    classes: int,
    depth: int = 20,
    width: int = 16,
    stem: str = "auto",
    activation: str = "relu",
    initializer: str = "he_normal",
    normalization: str = "batch",
    dropout: float = 0.0,
    weight_decay: float = 0.0,
    *,
    seed: int | None = None,
    fused: bool = False,
) -> keras.Model:
    """Three stages of residual blocks, as for CIFAR-10 in He et al. 2016, section 4.2, with projection shortcuts.

    Args:
        input_shape: (height, width, channels).
        classes: number of classes.
        depth: number of weighted layers, 6n + 2.
        width: channels of the first stage; doubled at the second and the third.
        stem: `cifar` (3 x 3 convolution), `imagenet` (7 x 7 with stride 2, then 3 x 3 max pooling with stride 2), or
            `auto`: imagenet from a shorter side of 96 pixels on.
        dropout: share of units dropped before the output.
        activation, initializer, normalization, weight_decay, seed, fused: see `layers.Builder`.

    Returns:
        Model: levels 0 to 255 (batch, height, width, channels) -> logits float32 (batch, classes).

    Raises:
        ValueError: if `depth` is not 6n + 2.
    """
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(f"depth is {depth}; it must be 6n + 2: 8, 14, 20, 26, 32, 44, 56, 110")
    build = Builder(
        activation=activation,
        initializer=initializer,
        normalization=normalization,
        weight_decay=weight_decay,
        seed=seed,
        fused=fused,
    )
    if stem == "auto":
        stem = "imagenet" if min(input_shape[:2]) >= IMAGENET_STEM_FROM else "cifar"

    # === Layers ===
    inputs, x = scaled_input(input_shape)
    x = build.conv(width, 7 if stem == "imagenet" else 3, "stem_conv", strides=2 if stem == "imagenet" else 1)(x)
    x = build.activate(build.normalize(x, "stem_norm"), "stem_act")
    if stem == "imagenet":
        x = keras.layers.MaxPooling2D(3, 2, "same", name="stem_pool")(x)
    for stage in range(3):
        for block in range((depth - 2) // 6):
            x = _block(
                build,
                x,
                width * 2**stage,
                strides=2 if stage and not block else 1,
                name=f"block{stage + 1}_{block + 1}",
            )
    x = keras.layers.GlobalAveragePooling2D(name="head")(x)  # (B, 4 width)
    x = build.dropout(x, dropout)

    # === Functional model ===
    return keras.Model(inputs, build.logits(classes)(x), name="resnet")


def _block(build: Builder, x: keras.KerasTensor, filters: int, strides: int, name: str) -> keras.KerasTensor:
    shortcut = x
    x = build.conv(filters, 3, f"{name}_conv1", strides)(x)
    x = build.activate(build.normalize(x, f"{name}_norm1"), f"{name}_act1")
    x = build.normalize(build.conv(filters, 3, f"{name}_conv2")(x), f"{name}_norm2")
    if strides > 1 or shortcut.shape[-1] != filters:
        shortcut = build.normalize(build.conv(filters, 1, f"{name}_project", strides)(shortcut), f"{name}_project_norm")
    return build.activate(keras.layers.Add(name=f"{name}_add")([x, shortcut]), f"{name}_act2")

"""Residual networks."""

from typing import Literal

import keras

from tfpipelines.core.config.networks import ImageNetwork
from tfpipelines.core.config.section import Auto, Count, Fraction
from tfpipelines.networks.layers import Builder, scaled_input

IMAGENET_STEM_FROM = 96  # shorter side in pixels from which `stem="auto"` shrinks the image first


def rule_depth(depth):
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(f"model.depth: got {depth}; it must be 6n + 2: 8, 14, 20, 26, 32, 44, 56, 110")


def resnet(
    input_shape: tuple[int, int, int],
    classes: int,
    common: ImageNetwork,
    depth: int = 20,
    width: Count = 16,
    stem: Auto | Literal["cifar", "imagenet"] = "auto",
    dropout: Fraction = 0.0,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Residual network in the style of He et al. 2016 for CIFAR, with an ImageNet stem for large images.

    Three stages of residual blocks, as in its section 4.2, with projection shortcuts. The stem is a convolution of
    3 x 3 pixels, or that of ImageNet: 7 x 7 with stride 2, then 3 x 3 max pooling with stride 2.

    Args:
        depth: number of weighted layers, 6n + 2: 8, 14, 20, 32, 44, 56, 110.
        width: channels of the first of three stages; doubled at each further stage.
        stem: auto: imagenet from 96 pixels on.
        dropout: share of units dropped before the output.
    """
    build = Builder(common, seed=seed, for_training=for_training)
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
            x = _block(build, x, width * 2**stage, 2 if stage and not block else 1, f"block{stage + 1}_{block + 1}")
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

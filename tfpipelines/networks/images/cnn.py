"""The classic convolutional stack."""

from typing import Literal

import keras

from tfpipelines.core.config.networks import ImageNetwork
from tfpipelines.core.config.section import Count, Counts
from tfpipelines.networks.layers import Builder, scaled_input


def rule_stages(convolutions, filters):
    if len(convolutions) not in (1, len(filters)):
        found = f"{len(convolutions)} numbers for the {len(filters)} stages of model.filters"
        raise ValueError(f"model.convolutions has {found}; give one number, or one for each stage")


def cnn(
    input_shape: tuple[int, int, int],
    classes: int,
    common: ImageNetwork,
    filters: Counts = (32, 64, 128),
    convolutions: Counts = (2,),
    kernel_size: Count = 3,
    pooling: Literal["max", "mean"] = "max",
    head: Literal["mean", "max", "flatten"] = "mean",
    units: Counts = (),
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Stages of convolutions, each stage closed by pooling.

    Each convolution has normalization and activation (after LeCun et al. 1998; VGG, 2015). Pooling stops where the
    feature map would become smaller than 2 pixels; the last stage is closed by the head instead.

    Args:
        filters: channels of each stage.
        convolutions: convolutions in each stage; one number serves all stages.
        kernel_size: side of the convolutions, in pixels.
        pooling: of 2 x 2 pixels, behind each stage.
        head: how the last feature map becomes a vector.
        units: width of dense layers before the output.
    """
    counts = convolutions * len(filters) if len(convolutions) == 1 else convolutions
    build = Builder(common, seed=seed, for_training=for_training)
    pool = {"max": keras.layers.MaxPooling2D, "mean": keras.layers.AveragePooling2D}[pooling]
    heads = {
        "mean": keras.layers.GlobalAveragePooling2D,
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
        x = build.dropout(x, common.dropout, f"dropout{number}")
        x = build.dense(width, f"dense{number}")(x)
        x = build.activate(build.normalize(x, f"norm_dense{number}"), f"act_dense{number}")
    x = build.dropout(x, common.dropout)

    # === Functional model ===
    return keras.Model(inputs, build.logits(classes)(x), name="cnn")

"""ConvNeXt."""

import keras

from tfpipelines.core.config.networks import ImageNetwork
from tfpipelines.core.config.section import (
    Activation,
    Count,
    Counts,
    Fraction,
    Initializer,
    MapNormalization,
    NonNegative,
)
from tfpipelines.networks.layers import Builder, scaled_input


def rule_stages(depths, filters):
    if len(depths) not in (1, len(filters)):
        found = f"{len(depths)} numbers for the {len(filters)} stages of model.filters"
        raise ValueError(f"model.depths has {found}; give one number, or one for each stage")


def convnext(
    input_shape: tuple[int, int, int],
    classes: int,
    common: ImageNetwork,
    filters: Counts = (32, 64, 128),
    depths: Counts = (2,),
    patch: Count = 2,
    kernel_size: Count = 7,
    expansion: Count = 4,
    layer_scale: NonNegative = 0.0,
    activation: Activation = "gelu",
    initializer: Initializer = "truncated_normal",
    normalization: MapNormalization = "layer",
    dropout: Fraction = 0.0,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Residual blocks of depthwise convolutions and inverted bottlenecks (ConvNeXt, Liu et al. 2022), in stages.

    The image is cut into patches first. A block has one normalization and one activation. Between two stages height and
    width are halved, as long as no map becomes smaller than 2 pixels.

    Args:
        filters: channels of each stage.
        depths: blocks in each stage; one number serves all stages.
        patch: side in pixels of the patches that the image is cut into; 4 in the paper, for images of 224 pixels.
        kernel_size: side of the depthwise convolutions.
        expansion: how many times wider a block is inside.
        layer_scale: initial value of the learned factors of a block's channels, one for each channel; 1e-6 in the
            paper, for deep networks; 0: none.
        dropout: share of units dropped before the output.
    """
    own = {"activation": activation, "initializer": initializer, "normalization": normalization}
    build = Builder(common, seed=seed, for_training=for_training, **own)
    counts = depths * len(filters) if len(depths) == 1 else depths

    # === Layers ===
    inputs, x = scaled_input(input_shape)
    x = _patches(build, x, filters[0], min(patch, *input_shape[:2]), "stem")
    x = build.normalize(x, "stem_norm")
    for stage, (width, count) in enumerate(zip(filters, counts), 1):
        if stage > 1:
            x = build.normalize(x, f"down{stage}_norm")
            x = _patches(build, x, width, 2 if min(x.shape[1:3]) >= 4 else 1, f"down{stage}")
        for number in range(1, count + 1):
            x = _block(build, x, kernel_size, expansion, layer_scale, f"block{stage}_{number}")
    x = build.normalize(keras.layers.GlobalAveragePooling2D(name="head")(x), "head_norm")  # (B, filters[-1])
    x = build.dropout(x, dropout)

    # === Functional model ===
    return keras.Model(inputs, build.logits(classes)(x), name="convnext")


def _patches(build: Builder, x: keras.KerasTensor, width: int, side: int, name: str) -> keras.KerasTensor:
    """A convolution over patches that lie side by side; the last ones may reach beyond the border."""
    bias = name != "stem" or build.biased
    return keras.layers.Conv2D(width, side, side, "same", use_bias=bias, name=name, **build.kernel())(x)


def _block(
    build: Builder, x: keras.KerasTensor, size: int, expansion: int, scale: float, name: str
) -> keras.KerasTensor:
    width, kernel, bias = x.shape[-1], build.kernel(), build.biased
    depthwise = {key.replace("kernel", "depthwise"): value for key, value in kernel.items()}
    y = keras.layers.DepthwiseConv2D(size, padding="same", use_bias=bias, name=f"{name}_depthwise", **depthwise)(x)
    y = build.normalize(y, f"{name}_norm")
    y = keras.layers.Dense(expansion * width, name=f"{name}_expand", **build.kernel())(y)  # (B, H, W, expansion width)
    y = keras.layers.Dense(width, name=f"{name}_project", **build.kernel())(build.activate(y, f"{name}_act"))
    if scale:
        start = keras.initializers.Constant(scale)
        y = keras.layers.EinsumDense(
            "bhwc,c->bhwc", (None, None, width), kernel_initializer=start, name=f"{name}_scale"
        )(y)
    return keras.layers.Add(name=f"{name}_add")([x, y])

"""Autoencoder of convolutions."""

from typing import Annotated

import keras
from pydantic import Field

from tfpipelines.core.config.networks import ImageAutoencoder
from tfpipelines.core.config.section import Count, Counts
from tfpipelines.networks.layers import Builder, scaled_input
from tfpipelines.networks.reconstruction import reconstructor

from ..autoencoder_blocks import down, from_latent, up, with_levels


def conv(
    input_shape: tuple[int, int, int],
    common: ImageAutoencoder,
    filters: Counts = (32, 64),
    kernel_size: Count = 3,
    latent: Annotated[int, Field(ge=0)] = 32,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Strided convolutions down to a few numbers and back.

    The way back is one of transposed convolutions (Masci et al. 2011). Dropout is on both sides of the bottleneck.

    Args:
        filters: channels of the encoder's stages, each half as high and wide; the decoder mirrors them.
        kernel_size: side of the convolutions, in pixels.
        latent: dimensions of the bottleneck; 0: no dense layer, the last feature map is the bottleneck.
    """
    build = Builder(common, seed=seed, for_training=for_training)
    inputs, target = scaled_input(input_shape)
    x, sides = down(build, build.noise(target, common.noise), filters, kernel_size)
    if latent:
        shape = x.shape[1:]
        x = build.dropout(keras.layers.Flatten(name="flatten")(x), common.dropout, "dropout1")
        x = keras.layers.Dense(latent, name="latent", **build.kernel())(x)
        x = from_latent(build, build.dropout(x, common.dropout, "dropout2"), shape)
    else:
        x = build.dropout(x, common.dropout)
    reconstruction = up(build, x, sides, filters, kernel_size, input_shape[-1])
    return reconstructor(inputs, with_levels(target, reconstruction), "conv", common.loss, for_training)

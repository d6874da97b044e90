"""Autoencoder of dense layers."""

import math

import keras

from tfpipelines.core.config.networks import ImageAutoencoder
from tfpipelines.core.config.section import Count, Counts, Normalization
from tfpipelines.networks.layers import Builder, scaled_input
from tfpipelines.networks.reconstruction import reconstructor

from ..autoencoder_blocks import dense_stack, with_levels


def dense(
    input_shape: tuple[int, int, int],
    common: ImageAutoencoder,
    units: Counts = (256,),
    latent: Count = 32,
    normalization: Normalization = "batch",
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Dense layers down to a few numbers and back.

    The image is flattened first (Hinton & Salakhutdinov 2006).

    Args:
        units: width of the encoder's layers; the decoder mirrors them.
        latent: dimensions of the bottleneck.
        normalization: of encoder and decoder.
    """
    build = Builder(common, seed=seed, for_training=for_training, normalization=normalization)
    inputs, target = scaled_input(input_shape)
    x = keras.layers.Flatten(name="flatten")(build.noise(target, common.noise))
    x = dense_stack(build, x, units, common.dropout, "encoder")
    x = keras.layers.Dense(latent, name="latent", **build.kernel())(x)
    x = dense_stack(build, x, units[::-1], common.dropout, "decoder")
    x = keras.layers.Dense(math.prod(input_shape), name="output", **build.kernel("glorot_uniform"))(x)
    reconstruction = keras.layers.Reshape(input_shape, name="image")(x)
    return reconstructor(inputs, with_levels(target, reconstruction), "dense", common.loss, for_training)

"""Variational autoencoder of convolutions."""

from typing import Annotated

import keras
from pydantic import Field

from tfpipelines.core.config.networks import Autoencoder, Variational
from tfpipelines.core.config.section import Count, Counts
from tfpipelines.networks.layers import Builder, scaled_input
from tfpipelines.networks.reconstruction import reconstructor, variational

from ..autoencoder_blocks import down, from_latent, up, with_levels


def vae(
    input_shape: tuple[int, int, int],
    prior: Variational,
    common: Autoencoder,
    filters: Counts = (32, 64),
    kernel_size: Count = 3,
    latent: Count = 16,
    smoothing: Annotated[int, Field(ge=0)] = 0,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Variational autoencoder of convolutions, scored by the reconstruction probability.

    After Kingma & Welling 2014; the score is that of An & Cho 2015. Built for training, its outputs include
    `log_variance`, else `surprise`.

    Args:
        filters: channels of the encoder's stages, each half as high and wide; the decoder mirrors them.
        kernel_size: side of the convolutions, in pixels.
        latent: latent variables.
        smoothing: side in pixels of the mean filter applied twice to the distances; 0: none.
    """
    build = Builder(common, seed=seed, for_training=for_training)
    inputs, target = scaled_input(input_shape)
    image = keras.Input(input_shape, name="image")
    x, sides = down(build, build.noise(image, common.noise), filters, kernel_size)
    shape = x.shape[1:]
    x = build.dropout(keras.layers.Flatten(name="flatten")(x), common.dropout)
    dense = lambda name: keras.layers.Dense(latent, name=name, **build.kernel("glorot_uniform"))(x)
    encode = keras.Model(image, [dense("mean"), dense("log_variance")], name="encoder")
    variable = keras.Input((latent,), name="variable")
    x = up(build, from_latent(build, variable, shape), sides, filters, kernel_size, 2 * input_shape[-1])
    decode = keras.Model(variable, keras.ops.split(x, 2, -1), name="decoder")
    outputs = variational(target, encode, decode, prior, build.seed(), for_training)
    if not for_training:
        outputs |= with_levels(target, outputs["reconstruction"])
    return reconstructor(inputs, outputs, "vae", "probability", for_training)

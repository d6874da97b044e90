"""Variational autoencoder of dense layers."""

import keras

from tfpipelines.core.config.networks import Columns, Variational
from tfpipelines.core.config.section import Count, Counts
from tfpipelines.networks.layers import Builder
from tfpipelines.networks.reconstruction import reconstructor, restore, variational

from ..autoencoder_blocks import dense_stack
from ..vector_autoencoders import begin, flat, output


def vae(
    input_shape: tuple[int],
    prior: Variational,
    common: Columns,
    units: Counts = (64, 32),
    latent: Count = 8,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Variational autoencoder, scored by the reconstruction probability.

    After Kingma & Welling 2014; the score is that of An & Cho 2015. Built for training, its outputs include
    `log_variance`, else `surprise`.

    Args:
        units: width of the encoder's layers; the decoder mirrors them.
        latent: latent variables.
        pooling: of the columns' negative log-likelihoods: the largest, their mean, or the mean of the largest.
    """
    build = Builder(common, seed=seed, for_training=for_training)
    inputs, target, *_ = begin(input_shape, 0.0, build)
    row = keras.Input(input_shape, name="row")
    x = dense_stack(build, flat(build.noise(row, common.noise)), units, common.dropout, "encoder")
    dense = lambda name: keras.layers.Dense(latent, name=name, **build.kernel("glorot_uniform"))(x)
    encode = keras.Model(row, [dense("mean"), dense("log_variance")], name="encoder")
    variable = keras.Input((latent,), name="variable")
    x = dense_stack(build, variable, units[::-1], common.dropout, "decoder")
    two = [output(build, x, input_shape, name) for name in ("output_mean", "output_log_variance")]
    decode = keras.Model(variable, two, name="decoder")
    outputs = variational(target, encode, decode, prior, build.seed(), for_training)
    outputs |= {"restored": restore(outputs["reconstruction"])}
    return reconstructor(inputs, outputs, "vae", "probability", for_training)

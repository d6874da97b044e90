"""Autoencoder of dense layers."""

import keras

from tfpipelines.core.config.networks import SeriesAutoencoder
from tfpipelines.core.config.section import Count, Counts

from ..vector_autoencoders import dense_autoencoder


def dense(
    input_shape: tuple[int, int],
    common: SeriesAutoencoder,
    units: Counts = (64,),
    latent: Count = 8,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Dense layers over all points of a window.

    Args:
        units: width of the encoder's layers; the decoder mirrors them.
        latent: dimensions of the bottleneck.
    """
    return dense_autoencoder(input_shape, common, units, latent, common.centered, seed, for_training)

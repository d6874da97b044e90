"""Autoencoder of dense layers."""

import keras

from tfpipelines.core.config.networks import RowAutoencoder
from tfpipelines.core.config.section import Count, Counts

from ..vector_autoencoders import dense_autoencoder


def dense(
    input_shape: tuple[int],
    common: RowAutoencoder,
    units: Counts = (64, 32),
    latent: Count = 8,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Dense layers down to a few numbers and back.

    Args:
        units: width of the encoder's layers; the decoder mirrors them.
        latent: dimensions of the bottleneck.
    """
    return dense_autoencoder(input_shape, common, units, latent, False, seed, for_training)

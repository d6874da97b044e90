"""Long short-term memory."""

import keras

from tfpipelines.core.config.networks import RecurrentSeries

from ..vector_autoencoders import recurrent_autoencoder


def lstm(
    input_shape: tuple[int, int], common: RecurrentSeries, *, seed: int | None = None, for_training: bool = False
) -> keras.Model:
    """Long short-term memory reads the window, another one writes it (Malhotra et al. 2016)."""
    return recurrent_autoencoder("lstm", input_shape, common, seed, for_training)

"""Gated recurrent unit."""

import keras

from tfpipelines.core.config.networks import RecurrentSeries

from ..vector_autoencoders import recurrent_autoencoder


def gru(
    input_shape: tuple[int, int], common: RecurrentSeries, *, seed: int | None = None, for_training: bool = False
) -> keras.Model:
    """The same with gated recurrent units."""
    return recurrent_autoencoder("gru", input_shape, common, seed, for_training)

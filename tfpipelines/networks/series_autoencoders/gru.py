"""Gated recurrent unit."""

import keras

from tfpipelines.core.config.networks import RecurrentSeries

from ..vector_autoencoders import recurrent_autoencoder


def gru(
    input_shape: tuple[int, int], common: RecurrentSeries, *, seed: int | None = None, for_training: bool = False
) -> keras.Model:
    """A gated recurrent unit reads the window, another one writes it."""
    return recurrent_autoencoder("gru", input_shape, common, seed, for_training)

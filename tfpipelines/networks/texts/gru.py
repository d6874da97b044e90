"""Gated recurrent unit."""

import keras

from tfpipelines.core.config.networks import Recurrent
from tfpipelines.networks.text_layers import Texts

from ..recurrent import recurrent


def gru(
    texts: Texts, common: Recurrent, bidirectional: bool = False, *, seed: int | None = None, for_training: bool = False
) -> keras.Model:
    """Gated recurrent unit (Cho et al. 2014).

    Args:
        bidirectional: also read backwards.
    """
    return recurrent("gru", texts, common, bidirectional, seed, for_training)

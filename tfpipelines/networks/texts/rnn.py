"""Simple recurrent network."""

import keras

from tfpipelines.core.config.networks import Recurrent
from tfpipelines.networks.text_layers import Texts

from ..recurrent import recurrent


def rnn(
    texts: Texts, common: Recurrent, bidirectional: bool = False, *, seed: int | None = None, for_training: bool = False
) -> keras.Model:
    """Simple recurrent network (Elman 1990).

    Args:
        bidirectional: also read backwards.
    """
    return recurrent("rnn", texts, common, bidirectional, seed, for_training)

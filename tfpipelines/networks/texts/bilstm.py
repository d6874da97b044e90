"""Long short-term memory in both directions."""

import keras

from tfpipelines.core.config.networks import Recurrent
from tfpipelines.networks.text_layers import Texts

from ..recurrent import recurrent


def bilstm(texts: Texts, common: Recurrent, *, seed: int | None = None, for_training: bool = False) -> keras.Model:
    """LSTM that reads in both directions (Graves & Schmidhuber 2005)."""
    return recurrent("lstm", texts, common, True, seed, for_training)

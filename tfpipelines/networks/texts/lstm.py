"""Long short-term memory."""

import keras

from tfpipelines.core.config.networks import Recurrent
from tfpipelines.networks.text_layers import Texts

from ..recurrent import recurrent


def lstm(
    texts: Texts, common: Recurrent, bidirectional: bool = False, *, seed: int | None = None, for_training: bool = False
) -> keras.Model:
    """Long short-term memory (Hochreiter & Schmidhuber 1997).

    Args:
        bidirectional: also read backwards; then it is a bilstm.
    """
    return recurrent("lstm", texts, common, bidirectional, seed, for_training)

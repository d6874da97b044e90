"""Frozen text backbones that turn a text into one vector."""

from typing import NamedTuple

import keras

from ...core.config import BackboneSource
from .finetuned import pooled_tokens
from .hub import HubTokens, load_text_preset

_LONGEST = 256  # tokens, as Sentence-Transformers has it for MiniLM
_TINY = 1e-12  # least square of a length


class SentenceEncoder(NamedTuple):
    """A frozen text backbone with mean pooling.

    Args:
        tokens: strings (batch,) -> token ids + 1, int32 (batch, length), 0 beyond a text's end.
        model: these ids -> vectors of length 1, float32 (batch, width).
    """

    tokens: HubTokens
    model: keras.Model

    def copy(self) -> keras.Model:
        """The model with layers of its own: Keras cannot save two networks in one that share an inner one."""
        made = keras.models.clone_model(self.model)
        made.set_weights(self.model.get_weights())
        made.trainable = False
        return made


def load_sentence_encoder(source: BackboneSource, name: str, field: str) -> SentenceEncoder:
    """Loads a preset of KerasHub as an encoder of sentences: the mean of its tokens, brought to length 1 (Reimers &
    Gurevych 2019).

    Args:
        source: of a preset.
        name: of the layer of tokens.
        field: that names the preset, for messages.

    Raises:
        ConfigError: if it is no text backbone.
        ResourceError: if it cannot be fetched.
        ArtifactError: if its folder cannot be read.
    """
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")  # features are the same, whatever precision the run trains in
    try:
        backbone, preprocessor = load_text_preset(source.location, source.name, field=field)
        longest = min(_LONGEST, backbone.max_length or _LONGEST)
        tokens = HubTokens(preprocessor, longest, trim=True, name=name)
        ids = keras.Input((None,), dtype="int32", name=name)
        x = pooled_tokens(backbone, ids, "mean", tokens.pad)
        x = x / keras.ops.sqrt(keras.ops.maximum(keras.ops.sum(keras.ops.square(x), -1, keepdims=True), _TINY))
        model = keras.Model(ids, x, name=f"{name}_encoder")
    finally:
        keras.config.set_dtype_policy(policy)
    model.trainable = False
    return SentenceEncoder(tokens, model)

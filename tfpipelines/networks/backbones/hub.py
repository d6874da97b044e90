"""What KerasHub brings: image and text backbones by preset, and the tokenizers of the latter (extra `hub`)."""

import hashlib
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ...errors import ArtifactError, ConfigError, ResourceError
from ...models.inspection import inspect_preset
from .backbone import Backbone, Scaling, fetch_reason, random_state

_LONGEST = 512  # tokens, for backbones without a bound of their own


class TextPreset(NamedTuple):
    """A text backbone and what cuts texts for it.

    Args:
        backbone: of token ids.
        preprocessor: a `keras_hub.models.TextClassifierPreprocessor`.
    """

    backbone: Backbone
    preprocessor: keras.layers.Layer


def load_text_preset(
    location: str, name: str, weights: bool = True, seed: int = 0, field: str = "model.backbone"
) -> TextPreset:
    """Loads a text backbone of KerasHub with its preprocessor.

    Args:
        location: a preset's folder, name or handle.
        name: for messages.
        weights: False leaves them random.
        seed: of random weights.
        field: that names it, for messages.

    Raises:
        ConfigError: if it is no text backbone.
        ResourceError: if it cannot be fetched.
        ArtifactError: if its folder cannot be read.
    """
    import keras_hub

    with random_state(seed):
        backbone = _from_preset(keras_hub.models.Backbone, location, field, load_weights=weights)
    if "token_ids" not in {tensor.name for tensor in backbone.inputs}:
        message = f"{field}: {name} is no backbone for texts."
        raise ConfigError(message, "Images are fine-tuned by `tfpipe finetune backbone`.")
    preprocessor = _from_preset(keras_hub.models.TextClassifierPreprocessor, location, field)
    output = backbone.output
    sequence = output["sequence_output"] if isinstance(output, dict) else output  # without what only [CLS] would need
    model = keras.Model({tensor.name: tensor for tensor in backbone.inputs}, sequence, name=backbone.name)
    longest = getattr(backbone, "max_sequence_length", None) or _LONGEST
    return TextPreset(Backbone(model, None, name, longest), preprocessor)


def load_image_preset(location: str, weights: bool = True) -> tuple[keras.Model, Scaling | str]:
    """Loads an image backbone of KerasHub, and what it expects of pixels.

    Raises:
        As `load_text_preset`.
    """
    import keras_hub

    model = _from_preset(keras_hub.models.Backbone, location, load_weights=weights)
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
        message = f"model.backbone: {location} is no backbone for images."
        raise ConfigError(message, "Texts are fine-tuned by `tfpipe finetune text-backbone`.")
    try:
        converter = keras_hub.layers.ImageConverter.from_preset(location)
    except Exception:  # a preset without one, which KerasHub tells in several ways
        return model, "levels"
    plain = lambda value, default: (
        default if value is None else np.asarray(value, np.float64).ravel().tolist() if np.ndim(value) else float(value)
    )
    return model, (plain(converter.scale, 1.0), plain(converter.offset, 0.0), False)


def _from_preset(kind, location: str, field: str = "model.backbone", **options):
    remote = not Path(location).exists()
    if not remote:
        inspect_preset(Path(location))
    try:
        with redirect_stdout(sys.stderr):  # what hubs print does not belong among results
            return kind.from_preset(location, **options)
    except ImportError as error:
        message = f"{field}: {location} needs a package that is not installed: {error}."
        raise ConfigError(message, "pip install 'tfpipelines[hub]'") from error
    except Exception as error:  # hubs and file formats raise nearly every kind
        reason = fetch_reason(error)
        if not remote:
            remedy = "The folder is damaged, or of a kind that KerasHub does not know."
            raise ArtifactError(f"The preset in {location} cannot be loaded: {reason}.", remedy) from error
        remedy = "Connect to the internet once, or name the folder of a preset."
        raise ResourceError(f"The preset {location} could not be fetched: {reason}.", remedy) from error


def hub_presets() -> list[dict]:
    """The presets that KerasHub knows by name and that can be fine-tuned here; `size` is None."""
    import keras_hub

    kinds = {keras_hub.models.TextClassifier: "text", keras_hub.models.ImageClassifier: "images"}
    found: dict[str, dict] = {}
    for kind, word in kinds.items():
        for name, preset in kind.presets.items():
            facts = {"name": name, "parameters": preset.get("metadata", {}).get("params"), "size": None}
            found.setdefault(name, facts | {"origin": f"KerasHub, for {word}; fetched from Kaggle once"})
    return sorted(found.values(), key=lambda entry: entry["name"])


@keras.saving.register_keras_serializable("tfpipelines")
class HubTokens(keras.layers.Layer):
    """Strings (batch,) -> token ids + 1, int32 (batch, max_length), 0 beyond a text's end.

    Args:
        preprocessor: a `keras_hub.models.TextClassifierPreprocessor`.
        max_length: tokens of a text that are read, those that mark its ends included.
        trim: whether a batch is only as long as its longest text.
    """

    def __init__(self, preprocessor, max_length: int, trim: bool = False, **options):
        super().__init__(trainable=False, **options)
        self._convert_input_args = False  # strings are no tensors of every backend
        self._allow_non_tensor_positional_args = True
        self.preprocessor, self.max_length, self.trim = preprocessor, max_length, trim
        self.preprocessor.sequence_length = max_length
        self.built = True

    def call(self, texts):
        pieces = self.preprocessor(texts)
        there = tf.cast(pieces["padding_mask"], tf.bool)
        ids = tf.where(there, tf.cast(pieces["token_ids"], tf.int32) + 1, 0)
        if not self.trim:
            return ids
        return ids[:, : tf.maximum(tf.reduce_max(tf.reduce_sum(tf.cast(there, tf.int32), 1)), 1)]

    def compute_output_spec(self, texts):
        return keras.KerasTensor((texts.shape[0], None if self.trim else self.max_length), "int32")

    def get_config(self):
        preprocessor = keras.saving.serialize_keras_object(self.preprocessor)
        trim = {"trim": True} if self.trim else {}  # which earlier versions do not know
        return {**super().get_config(), "preprocessor": preprocessor, "max_length": self.max_length, **trim}

    @property
    def pad(self) -> int:
        """The tokenizer's id of padding."""
        return int(getattr(self.preprocessor.tokenizer, "pad_token_id", 0) or 0)

    def settings(self) -> dict:
        """All that the ids depend on, as JSON values."""
        names = self.preprocessor.tokenizer.get_vocabulary()
        hashed = hashlib.sha256("\n".join(map(str, names)).encode()).hexdigest()
        preprocessor = keras.saving.serialize_keras_object(self.preprocessor)
        return {"preprocessor": preprocessor, "vocabulary": hashed, "max_length": self.max_length}

    def cut(self, texts: list[str], batch_size: int = 1024) -> tuple[np.ndarray, np.ndarray]:
        """The ids of texts, one after the other, int32 (ids,), and how many each text has, int64 (texts,)."""
        flat, lengths = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
        if texts:
            batches = tf.data.Dataset.from_tensor_slices(texts).batch(batch_size)
            for ids in batches.map(self.call).as_numpy_iterator():
                there = ids > 0
                flat.append(ids[there])
                lengths.append(there.sum(1))
        return np.concatenate(flat), np.concatenate(lengths)

    @classmethod
    def from_config(cls, config):
        preprocessor = keras.saving.deserialize_keras_object(config.pop("preprocessor"))
        config.pop("trainable", None)
        return cls(preprocessor, **config)


class HubPreprocessor:
    """Raw strings -> the ids that a fine-tuned text backbone takes.

    Args:
        tokens: the layer that cuts them.
    """

    def __init__(self, tokens: HubTokens):
        self.tokens = tokens

    @classmethod
    def of(cls, model: keras.Model) -> "HubPreprocessor":
        """The preprocessing inside an artifact's model."""
        return cls(next(layer for layer in model.layers if isinstance(layer, HubTokens)))

    @property
    def pad(self) -> int:
        """The tokenizer's id of padding."""
        return self.tokens.pad

    @property
    def vocabulary_size(self) -> int:
        """How many tokens it tells apart."""
        return self.tokens.preprocessor.tokenizer.vocabulary_size()

    def settings(self) -> dict:
        """All that the ids depend on, as JSON values."""
        return self.tokens.settings()

    def cut(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """See `HubTokens.cut`."""
        return self.tokens.cut(texts)

    def input(self) -> keras.KerasTensor:
        """The symbolic input: strings (batch,)."""
        return keras.Input((), dtype="string", name="text")

    def symbolic(self, texts: keras.KerasTensor) -> keras.KerasTensor:
        """Strings (batch,) -> the network's input."""
        return self.tokens(texts)

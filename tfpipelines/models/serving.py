"""A model as others run it: a graph with named inputs and outputs, which needs neither Keras nor this package."""

import base64
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from ..datasets.text_form import TextForm
from .answers import ServedAnswer
from .graph_resizing import GraphResizing
from .loading import network_of
from .text_preprocessing import IDS, NGRAMS, STRIPPED, TextPreprocessor

_EXAMPLES = ("A fine day, isn't it?", "no-break\u00a0space", "!?", "")  # in vocabulary.json, for those who read it
_TEXT = "A text is a UTF-8 string; standardization, tokenization and the lookup of ids are part of the graph."
_STANDARDIZING = (
    "Standardize: lowercase the letters A to Z, remove the characters of `strips`, each as its setting says. Split at "
    "ASCII whitespace (space, tab, line feed, vertical tab, form feed, carriage return) or into characters. Join "
    "neighbours with a space to n-grams where `ngrams` names lengths, shorter ones first"
)
_CUT = (
    "Tokenization uses operations of TensorFlow Text: TensorFlow Serving has them; in Python, import tensorflow_text "
    "before loading."
)


class ServedInput(ABC):
    """How raw samples get into a model.

    Two graphs are made of a model: the `whole` one takes raw samples; the other is for formats without strings and
    without antialiased resizing.

    Args:
        model: the artifact's.
    """

    def __init__(self, model: keras.Model):
        self.model = model

    @property
    def part(self) -> keras.Model:
        """What is left of the model without what some formats have no operations for; by default all of it."""
        return self.model

    def specs(self, whole: bool) -> dict[str, tf.TensorSpec]:
        """Name -> shape and dtype of each input, the first size that of the batch; names are those of arguments."""
        inputs = (self.model if whole else self.part).inputs
        return {name: tf.TensorSpec(tensor.shape, tensor.dtype, name) for name, tensor in zip(self.names, inputs)}

    @property
    def names(self) -> tuple[str, ...]:
        """Of the inputs."""
        return ()

    def arguments(self, tensors: Any, whole: bool) -> Any:
        """Tensors of the inputs, in the order of `specs`, as the model is called with them."""
        return list(tensors) if len(tensors) > 1 else tensors[0]

    def feed(self, sample: Any, whole: bool) -> dict[str, np.ndarray]:
        """One raw sample as a batch of one for each input."""
        return {self.names[0]: np.asarray(sample)[None]}

    @abstractmethod
    def words(self, whole: bool) -> list[str]:
        """What has to be given to the graph, and what has to happen to raw samples before that, in sentences."""

    def files(self) -> dict[str, str]:
        """{name: content} of what the other graph cannot do without."""
        return {}

    def facts(self) -> dict[str, Any]:
        """How raw samples get into the other graph, for programs, JSON values: `takes` (image, text, row), and
        settings; {} where that takes more than can be told.
        """
        return {}

    def raw(self, sample: Any) -> Any:
        """A raw sample as a client sends it, a JSON value; None where there is no such form."""
        return None

    def of_any_size(self) -> "ServedInput | None":
        """The same with images of any size in the other graph, too; None where samples are no images."""
        return None


def from_network(model: keras.Model) -> keras.Model:
    """An artifact's model from its network on."""
    network = network_of(model)
    inputs = [keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name) for tensor in network.inputs]
    x = network(inputs if len(inputs) > 1 else inputs[0])
    for layer in model.layers[model.layers.index(network) + 1 :]:
        x = layer(x)
    return keras.Model(inputs, x)


def _pillow(channels: int) -> str:
    """The line of Python that decodes an ordinary file as one sample."""
    if channels == 1:
        return 'np.asarray(Image.open(FILE).convert("L"))[None, ..., None]'
    return 'np.asarray(Image.open(FILE).convert("RGB"))[None]'


class ServedImages(ServedInput):
    """Images: decoded pixels.

    Args:
        preprocessor: the `ImagePreprocessor` that the model begins with.
        background: level that transparent pixels are laid on.
        any_size: whether the other graph resizes, too (`GraphResizing`); else it takes the network's size alone.
    """

    names = ("image",)

    def __init__(self, model: keras.Model, preprocessor, background: int, any_size: bool = False):
        super().__init__(model)
        self.preprocessor, self.background, self.any_size = preprocessor, background, any_size
        pixels = tf.TensorSpec([None, None, preprocessor.channels], tf.uint8)
        self._resize = tf.function(preprocessor.in_tf_data, input_signature=[pixels])

    @cached_property
    def part(self) -> keras.Model:
        """The model without its first layer, which resizes: antialiasing is an operation that few formats have."""
        skip = lambda layer, *values, **options: values[0] if layer.name == "resize" else layer(*values, **options)
        image = keras.Input(self.preprocessor.shape, dtype="uint8", name="image")
        part = keras.models.clone_model(self.model, image, clone_function=lambda layer: layer, call_function=skip)
        if not self.any_size:
            return part
        image = self.preprocessor.input()
        return keras.Model(image, part(GraphResizing(self.preprocessor)(image)))

    def feed(self, sample: np.ndarray, whole: bool) -> dict[str, np.ndarray]:
        return {"image": (sample if whole or self.any_size else self._resize(tf.constant(sample)).numpy())[None]}

    def of_any_size(self) -> "ServedImages":
        return ServedImages(self.model, self.preprocessor, self.background, True)

    def words(self, whole: bool) -> list[str]:
        height, width, channels = self.preprocessor.shape
        settings = self.preprocessor.settings()
        colours = "grey (0.299 R + 0.587 G + 0.114 B)" if channels == 1 else "RGB"
        if self.preprocessor.range is None:
            depth = "16-bit grey divided by 257"
        else:
            depth = "levels {:g} to {:g} of more than 8 bits scaled to 0 to 255 and cut".format(
                *self.preprocessor.range
            )
        resize = f"{settings['filter']}{', antialiased' if settings['antialias'] else ''}, {settings['resize']}"
        return [
            f"Decode to uint8 {colours} as tfpipelines.decode_image does: first frame, upright by its EXIF "
            f"orientation, palettes expanded, CMYK and other colour spaces to RGB, {depth}"
            f", transparent pixels on level {self.background}, no colour profile. For ordinary files of 8 bits, "
            f"upright and without transparency, that is {_pillow(channels)}, with Pillow.",
            f"Any size, the same for all images of a call: the graph resizes to {height} x {width} pixels ({resize}) "
            "and rounds to whole levels."
            if whole or self.any_size
            else f"Resize to {height} x {width} pixels ({resize}, half-pixel centers, as tf.image.resize) and "
            "round to whole levels: the graph does not do this.",
            "Scaling of levels is part of the graph.",
        ]

    def facts(self) -> dict[str, Any]:
        any_size = {"any_size": True} if self.any_size else {}
        return {"takes": "image", **self.preprocessor.settings(), "background": self.background, **any_size}

    def raw(self, sample: np.ndarray) -> str:
        """A PNG of the decoded pixels, in base64."""
        buffer = io.BytesIO()
        Image.fromarray(sample[..., 0] if sample.shape[-1] == 1 else sample).save(buffer, "PNG")
        return base64.b64encode(buffer.getvalue()).decode()


class ServedTexts(ServedInput):
    """Texts: strings, or the ids of their tokens where the format has no strings.

    Args:
        preprocessor: the `TextPreprocessor` or `HubPreprocessor` that the model begins with.
        form: of the texts that the model has learned.
    """

    def __init__(self, model: keras.Model, preprocessor, form: TextForm):
        super().__init__(model)
        self.preprocessor, self.form = preprocessor, form
        self._ids = tf.function(
            lambda texts: preprocessor.symbolic(texts), input_signature=[tf.TensorSpec([None], tf.string)]
        )

    @property
    def names(self) -> tuple[str, ...]:
        return ("text", *(tensor.name for tensor in network_of(self.model).inputs))

    @cached_property
    def part(self) -> keras.Model:
        """From the ids on."""
        return from_network(self.model)

    def specs(self, whole: bool) -> dict[str, tf.TensorSpec]:
        if whole:
            return {"text": tf.TensorSpec([None], tf.string, "text")}
        return {tensor.name: tf.TensorSpec([None, None], tf.int32, tensor.name) for tensor in self.part.inputs}

    def feed(self, sample: str, whole: bool) -> dict[str, np.ndarray]:
        sample = self._formed(sample)
        if whole:
            return {"text": np.array([sample], object)}
        ids = self._ids(tf.constant([sample]))
        ids = ids if isinstance(ids, (list, tuple)) else [ids]
        return {tensor.name: value.numpy().astype(np.int32) for tensor, value in zip(self.part.inputs, ids)}

    def _formed(self, text: str) -> str:
        """What a client does to a text."""
        return self.form(text)

    def words(self, whole: bool) -> list[str]:
        first = self.form.words()
        if whole:
            plain = isinstance(self.preprocessor, TextPreprocessor) and not self.preprocessor.pieces
            return [*first, _TEXT] if plain else [*first, _TEXT, _CUT]
        return [
            *first,
            "The format has no strings: a text is given as int32 ids of its tokens. The vocabulary "
            "file, vocabulary.json, lists them and says how texts are tokenized.",
            "Texts are padded with 0 at the end; a text has at least one id.",
        ]

    def files(self) -> dict[str, str]:
        return {"vocabulary.json": json.dumps(self._vocabulary(), indent=1, ensure_ascii=False) + "\n"}

    def facts(self) -> dict[str, Any]:
        if not isinstance(self.preprocessor, TextPreprocessor) or self.preprocessor.pieces:
            return {}
        return {"takes": "text", "normal": self.form.normal, "replace": list(self.form.replace)}

    def raw(self, sample: str) -> str:
        return sample

    def _vocabulary(self) -> dict[str, Any]:
        preprocessor = self.preprocessor
        ids_of = lambda text: {name: value[0].tolist() for name, value in self.feed(text, False).items()}
        examples = [{"text": text, **ids_of(text)} for text in _EXAMPLES]
        if not isinstance(preprocessor, TextPreprocessor):
            return {"examples": examples, "ids": _of_pieces(preprocessor.tokens)}
        cut = lambda cutter: {"standardize": cutter.standardize, "split": cutter.split, "ngrams": cutter.ngrams}
        rule = (
            f"{_STANDARDIZING}; the id of a token is its place in `tokens`, that of an unknown token 1; "
            "keep the first max_length; a text without a token is the one id 1."
        )
        ids: dict[str, Any] = {
            "rule": rule,
            **cut(preprocessor.cutter),
            "strips": STRIPPED,
            "max_length": preprocessor.max_length,
        }
        ids["tokens"] = ["[PAD]", "[UNK]", *preprocessor.vocabulary]
        tables: dict[str, Any] = {"examples": examples}
        if IDS in preprocessor.inputs:
            tables["ids"] = ids
        of_inputs = {NGRAMS: preprocessor.wide} if preprocessor.wide else {}
        for name, kinds in (of_inputs | {name: (kind,) for name, kind in preprocessor.kinds.items()}).items():
            rule = (
                "For each part in turn: standardize, split and join as its settings say, see `standardizing`; the id "
                "of an n-gram is its place in the part's `tokens` plus the part's `first`, that of an unknown one 0; "
                "keep the first max_length of each part; end with a 0."
            )
            parts, first = [], 2
            for cutter, names in kinds:
                parts.append({**cut(cutter), "first": first, "max_length": preprocessor.max_ngrams, "tokens": names})
                first += len(names)
            tables[name] = {"rule": rule, "standardizing": _STANDARDIZING, "strips": STRIPPED, "parts": parts}
        return tables | {name: _of_pieces(layer) for name, layer in preprocessor.pieces.items()}


def _of_pieces(tokens: Any) -> dict[str, Any]:
    """What vocabulary.json says of the tokens of a pretrained network, a layer `HubTokens`."""
    tokenizer = tokens.preprocessor.tokenizer
    marks = [f"{mark}_token_id" for mark in ("start", "end", "cls", "sep", "pad", "unk", "mask")]
    places = {mark: getattr(tokenizer, mark, None) for mark in marks}
    special = {mark: int(place) + 1 for mark, place in places.items() if isinstance(place, (int, np.integer))}
    rule = (
        "Tokenize as the named tokenizer of KerasHub does, with its special tokens; the id of a "
        "token is its place in `tokens` plus 1, 0 is padding. `special` has such ids; keep "
        "max_length of them, special tokens included."
    )
    settings = {name: value for name, value in tokenizer.get_config().items() if isinstance(value, (bool, int))}
    ids: dict[str, Any] = {"rule": rule, "tokenizer": type(tokenizer).__name__, "special": special}
    ids |= {"settings": settings, "max_length": tokens.max_length}
    ids["tokens"] = list(map(str, tokenizer.get_vocabulary()))
    return ids


_ONE_HOT = (
    "A category is a column of 0 and 1 for each value, named COLUMN: VALUE, for a missing and for an unknown value; "
    "a boolean is a category of false and true, without an unknown value; a missing number that is filled is `fill`, "
    "and 1 in COLUMN: (missing). How columns of a table are read is in `read` of vocabulary.json."
)


class ServedNumbers(ServedInput):
    """Rows or windows of numbers.

    Args:
        columns: names of the columns or channels.
        read: what makes these columns of those of a table (`Columns.facts`), where they are not the same; [] else.
        step: how far apart the points of a window are, in words; "" where they are as they come.
    """

    names = ("numbers",)

    def __init__(self, model: keras.Model, columns: list[str], read: Sequence[dict[str, Any]] = (), step: str = ""):
        super().__init__(model)
        self.columns, self.read, self.step = columns, list(read), step

    def words(self, whole: bool) -> list[str]:
        shape = tuple(self.model.inputs[0].shape[1:])
        order = f"{'columns' if len(shape) == 1 else 'channels'} in this order: {', '.join(self.columns)}"
        return [
            f"Numbers are float32 {shape}, raw, in their own units; {order}.",
            "Scaling by center and spread of the training split is part of the graph. Missing values are not allowed.",
            *([_ONE_HOT] if self.read else []),
            *([f"Points are {self.step} apart, each the mean of half a step around it."] if self.step else []),
        ]

    def files(self) -> dict[str, str]:
        content = {"rule": _ONE_HOT, "numbers": self.columns, "read": self.read}
        return {"vocabulary.json": json.dumps(content, indent=1, ensure_ascii=False) + "\n"} if self.read else {}

    def facts(self) -> dict[str, Any]:
        plain = len(self.model.inputs[0].shape) == 2 and not self.read
        return {"takes": "row", "columns": self.columns} if plain else {}

    def raw(self, sample: np.ndarray) -> dict[str, float] | None:
        return dict(zip(self.columns, map(float, sample))) if self.facts() else None


class ServedNoise(ServedInput):
    """Noise, and what a generator is told of.

    Args:
        groups: class of each number that `class_index` may be; [] where the generator is told nothing.
    """

    def __init__(self, model: keras.Model, groups: list[str]):
        super().__init__(model)
        self.groups = groups

    @property
    def names(self) -> tuple[str, ...]:
        return ("noise", "class_index")[: len(self.model.inputs)]

    def feed(self, sample: tuple, whole: bool) -> dict[str, np.ndarray]:
        return {name: np.asarray(value)[None] for name, value in zip(self.names, sample)}

    def words(self, whole: bool) -> list[str]:
        words = ["noise are float32 numbers from N(0, 1), drawn anew for each image."]
        if len(self.names) > 1:
            groups = ", ".join(f"{number}: {name}" for number, name in enumerate(self.groups))
            words.append(f"class_index says what to draw: {groups}.")
        return [*words, "Pixel levels are float32, 0 to 255: round them to integers."]


class Served(NamedTuple):
    """What is exported of an artifact."""

    input: ServedInput
    answer: ServedAnswer

"""What happens to raw texts before the network sees them: the same cuts in numpy and in layers of the artifact."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import keras
import numpy as np
import tensorflow as tf

from ..datasets.tokens import FIRST
from .loading import network_of

_PUNCTUATION = r'[!"#$%&()\*\+,-\./:;<=>?@\[\\\]^_`{|}~\']'  # what Keras strips
STRIPPED = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"  # the same, as characters
_BATCH = 4096
IDS, NGRAMS = "ids", "ngrams"  # inputs of a network: tokens, and n-grams of its wide part
_TOKENS, _WIDE = "tokens", re.compile(r"ngrams\d+")  # names of layers
Kind = tuple["Cutter", list[str]]


class Pieces(Protocol):
    """The tokens of a pretrained encoder: a layer whose name is that of an input."""

    def __call__(self, texts: Any) -> Any:
        """Strings (batch,) -> ids from 1 on, int32 (batch, length), 0 beyond a text's end."""

    def cut(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """The ids of texts, one after the other, int32 (ids,), and how many each text has, int64 (texts,)."""


@dataclass(frozen=True)
class Cutter:
    """How a text is cut into tokens: the arguments that `keras.layers.TextVectorization` takes.

    Args:
        split: `whitespace` or `character`.
        standardize: `lower_and_strip_punctuation`, `lower`, `strip_punctuation` or None; all concern ASCII alone.
        ngrams: lengths of the n-grams that become tokens, such as (1, 2); None: the pieces themselves.
    """

    split: Literal["whitespace", "character"] = "whitespace"
    standardize: str | None = "lower_and_strip_punctuation"
    ngrams: tuple[int, ...] | None = None

    @classmethod
    def of(cls, layer: keras.layers.TextVectorization) -> "Cutter":
        """How a layer cuts."""
        config = layer.get_config()
        ngrams = config["ngrams"]
        lengths = range(1, ngrams + 1) if isinstance(ngrams, int) else ngrams
        return cls(config["split"], config["standardize"], tuple(lengths) if lengths else None)

    def layer(self, vocabulary: list[str], name: str) -> keras.layers.TextVectorization:
        """Strings (batch,) -> ids int64 (batch, longest), 0 padding, 1 unknown, the vocabulary from 2 on."""
        return keras.layers.TextVectorization(
            standardize=self.standardize, split=self.split, ngrams=self.ngrams, vocabulary=vocabulary, name=name
        )

    def cut(self, texts: list[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The tokens the layer looks up, some texts at a time: UTF-8 bytes (tokens,), and counts int64 (texts,)."""
        for start in range(0, len(texts), _BATCH):
            pieces = self._tokens(tf.constant(texts[start : start + _BATCH]))
            yield pieces.flat_values.numpy(), pieces.row_lengths().numpy()

    def _tokens(self, texts: tf.Tensor) -> tf.RaggedTensor:
        if self.standardize in ("lower", "lower_and_strip_punctuation"):
            texts = tf.strings.lower(texts)
        if self.standardize in ("strip_punctuation", "lower_and_strip_punctuation"):
            texts = tf.strings.regex_replace(texts, _PUNCTUATION, "")
        pieces = tf.strings.split(texts) if self.split == "whitespace" else tf.strings.unicode_split(texts, "UTF-8")
        return pieces if self.ngrams is None else tf.strings.ngrams(pieces, ngram_width=self.ngrams, separator=" ")


def token_cutter(level: str, ngrams: int, standardize: str) -> Cutter:
    """How texts become tokens; the arguments are the fields of the same name in `config.texts.TextData`."""
    lengths = tuple(range(1, ngrams + 1)) if level == "ngram" else None
    return Cutter("character" if level == "char" else "whitespace", _standardizer(standardize), lengths)


def wide_cutters(words: int, characters: tuple[int, ...], standardize: str) -> list[Cutter]:
    """How the n-grams of the wide part are cut, word n-grams first; `words` and `characters` are the fields of
    `config.networks.Wide`."""
    cutters = [Cutter("whitespace", _standardizer(standardize), tuple(range(1, words + 1)))] if words else []
    if characters:
        cutters.append(Cutter("character", _standardizer(standardize), tuple(range(characters[0], characters[1] + 1))))
    return cutters


def _standardizer(setting: str) -> str | None:
    return None if setting == "none" else setting


def _vocabulary(layer: keras.layers.TextVectorization) -> list[str]:
    """What `layer.get_vocabulary(include_special_tokens=False)` tells, for which Keras takes ten times as long."""
    tokens, ids = layer._lookup_layer.lookup_table.export()
    return [token.decode() for token in tokens.numpy()[np.argsort(ids.numpy())]]


def rows_by_name(
    table: np.ndarray, names: list[str], earlier: np.ndarray, earlier_names: list[str]
) -> np.ndarray | None:
    """An embedding that takes over from an earlier one the rows of padding, of unknown tokens and of the names both
    have.

    Args:
        table: float (ids, numbers), whose rows other names keep.
        names, earlier_names: those with the ids from 2 on.
        earlier: float (earlier ids, numbers).

    Returns:
        float (ids, numbers); None if the rows are of another width.
    """
    if table.shape[1] != earlier.shape[1]:
        return None
    places = {name: place for place, name in enumerate(earlier_names, FIRST)}
    shared = [(new, places[name]) for new, name in enumerate(names, FIRST) if name in places]
    new, old = np.array([(0, 0), (1, 1), *shared]).T
    result = table.copy()
    result[new] = earlier[old]
    return result


class TextPreprocessor:
    """Raw strings -> the ids that a text network takes.

    Args:
        cutter, vocabulary: of the tokens.
        max_length: tokens beyond it are cut off, and n-grams of a kind beyond 40 times as many: more than a text of
            that length has, but those of a text that is far longer would fill the memory.
        wide: (cutter, vocabulary) of each kind of n-gram of the wide part; () for none. Their ids follow one another.
        kinds: (cutter, vocabulary) of further kinds of n-grams by name. Each is an input of its own, called so, which
            begins with the id 2; so do the words' vectors.
        inputs: names of the inputs of the network, of `ids`, `ngrams` (the wide part), `kinds` and `pieces`.
        pieces: layers that cut texts for pretrained encoders, by name. Each is an input of its own.
    """

    def __init__(
        self,
        cutter: Cutter,
        vocabulary: list[str],
        max_length: int,
        wide: tuple[tuple[Cutter, list[str]], ...] = (),
        kinds: "dict[str, Kind] | None" = None,
        inputs: tuple[str, ...] | None = None,
        pieces: Mapping[str, Pieces] | None = None,
    ):
        self.cutter, self.vocabulary, self.max_length, self.wide = cutter, vocabulary, max_length, wide
        self.kinds, self.pieces = kinds or {}, dict(pieces or {})
        self.inputs = inputs or (IDS, *((NGRAMS,) if wide else ()), *self.kinds, *self.pieces)

    @classmethod
    def of(cls, model: keras.Model, max_length: int) -> "TextPreprocessor":
        """That of an artifact's model; only `max_length` has no layer there."""
        layers = [layer for layer in model.layers if isinstance(layer, keras.layers.TextVectorization)]
        parts = {layer.name: (Cutter.of(layer), _vocabulary(layer)) for layer in layers}
        cutter, vocabulary = parts.pop(_TOKENS, (Cutter(), []))
        wide = [parts.pop(name) for name in sorted(parts) if _WIDE.fullmatch(name)]
        if not parts and not any(isinstance(layer, keras.Model) for layer in model.layers):
            return cls(cutter, vocabulary, max_length, tuple(wide))
        inputs = tuple(tensor.name for tensor in network_of(model).inputs)
        others = {layer.name: layer for layer in model.layers if layer.name in inputs and layer not in layers}
        pieces = {name: layer for name, layer in others.items() if not isinstance(layer, keras.layers.InputLayer)}
        if not parts and not pieces:
            return cls(cutter, vocabulary, max_length, tuple(wide))
        kinds = {name: parts[name] for name in inputs if name in parts}
        return cls(cutter, vocabulary, max_length, tuple(wide), kinds, inputs, pieces)

    def of_network(self, network: keras.Model) -> "TextPreprocessor":
        """What a network takes of it; the tokens, if it calls its input as none is called here."""
        inputs = tuple(tensor.name for tensor in network.inputs)
        if not set(inputs) <= set(self.inputs):
            inputs = (IDS,)
        if inputs == self.inputs:
            return self
        kinds = {name: kind for name, kind in self.kinds.items() if name in inputs}
        wide = self.wide if NGRAMS in inputs else ()
        pieces = {name: layer for name, layer in self.pieces.items() if name in inputs}
        return TextPreprocessor(self.cutter, self.vocabulary, self.max_length, wide, kinds, inputs, pieces)

    @property
    def named(self) -> bool:
        """Whether networks say by the names of their inputs what they take."""
        return bool(self.kinds or self.pieces)

    @cached_property
    def _layers(self) -> dict[str, list[Any]]:
        """Those of each input. Keras needs long for a large vocabulary, and only what is saved has them."""
        found: dict[str, list[Any]] = {}
        for name in self.inputs:
            if name == IDS:
                found[name] = [self.cutter.layer(self.vocabulary, _TOKENS)]
            elif name == NGRAMS:
                found[name] = [
                    part.layer(names, f"ngrams{number}") for number, (part, names) in enumerate(self.wide, 1)
                ]
            elif name in self.pieces:
                found[name] = [self.pieces[name]]
            else:
                cutter, names = self.kinds[name]
                found[name] = [cutter.layer(names, name)]
        return found

    @property
    def vocabulary_size(self) -> int:
        """Ids of the tokens, those of padding and of unknown tokens included."""
        return len(self.vocabulary) + FIRST

    @property
    def max_ngrams(self) -> int:
        """N-grams of each kind that are read of a text."""
        return 40 * self.max_length

    @property
    def ngrams(self) -> list[str]:
        """The n-grams of the wide part in the order of their ids, which begin at 2; those of characters in quotes."""
        told = lambda cutter, name: f"'{name[::2]}'" if cutter.split == "character" else name
        return [told(cutter, name) for cutter, names in self.wide for name in names]

    @property
    def wide_size(self) -> int:
        """Ids of the n-grams, those of padding and of unknown ones included; 0 without a wide part."""
        return sum(len(names) for _, names in self.wide) + FIRST if self.wide else 0

    def input(self) -> keras.KerasTensor:
        """The symbolic input: strings (batch,)."""
        return keras.Input((), dtype="string", name="text")

    def symbolic(self, texts: keras.KerasTensor) -> list[keras.KerasTensor]:
        """Strings (batch,) -> int32 ids (batch, length) for each input of the network."""
        return [self._ids_of(name, layers, texts) for name, layers in self._layers.items()]

    def _ids_of(self, name: str, layers: list, texts: keras.KerasTensor) -> keras.KerasTensor:
        if name == IDS:
            ids = keras.ops.cast(layers[0](texts), "int32")
            ids = keras.ops.pad(ids, [[0, 0], [0, 1]])[:, : self.max_length]  # one column at least
            return keras.ops.concatenate([keras.ops.maximum(ids[:, :1], 1), ids[:, 1:]], 1)  # no row without a token
        if name in self.pieces:
            return layers[0](texts)
        parts, before = [], 0
        vocabularies = [names for _, names in self.wide] if name == NGRAMS else [self.kinds[name][1]]
        for layer, names in zip(layers, vocabularies):
            grams = keras.ops.cast(layer(texts), "int32")[:, : self.max_ngrams]
            parts.append(keras.ops.where(grams >= FIRST, grams + before, 0))
            before += len(names)
        return keras.ops.pad(keras.ops.concatenate(parts, 1) if len(parts) > 1 else parts[0], [[0, 0], [0, 1]])

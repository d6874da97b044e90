"""What text networks share: arguments, the embedding, pooling that respects lengths, the head, the wide part.

Texts come as ids, 0 where there is none, and only at the end. No layer gets a Keras mask: masks keep recurrent layers
from their fast kernels (on jax always, elsewhere when a row is empty). What is masked is the pooling, and what is read
backwards is turned within its length; what recurrent layers make of the padding behind it is never looked at.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from ..core.config.networks import TextNetwork
from . import chunks
from .layers import Builder
from .texts.linear_models.fitting import LinearTexts

UNKNOWN = 1  # id of an unknown token
FitLinear = Callable[[], tuple[LinearTexts, tuple[str, ...], dict[str, keras.Model]]]


@dataclass(frozen=True)
class Texts:
    """What a text network is to know of the texts.

    Args:
        vocabulary: number of ids, those of padding (0) and of unknown tokens (1) included.
        classes: number of classes.
        vectors: float (vocabulary, channels), what the embedding begins with; else uniform in [-0.05, 0.05].
        ratios: log-count ratios of n-grams, float32 (n-grams, classes): then the network has a second input, ids of
            n-grams.
        ridge: the same for a number, float32 (n-grams, 2 kinds), see `datasets.ridge_table`.
        fit_linear: gives the linear model that the network's settings describe, fitted to the training rows, and the
            names of its kinds of n-grams or vectors, and what makes the latter, see `linear_models.graph.compiled`.
        chunk: tokens of the chunks that texts are read in, see `chunks`; None: as a whole.
    """

    vocabulary: int
    classes: int
    vectors: np.ndarray | None = None
    ratios: np.ndarray | None = None
    ridge: np.ndarray | None = None
    fit_linear: FitLinear | None = None
    chunk: int | None = None

    @property
    def wide(self) -> bool:
        """Whether there is a wide part."""
        return self.ratios is not None or self.ridge is not None


@dataclass(frozen=True)
class Embedded:
    """A batch of texts as vectors.

    Args:
        ids: int32 (batch, length), after word dropout.
        vectors: float (batch, length, channels), 0 behind the end.
        mask: float (batch, length, 1): 1 for tokens.
        positions: int32 (batch, length), from 0.
        lengths: int32 (batch, 1).
        shares: where the rows are chunks: of each in the tokens of its text, float32 (texts, chunks).
    """

    ids: keras.KerasTensor
    vectors: keras.KerasTensor
    mask: keras.KerasTensor
    positions: keras.KerasTensor
    lengths: keras.KerasTensor
    shares: keras.KerasTensor | None = None

    def backwards(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Turns a sequence (batch, length, channels) within each text's length; twice is as before."""
        turned = keras.ops.where(self.positions < self.lengths, self.lengths - 1 - self.positions, self.positions)
        return keras.ops.take_along_axis(x, keras.ops.expand_dims(turned, -1), 1)

    def last(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """What stands at the last token: (batch, channels)."""
        here = keras.ops.cast(keras.ops.equal(self.positions, self.lengths - 1), x.dtype)
        return keras.ops.sum(x * keras.ops.expand_dims(here, -1), 1)


def embed(build: Builder, texts: Texts, common: TextNetwork) -> tuple[keras.KerasTensor, Embedded]:
    """The input of a text network, and its embedding; the arguments are those of `text_network`."""
    vectors, word_dropout = texts.vectors, common.word_dropout
    channels = common.embedding if vectors is None else vectors.shape[1]
    inputs = keras.Input((None,), dtype="int32", name="ids")
    ids, shares = chunks.split(inputs, texts.chunk) if texts.chunk else (inputs, None)
    read, present = ids, keras.ops.not_equal(ids, 0)
    if word_dropout:
        drop = keras.layers.Dropout(word_dropout, seed=build.seed(), name="word_dropout", dtype="float32")
        kept = drop(keras.ops.ones_like(read, dtype="float32"))
        ids = keras.ops.where(keras.ops.logical_and(present, keras.ops.equal(kept, 0.0)), UNKNOWN, ids)
    start, learns = keras.initializers.RandomUniform(-0.05, 0.05, seed=build.seed()), not common.freeze_embedding
    layer = keras.layers.Embedding(
        texts.vocabulary, channels, embeddings_initializer=start, trainable=learns, name="embedding"
    )
    x = layer(ids)
    if vectors is not None:
        layer.embeddings.assign(vectors)
    mask = keras.ops.expand_dims(keras.ops.cast(present, x.dtype), -1)
    if common.spatial_dropout:
        x = keras.layers.SpatialDropout1D(common.spatial_dropout, seed=build.seed(), name="spatial_dropout")(x)
    lengths = keras.ops.sum(keras.ops.cast(present, "int32"), 1, keepdims=True)
    positions = keras.ops.cumsum(keras.ops.ones_like(read), 1) - 1
    return inputs, Embedded(ids, x * mask, mask, positions, lengths, shares)


def masked(x: keras.KerasTensor, mask: keras.KerasTensor) -> keras.KerasTensor:
    """x where the mask is 1, else a number below all others, in range of float16.

    Not by adding a mask of (batch, length, 1): `keras.ops.add` on tensorflow (3.15) takes that for a bias of the
    channels where the batch is 1 and there are as many tokens as channels.
    """
    return keras.ops.where(keras.ops.greater(mask, 0.5), x, -1e4)


def pool(build: Builder, kind: str, x: keras.KerasTensor, text: Embedded, name: str = "pool") -> keras.KerasTensor:
    """A sequence (batch, length, channels) as a vector (batch, channels), its tokens alone.

    Args:
        kind: `last`, `max`, `mean`, or `attention`: a weighted mean, the weights a softmax of a learned score (Yang et
            al. 2016).
    """
    if kind == "last":
        return text.last(x)
    if kind == "mean":
        return keras.ops.sum(x * text.mask, 1) / keras.ops.cast(text.lengths, x.dtype)
    if kind == "max":
        return keras.ops.max(masked(x, text.mask), 1)
    score = keras.layers.Dense(1, use_bias=False, name=f"{name}_score", **build.kernel())(
        keras.layers.Dense(x.shape[-1], activation="tanh", name=f"{name}_hidden", **build.kernel())(x)
    )
    return keras.ops.sum(x * keras.ops.softmax(masked(score, text.mask), 1), 1)


Body = Callable[[Builder, Embedded], keras.KerasTensor]


def text_network(
    name: str, body: Body, texts: Texts, common: TextNetwork, seed: int | None = None, for_training: bool = False
) -> keras.Model:
    """A text network: embedding, a body that makes one vector of each text, the head, and the wide part where there is
    one. Words are dropped as in Iyyer et al. 2015, channels for a whole text as in Tompson et al. 2015.

    Args:
        name: of the model.
        body: function of a builder and the embedded texts to vectors (batch, channels).
        texts: what is known of them.
        common: fields of the network.
        seed: see `layers.Builder`.
        for_training: whether the model is to be trained. With a wide part its output then holds the logits of the
            n-grams and of the network, too, behind those of the whole, so that each has a loss of its own.

    Returns:
        Model: ids int32 (batch, length)[, n-gram ids int32 (batch, n-grams)] -> logits float32 (batch, classes), of
            three times as many where the parts follow.
    """
    build = Builder(common, seed=seed, for_training=for_training)
    classes, dropout = texts.classes, common.dropout

    # === Layers ===
    inputs, text = embed(build, texts, common)
    x = body(build, text)
    x = build.normalize(x if text.shares is None else chunks.mean(x, text.shares), "norm_pool")
    for number, width in enumerate(common.head_units, 1):
        x = build.dropout(x, dropout, f"dropout{number}")
        x = build.activate(build.normalize(build.dense(width, f"dense{number}")(x), f"norm{number}"), f"act{number}")
    logits = build.logits(classes)(build.dropout(x, dropout))

    # === Functional model ===
    if not texts.wide:
        return keras.Model(inputs, logits, name=name)
    if texts.ridge is not None:
        return _with_linear(name, inputs, logits, texts.ridge, common.wide.deep_weight, for_training)
    assert texts.ratios is not None
    grams, votes = vote(build, texts.ratios, common.wide.initial, common.wide.dropout)
    deep = keras.layers.Rescaling(common.wide.deep_weight, name="deep_weight", dtype="float32")(logits)
    whole = keras.layers.Add(name="wide_and_deep", dtype="float32")([votes, deep])
    outputs = keras.ops.concatenate([whole, votes, logits], -1) if for_training else whole
    return keras.Model([inputs, grams], outputs, name=name)


def _with_linear(
    name: str,
    inputs: keras.KerasTensor,
    logits: keras.KerasTensor,
    table: np.ndarray,
    weight: float,
    for_training: bool,
) -> keras.Model:
    """A network for a number with a linear model of n-grams beside it: the mean of both.

    Args:
        logits: what the network tells, (batch, 1).
        table: see `Texts.ridge`; not trained.
        weight: of the network in the mean, that of the linear model being 1.
    """
    share = weight / (1 + weight)
    grams = keras.Input((None,), dtype="int32", name="ngrams")
    embedding = keras.layers.Embedding(
        *table.shape, embeddings_initializer="zeros", trainable=False, name="ridge", dtype="float32"
    )
    sums = keras.ops.sum(embedding(grams), 1)  # (B, 2 kinds)
    embedding.embeddings.assign(table)
    kinds = table.shape[1] // 2
    lengths = keras.ops.sqrt(keras.ops.maximum(sums[:, kinds:], 1e-12))
    linear = keras.ops.sum(sums[:, :kinds] / lengths, 1, keepdims=True)
    rest = keras.layers.Rescaling(1.0 - share, name="linear_weight", dtype="float32")(linear)
    deep = keras.layers.Rescaling(share, name="deep_weight", dtype="float32")(logits)
    whole = keras.layers.Add(name="wide_and_deep", dtype="float32")([rest, deep])
    outputs = keras.ops.concatenate([whole, linear, logits], -1) if for_training else whole
    return keras.Model([inputs, grams], outputs, name=name)


def vote(
    build: Builder, ratios: np.ndarray, initial: float, dropout: float
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The wide part: the input of n-gram ids, int32 (batch, n-grams), and the logits that they add up to, float32
    (batch, classes).

    Args:
        ratios: of each n-gram for each class, (n-grams, classes); not trained. Those of padding are 0.
        initial: weight that each n-gram begins with.
        dropout: share of n-grams left out while training.
    """
    count, classes = ratios.shape
    grams = keras.Input((None,), dtype="int32", name="ngrams")
    table = keras.layers.Embedding(
        count, classes, embeddings_initializer="zeros", trainable=False, name="ratios", dtype="float32"
    )
    start = keras.initializers.Constant(initial)
    weights = keras.layers.Embedding(count, 1, embeddings_initializer=start, name="ngram_weights", dtype="float32")
    votes = table(grams) * weights(grams)  # (B, n-grams, classes)
    table.embeddings.assign(ratios)
    if dropout:
        votes = keras.layers.Dropout(
            dropout, noise_shape=(None, None, 1), seed=build.seed(), name="ngram_dropout", dtype="float32"
        )(votes)
    return grams, keras.ops.sum(votes, 1)

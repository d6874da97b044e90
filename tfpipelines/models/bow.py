"""Bag of words."""

import keras
import numpy as np

from .layers import Builder
from .text_layers import classify, embed, masked

_FACTOR = 7919  # prime; with at most 2**18 buckets no product leaves int32


def bow(
    vocabulary: int,
    classes: int,
    ngrams: int = 2,
    buckets: int = 2**15,
    embedding: int = 64,
    freeze_embedding: bool = False,
    word_dropout: float = 0.1,
    spatial_dropout: float = 0.2,
    pooling: str = "mean",
    dense: tuple[int, ...] = (),
    activation: str = "relu",
    initializer: str = "glorot_uniform",
    normalization: str = "none",
    dropout: float = 0.5,
    weight_decay: float = 0.0,
    *,
    wide: np.ndarray | None = None,
    wide_initial: float = 0.05,
    wide_dropout: float = 0.0,
    deep_weight: float = 0.3,
    parts: bool = False,
    vectors: np.ndarray | None = None,
    seed: int | None = None,
    fused: bool = False,
) -> keras.Model:
    """Averaged embeddings of words and of hashed word n-grams (Joulin et al. 2017, fastText).

    Args:
        vocabulary: number of ids, those of padding (0) and of unknown tokens (1) included.
        classes: number of classes.
        ngrams: longest n-gram; 1: words alone.
        buckets: rows that n-grams are hashed into, at most 2**18.
        pooling: `mean` or `max`, over words and n-grams together.
        embedding, freeze_embedding, word_dropout, spatial_dropout, vectors: see `text_layers.embed`.
        dense, dropout, wide, wide_initial, wide_dropout, deep_weight, parts: see `text_layers.classify`.
        activation, initializer, normalization, weight_decay, seed, fused: see `layers.Builder`.

    Returns:
        Model: ids int32 (batch, length)[, n-gram ids int32 (batch, n-grams)] -> logits float32 (batch, classes), with `parts` of
            three times as many.
    """
    build = Builder(activation=activation, initializer=initializer, normalization=normalization, weight_decay=weight_decay, seed=seed, fused=fused)
    channels = embedding if vectors is None else vectors.shape[1]

    # === Layers ===
    inputs, text = embed(build, vocabulary, channels, word_dropout=word_dropout, spatial_dropout=spatial_dropout, freeze=freeze_embedding, vectors=vectors)
    pieces, masks = [text.vectors], [text.mask]
    if ngrams > 1:
        table = keras.layers.Embedding(buckets, channels, embeddings_initializer=keras.initializers.RandomUniform(-0.05, 0.05, seed=build.seed()), name="ngram_embedding")
        hashed = text.ids % buckets
        for size in range(2, ngrams + 1):
            following = keras.ops.pad(text.ids, [[0, 0], [0, size - 1]])[:, size - 1 :]  # the id `size` - 1 places on, 0 behind the end
            hashed = (hashed * _FACTOR + following) % buckets
            mask = keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(following, 0), text.mask.dtype), -1)
            pieces.append(table(hashed) * mask)  # (B, T, channels)
            masks.append(mask)
    x, mask = keras.ops.concatenate(pieces, 1), keras.ops.concatenate(masks, 1)
    x = keras.ops.sum(x, 1) / keras.ops.sum(mask, 1) if pooling == "mean" else keras.ops.max(masked(x, mask), 1)

    # === Functional model ===
    head = {"dense": dense, "dropout": dropout, "wide": wide, "wide_initial": wide_initial, "wide_dropout": wide_dropout, "deep_weight": deep_weight, "parts": parts}
    return classify(build, "bow", inputs, x, classes, **head)

"""Bag of words."""

from typing import Annotated, Literal

import keras
from pydantic import Field

from tfpipelines.core.config.networks import TextNetwork
from tfpipelines.networks.layers import Builder
from tfpipelines.networks.text_layers import Embedded, Texts, masked, text_network

_FACTOR = 7919  # prime; with at most 2**18 buckets no product leaves int32


def bow(
    texts: Texts,
    common: TextNetwork,
    ngrams: Annotated[int, Field(ge=1, le=5)] = 2,
    buckets: Annotated[int, Field(ge=1, le=2**18)] = 2**15,
    pooling: Literal["mean", "max"] = "mean",
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Averaged embeddings of words and of hashed n-grams (Joulin et al. 2017, fastText).

    Args:
        ngrams: longest word n-gram; 1: words alone.
        buckets: rows that n-grams are hashed into.
    """

    def body(build: Builder, text: Embedded) -> keras.KerasTensor:
        pieces, masks = [text.vectors], [text.mask]
        if ngrams > 1:
            initializer = keras.initializers.RandomUniform(-0.05, 0.05, seed=build.seed())
            width = text.vectors.shape[-1]
            table = keras.layers.Embedding(buckets, width, embeddings_initializer=initializer, name="ngram_embedding")
            hashed = text.ids % buckets
            for size in range(2, ngrams + 1):
                following = keras.ops.pad(text.ids, [[0, 0], [0, size - 1]])[:, size - 1 :]  # 0 behind the end
                hashed = (hashed * _FACTOR + following) % buckets
                mask = keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(following, 0), text.mask.dtype), -1)
                pieces.append(table(hashed) * mask)  # (B, T, channels)
                masks.append(mask)
        x, mask = keras.ops.concatenate(pieces, 1), keras.ops.concatenate(masks, 1)
        return keras.ops.sum(x, 1) / keras.ops.sum(mask, 1) if pooling == "mean" else keras.ops.max(masked(x, mask), 1)

    return text_network("bow", body, texts, common, seed, for_training)

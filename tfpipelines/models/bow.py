"""Bag of words."""

import keras

from .layers import Builder
from .text_layers import Embedded, masked, text_network

_FACTOR = 7919  # prime; with at most 2**18 buckets no product leaves int32


def bow(
    vocabulary: int, classes: int, ngrams: int = 2, buckets: int = 2**15, pooling: str = "mean", **common
) -> keras.Model:
    """Averaged embeddings of words and of hashed word n-grams (Joulin et al. 2017, fastText).

    Args:
        ngrams: longest n-gram; 1: words alone.
        buckets: rows that n-grams are hashed into, at most 2**18.
        pooling: `mean` or `max`, over words and n-grams together.
        vocabulary, classes, common: see `text_layers.text_network`, which says what comes back.
    """

    def body(build: Builder, text: Embedded) -> keras.KerasTensor:
        pieces, masks = [text.vectors], [text.mask]
        if ngrams > 1:
            initializer = keras.initializers.RandomUniform(-0.05, 0.05, seed=build.seed())
            table = keras.layers.Embedding(
                buckets, text.vectors.shape[-1], embeddings_initializer=initializer, name="ngram_embedding"
            )
            hashed = text.ids % buckets
            for size in range(2, ngrams + 1):
                following = keras.ops.pad(text.ids, [[0, 0], [0, size - 1]])[
                    :, size - 1 :
                ]  # the id `size` - 1 places on, 0 behind the end
                hashed = (hashed * _FACTOR + following) % buckets
                mask = keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(following, 0), text.mask.dtype), -1)
                pieces.append(table(hashed) * mask)  # (B, T, channels)
                masks.append(mask)
        x, mask = keras.ops.concatenate(pieces, 1), keras.ops.concatenate(masks, 1)
        return keras.ops.sum(x, 1) / keras.ops.sum(mask, 1) if pooling == "mean" else keras.ops.max(masked(x, mask), 1)

    return text_network("bow", body, vocabulary, classes, **common)

"""Transformer encoder over texts."""

import math

import keras
import numpy as np

from .layers import Builder
from .text_layers import Embedded, pool, text_network


def transformer(
    vocabulary: int, classes: int, layers: int = 2, heads: int = 4, feedforward: int = 256,
    attention_dropout: float = 0.1, pooling: str = "mean", **common
) -> keras.Model:  # fmt: skip
    """Blocks of self-attention and dense layers (Vaswani et al. 2017), each part normalized before it (Xiong et al.
    2020), over embeddings with sinusoidal positions.

    Args:
        layers: number of blocks.
        heads: of attention; the embedding is even, and a multiple of it.
        feedforward: width of the dense layer in each block.
        attention_dropout: share dropped of attention weights and behind each part of a block.
        pooling: `max`, `mean` or `attention`.
        vocabulary, classes, common: see `text_layers.text_network`, which says what comes back; its normalization is
            that of the head, blocks have layer normalization.

    Raises:
        ValueError: if the embedding is odd, or no multiple of `heads`.
    """

    def body(build: Builder, text: Embedded) -> keras.KerasTensor:
        channels = text.vectors.shape[-1]
        if channels % heads or channels % 2:
            raise ValueError(
                f"the embedding has {channels} numbers; it must be even, and a multiple of the {heads} heads"
            )
        x = text.vectors * math.sqrt(channels) + _sinusoids(text.positions, channels)
        seen = keras.ops.cast(
            keras.ops.expand_dims(text.mask[..., 0], 1), "bool"
        )  # (B, 1, T): which tokens all may attend to
        for number in range(1, layers + 1):
            y = keras.layers.LayerNormalization(name=f"norm_attention{number}")(x)
            attention = keras.layers.MultiHeadAttention(
                heads,
                channels // heads,
                dropout=attention_dropout,
                seed=build.seed(),
                name=f"attention{number}",
                **build.kernel(),
            )
            x = x + build.dropout(attention(y, y, attention_mask=seen), attention_dropout, f"dropout_attention{number}")
            y = keras.layers.LayerNormalization(name=f"norm_dense{number}")(x)
            y = build.activate(
                keras.layers.Dense(feedforward, name=f"wide_dense{number}", **build.kernel())(y), f"act_dense{number}"
            )  # (B, T, feedforward)
            y = keras.layers.Dense(channels, name=f"narrow_dense{number}", **build.kernel())(y)
            x = x + build.dropout(y, attention_dropout, f"dropout_dense{number}")
        return pool(build, pooling, keras.layers.LayerNormalization(name="norm_last")(x), text)

    return text_network("transformer", body, vocabulary, classes, **common)


def _sinusoids(positions: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    """Positions as sines and cosines of wavelengths from 2 pi to 20,000 pi tokens, float32 (batch, length,
    channels).
    """
    rates = np.exp(-math.log(10_000.0) * np.arange(0, channels, 2) / channels).tolist()
    angles = keras.ops.expand_dims(keras.ops.cast(positions, "float32"), -1) * keras.ops.convert_to_tensor(
        rates, "float32"
    )  # (B, T, channels / 2)
    return keras.ops.concatenate([keras.ops.sin(angles), keras.ops.cos(angles)], -1)

"""Transformer encoder over texts."""

import math
from typing import Literal

import keras
import numpy as np

from tfpipelines.core.config.networks import TextNetwork
from tfpipelines.core.config.section import Count, Fraction
from tfpipelines.networks.layers import Builder
from tfpipelines.networks.text_layers import Embedded, Texts, pool, text_network


def rule_heads(embedding, heads):
    if embedding % heads or embedding % 2:
        raise ValueError(f"model.embedding: got {embedding}; it must be even, and a multiple of model.heads ({heads})")


def transformer(
    texts: Texts,
    common: TextNetwork,
    layers: Count = 2,
    heads: Count = 4,
    feedforward: Count = 256,
    attention_dropout: Fraction = 0.1,
    pooling: Literal["max", "mean", "attention"] = "mean",
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Transformer encoder (Vaswani et al. 2017), normalized before each part.

    Blocks of self-attention and dense layers with layer normalization before each (Xiong et al. 2020), over embeddings
    with sinusoidal positions. The field `normalization` is of the head alone.

    Args:
        layers: number of blocks.
        heads: attention heads; model.embedding is a multiple of it.
        feedforward: width of the dense layer in each block.
        attention_dropout: share dropped inside of each block.
    """

    def body(build: Builder, text: Embedded) -> keras.KerasTensor:
        channels = text.vectors.shape[-1]
        x = text.vectors * math.sqrt(channels) + _sinusoids(text.positions, channels)
        seen = keras.ops.cast(keras.ops.expand_dims(text.mask[..., 0], 1), "bool")  # (B, 1, T): may be attended to
        for number in range(1, layers + 1):
            y = keras.layers.LayerNormalization(name=f"norm_attention{number}")(x)
            options = {"dropout": attention_dropout, "seed": build.seed(), **build.kernel()}
            attention = keras.layers.MultiHeadAttention(heads, channels // heads, name=f"attention{number}", **options)
            x = x + build.dropout(attention(y, y, attention_mask=seen), attention_dropout, f"dropout_attention{number}")
            y = keras.layers.LayerNormalization(name=f"norm_dense{number}")(x)
            wide = keras.layers.Dense(feedforward, name=f"wide_dense{number}", **build.kernel())
            y = build.activate(wide(y), f"act_dense{number}")  # (B, T, feedforward)
            y = keras.layers.Dense(channels, name=f"narrow_dense{number}", **build.kernel())(y)
            x = x + build.dropout(y, attention_dropout, f"dropout_dense{number}")
        return pool(build, pooling, keras.layers.LayerNormalization(name="norm_last")(x), text)

    return text_network("transformer", body, texts, common, seed, for_training)


def _sinusoids(positions: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    """Positions as sines and cosines of wavelengths of 2 pi to 20,000 pi tokens, float32 (batch, length, channels)."""
    rates = np.exp(-math.log(10_000.0) * np.arange(0, channels, 2) / channels).tolist()
    places = keras.ops.expand_dims(keras.ops.cast(positions, "float32"), -1)
    angles = places * keras.ops.convert_to_tensor(rates, "float32")  # (B, T, channels / 2)
    return keras.ops.concatenate([keras.ops.sin(angles), keras.ops.cos(angles)], -1)

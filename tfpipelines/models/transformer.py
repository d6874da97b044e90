"""Transformer encoder over texts."""

import math

import keras
import numpy as np

from .layers import Builder
from .text_layers import classify, embed, pool


def transformer(
    vocabulary: int,
    classes: int,
    layers: int = 2,
    heads: int = 4,
    feedforward: int = 256,
    attention_dropout: float = 0.1,
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
    """Blocks of self-attention and dense layers (Vaswani et al. 2017), each part normalized before it (Xiong et al. 2020), over
    embeddings with sinusoidal positions.

    Args:
        vocabulary: number of ids, those of padding (0) and of unknown tokens (1) included.
        classes: number of classes.
        layers: number of blocks.
        heads: of attention; the embedding is a multiple of it.
        feedforward: width of the dense layer in each block.
        attention_dropout: share dropped of attention weights and behind each part of a block.
        pooling: `max`, `mean` or `attention`.
        embedding, freeze_embedding, word_dropout, spatial_dropout, vectors: see `text_layers.embed`.
        dense, dropout, wide, wide_initial, wide_dropout, deep_weight, parts: see `text_layers.classify`.
        activation, initializer, normalization, weight_decay, seed, fused: see `layers.Builder`; normalization is that of the
            head, blocks have layer normalization.

    Returns:
        Model: ids int32 (batch, length)[, n-gram ids int32 (batch, n-grams)] -> logits float32 (batch, classes), with `parts` of
            three times as many.

    Raises:
        ValueError: if the embedding is odd, or no multiple of `heads`.
    """
    channels = embedding if vectors is None else vectors.shape[1]
    if channels % heads or channels % 2:
        raise ValueError(f"the embedding has {channels} numbers; it must be even, and a multiple of the {heads} heads")
    build = Builder(activation=activation, initializer=initializer, normalization=normalization, weight_decay=weight_decay, seed=seed, fused=fused)

    # === Layers ===
    inputs, text = embed(build, vocabulary, channels, word_dropout=word_dropout, spatial_dropout=spatial_dropout, freeze=freeze_embedding, vectors=vectors)
    x = text.vectors * math.sqrt(channels) + _sinusoids(text.positions, channels)
    seen = keras.ops.cast(keras.ops.expand_dims(text.mask[..., 0], 1), "bool")  # (B, 1, T): which tokens all may attend to
    for number in range(1, layers + 1):
        y = keras.layers.LayerNormalization(name=f"norm_attention{number}")(x)
        attention = keras.layers.MultiHeadAttention(heads, channels // heads, dropout=attention_dropout, seed=build.seed(), name=f"attention{number}", **build.kernel())
        x = x + build.dropout(attention(y, y, attention_mask=seen), attention_dropout, f"dropout_attention{number}")
        y = keras.layers.LayerNormalization(name=f"norm_dense{number}")(x)
        y = build.activate(keras.layers.Dense(feedforward, name=f"wide_dense{number}", **build.kernel())(y), f"act_dense{number}")  # (B, T, feedforward)
        y = keras.layers.Dense(channels, name=f"narrow_dense{number}", **build.kernel())(y)
        x = x + build.dropout(y, attention_dropout, f"dropout_dense{number}")
    x = pool(build, pooling, keras.layers.LayerNormalization(name="norm_last")(x), text)

    # === Functional model ===
    head = {"dense": dense, "dropout": dropout, "wide": wide, "wide_initial": wide_initial, "wide_dropout": wide_dropout, "deep_weight": deep_weight, "parts": parts}
    return classify(build, "transformer", inputs, x, classes, **head)


def _sinusoids(positions: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    """Positions as sines and cosines of wavelengths from 2 pi to 20,000 pi tokens, float32 (batch, length, channels)."""
    rates = np.exp(-math.log(10_000.0) * np.arange(0, channels, 2) / channels).tolist()
    angles = keras.ops.expand_dims(keras.ops.cast(positions, "float32"), -1) * keras.ops.convert_to_tensor(rates, "float32")  # (B, T, channels / 2)
    return keras.ops.concatenate([keras.ops.sin(angles), keras.ops.cos(angles)], -1)

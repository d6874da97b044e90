"""Convolutions over texts."""

import keras
import numpy as np

from .layers import Builder
from .text_layers import classify, embed, pool


def text_cnn(
    vocabulary: int,
    classes: int,
    filters: int = 100,
    kernel_sizes: tuple[int, ...] = (3, 4, 5),
    embedding: int = 64,
    freeze_embedding: bool = False,
    word_dropout: float = 0.1,
    spatial_dropout: float = 0.2,
    pooling: str = "max",
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
    """Convolutions of several widths side by side, each pooled over the text (Kim 2014).

    Args:
        vocabulary: number of ids, those of padding (0) and of unknown tokens (1) included.
        classes: number of classes.
        filters: channels of each width.
        kernel_sizes: widths, in tokens.
        pooling: `max`, `mean` or `attention`.
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
    pooled = []
    for number, size in enumerate(kernel_sizes, 1):
        x = keras.layers.Conv1D(filters, size, padding="same", name=f"conv{number}", **build.kernel())(text.vectors)  # (B, T, filters)
        pooled.append(pool(build, pooling, build.activate(x, f"conv_act{number}"), text, f"pool{number}"))
    x = keras.ops.concatenate(pooled, -1) if len(pooled) > 1 else pooled[0]

    # === Functional model ===
    head = {"dense": dense, "dropout": dropout, "wide": wide, "wide_initial": wide_initial, "wide_dropout": wide_dropout, "deep_weight": deep_weight, "parts": parts}
    return classify(build, "cnn", inputs, x, classes, **head)

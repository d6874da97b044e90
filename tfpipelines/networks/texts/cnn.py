"""Convolutions over texts."""

from typing import Literal

import keras

from tfpipelines.core.config.networks import TextNetwork
from tfpipelines.core.config.section import Count, Counts
from tfpipelines.networks.layers import Builder
from tfpipelines.networks.text_layers import Embedded, Texts, pool, text_network


def cnn(
    texts: Texts,
    common: TextNetwork,
    filters: Count = 100,
    kernel_sizes: Counts = (3, 4, 5),
    pooling: Literal["max", "mean", "attention"] = "max",
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Convolutions of several widths side by side (Kim 2014).

    Args:
        filters: channels of each width.
        kernel_sizes: widths in tokens.
    """

    def body(build: Builder, text: Embedded) -> keras.KerasTensor:
        pooled = []
        for number, size in enumerate(kernel_sizes, 1):
            convolution = keras.layers.Conv1D(filters, size, padding="same", name=f"conv{number}", **build.kernel())
            x = build.activate(convolution(text.vectors), f"conv_act{number}")  # (B, T, filters)
            pooled.append(pool(build, pooling, x, text, f"pool{number}"))
        return keras.ops.concatenate(pooled, -1) if len(pooled) > 1 else pooled[0]

    return text_network("cnn", body, texts, common, seed, for_training)

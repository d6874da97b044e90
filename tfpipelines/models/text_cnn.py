"""Convolutions over texts."""

import keras

from .layers import Builder
from .text_layers import Embedded, pool, text_network


def text_cnn(
    vocabulary: int,
    classes: int,
    filters: int = 100,
    kernel_sizes: tuple[int, ...] = (3, 4, 5),
    pooling: str = "max",
    **common,
) -> keras.Model:
    """Convolutions of several widths side by side, each pooled over the text (Kim 2014).

    Args:
        filters: channels of each width.
        kernel_sizes: widths, in tokens.
        pooling: `max`, `mean` or `attention`.
        vocabulary, classes, common: see `text_layers.text_network`, which says what comes back.
    """

    def body(build: Builder, text: Embedded) -> keras.KerasTensor:
        pooled = []
        for number, size in enumerate(kernel_sizes, 1):
            x = keras.layers.Conv1D(filters, size, padding="same", name=f"conv{number}", **build.kernel())(
                text.vectors
            )  # (B, T, filters)
            pooled.append(pool(build, pooling, build.activate(x, f"conv_act{number}"), text, f"pool{number}"))
        return keras.ops.concatenate(pooled, -1) if len(pooled) > 1 else pooled[0]

    return text_network("cnn", body, vocabulary, classes, **common)

"""Recurrent networks over texts."""

import keras

from ..core.config.networks import Recurrent
from .layers import Builder
from .text_layers import Embedded, Texts, pool, text_network


def recurrent(
    cell: str, texts: Texts, common: Recurrent, bidirectional: bool, seed: int | None, for_training: bool
) -> keras.Model:
    """Stacked recurrent layers, read forwards or both ways.

    The layers keep to what cuDNN can do: tanh and sigmoid, no dropout inside of the recurrence, no mask. Pooling `last`
    is where each direction ends.

    Args:
        cell: `rnn`, `lstm` or `gru`.
        bidirectional: read backwards, too; both directions' outputs stand side by side.
        texts, common, seed, for_training: see `text_layers.text_network`, which says what comes back.
    """
    units, pooling = common.units, common.pooling

    def body(build: Builder, text: Embedded) -> keras.KerasTensor:
        x = text.vectors
        for number, width in enumerate(units, 1):
            directions = [build.recurrent(cell, width, f"forward{number}")(x)]  # (B, T, width)
            if bidirectional:
                backwards = build.recurrent(cell, width, f"backward{number}")
                directions.append(backwards(text.backwards(x)))  # from the end to the start
            if number < len(units) or pooling == "attention":
                x = keras.ops.concatenate([directions[0], *map(text.backwards, directions[1:])], -1)  # aligned by token
        if pooling == "attention":
            return pool(build, pooling, x, text)
        pooled = [pool(build, pooling, direction, text) for direction in directions]
        return keras.ops.concatenate(pooled, -1) if bidirectional else pooled[0]

    return text_network(f"bi{cell}" if bidirectional else cell, body, texts, common, seed, for_training)

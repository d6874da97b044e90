"""Recurrent networks over texts."""

import keras

from .layers import Builder
from .text_layers import Embedded, pool, text_network

CELLS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def recurrent(
    vocabulary: int, classes: int, units: tuple[int, ...] = (64,), pooling: str = "max", bidirectional: bool = False,
    *, cell: str, **common
) -> keras.Model:  # fmt: skip
    """Stacked recurrent layers, read forwards or both ways: `rnn` (Elman 1990), `lstm` (Hochreiter & Schmidhuber 1997),
    `gru` (Cho et al. 2014), `bilstm` (Graves & Schmidhuber 2005).

    The layers keep to what cuDNN can do: tanh and sigmoid, no dropout inside of the recurrence, no mask.

    Args:
        units: width of each stacked layer, in each direction.
        pooling: how the last layer's sequence becomes a vector, see `text_layers.pool`; `last` is where each direction
            ends.
        bidirectional: read backwards, too; both directions' outputs stand side by side.
        cell: `rnn`, `lstm` or `gru`.
        vocabulary, classes, common: see `text_layers.text_network`, which says what comes back.
    """

    def body(build: Builder, text: Embedded) -> keras.KerasTensor:
        def layer(width: int, name: str) -> keras.Layer:
            start = keras.initializers.Orthogonal(seed=build.seed())
            return CELLS[cell](
                width,
                return_sequences=True,
                recurrent_initializer=start,
                seed=build.seed(),
                name=name,
                **build.kernel(),
            )

        x = text.vectors
        for number, width in enumerate(units, 1):
            directions = [layer(width, f"forward{number}")(x)]  # (B, T, width)
            if bidirectional:
                directions.append(layer(width, f"backward{number}")(text.backwards(x)))  # from the end to the start
            if number < len(units) or pooling == "attention":
                x = keras.ops.concatenate([directions[0], *map(text.backwards, directions[1:])], -1)  # aligned by token
        if pooling == "attention":
            return pool(build, pooling, x, text)
        pooled = [pool(build, pooling, direction, text) for direction in directions]
        return keras.ops.concatenate(pooled, -1) if bidirectional else pooled[0]

    return text_network(f"bi{cell}" if bidirectional else cell, body, vocabulary, classes, **common)

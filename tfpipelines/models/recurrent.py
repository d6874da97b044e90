"""Recurrent networks over texts."""

import keras
import numpy as np

from .layers import Builder
from .text_layers import classify, embed, pool

CELLS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def recurrent(
    vocabulary: int,
    classes: int,
    units: tuple[int, ...] = (64,),
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
    bidirectional: bool = False,
    *,
    cell: str,
    wide: np.ndarray | None = None,
    wide_initial: float = 0.05,
    wide_dropout: float = 0.0,
    deep_weight: float = 0.3,
    parts: bool = False,
    vectors: np.ndarray | None = None,
    seed: int | None = None,
    fused: bool = False,
) -> keras.Model:
    """Stacked recurrent layers, read forwards or both ways: `rnn` (Elman 1990), `lstm` (Hochreiter & Schmidhuber 1997), `gru`
    (Cho et al. 2014), `bilstm` (Graves & Schmidhuber 2005).

    The layers keep to what cuDNN can do: tanh and sigmoid, no dropout inside of the recurrence, no mask.

    Args:
        vocabulary: number of ids, those of padding (0) and of unknown tokens (1) included.
        classes: number of classes.
        units: width of each stacked layer, in each direction.
        pooling: how the last layer's sequence becomes a vector, see `text_layers.pool`; `last` is where each direction ends.
        bidirectional: read backwards, too; both directions' outputs stand side by side.
        cell: `rnn`, `lstm` or `gru`.
        embedding, freeze_embedding, word_dropout, spatial_dropout, vectors: see `text_layers.embed`.
        dense, dropout, wide, wide_initial, wide_dropout, deep_weight, parts: see `text_layers.classify`.
        activation, initializer, normalization, weight_decay, seed, fused: see `layers.Builder`.

    Returns:
        Model: ids int32 (batch, length)[, n-gram ids int32 (batch, n-grams)] -> logits float32 (batch, classes), with `parts` of
            three times as many.
    """
    build = Builder(activation=activation, initializer=initializer, normalization=normalization, weight_decay=weight_decay, seed=seed, fused=fused)
    channels = embedding if vectors is None else vectors.shape[1]

    def layer(width: int, name: str) -> keras.Layer:
        start = keras.initializers.Orthogonal(seed=build.seed())
        return CELLS[cell](width, return_sequences=True, recurrent_initializer=start, seed=build.seed(), name=name, **build.kernel())

    # === Layers ===
    inputs, text = embed(build, vocabulary, channels, word_dropout=word_dropout, spatial_dropout=spatial_dropout, freeze=freeze_embedding, vectors=vectors)
    x = text.vectors
    for number, width in enumerate(units, 1):
        directions = [layer(width, f"forward{number}")(x)]  # (B, T, width)
        if bidirectional:
            directions.append(layer(width, f"backward{number}")(text.backwards(x)))  # from the end to the start
        if number < len(units) or pooling == "attention":
            x = keras.ops.concatenate([directions[0], *map(text.backwards, directions[1:])], -1)  # aligned by token
    if pooling == "attention":
        x = pool(build, pooling, x, text)
    else:
        pooled = [pool(build, pooling, direction, text) for direction in directions]
        x = keras.ops.concatenate(pooled, -1) if bidirectional else pooled[0]

    # === Functional model ===
    name = f"bi{cell}" if bidirectional else cell
    head = {"dense": dense, "dropout": dropout, "wide": wide, "wide_initial": wide_initial, "wide_dropout": wide_dropout, "deep_weight": deep_weight, "parts": parts}
    return classify(build, name, inputs, x, classes, **head)

"""Long texts in chunks: a network reads each chunk by itself, and a text is the mean of its chunks. It is made of plain
operations, so that a saved model needs no code for it.
"""

import keras


def split(ids: keras.KerasTensor, length: int) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Texts in chunks of `length` tokens.

    Args:
        ids: int32 (batch, tokens), 0 behind a text's end.

    Returns:
        The chunks of all texts, int32 (batch * chunks, length), none without a token; and the share of its text's
        tokens that each has, float32 (batch, chunks), 0 for those behind the end.
    """
    padded = keras.ops.pad(ids, [[0, 0], [0, length - 1]])
    parts = keras.ops.extract_sequences(padded, length, length)  # (B, C, length)
    tokens = keras.ops.sum(keras.ops.cast(keras.ops.not_equal(parts, 0), "float32"), -1)
    shares = tokens / keras.ops.maximum(keras.ops.sum(tokens, 1, keepdims=True), 1.0)
    # A chunk behind the end has one unknown token: no network has to know what to do with none at all.
    parts = keras.ops.concatenate([keras.ops.maximum(parts[..., :1], 1), parts[..., 1:]], -1)
    return keras.ops.reshape(parts, (-1, length)), shares


def mean(x: keras.KerasTensor, shares: keras.KerasTensor) -> keras.KerasTensor:
    """What a network makes of chunks, (batch * chunks, channels), as their mean by shares, (batch, channels).

    Args:
        shares: as `split` gives them.
    """
    # Neither size is known, so that the places of a text's chunks are counted.
    ones = keras.ops.cast(keras.ops.ones_like(shares), "int32")
    rows, columns = keras.ops.cumsum(ones, 0) - 1, keras.ops.cumsum(ones, 1) - 1
    places = rows * keras.ops.sum(ones, 1, keepdims=True) + columns  # (B, C)
    weights = keras.ops.expand_dims(keras.ops.cast(shares, x.dtype), -1)
    return keras.ops.sum(keras.ops.take(x, places, axis=0) * weights, 1)


def chunked(network: keras.Model, length: int) -> keras.Model:
    """A network of texts that reads them in chunks: ids int32 (batch, tokens) -> its mean outputs (batch, outputs)."""
    inputs = keras.Input((None,), dtype="int32", name="ids")
    parts, shares = split(inputs, length)
    return keras.Model(inputs, mean(network(parts), shares), name=f"{network.name}_chunks")

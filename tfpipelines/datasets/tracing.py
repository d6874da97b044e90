"""Functions inside tf.data, traced as they are."""

from collections.abc import Callable

import tensorflow as tf


def no_autograph(function):
    """The function without autograph, whose rewriting takes a second of every run: ours have no `if` over tensors."""
    return tf.autograph.experimental.do_not_convert(function)


def appended(samples: tf.data.Dataset, function: Callable, shape: tuple[int, ...]) -> tf.data.Dataset:
    """A dataset of (..., rows), rows being int64 (batch,), with function(rows) of NumPy, float32 (batch, *shape)."""

    def gather(*parts):
        values = tf.numpy_function(function, [parts[-1]], tf.float32, stateful=False)
        return *parts, tf.ensure_shape(values, [None, *shape])

    return samples.map(no_autograph(gather), num_parallel_calls=1)

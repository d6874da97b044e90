"""Functions inside tf.data, traced as they are."""

import tensorflow as tf


def as_it_is(function):
    """The function without autograph, whose rewriting of Python's `if` and `for` takes a second of every run: ours
    have none over tensors.
    """
    return tf.autograph.experimental.do_not_convert(function)

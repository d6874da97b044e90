"""Steps that run eagerly, for fixtures of more than one test; a test of its own is marked `eager`."""

from contextlib import contextmanager


@contextmanager
def eagerly():
    """Inside, steps run eagerly instead of being traced, as in tests that are marked `eager`."""
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)

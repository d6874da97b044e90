"""Functions inside tf.data, traced as they are."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from ..errors import DataError

# In functions of datasets, of whose errors TensorFlow passes on the words of the first alone.
_raised: deque[DataError] = deque(maxlen=1024)


def no_autograph(function):
    """The function without autograph, whose rewriting takes a second of every run: ours have no `if` over tensors."""
    return tf.autograph.experimental.do_not_convert(function)


def raising(function: Callable) -> Callable:
    """The function, for `tf.numpy_function`; inside of `data_errors` a DataError in it arrives as one."""

    def called(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except DataError as error:
            _raised.append(error)
            raise

    return called


@contextmanager
def data_errors() -> Iterator[None]:
    """A DataError in a function of a dataset, which TensorFlow makes an error of its own of, as what it was."""
    _raised.clear()
    try:
        yield
    except tf.errors.OpError as error:
        if told := next((one for one in _raised if one.cause in str(error)), None):
            raise told from error
        raise
    finally:
        _raised.clear()


def appended(samples: tf.data.Dataset, function: Callable, shape: tuple[int, ...]) -> tf.data.Dataset:
    """A dataset of (..., rows), rows being int64 (batch,), with function(rows) of NumPy, float32 (batch, *shape)."""

    def gather(*parts):
        values = tf.numpy_function(function, [parts[-1]], tf.float32, stateful=False)
        return *parts, tf.ensure_shape(values, [None, *shape])

    return samples.map(no_autograph(gather), num_parallel_calls=1)

"""The resize of an `ImagePreprocessor` as two matrix products, for formats that have no antialiased resizing.

A matrix of weights, (target, n), makes a line of `target` pixels of one of n: rows @ image @ columns. The graph
computes the weights from the size of its input, which may be any. They are those of TensorFlow's kernels, by the same
float32 operations; only the order of the sums over pixels differs, so a value that lies between two levels may be
rounded to the other one.

All shapes follow from the shape of the input alone, without values: once it is known, LiteRT has no tensors of unknown
size, which its delegates would refuse.
"""

import math

import keras
import tensorflow as tf

from .image_preprocessing import ImagePreprocessor

_TABLE = 1024  # ResizeBicubic rounds distances to so many parts of a pixel


class GraphResizing(keras.layers.Layer):
    """uint8 (batch, any height, any width, channels) -> uint8 (batch, height, width, channels).

    Args:
        preprocessor: whose resize it is.
    """

    def __init__(self, preprocessor: ImagePreprocessor):
        super().__init__(name="resize", dtype="float32", trainable=False)
        self.preprocessor = preprocessor

    def call(self, images: tf.Tensor) -> tf.Tensor:
        height, width = self.preprocessor.size
        planes = tf.cast(tf.transpose(images, (0, 3, 1, 2)), tf.float32)  # (B, C, H, W); transposed while it is bytes
        down, across = _ones(images[0, :, 0, 0]), _ones(images[0, 0, :, 0])  # (H,), (W,)
        rows = _weights(down, across, height, width, self.preprocessor)  # (height, H)
        columns = _weights(across, down, width, height, self.preprocessor)  # (width, W)
        levels = tf.matmul(tf.matmul(rows, planes), columns, transpose_b=True)  # (B, C, height, width)
        levels = tf.clip_by_value(tf.round(levels), 0.0, 255.0)
        return tf.transpose(tf.cast(levels, tf.uint8), (0, 2, 3, 1))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], *self.preprocessor.shape)


def _ones(line: tf.Tensor) -> tf.Tensor:
    """1.0 for each element: a line of known shape, where `tf.range` would need its size as a value."""
    return tf.cast(line, tf.float32) * 0.0 + 1.0


def _weights(own: tf.Tensor, other: tf.Tensor, target: int, other_target: int, how: ImagePreprocessor) -> tf.Tensor:
    """float32 (target, n): the share of each of n pixels of a line in each of the new ones.

    Args:
        own: ones, (n,).
        other: ones, as many as the image has pixels in the other direction.
        target: pixels of the new line.
        other_target: those of the new lines in the other direction.
        how: the filter, and what is cut off or added.
    """
    size, places, unit = _count(own), tf.cumsum(own) - 1.0, own[:1]
    if how.resize == "stretch":
        return _normalized(places, places, size, target, unit, how)
    side = tf.floor(_count(other) * float(target) / (unit * other_target))  # of the shape of the target
    if how.resize == "crop":
        side = tf.maximum(tf.minimum(size, side), 1.0)
        places -= tf.floor((size - side) / 2.0)
        return _normalized(places, places, side, target, unit, how)
    bar = tf.floor((tf.maximum(size, side) - size) / 2.0)  # on both sides
    enough = tf.concat([own, *[other] * math.ceil(target / other_target)], 0)  # at least n + 2 bar
    return _normalized(places + bar, tf.cumsum(enough) - 1.0, size + 2.0 * bar, target, unit, how)


def _count(line: tf.Tensor) -> tf.Tensor:
    """(1,), exact: whole numbers up to 2 ** 24."""
    return tf.reduce_sum(line, keepdims=True)


def _normalized(
    places: tf.Tensor, line: tf.Tensor, size: tf.Tensor, target: int, unit: tf.Tensor, how: ImagePreprocessor
) -> tf.Tensor:
    """float32 (target, n): weights whose sum over a whole line is 1.

    Args:
        places: of the pixels that there are, in a line of `size` pixels; outside of it they have no weight, (n,).
        line: all places of it, and possibly some beyond.
        size: (1,).
        unit: 1, but no constant of the graph, (1,): converters replace a division by a constant with a product, which
            is rounded to another number.
    """
    new, ratio = tf.range(target, dtype=tf.float32) + 0.5, size / (unit * target)
    if how.filter == "nearest":
        nearest = tf.minimum(tf.floor(new * ratio), size - 1.0)
        return tf.cast(tf.equal(places, nearest[:, None]), tf.float32)
    if how.antialias or how.filter.startswith("lanczos"):  # as ScaleAndTranslate
        inverse = 1.0 / (float(target) / size)
        narrow = 1.0 / tf.maximum(inverse, 1.0) if how.antialias else unit
        centres, half = new * inverse, 0.5
    else:  # as ResizeBilinear and ResizeBicubic
        centres, half, narrow = new * ratio - 0.5, 0.0, unit
        if how.filter == "bicubic":
            whole = tf.floor(centres)
            centres = whole + tf.round((centres - whole) * _TABLE) / _TABLE
        else:  # at the ends a pixel alone, whose weight is 1 exactly
            centres = tf.clip_by_value(centres, 0.0, size - 1.0)

    def weights(at: tf.Tensor) -> tf.Tensor:
        distances = tf.abs(at + half - centres[:, None]) * narrow
        inside = tf.logical_and(at >= 0.0, at <= size - 1.0)
        return tf.where(inside, _kernel(how.filter, distances), 0.0)

    return weights(places) * (1.0 / tf.reduce_sum(weights(line), 1, keepdims=True))


def _kernel(name: str, x: tf.Tensor) -> tf.Tensor:
    """The weight at a distance of x pixels: a triangle, Keys' cubic (1981, a = -0.5), or Lanczos' window."""
    if name == "bilinear":
        return tf.maximum(1.0 - x, 0.0)
    if name == "bicubic":
        near, far = ((1.5 * x - 2.5) * x) * x + 1.0, ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
        return tf.where(x >= 2.0, 0.0, tf.where(x >= 1.0, far, near))
    radius, pi = float(name.removeprefix("lanczos")), math.pi
    near = tf.maximum(x, 1e-3)  # nearer it is 1
    inside = radius * tf.sin(pi * near) * tf.sin(pi * near / radius) / (pi * pi * near * near)
    return tf.where(x > radius, 0.0, tf.where(x <= 1e-3, 1.0, inside))

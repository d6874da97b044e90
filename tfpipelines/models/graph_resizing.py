"""The resize of an `ImagePreprocessor` in operations that every format has, where antialiased resizing is none.

Each pixel of a new line is the sum of a few neighbours in the old one times their weights: a product with a banded
matrix, first down the columns, then along the rows. The graph computes places and weights from the size of its input,
which may be any. The weights are those of TensorFlow's kernels, by the same float32 operations, and so are the products
and, where runtimes add in this order, the sums: a matrix product would fuse multiplication and addition, and round
values that lie between two levels to the other one.

All shapes follow from the shape of the input alone, without values: once it is known, LiteRT has no tensors of unknown
size, which its delegates would refuse.
"""

import math

import keras
import tensorflow as tf

from .image_preprocessing import ImagePreprocessor

_RADIUS = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}  # pixels
_TOGETHER = 32  # new rows or columns
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
        column, row = _ones(images[0, :, 0, 0]), _ones(images[0, 0, :, 0])  # (H,), (W,)
        lines = _sums(images, *_taps(column, row, height, width, self.preprocessor), axis=1)  # (B, height, W, C)
        lines = tf.transpose(lines, (2, 0, 1, 3))  # (W, B, height, C): long pieces of memory
        levels = _sums(lines, *_taps(row, column, width, height, self.preprocessor), axis=0)  # (width, B, height, C)
        levels = tf.clip_by_value(tf.round(tf.transpose(levels, (1, 2, 0, 3))), 0.0, 255.0)
        return tf.cast(levels, tf.uint8)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], *self.preprocessor.shape)


def _ones(line: tf.Tensor) -> tf.Tensor:
    """1.0 for each element: a line of known shape, where `tf.range` would need its size as a value."""
    return tf.cast(line, tf.float32) * 0.0 + 1.0


def _sums(images: tf.Tensor, places: tf.Tensor, weights: tf.Tensor, axis: int) -> tf.Tensor:
    """float32 images with another number of pixels along an axis: (target, K) places and weights of what is added up.

    Some rows at a time: together their neighbours, as floats, would be many times the image.
    """
    made = []
    for start in range(0, places.shape[0], _TOGETHER):
        some, shares = places[start : start + _TOGETHER], weights[start : start + _TOGETHER]
        taps = tf.cast(tf.gather(images, some, axis=axis), tf.float32)  # (..., some, K, ...)
        made.append(tf.reduce_sum(taps * shares[(..., *[None] * (3 - axis))], axis + 1))
    return made[0] if len(made) == 1 else tf.concat(made, axis)


def _taps(
    own: tf.Tensor, other: tf.Tensor, target: int, other_target: int, how: ImagePreprocessor
) -> tuple[tf.Tensor, tf.Tensor]:
    """What each pixel of a new line is made of: int32 places in the old one, and float32 weights, (target, K) each.

    Args:
        own: ones, as many as the old line has pixels.
        other: ones, as many as it has in the other direction.
        target: pixels of the new line.
        other_target: those of the new one in the other direction.
        how: the filter, and what is cut off or added.
    """
    unit, given = own[:1], _count(own)  # 1, but no constant: converters and runtimes rewrite divisions by and of one
    size, begin = _frame(given, _count(other) * float(target) / (unit * float(other_target)), how.resize)
    new = tf.range(target, dtype=tf.float32) + 0.5
    if how.filter == "nearest":
        at = tf.minimum(tf.floor(new * (size / (unit * float(target)))), size - 1.0)[:, None]
        weights = tf.ones_like(at)
    else:
        radius = _RADIUS[how.filter]
        wide = unit
        if how.antialias or radius > 2:  # as ScaleAndTranslate
            inverse = unit / (unit * float(target) / size)
            centres, wide = new * inverse, tf.maximum(inverse, 1.0) if how.antialias else unit
        else:  # as ResizeBilinear and ResizeBicubic
            centres = new * (size / (unit * float(target))) - 0.5
            if how.filter == "bicubic":
                whole = tf.floor(centres)
                centres = whole + tf.round((centres - whole) * _TABLE) / _TABLE
            centres += 0.5
        first = tf.clip_by_value(tf.math.ceil(centres - wide * radius - 0.5), 0.0, size - 1.0)
        last = tf.clip_by_value(tf.math.floor(centres + wide * radius - 0.5), 0.0, size - 1.0)
        at = first[:, None] + (tf.cumsum(_reach(own, other, target, other_target, radius, how)) - 1.0)
        weights = _kernel(how.filter, tf.abs(at + 0.5 - centres[:, None]) * (unit / wide))
        weights = tf.where(at <= last[:, None], weights, 0.0)
        weights *= unit / tf.reduce_sum(weights, 1, keepdims=True)
    at += begin
    if how.resize == "pad":
        weights = tf.where(tf.logical_and(at >= 0.0, at <= given - 1.0), weights, 0.0)
    return tf.cast(tf.clip_by_value(at, 0.0, given - 1.0), tf.int32), weights


def _count(line: tf.Tensor) -> tf.Tensor:
    """(1,), exact: whole numbers up to 2 ** 24."""
    return tf.reduce_sum(line, keepdims=True)


def _frame(given: tf.Tensor, side: tf.Tensor, resize: str) -> tuple[tf.Tensor, tf.Tensor]:
    """How many pixels of a line are resized, and the first of them, below 0 where black ones are added.

    Args:
        given: pixels.
        side: pixels that a line of the target's shape has, not rounded.
    """
    if resize == "stretch":
        return given, given * 0.0
    side = tf.floor(side)
    if resize == "crop":
        side = tf.maximum(tf.minimum(given, side), 1.0)
        return side, tf.floor((given - side) / 2.0)
    bar = tf.floor((tf.maximum(given, side) - given) / 2.0)  # at both ends
    return given + 2.0 * bar, -bar


def _reach(
    own: tf.Tensor, other: tf.Tensor, target: int, other_target: int, radius: int, how: ImagePreprocessor
) -> tf.Tensor:
    """Ones, as many as the neighbours of a pixel may be: with `radius` times the pixels of the old line to one of the
    new one, or `radius` where it is enlarged, on each side.
    """
    span = 2 * radius
    reach = [tf.ones(span + 1)]
    if how.antialias:
        reach.append(tf.concat([own] * span, 0)[span * target :: target])
        if how.resize == "pad":
            reach.append(tf.concat([other] * span, 0)[span * other_target :: other_target])
    return tf.concat(reach, 0)


def _kernel(name: str, x: tf.Tensor) -> tf.Tensor:
    """The weight at a distance of x pixels: a triangle, Keys' cubic (1981, a = -0.5), or Lanczos' window."""
    if name == "bilinear":
        return tf.maximum(1.0 - x, 0.0)
    if name == "bicubic":
        near, far = ((1.5 * x - 2.5) * x) * x + 1.0, ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
        return tf.where(x >= 2.0, 0.0, tf.where(x >= 1.0, far, near))
    radius, pi = float(_RADIUS[name]), math.pi
    near = tf.maximum(x, 1e-3)  # nearer it is 1
    inside = radius * tf.sin(pi * near) * tf.sin(pi * near / radius) / (pi * pi * near * near)
    return tf.where(x > radius, 0.0, tf.where(x <= 1e-3, 1.0, inside))

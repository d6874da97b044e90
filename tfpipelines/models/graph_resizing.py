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
from typing import NamedTuple

import keras
import tensorflow as tf

from .image_preprocessing import ImagePreprocessor

_RADIUS = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}  # pixels
_TOGETHER = 32  # new lines
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
        how, (height, width) = self.preprocessor, self.preprocessor.size
        column, row = _ones(images[0, :, 0, 0]), _ones(images[0, 0, :, 0])  # (H,), (W,)
        down, across = _taps(column, row, height, width, how), _taps(row, column, width, height, how)
        if _interpolates(how):  # along the rows first
            lines = tf.transpose(_sums(tf.transpose(images, (2, 0, 1, 3)), across), (2, 1, 0, 3))  # (H, B, width, C)
            levels = tf.transpose(_sums(lines, down), (1, 0, 2, 3))
        else:
            lines = tf.transpose(_sums(tf.transpose(images, (1, 0, 2, 3)), down), (2, 1, 0, 3))  # (W, B, height, C)
            levels = tf.transpose(_sums(lines, across), (1, 2, 0, 3))
        return tf.cast(tf.clip_by_value(tf.round(levels), 0.0, 255.0), tf.uint8)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], *self.preprocessor.shape)


def _ones(line: tf.Tensor) -> tf.Tensor:
    """1.0 for each element: a line of known shape, where `tf.range` would need its size as a value."""
    return tf.cast(line, tf.float32) * 0.0 + 1.0


class _Taps(NamedTuple):
    """What each of `target` new lines is made of.

    Args:
        places: numbers of old ones, int32 (K, target).
        weights: of these, float32 (K, target).
        between: where the new one lies between the two that there are then, float32 (target,); None: it is their sum.
    """

    places: tf.Tensor
    weights: tf.Tensor
    between: tf.Tensor | None = None


def _interpolates(how: ImagePreprocessor) -> bool:
    return how.filter == "bilinear" and not how.antialias


def _sums(lines: tf.Tensor, taps: _Taps) -> tf.Tensor:
    """New lines of old ones: (n, ...) -> float32 (target, ...).

    Some at a time: all old lines of all new ones, as floats, would be many times the image. Runtimes add along a first
    axis in its order, along another in pairs.
    """
    made = []
    for start in range(0, taps.places.shape[1], _TOGETHER):
        some = slice(start, start + _TOGETHER)
        parts = tf.cast(tf.gather(lines, taps.places[:, some]), tf.float32)  # (K, some, ...)
        parts *= taps.weights[:, some, None, None, None]
        if taps.between is None:
            made.append(tf.reduce_sum(parts, 0))
        else:
            made.append(parts[0] + (parts[1] - parts[0]) * taps.between[some, None, None, None])
    return made[0] if len(made) == 1 else tf.concat(made, 0)


def _taps(own: tf.Tensor, other: tf.Tensor, target: int, other_target: int, how: ImagePreprocessor) -> _Taps:
    """What the new lines of one direction are made of.

    Args:
        own: ones, as many as there are old lines.
        other: ones, as many as there are in the other direction.
        target: new lines.
        other_target: those in the other direction.
        how: the filter, and what is cut off or added.
    """
    unit, given = own[:1], _count(own)  # 1, but no constant: converters and runtimes rewrite divisions by and of one
    size, begin = _frame(given, _count(other) * float(target) / (unit * float(other_target)), how.resize)
    new, between = tf.range(target, dtype=tf.float32) + 0.5, None
    if how.filter == "nearest":
        at = tf.minimum(tf.floor(new * (size / (unit * float(target)))), size - 1.0)[None]
        weights = tf.ones_like(at)
    elif _interpolates(how):  # as ResizeBilinear
        place = new * (size / (unit * float(target))) - 0.5
        between = place - tf.floor(place)
        at = tf.stack([tf.maximum(tf.floor(place), 0.0), tf.minimum(tf.math.ceil(place), size - 1.0)])
        weights = tf.ones_like(at)
    else:
        radius, wide = _RADIUS[how.filter], unit
        if how.filter == "bicubic" and not how.antialias:  # as ResizeBicubic
            place = new * (size / (unit * float(target))) - 0.5
            centres = tf.floor(place) + tf.round((place - tf.floor(place)) * _TABLE) / _TABLE + 0.5
        else:  # as ScaleAndTranslate
            inverse = unit / (unit * float(target) / size)
            centres, wide = new * inverse, tf.maximum(inverse, 1.0) if how.antialias else unit
        first = tf.clip_by_value(tf.math.ceil(centres - wide * radius - 0.5), 0.0, size - 1.0)
        last = tf.clip_by_value(tf.math.floor(centres + wide * radius - 0.5), 0.0, size - 1.0)
        at = first + tf.cumsum(_reach(own, other, target, other_target, radius, how))[:, None] - 1.0
        weights = tf.where(at <= last, _kernel(how.filter, tf.abs(at + 0.5 - centres) * (unit / wide)), 0.0)
        weights *= unit / tf.reduce_sum(weights, 0)
    at += begin
    if how.resize == "pad":
        weights = tf.where(tf.logical_and(at >= 0.0, at <= given - 1.0), weights, 0.0)
    return _Taps(tf.cast(tf.clip_by_value(at, 0.0, given - 1.0), tf.int32), weights, between)


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

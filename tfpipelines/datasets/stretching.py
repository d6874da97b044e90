"""Images stretched to a size with a triangle filter, without TensorFlow: to the bit what its kernel ScaleAndTranslate
gives, which is behind `tf.image.resize(antialias=True)`. The compiled function and NumPy give the same bits.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np


def is_usual(preprocessor: Any) -> bool:
    """Whether `resized` does what a preprocessor does."""
    return (preprocessor.filter, preprocessor.antialias, preprocessor.resize) == ("bilinear", True, "stretch")


def resized(image: np.ndarray, size: tuple[int, int], out: np.ndarray | None = None) -> np.ndarray:
    """An image stretched to a size with a triangle filter, widened where it shrinks: what `ImagePreprocessor` makes of
    it by `tf.image.resize(antialias=True)` and rounding. The sums are TensorFlow's, in their order, in float32.

    Args:
        image: uint8 (height, width, channels), 1 or 3 channels.
        size: (height, width).
        out: where to write the result, uint8 (*size, channels), contiguous; None: a new array, or the image itself if
            it has that size.

    Returns:
        uint8 (*size, channels).
    """
    if image.shape[:2] == size:
        made = image
    elif (kernel := compiled()) is None:
        made = resized_by_numpy(image, size)
    else:
        return _by_kernel(kernel, image, np.empty((*size, image.shape[2]), np.uint8) if out is None else out)
    if out is None:
        return made
    out[:] = made
    return out


def resized_by_numpy(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`resized`, where nothing is compiled."""
    height, width, channels = image.shape
    starts, weights = _spans(size[0], height)
    rows = np.zeros((size[0], width, channels), np.float32)
    for tap in range(weights.shape[1]):
        places = np.minimum(starts + tap, height - 1)  # beyond the last row the weight is 0
        rows += image[places] * weights[:, tap, None, None]
    starts, weights = _spans(size[1], width)
    levels = np.zeros((*size, channels), np.float32)
    for tap in range(weights.shape[1]):
        levels += rows[:, np.minimum(starts + tap, width - 1)] * weights[None, :, tap, None]
    return np.round(levels).astype(np.uint8)


@functools.cache
def compiled() -> Callable[..., None] | None:
    """The function of `_stretch.c`; None where it was not compiled, or has other bits than NumPy."""
    try:
        from ._stretch import stretch
    except ImportError:
        return None
    image = np.random.default_rng(0).integers(0, 256, (23, 31, 3), np.uint8)
    made = _by_kernel(stretch, image, np.empty((9, 40, 3), np.uint8))
    return stretch if np.array_equal(made, resized_by_numpy(image, (9, 40))) else None


def _by_kernel(kernel: Callable[..., None], image: np.ndarray, out: np.ndarray) -> np.ndarray:
    (height, width, channels), size, image = image.shape, out.shape[:2], np.ascontiguousarray(image)
    kernel(image, (height, width), out, size, channels, *_kept_spans(size[0], height), *_kept_spans(size[1], width))
    return out


@functools.lru_cache(256)
def _kept_spans(output: int, given: int) -> tuple[np.ndarray, np.ndarray]:
    """`_spans` as the compiled function takes them: int32, float32."""
    starts, weights = _spans(output, given)
    return starts.astype(np.int32), np.ascontiguousarray(weights)


def _spans(output: int, given: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each output pixel the first input pixel, and the weights of those from there on, as TensorFlow's kernel
    ScaleAndTranslate computes them, in float32.

    Returns:
        int64 (output,), float32 (output, taps).
    """
    one, half = np.float32(1), np.float32(0.5)
    scale = np.float32(output) / np.float32(given)
    inverse = np.float32(1.0 / float(scale))
    wide = max(inverse, one)
    narrow = one / wide
    centres = (np.arange(output, dtype=np.float32) + half) * inverse
    starts = np.clip(np.ceil(centres - wide - half).astype(np.int64), 0, given - 1)
    ends = np.clip(np.floor(centres + wide - half).astype(np.int64), 0, given - 1) + 1
    taps = np.arange(int((ends - starts).max()))
    places = starts[:, None] + taps
    distances = np.abs((places.astype(np.float32) + half - centres[:, None]) * narrow)
    weights = np.where(places < ends[:, None], np.maximum(one - distances, np.float32(0)), np.float32(0))
    total = np.zeros(output, np.float32)
    for tap in taps:  # in order: float32 sums hang on it
        total += weights[:, tap]
    return starts, weights * (one / total)[:, None]

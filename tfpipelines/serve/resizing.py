"""Images brought to a network's size as `tf.image.resize` does it, in NumPy alone.

With antialiasing, or a filter of more than two pixels, the kernels of TensorFlow's `ScaleAndTranslate` (Keys 1981 for
bicubic, a = -0.5); without, its `ResizeBilinear` and `ResizeBicubic` with half-pixel centers. Differences of one level
are possible where a sum lies between two.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

_REMEMBERED = 4_096  # pixels of a line whose weights are kept, half a megabyte or less
Kernel = Callable[[np.ndarray], np.ndarray]


def _lanczos(radius: int) -> Kernel:
    pi = np.float32(np.pi)

    def kernel(x: np.ndarray) -> np.ndarray:
        near = np.maximum(x, np.float32(1e-3))  # nearer it is 1
        inside = radius * np.sin(pi * near) * np.sin(pi * near / radius) / (pi * pi * near * near)
        return np.where(x > radius, 0.0, np.where(x <= 1e-3, 1.0, inside))

    return kernel


def _keys(x: np.ndarray) -> np.ndarray:
    near, far = ((1.5 * x - 2.5) * x) * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x >= 2, 0.0, np.where(x >= 1, far, near))


_KERNELS: Mapping[str, tuple[float, Kernel]] = {
    "bilinear": (1.0, lambda x: np.maximum(0.0, 1.0 - x)),
    "bicubic": (2.0, _keys),
    "lanczos3": (3.0, _lanczos(3)),
    "lanczos5": (5.0, _lanczos(5)),
}  # name -> radius, weight at a distance


def can_resize(settings: Mapping[str, Any]) -> bool:
    """Whether images can be resized here as a model's preprocessing does it.

    Args:
        settings: of the `ImagePreprocessor`.
    """
    return settings["filter"] in ("nearest", *_KERNELS)


def resized(image: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    """uint8 (height, width, channels) -> uint8 of the network's size.

    Args:
        settings: of the `ImagePreprocessor`: `size`, `resize`, `filter`, `antialias`.
    """
    height, width = settings["size"]
    if image.shape[:2] == (height, width):
        return image
    levels = image.astype(np.float32)
    if settings["resize"] == "crop":
        levels = _cropped(levels, height, width)
    elif settings["resize"] == "pad":
        levels = _padded(levels, height, width)
    name, antialias = settings["filter"], settings["antialias"]
    if name == "nearest":
        levels = levels[_nearest(levels.shape[0], height)][:, _nearest(levels.shape[1], width)]
    elif name == "bilinear" and not antialias:
        levels = _bilinear(levels, height, width)
    else:
        levels = _summed(levels, *_spans_of(levels.shape[0], height, name, antialias))
        levels = _summed(levels.swapaxes(0, 1), *_spans_of(levels.shape[1], width, name, antialias)).swapaxes(0, 1)
    return np.clip(np.round(levels), 0, 255).astype(np.uint8)


def _spans_of(size: int, target: int, name: str, antialias: bool) -> tuple[np.ndarray, np.ndarray]:
    """`_spans`, remembered where they are small: who sends images chooses their sizes."""
    make = _known_spans if size <= _REMEMBERED else _spans
    return make(size, target, name, antialias)


def _spans(size: int, target: int, name: str, antialias: bool) -> tuple[np.ndarray, np.ndarray]:
    """What each pixel of a line is made of: numbers of pixels, int (taps, target), and their weights, float32."""
    radius, kernel = _KERNELS[name]
    inverse = np.float32(1) / (np.float32(target) / np.float32(size))
    scale = max(inverse, np.float32(1)) if antialias else np.float32(1)
    centers = (np.arange(target, dtype=np.float32) + np.float32(0.5)) * inverse
    if name == "bicubic" and not antialias:  # a table has the weights of each 1024th part of a pixel
        places = (np.arange(target, dtype=np.float32) + np.float32(0.5)) * np.float32(size / target) - np.float32(0.5)
        whole = np.floor(places)
        centers = whole + np.round((places - whole) * 1024) / np.float32(1024) + np.float32(0.5)
    first = np.ceil(centers - np.float32(radius) * scale - np.float32(0.5)).clip(0, size - 1).astype(int)
    last = np.floor(centers + np.float32(radius) * scale - np.float32(0.5)).clip(0, size - 1).astype(int)
    pixels = first + np.arange((last - first).max() + 1)[:, None]
    distances = np.abs(pixels.astype(np.float32) + np.float32(0.5) - centers) * (np.float32(1) / scale)
    weights = np.where(pixels <= last, kernel(distances), 0).astype(np.float32)
    total = weights.cumsum(0, dtype=np.float32)[-1]  # in this order, as all sums here
    return np.minimum(pixels, size - 1), weights * (np.float32(1) / total)


_known_spans = functools.lru_cache(64)(_spans)


def _summed(lines: np.ndarray, pixels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """float32 (size, others, channels) -> (target, others, channels). Tap after tap: in another order sums that lie
    between two levels are rounded to the other one.
    """
    total = np.zeros((pixels.shape[1], *lines.shape[1:]), np.float32)
    for numbers, shares in zip(pixels, weights):
        total += lines[numbers] * shares[:, None, None]
    return total


def _bilinear(levels: np.ndarray, height: int, width: int) -> np.ndarray:
    top, bottom, down = _neighbours(levels.shape[0], height)
    left, right, across = _neighbours(levels.shape[1], width)
    across, down = across[None, :, None], down[:, None, None]
    lines = [
        levels[rows][:, left] + (levels[rows][:, right] - levels[rows][:, left]) * across for rows in (top, bottom)
    ]
    return lines[0] + (lines[1] - lines[0]) * down


def _neighbours(size: int, target: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    place = (np.arange(target, dtype=np.float32) + np.float32(0.5)) * np.float32(size / target) - np.float32(0.5)
    whole = np.floor(place)
    low, high = np.maximum(whole, 0).astype(int), np.minimum(np.ceil(place), size - 1).astype(int)
    return low, high, place - whole


def _nearest(size: int, target: int) -> np.ndarray:
    place = (np.arange(target, dtype=np.float32) + np.float32(0.5)) * np.float32(size / target)
    return np.minimum(np.floor(place).astype(int), size - 1)


def _cropped(levels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle, of the shape of the target."""
    rows = _side(levels.shape[0], levels.shape[1], height, width, min)
    columns = _side(levels.shape[1], levels.shape[0], width, height, min)
    top, left = (levels.shape[0] - rows) // 2, (levels.shape[1] - columns) // 2
    return levels[top : top + rows, left : left + columns]


def _padded(levels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Black bars around it, to the shape of the target."""
    rows = _side(levels.shape[0], levels.shape[1], height, width, max)
    columns = _side(levels.shape[1], levels.shape[0], width, height, max)
    top, left = (rows - levels.shape[0]) // 2, (columns - levels.shape[1]) // 2
    return np.pad(levels, ((top, top), (left, left), (0, 0)))  # as Keras does, also where one line is missing then


def _side(own: int, other: int, target: int, other_target: int, choose: Callable[[int, int], int]) -> int:
    return max(choose(own, int(np.float32(other * target) / np.float32(other_target))), 1)

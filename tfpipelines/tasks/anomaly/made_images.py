"""Anomalies made of normal images that neither train nor calibrate, by which detectors are chosen where none is known.

Of each kind there are as many, and each counts as much. Many are small or faint, and meant to be hard: what every
detector finds tells none from another.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

_OF_EACH_KIND, _LEAST = 50, 10
_MOST_BYTES = 2**28  # of all, where that leaves enough of each kind
_KINDS = 5
_AREA = 0.004, 0.06  # of a patch, as a share of the image
_ASPECT = 1 / 3, 3.0  # its width by its height


def made_images(images: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Images with a defect each, made of normal ones.

    pasted: a patch is that of another place, often of another image (CutPaste: Li et al. 2021). scar: a thin line is
    brighter or darker. stain: a soft spot is. noisy: a patch has noise. blurred: a patch is out of focus. How strong
    they are is drawn by the deviation of the levels of the image.

    Args:
        images: uint8 (images, height, width, channels), at least one.
        seed: of the choice.

    Returns:
        Name of each kind -> 50 of them, fewer of very large images: uint8 (50, height, width, channels).
    """
    generator = np.random.default_rng([seed, 13])
    count = max(_LEAST, min(_OF_EACH_KIND, _MOST_BYTES // (_KINDS * images[0].nbytes)))
    kinds: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "pasted": lambda image: _pasted(image, images[generator.integers(len(images))], generator),
        "scar": lambda image: image + _contrast(image, generator) * _line(image.shape, generator),
        "stain": lambda image: image + _contrast(image, generator) * _spot(image.shape, generator),
        "noisy": lambda image: _noisy(image, generator),
        "blurred": lambda image: _blurred(image, generator),
    }
    drawn = lambda: images[generator.integers(len(images))].astype(np.float32)
    levels = lambda image: np.clip(np.round(image), 0, 255).astype(np.uint8)
    return {name: np.stack([levels(make(drawn())) for _ in range(count)]) for name, make in kinds.items()}


def _contrast(image: np.ndarray, generator) -> float:
    """How much brighter or darker a defect is, in levels: .3 to 2 deviations, at least 6."""
    return float(generator.choice([-1, 1]) * max(6.0, image.std() * generator.uniform(0.3, 2.0)))


def _patch(shape: tuple[int, ...], generator) -> tuple[slice, slice]:
    """A place: rows and columns."""
    area = generator.uniform(*_AREA) * shape[0] * shape[1]
    aspect = np.exp(generator.uniform(*np.log(_ASPECT)))
    height = int(np.clip(round(np.sqrt(area / aspect)), 2, max(shape[0] // 2, 1)))
    width = int(np.clip(round(np.sqrt(area * aspect)), 2, max(shape[1] // 2, 1)))
    top, left = (int(generator.integers(0, max(side - size, 0) + 1)) for side, size in zip(shape, (height, width)))
    return slice(top, top + height), slice(left, left + width)


def _pasted(image: np.ndarray, other: np.ndarray, generator) -> np.ndarray:
    rows, columns = _patch(image.shape, generator)
    height, width = image[rows, columns].shape[:2]
    top, left = (int(generator.integers(0, side - size + 1)) for side, size in zip(image.shape, (height, width)))
    image[rows, columns] = other[top : top + height, left : left + width] * generator.uniform(0.9, 1.1)
    return image


def _line(shape: tuple[int, ...], generator) -> np.ndarray:
    """A short line in any direction, 1 on it and 0 off it: float (height, width, 1)."""
    side = min(shape[:2])
    length, half = side * generator.uniform(0.1, 0.35), max(0.5, side * generator.uniform(0.005, 0.012))
    angle = generator.uniform(0, np.pi)
    across, along = _turned(shape, angle, generator)
    return np.clip(half + 0.5 - np.abs(across), 0, 1)[..., None] * (np.abs(along) <= length / 2)[..., None]


def _spot(shape: tuple[int, ...], generator) -> np.ndarray:
    """A soft ellipse, 1 in the middle: float (height, width, 1)."""
    side = min(shape[:2])
    across, along = _turned(shape, generator.uniform(0, np.pi), generator)
    wide, long = (max(1.0, side * generator.uniform(0.02, 0.08)) for _ in range(2))
    return np.exp(-0.5 * ((across / wide) ** 2 + (along / long) ** 2))[..., None]


def _turned(shape: tuple[int, ...], angle: float, generator) -> tuple[np.ndarray, np.ndarray]:
    """Distances in pixels of all places from a line through some place, and along it: float (height, width) each."""
    y, x = (np.arange(size) - generator.uniform(0.1, 0.9) * (size - 1) for size in shape[:2])
    across = np.cos(angle) * y[:, None] - np.sin(angle) * x
    return across, np.sin(angle) * y[:, None] + np.cos(angle) * x


def _noisy(image: np.ndarray, generator) -> np.ndarray:
    place = _patch(image.shape, generator)
    deviation = max(4.0, image.std() * generator.uniform(0.3, 1.0))
    image[place] += generator.normal(0, deviation, image[place].shape)
    return image


def _blurred(image: np.ndarray, generator) -> np.ndarray:
    place, sigma = _patch(image.shape, generator), generator.uniform(0.8, 2.5)
    image[place] = ndimage.gaussian_filter(image, (sigma, sigma, 0))[place]
    return image

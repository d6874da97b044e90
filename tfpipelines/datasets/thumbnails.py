"""Small versions of images, by the means of areas."""

import numpy as np

SIDE = 32


def thumbnail_shape(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """(height, width, channels) of the thumbnails of images of a shape."""
    side = min(SIDE, *shape[:2])
    return side, side, shape[2]


def thumbnails(images: np.ndarray) -> np.ndarray:
    """Thumbnails of images, uint8 (images, side, side, channels)."""
    side, _, _ = thumbnail_shape(images.shape[1:])
    return images if images.shape[1:3] == (side, side) else area_means(images, side).round().astype(np.uint8)


def area_means(images: np.ndarray, side: int) -> np.ndarray:
    """The means of side x side areas of images of any number, float32 (images, side, side, channels)."""
    count, height, width, channels = images.shape
    rows, columns = _shares(height, side), _shares(width, side)
    half = rows @ images.reshape(count, height, -1).astype(np.float32)  # (images, side, width * channels)
    across = np.kron(columns.T, np.eye(channels, dtype=np.float32))
    return (half @ across).reshape(
        count, side, side, channels
    )  # image by image: the bits hang on how many rows there are


def _shares(length: int, side: int) -> np.ndarray:
    """The share of each of `length` pixels in each of `side` areas, float32 (side, length)."""
    bounds, pixel = np.linspace(0, length, side + 1), np.arange(length)
    overlap = np.minimum(bounds[1:, None], pixel + 1) - np.maximum(bounds[:-1, None], pixel)
    return (np.clip(overlap, 0, None) * side / length).astype(np.float32)

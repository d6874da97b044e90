"""Images as arrays, whatever they were: files, their content, arrays of any kind of number."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .decoding import decode_image, scaled_levels
from .findings import Findings

if TYPE_CHECKING:  # see decoding.py
    from ..core.config.images import LevelRange


def to_uint8(images: np.ndarray, origin: str, findings: Findings, levels: "LevelRange | None" = None) -> np.ndarray:
    """Images as uint8 (n, height, width, channels): 16 bit is divided by 257, true or false becomes 255 or 0, floats in
    [0, 1] are scaled, floats in [0, 255] are rounded. With `levels`, numbers of other kinds than uint8 are scaled by
    that range, see `decode_image`.

    Raises:
        DataError: for another shape, kind or range of values.
    """
    images = with_channels(images, origin)
    if images.dtype == np.uint8:
        return images
    if images.dtype == bool:
        return images.astype(np.uint8) * 255
    if levels is not None and images.dtype.kind in "iuf":
        return scaled_levels(images, levels)
    if images.dtype == np.uint16:
        return ((images.astype(np.uint32) + 128) // 257).astype(np.uint8)
    low, high = float(images.min()), float(images.max())
    if images.dtype.kind not in "iuf" or not 0 <= low <= high <= 255:
        message = f"{origin}: images are {images.dtype} from {low:g} to {high:g}."
        remedy = "Expected: uint8, uint16, or numbers in [0, 1] or [0, 255]; or set data.range=[LOW, HIGH] or auto."
        raise DataError(message, remedy)
    if images.dtype.kind == "f" and high <= 1:
        findings.add("scaled", "note", f"Images are {images.dtype} in [0, 1]: multiplied by 255 and rounded")
        images = images * 255
    return np.round(images).astype(np.uint8)


def with_channels(images: np.ndarray, origin: str) -> np.ndarray:
    """Images of any kind of number with channels at the end, (n, height, width, 1 or 3).

    Raises:
        DataError: for another shape.
    """
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        message = f"{origin}: images have the shape {images.shape}."
        raise DataError(message, "Expected: (n, height, width), or with 1 or 3 channels at the end.")
    return images


def to_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """uint8 (n, height, width, 1 or 3) with 1 or 3 channels; RGB becomes grey by Pillow's integer weights."""
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, -1)
    red, green, blue = np.moveaxis(images.astype(np.uint32), -1, 0)
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)[..., None]


def pixels(
    source: Path | bytes | np.ndarray,
    channels: int,
    background: int,
    max_pixels: int,
    levels: "LevelRange | None" = None,
) -> np.ndarray:
    """What is in a file, the bytes of one, or an array (height, width[, 1 or 3]): uint8 (height, width, channels).

    Raises:
        DataError: as `decode_image` and `to_uint8`.
    """
    if isinstance(source, np.ndarray):
        return to_channels(to_uint8(source[None], "the image", Findings(), levels), channels)[0]
    return decode_image(source, channels, background, max_pixels, levels)

"""Images as a run decodes them, to the bit and without TensorFlow: for checks of small sets, which are over before
TensorFlow is loaded.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ..errors import DataError
from .decoding import Header
from .farm_hash import fingerprints_of
from .image_arrays import pixels, to_channels
from .image_cache import fits_memory, require_memory
from .image_headers import reason_of
from .source.base import SampleTable
from .stretching import is_usual, resized
from .thumbnails import thumbnail_shape, thumbnails

_MOST_VALUES = 256 * 256 * 3  # of an image: fingerprints are computed in blocks of 64 bytes
_MOST_PIXELS = 10**9  # of all files; from about here on decoding with TensorFlow takes less, its import included
_EACH = 50_000  # pixels that are decoded in the time in which a file is opened
_BLOCK_BYTES = 2**24
_BLOCK = 16  # images whose thumbnails are made at once, as those of a run are


@dataclass
class PlainStore:
    """What a check asks of an `ImageStore`.

    Args:
        shape, fingerprints, bad, mode: see `ImageStore`; mode is that of a run.
        images: the images of some rows, uint8 (rows, height, width, channels).
        small: thumbnails, uint8 (rows, side, side, channels).
    """

    shape: tuple[int, int, int]
    fingerprints: np.ndarray
    bad: dict[int, str]
    mode: str
    images: Callable[[np.ndarray], np.ndarray]
    small: np.ndarray
    unkept: str = ""

    def thumbnails(self) -> np.ndarray:
        """`small`."""
        return self.small


def is_plain(table: SampleTable, headers: list[Header | None], preprocessor: Any, cache: str) -> bool:
    """Whether images can be decoded here as a run decodes them, and in less time.

    Args:
        headers: of each row, [] where the images are an array.
        preprocessor: an `ImagePreprocessor`.
        cache: `data.cache`; what is kept on disk is of use to runs.
    """
    values = int(np.prod(preprocessor.shape))
    if cache == "disk" or values > _MOST_VALUES or (cache == "auto" and not fits_memory(values * len(headers))):
        return False
    if table.array is not None:
        sizes, every = [table.array.shape[1:3]], len(table.array)
    else:
        sizes, every = [(header.height, header.width) for header in headers if header is not None], 1
    stays = preprocessor.filter in ("bilinear", "nearest") and all(size == preprocessor.size for size in sizes)
    return (stays or is_usual(preprocessor)) and every * sum(
        height * width + _EACH for height, width in sizes
    ) <= _MOST_PIXELS


def plain_array(array: np.ndarray, preprocessor: Any) -> PlainStore:
    """What `store_array` gives."""
    if array.shape[1:] != preprocessor.shape:
        images = to_channels(array, preprocessor.channels)
        array = np.stack([resized(image, preprocessor.size) for image in images])
    small = _thumbnails(array)
    return PlainStore(preprocessor.shape, fingerprints_of(array), {}, "memory", lambda rows: array[rows], small)


def plain_files(
    table: SampleTable, headers: list[Header | None], preprocessor: Any, *, background: int, max_pixels: int, cache: str
) -> PlainStore:
    """What `store_files` gives, but that images are not kept: they are decoded again where they are asked for.

    Pillow decodes all files. A JPEG or PNG that it refuses is left to TensorFlow, which a run asks first.
    """
    shape, channels = preprocessor.shape, preprocessor.channels
    if cache == "memory":
        require_memory(len(headers) * int(np.prod(shape)))

    def one(row: int) -> np.ndarray:
        image = pixels(table.content(row), channels, background, max_pixels, preprocessor.range)
        return resized(image, preprocessor.size)

    def tried(row: int) -> np.ndarray | str:
        try:
            return one(row)
        except (DataError, OSError) as error:
            return reason_of(error, table, row)

    rows = [row for row, header in enumerate(headers) if header is not None]
    small = np.zeros((len(headers), *thumbnail_shape(shape)), np.uint8)
    fingerprints, bad = np.zeros(len(headers), np.uint64), dict[int, str]()
    step = max(_BLOCK, _BLOCK_BYTES // int(np.prod(shape)) // _BLOCK * _BLOCK)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            decoded = dict(zip(some, pool.map(tried, some)))
            bad |= {row: image for row, image in decoded.items() if isinstance(image, str)}
            good = {row: image for row, image in decoded.items() if isinstance(image, np.ndarray)}
            if good:
                block, places = np.stack([*good.values()]), [*good]
                fingerprints[places] = fingerprints_of(block)
                small[places] = _thumbnails(block)
    if unsure := [row for row in bad if headers[row].kind != "other"]:  # type: ignore[union-attr]
        from .image_store import Decoder

        decoder = Decoder(table, headers, preprocessor, background, max_pixels)
        hashes, refused = decoder.run(np.array(unsure), None, small)
        fingerprints[unsure] = hashes[unsure]
        bad = {row: reason for row, reason in bad.items() if row not in unsure} | refused
    mode = "none" if cache == "none" else "memory"
    return PlainStore(shape, fingerprints, bad, mode, lambda some: np.stack([one(int(row)) for row in some]), small)


def _thumbnails(images: np.ndarray) -> np.ndarray:
    with threadpool_limits(1):  # the matrices are small
        return np.concatenate([thumbnails(images[start : start + _BLOCK]) for start in range(0, len(images), _BLOCK)])

"""Raw input for prediction: files, folders, globs, tables and arrays become one list of named images."""

import glob
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, TfpipelinesError
from .arrays import read_npz, to_channels, to_uint8
from .findings import Findings
from .folders import list_files
from .images import decode_image, printable
from .sources import locate, read_image_source
from .tables import TABLES

_EXPECTED = "Give paths, glob patterns, arrays (n, height, width[, channels]), or a list of such."


@dataclass(frozen=True)
class RawImage:
    """One image to predict.

    Args:
        item: what it is called in the output.
        source: a path, a file's content, or uint8 pixels (height, width, channels); None if there is nothing to read.
        error: why not.
    """

    item: str
    source: Path | bytes | np.ndarray | None = None
    error: str = ""


def raw_images(inputs: Any, **source) -> list[RawImage]:
    """The images that `inputs` mean.

    Args:
        inputs: a path, glob pattern, array (n, height, width[, channels]), an image file's bytes, or a list of such. A
            folder stands for all files in it, a table or .npz file for its rows.
        source: fields of `ImageData` for tables.
    """
    if isinstance(inputs, (str, Path, bytes)) or hasattr(inputs, "__array__") or hasattr(inputs, "__array_interface__"):
        inputs = [inputs]
    if not isinstance(inputs, Iterable):
        raise DataError(f"The inputs are of type {type(inputs).__name__}.", _EXPECTED)
    images: list[RawImage] = []
    for entry in inputs:
        if isinstance(entry, bytes):
            images.append(RawImage(str(len(images)), entry))
        elif hasattr(entry, "__array__") or hasattr(entry, "__array_interface__"):
            images += _from_array(np.asarray(entry), len(images))
        elif isinstance(entry, (str, Path)):
            images += _from_path(str(entry), source)
        else:
            raise DataError(f"One of the inputs is of type {type(entry).__name__}.", _EXPECTED)
    return images


def decoded(
    images: list[RawImage], resize, channels: int, batch_size: int, background: int, max_pixels: int
) -> Iterator[tuple[list[RawImage], np.ndarray]]:
    """Batches of (entries, images): those that could not be read have an `error` and black pixels.

    Args:
        resize: function of a uint8 image (height, width, channels) to one of the network's size.
    """

    def one(entry: RawImage) -> tuple[RawImage, np.ndarray | None]:
        try:
            if entry.error:
                return entry, None
            return entry, resize(pixels(entry.source, channels, background, max_pixels))
        except DataError as error:
            name = printable(entry.source) if isinstance(entry.source, Path) else ""
            return RawImage(printable(entry.item), error=error.cause.removeprefix(f"{name}: ")), None

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(images), batch_size):
            entries, arrays = zip(*pool.map(one, images[start : start + batch_size]))
            shape = next((array.shape for array in arrays if array is not None), None)
            if shape is None:
                yield list(entries), np.zeros((0,), np.uint8)
            else:
                yield (
                    list(entries),
                    np.stack([np.zeros(shape, np.uint8) if array is None else array for array in arrays]),
                )


def pixels(source: Path | bytes | np.ndarray, channels: int, background: int, max_pixels: int) -> np.ndarray:
    """What is in a file, in the bytes of one, or in an array (height, width, 1 or 3): uint8 (height, width, channels).

    Raises:
        DataError: as `decode_image`.
    """
    return (
        to_channels(source[None], channels)[0]
        if isinstance(source, np.ndarray)
        else decode_image(source, channels, background, max_pixels)
    )


def _from_array(array: np.ndarray, number: int) -> list[RawImage]:
    """Images called by their number, the first of them `number`."""
    single = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (1, 3))
    try:
        images = to_uint8(array[None] if single else array, "the array", Findings())
    except DataError as error:
        return [RawImage(str(number), error=error.cause)]
    return [RawImage(str(number + place), image) for place, image in enumerate(images)]


def _from_path(text: str, source: dict[str, Any]) -> list[RawImage]:
    path = Path(text).expanduser()
    if not text:
        return [RawImage("", error="an empty name")]
    if text.startswith("sample:"):
        return _from_source(text, source)
    try:
        path.stat()
    except (OSError, ValueError) as error:
        if not isinstance(error, FileNotFoundError):
            return [RawImage(text, error=getattr(error, "strerror", "") or str(error))]
    if path.is_dir():
        found = list_files(path, source.get("follow_links", False), Findings())
        return [RawImage(str(path / item), path / item) for item in found] or [
            RawImage(text, error="the folder holds no file")
        ]
    if path.is_file():
        known = path.suffix.lower() in TABLES | {".npz"}
        return _from_source(text, source) if known else [RawImage(text, path)]
    matches = sorted(glob.glob(str(path), recursive=True)) if glob.has_magic(text) else []
    if matches:
        return [image for match in matches for image in _from_path(match, source)]
    return [RawImage(text, error="no file matches" if glob.has_magic(text) else "no such file")]


def _from_source(text: str, source: dict[str, Any]) -> list[RawImage]:
    located = locate(text, "the input")
    if located.is_dir():
        return _from_path(str(located), source)
    try:
        if located.suffix.lower() == ".npz":
            table = read_npz(located)
            return [RawImage(item, table.array[row]) for row, item in enumerate(table.frame["item"])]
        fields = {key: source[key] for key in ("item_column", "root", "follow_links") if key in source}
        table = read_image_source(text, labelled=False, training=False, **fields)
    except TfpipelinesError as error:
        return [RawImage(text, error=" ".join(str(error).split()))]
    rows = [RawImage(item, table.path(row)) for row, item in enumerate(table.frame["item"])]
    missing = [line for finding in table.findings.of("error") for line in finding.items]
    return rows + [RawImage(line, error="the table names no file there, or several") for line in missing]

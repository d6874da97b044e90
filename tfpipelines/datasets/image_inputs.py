"""Raw input for prediction: files, folders, globs, tables and arrays become one list of named images."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.config.images import LevelRange, PixelData
from ..errors import DataError
from .decoding import printable
from .fast_images import Resizer, decode_file
from .findings import Findings
from .identifying import is_missing
from .image_arrays import pixels, to_uint8
from .image_samples import as_images
from .input_columns import Origin
from .raw_inputs import Found, is_array, walk_inputs
from .source.base import SampleTable
from .source.named_files import is_file, local_name
from .source.requests import IMAGES, Request
from .source.table import Frame
from .source.table_columns import find_column
from .table_cells import in_words
from .table_files import PLAIN, TableForm

_MISSING = {  # code of a finding -> why a row names no image
    "absent": "the table names no file there, or several",
    "outside": "the file is outside of the table's folder",
    "url": "a URL; download the file, and give its local path",
}
_EXPECTED = "Give paths, glob patterns, arrays (n, height, width[, channels]), a DataFrame, or a list of such."
_NO_IMAGE = "no image"


@dataclass(frozen=True)
class RawImage:
    """One image to predict.

    Args:
        item: what it is called in the output.
        source: a file, a file's content, uint8 pixels (height, width, channels), or a table.
        row: of the table.
        error: why not.
        origin: the row of a table that names it.
        size: (height, width), once it has been decoded.
    """

    item: str
    source: Path | bytes | np.ndarray | SampleTable = b""
    row: int = 0
    error: str = ""
    origin: Origin | None = None
    size: tuple[int, int] | None = None

    def pixels(self, channels: int, background: int, max_pixels: int, levels: LevelRange | None = None) -> np.ndarray:
        """The image, uint8 (height, width, channels).

        Raises:
            DataError: if it cannot be read.
        """
        content = self.source.content(self.row) if isinstance(self.source, SampleTable) else self.source
        try:
            if isinstance(content, np.ndarray):
                return pixels(content, channels, background, max_pixels, levels)
            return decode_file(content, channels, background, max_pixels, levels)
        except DataError as error:
            name = f"{printable(content)}: " if isinstance(content, Path) else ""
            raise DataError(error.cause.removeprefix(name)) from error


def raw_images(
    inputs: Any,
    item_column: str | None = None,
    follow_links: bool = False,
    root: str | None = None,
    levels: LevelRange | None = None,
    form: TableForm = PLAIN,
) -> list[RawImage]:
    """The images that `inputs` mean.

    Args:
        inputs: a path, glob pattern, array (n, height, width[, channels]), an image file's bytes, a DataFrame, or a
            list, Series or array of such. A folder stands for all files in it, a table or .npz file for its rows; so
            does a DataFrame, whose paths start from the working folder. None, NaN and NA are inputs without an image.
        item_column, follow_links, root: the fields of the same name in `ImageData`.
        levels: of arrays of other kinds than uint8, see `to_uint8`.
        form: how tables are written.

    Raises:
        DataError: if one is of a type that is no image, or a DataFrame has no column of paths.
    """
    images: list[RawImage] = []
    request = Request.to_predict(IMAGES, {"image": item_column}, follow_links, root, form)
    for found in walk_inputs(inputs, request, _EXPECTED):
        if found.error:
            images.append(RawImage(found.name, error=found.error))
        elif found.table is not None:
            images += _from_table(found, found.table, levels)
        elif isinstance(found.value, pd.DataFrame):
            images += _from_frame(found.value, request) if len(found.value) else []
        elif is_missing(found.value):
            images.append(RawImage(str(len(images)), error=_NO_IMAGE))
        elif isinstance(found.value, bytes):
            images.append(RawImage(str(len(images)), found.value))
        elif is_array(found.value):
            images += _from_array(np.asarray(found.value), len(images), levels)
        else:
            raise DataError(f"One of the inputs is of type {type(found.value).__name__}.", _EXPECTED)
    return images


def decoded(
    images: list[RawImage], preprocessor: Any, batch_size: int, data: PixelData
) -> Iterator[tuple[list[RawImage], np.ndarray]]:
    """Batches of (entries, images), uint8 (entries, height, width, channels); those with an `error` are black."""
    resize = Resizer(preprocessor)

    def one(entry: RawImage) -> tuple[RawImage, np.ndarray]:
        try:
            if not entry.error:
                image = entry.pixels(preprocessor.channels, data.background, data.max_pixels, preprocessor.range)
                entry = replace(entry, size=image.shape[:2])
                return entry, resize(image)
        except (DataError, OSError) as error:
            entry = replace(entry, item=printable(entry.item), error=getattr(error, "cause", "") or str(error))
        return entry, np.zeros(preprocessor.shape, np.uint8)

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(images), batch_size):
            entries, arrays = zip(*pool.map(one, images[start : start + batch_size]))
            yield list(entries), np.stack(arrays)


def _from_array(array: np.ndarray, number: int, levels: LevelRange | None) -> list[RawImage]:
    """Images called by their number, the first of them `number`."""
    if array.dtype == object:
        with suppress(ValueError):  # of different lengths
            array = np.array(array.tolist())
        if array.dtype.kind not in "biuf":
            return [RawImage(str(number), error="the array holds other things than numbers")]
    single = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (1, 3))
    try:
        images = to_uint8(array[None] if single else array, "the array", Findings(), levels)
    except DataError as error:
        return [RawImage(str(number), error=error.cause)]
    return [RawImage(str(number + place), image) for place, image in enumerate(images)]


def _from_table(found: Found, table: SampleTable, levels: LevelRange | None) -> list[RawImage]:
    try:
        table = as_images(table, levels)
    except DataError as error:
        return [RawImage(found.name, error=" ".join(str(error).split()))]
    images: list[RawImage] = []
    faults: list[Any] = list(table.frame["fault"]) if "fault" in table.frame else [None] * len(table.frame)
    for row, item in enumerate(table.frame["item"]):
        origin = None if table.given is None else Origin(table.given, row)
        if fault := faults[row]:
            code, told = fault
            images.append(RawImage(told, error=_MISSING[code], origin=origin))
        else:
            images.append(RawImage(table.source.name(item), table, row, origin=origin))
    return images


def _from_frame(frame: pd.DataFrame, request: Request) -> list[RawImage]:
    """The images that a DataFrame names.

    Raises:
        DataError: if it has no column of paths.
    """
    source, images = Frame(frame), []
    cells, given = in_words(source.written(PLAIN)), source.given
    column: str = find_column(cells, "image", request)
    for row, name in enumerate(cells[column]):
        path = local_name(name, Path(request.root or "")) if name else None
        error = _NO_IMAGE if not name else _MISSING["url"] if path is None else "" if is_file(path) else "no such file"
        images.append(RawImage(name or str(row), path or b"", error=error, origin=Origin(given, row)))
    return images

"""Columns of tables that hold the content of files: bytes, bytes with a path, as Hugging Face writes images, or the
levels of an image as nested lists.
"""

import os
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from ...errors import DataError
from ..table_cells import LINE

_LONGEST_NAME = 4096  # bytes of a path


def take_contents(cells: pd.DataFrame, columns: Collection[str]) -> dict[str, dict[str, bytes | np.ndarray]]:
    """Puts names in the place of contents, in the table itself.

    A name is the path that is given beside the bytes where all rows have one of their own, else the number of the row;
    a row without bytes has none. A column of paths alone becomes one of paths. Bytes that are text are names of files,
    as some writers have them.

    Args:
        cells: as `read_cells` gives them.
        columns: that may hold the files.

    Returns:
        Column -> name -> content, of the columns that hold any; of lists uint8 (height, width) or (height, width,
        channels).

    Raises:
        DataError: if lists are no images.
    """
    found = {}
    for column in columns:
        values = list(cells[column])
        held = [value for value in values if value is not None]
        if held and all(isinstance(value, (list, np.ndarray)) for value in held):
            found[column] = _take_lists(cells, column)
            continue
        if not held or not all(_may_be(value) for value in held) or all(map(_is_name, held)):
            continue
        contents = [_bytes_of(value) for value in values]
        paths = [value.get("path") if isinstance(value, dict) else None for value in values]
        if not any(content is not None for content in contents):
            cells[column] = pd.Series(paths, dtype=object)
            continue
        inner = [path and os.path.normpath(f"/{path}")[1:] for path in paths]
        whole = [path for path, content in zip(inner, contents) if content is not None]
        named = all(whole) and len(set(whole)) == len(whole)
        names = [
            None if content is None else path if named else str(row)
            for row, (path, content) in enumerate(zip(inner, contents))
        ]
        cells[column] = pd.Series(names, dtype=object)
        found[column] = {name: content for name, content in zip(names, contents) if name and content is not None}
    return found


def _take_lists(cells: pd.DataFrame, column: str) -> dict[str, bytes | np.ndarray]:
    """Numbers of rows in the place of nested lists, and the images that these are."""
    images: dict[str, bytes | np.ndarray] = {}
    for row, value in enumerate(cells[column]):
        if value is not None:
            images[str(row)] = _image_of(value, f"line {cells[LINE].iloc[row]}, column {column!r}")
    cells[column] = pd.Series([str(row) if str(row) in images else None for row in range(len(cells))], dtype=object)
    return images


def _image_of(value: Any, place: str) -> np.ndarray:
    """The image that nested lists, or arrays of arrays, are."""
    try:
        levels = np.asarray(_as_lists(value))
    except ValueError:  # lines of several lengths
        levels = np.zeros(0)
    if levels.ndim not in (2, 3) or levels.dtype.kind not in "iuf" or 0 in levels.shape:
        cause = f"{place}: a list of shape {levels.shape} is no image."
        raise DataError(cause, "An image is a list of lines of pixels, a pixel of colour a list of 3 levels.")
    if (levels != levels.astype(np.uint8)).any():
        cause = f"{place}: the levels of an image in a table are whole numbers from 0 to 255."
        raise DataError(cause, "Scale them, or keep the images in an .npz file, whose levels may be any.")
    return levels.astype(np.uint8)


def _as_lists(value: Any) -> Any:
    """Arrays of arrays, which is what Parquet gives for nested lists, as lists of arrays."""
    nested = isinstance(value, np.ndarray) and value.dtype == object
    return [_as_lists(one) for one in value] if nested else value


def _may_be(value: Any) -> bool:
    return isinstance(value, bytes) or (isinstance(value, dict) and {"bytes", "path"} >= {*value} and bool(value))


def _is_name(value: Any) -> bool:
    """Whether bytes are the name of a file rather than its content."""
    if not isinstance(value, bytes) or len(value) > _LONGEST_NAME:
        return False
    try:
        return value.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


def _bytes_of(value: Any) -> bytes | None:
    content = value.get("bytes") if isinstance(value, dict) else value
    return content.tobytes() if isinstance(content, np.ndarray) else content

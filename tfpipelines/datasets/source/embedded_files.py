"""Columns of tables that hold the content of files: bytes, or bytes with a path, as Hugging Face writes images."""

import os
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

_LONGEST_NAME = 4096  # bytes of a path


def take_contents(cells: pd.DataFrame, columns: Collection[str]) -> dict[str, dict[str, bytes]]:
    """Puts names in the place of contents, in the table itself.

    A name is the path that is given beside the bytes where all rows have one of their own, else the number of the row;
    a row without bytes has none. A column of paths alone becomes one of paths. Bytes that are text are names of files,
    as some writers have them.

    Args:
        cells: as `read_cells` gives them.
        columns: that may hold the files.

    Returns:
        Column -> name -> content, of the columns that hold any.
    """
    found = {}
    for column in columns:
        values = list(cells[column])
        held = [value for value in values if value is not None]
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

"""Raw input for prediction: paths, globs, folders, samples, tables and values in memory, one after the other."""

import glob
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.urls import Url, as_text, is_remote
from ..errors import ConfigError, DataError, TfpipelinesError
from . import remote
from .archives import within_archive
from .source import open_source
from .source.base import SampleTable
from .source.folder import File
from .source.requests import IMAGES, TEXTS, Request

TEXT_COLUMNS = TEXTS.roles["text"]  # usual names


@dataclass(frozen=True)
class Found:
    """What one entry of the input means: samples of a source, a value in memory, or nothing that can be read.

    Args:
        name: as the user has written it; "" for a value.
        table: of the samples.
        value: as it was given, where it is no path.
        error: why there is nothing.
    """

    name: str = ""
    table: SampleTable | None = None
    value: Any = None
    error: str = ""


def walk_inputs(inputs: Any, request: Request, expected: str) -> Iterator[Found]:
    """What the raw input of a prediction means.

    Args:
        inputs: a path or glob pattern (for texts only as a `Path`, a string being a text), bytes, an array, a
            DataFrame, or anything that gives such one after the other: a list, a Series, a generator, an array of
            strings or objects.
        request: for whatever is found on disk.
        expected: the remedy for other inputs.

    Raises:
        DataError: if it is nothing of the kind.
    """
    for entry in _entries(inputs, request, expected):
        if isinstance(entry, (Path, Url)) or (isinstance(entry, str) and request.kind is not TEXTS):
            yield from _at_path(as_text(entry), request)
        else:
            yield Found(value=entry)


def _entries(inputs: Any, request: Request, expected: str) -> Iterable:
    """The inputs one by one; an array of numbers is one."""
    if isinstance(inputs, (str, Path, bytes, pd.DataFrame)):
        return [inputs]
    if not is_array(inputs):
        if isinstance(inputs, dict) or not isinstance(inputs, Iterable):
            raise DataError(f"The inputs are of type {type(inputs).__name__}.", expected)
        return inputs
    values = np.asarray(inputs)
    if request.kind is TEXTS or (request.kind is IMAGES and _holds_names(values)):
        return _listed(values, request)
    return [inputs]


def _holds_names(values: np.ndarray) -> bool:
    """Whether an array's elements are inputs of their own, and no numbers."""
    if values.dtype != object:
        return values.dtype.kind in "UST" or values.shape == (0,)
    return values.ndim < 2 or any(isinstance(value, (str, Path)) for value in values.flat)


def _listed(values: np.ndarray, request: Request) -> list:
    """The elements of an array with one dimension, or one column.

    Raises:
        DataError: for any other.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim > 1:
        what = request.kind.name if request.kind is TEXTS else "file names"
        cause = f"The array of {what} has the shape {values.shape}; expected: (n,)."
        raise DataError(cause, "Give one of its columns, or a DataFrame, whose columns have names.")
    return list(np.atleast_1d(values))


def is_missing(value: Any) -> bool:
    """Whether there is nothing: None, NaN, NaT or pandas' NA."""
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def is_array(value: Any) -> bool:
    """Whether NumPy can take it for an array, as it can a DataFrame."""
    return hasattr(value, "__array__") or hasattr(value, "__array_interface__")


def _at_path(text: str, request: Request) -> Iterator[Found]:
    if not text:
        yield Found(text, error="an empty name")
        return
    if is_remote(text):
        try:
            copy = remote.local_copy(text, remote.print_it)
        except TfpipelinesError as error:
            yield Found(text, error=" ".join(str(error).split()))
            return
        yield _read(str(copy.address), copy.path, request, copy.name)
        return
    files, path = request.kind.files, Path(text).expanduser()
    try:
        if not text.startswith("sample:"):
            path.stat()
    except FileNotFoundError:
        matches = sorted(glob.glob(str(path), recursive=True)) if glob.has_magic(text) else []
        for match in matches:
            yield from _at_path(match, request)
        if matches:
            return
        if files:
            yield Found(text, error="no file matches" if glob.has_magic(text) else "no such file")
            return
    except NotADirectoryError:  # a path through an archive, perhaps
        try:
            inner = within_archive(path)
        except TfpipelinesError as error:
            yield Found(text, error=" ".join(str(error).split()))
            return
        if inner is None:
            yield Found(text, error="no such file")
            return
        path = inner
    except (OSError, ValueError) as error:
        yield Found(text, error=getattr(error, "strerror", "") or str(error))
        return
    yield _read(text, path, request)


def _read(given: str, path: Path, request: Request, name: str = "") -> Found:
    text = name or given
    try:
        source = open_source(given, request.kind, "the input")
    except TfpipelinesError as error:
        if request.kind.files and path.is_file():
            return Found(text, File(path, text).read(request))
        if request.kind is IMAGES and isinstance(error, ConfigError):  # no such sample
            raise
        return Found(text, error=" ".join(str(error).split()))
    try:
        table = source.read(request)
    except TfpipelinesError as error:
        return Found(text, error=" ".join(str(error).split()))
    return Found(text, error="the folder holds no file") if source.tree and not len(table.frame) else Found(text, table)

"""Raw input for prediction: paths, globs, folders, samples, tables and values in memory, one after the other."""

import glob
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import ConfigError, DataError, TfpipelinesError
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
            DataFrame, or a list of such.
        request: for whatever is found on disk.
        expected: the remedy for other inputs.

    Raises:
        DataError: if it is nothing of the kind.
    """
    texts = request.kind is TEXTS
    alone = isinstance(inputs, (str, Path, bytes)) or (is_array(inputs) and not texts)
    foreign = isinstance(inputs, dict) or (texts and isinstance(inputs, pd.DataFrame))
    if foreign or not (alone or isinstance(inputs, Iterable)):
        raise DataError(f"The inputs are of type {type(inputs).__name__}.", expected)
    for entry in [inputs] if alone else inputs:
        if isinstance(entry, Path) or (isinstance(entry, str) and not texts):
            yield from _at_path(str(entry), request)
        else:
            yield Found(value=entry)


def is_array(value: Any) -> bool:
    """Whether NumPy can take it for an array, as it can a DataFrame."""
    return hasattr(value, "__array__") or hasattr(value, "__array_interface__")


def _at_path(text: str, request: Request) -> Iterator[Found]:
    files, path = request.kind.files, Path(text).expanduser()
    if not text:
        yield Found(text, error="an empty name")
        return
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
    except (OSError, ValueError) as error:
        yield Found(text, error=getattr(error, "strerror", "") or str(error))
        return
    yield _read(text, path, request)


def _read(text: str, path: Path, request: Request) -> Found:
    try:
        source = open_source(text, request.kind, "the input")
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

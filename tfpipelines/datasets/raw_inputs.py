"""Raw input for prediction: paths, globs, folders, samples, tables and values in memory, one after the other."""

import glob
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..core.urls import Url, as_text, is_remote
from ..errors import ConfigError, DataError, TfpipelinesError
from . import remote
from .archives import within_archive
from .identifying import IDENTIFIERS, identifiers_of
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

    @property
    def count(self) -> int:
        """Of samples; a value, or what cannot be read, is one."""
        return 1 if self.table is None else len(self.table.frame)

    def cut(self, start: int, stop: int) -> "Found":
        """The same with some rows of the table alone, which keeps the column that identifies all of its rows."""
        if self.table is None or (start, stop) == (0, self.count):
            return self
        places = np.arange(self.count)
        table = self.table.keep((start <= places) & (places < stop))
        if table.given is not None and self.table.given is not None:
            table.given.attrs[IDENTIFIERS] = identifiers_of(self.table.given)
        return replace(self, table=table)


class Inputs:
    """Raw inputs that are walked through once, and predicted part by part.

    Args:
        entries: as `walk_inputs` takes them.

    Attributes:
        found: what they mean, once one part was walked through; None before.
    """

    def __init__(self, entries: list[Any]):
        self.entries = entries
        self.found: list[Found] | None = None
        self._ends: list[int] = []

    def part(self, start: int, stop: int) -> "Part":
        """The inputs from one place on up to another, places counted over all rows of tables and files of folders."""
        return Part(self, start, stop)

    def take(self, found: Iterator[Found]) -> None:
        """Keeps what they mean."""
        self.found = list(found)
        self._ends = list(accumulate(entry.count for entry in self.found))

    @property
    def count(self) -> int:
        """How many there are; only once they are walked through."""
        return self._ends[-1] if self._ends else 0

    def digest(self) -> str:
        """SHA-256 of their names in order, of the sizes of their files and of their texts, to find out whether they
        have changed.
        """
        digest = hashlib.sha256()
        for entry in self.found or ():
            told = f"{entry.name}\0{entry.value}\0{entry.count}\n"
            digest.update(told.encode("utf-8", "surrogatepass"))
            if entry.table is None:
                continue
            frame, source = entry.table.frame, entry.table.source
            digest.update(f"{_size(source.path)}\n".encode())
            for item in frame["item"]:
                size = "" if source.root is None else _size(source.root / str(item))
                digest.update(f"{item}\0{size}\n".encode("utf-8", "surrogatepass"))
            for text in frame["text"] if "text" in frame else ():
                digest.update(f"{text}\0".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def cut(self, start: int, stop: int) -> Iterator[Found]:
        """What stands from one place up to another."""
        first = 0
        for entry, end in zip(self.found or (), self._ends):
            if start < end and first < stop:
                yield entry.cut(max(0, start - first), min(end, stop) - first)
            first = end


def _size(path: Path) -> int | str:
    """Of a file in bytes; "" of what is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return ""
    return found.st_size if stat.S_ISREG(found.st_mode) else ""


class Part(NamedTuple):
    """Some of the inputs, which a task predicts as it does all.

    Args:
        of: all of them.
        start, stop: the first place, and that behind the last one.
    """

    of: Inputs
    start: int
    stop: int


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
    if isinstance(inputs, Part):
        if inputs.of.found is None:
            inputs.of.take(walk_inputs(inputs.of.entries, request, expected))
        yield from inputs.of.cut(inputs.start, inputs.stop)
        return
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

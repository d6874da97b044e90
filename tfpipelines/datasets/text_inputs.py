"""Raw input for prediction: texts, files, folders, globs and tables become one list of named texts."""

import glob
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import DataError, TfpipelinesError
from .findings import Findings
from .folders import list_files
from .images import printable
from .sources import locate
from .tables import TABLES
from .text_samples import has_content
from .texts import clean_text, read_text_file, read_text_source

_EXPECTED = "Give texts, pathlib.Path objects of files, folders or tables, or a list of such."


@dataclass(frozen=True)
class RawText:
    """One text to predict.

    Args:
        item: what it is called in the output.
        text: "" if there is none.
        error: why not.
    """

    item: str
    text: str = ""
    error: str = ""


def raw_texts(
    inputs: Any, standardize: str, text_column: str | None = None, follow_links: bool = False
) -> list[RawText]:
    """The texts that `inputs` mean.

    Args:
        inputs: a text, a `Path` (file, folder, table or glob pattern, `sample:NAME`), or a list, array or Series of
            such. A string is always a text, never the name of a file. A folder stands for all files in it, a table for
            its rows.
        standardize, text_column, follow_links: the fields of the same name in `TextData`.
    """
    if isinstance(inputs, (str, Path, bytes)):
        inputs = [inputs]
    if not isinstance(inputs, Iterable) or isinstance(inputs, (dict, pd.DataFrame)):
        raise DataError(f"The inputs are of type {type(inputs).__name__}.", _EXPECTED)
    texts: list[RawText] = []
    for entry in inputs:
        if isinstance(entry, bytes):
            entry = entry.decode("utf-8", "replace")
        if isinstance(entry, Path):
            texts += _from_path(str(entry), text_column, follow_links)
        elif isinstance(entry, str):
            texts.append(RawText(str(len(texts)), clean_text(entry)))
        elif entry is None or entry != entry:
            texts.append(RawText(str(len(texts)), error="no text"))
        else:
            raise DataError(f"One of the inputs is of type {type(entry).__name__}.", _EXPECTED)
    return [
        entry
        if entry.error or has_content(entry.text, standardize)
        else RawText(entry.item, entry.text, "there is no text in it")
        for entry in texts
    ]


def _from_path(name: str, text_column: str | None, follow_links: bool) -> list[RawText]:
    path = Path(name).expanduser()
    if name.startswith("sample:"):
        return _from_table(name, text_column)
    if path.is_dir():
        found = list_files(path, follow_links, Findings())
        return [_from_file(path / item) for item in found] or [RawText(name, error="the folder holds no file")]
    if path.is_file():
        return _from_table(name, text_column) if path.suffix.lower() in TABLES else [_from_file(path)]
    matches = sorted(glob.glob(str(path), recursive=True)) if glob.has_magic(name) else []
    if matches:
        return [text for match in matches for text in _from_path(match, text_column, follow_links)]
    return [RawText(name, error="no file matches" if glob.has_magic(name) else "no such file")]


def _from_file(path: Path) -> RawText:
    try:
        return RawText(printable(path), read_text_file(path))
    except DataError as error:
        return RawText(printable(path), error=error.cause.removeprefix(f"{path}: ").rstrip("."))


def _from_table(name: str, text_column: str | None) -> list[RawText]:
    try:
        if locate(name, "the input").is_dir():
            return _from_path(str(locate(name)), text_column, False)
        table = read_text_source(name, text_column=text_column, labelled=False, training=False)
    except TfpipelinesError as error:
        return [RawText(name, error=" ".join(str(error).split()))]
    return [RawText(item, text) for item, text in zip(table.frame["item"], table.frame["text"])]

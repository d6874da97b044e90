"""Raw input for prediction: texts, files, folders, globs and tables become one list of named texts."""

from dataclasses import dataclass, replace
from typing import Any

from ..errors import DataError
from .decoding import printable
from .raw_inputs import walk_inputs
from .source.requests import TEXTS, Request
from .text_table import clean_text, has_content, normal_text, texts_of

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
    inputs: Any, text_column: str | None = None, follow_links: bool = False, normal: bool = True
) -> list[RawText]:
    """The texts that `inputs` mean.

    Args:
        inputs: a text, a `Path` (file, folder, table or glob pattern, `sample:NAME`), or a list, array or Series of
            such. A string is always a text, never the name of a file. A folder stands for all files in it, a table for
            its rows.
        text_column, follow_links: the fields of the same name in `TextData`.
        normal: whether texts are brought into the one form of `normal_text`.
    """
    texts: list[RawText] = []
    form = normal_text if normal else str
    for found in walk_inputs(inputs, Request.to_predict(TEXTS, {"text": text_column}, follow_links), _EXPECTED):
        value = found.value.decode("utf-8", "replace") if isinstance(found.value, bytes) else found.value
        if found.error:
            texts.append(RawText(found.name, error=found.error))
        elif found.table is not None:
            names = [printable(found.table.source.name(item)) for item in found.table.frame["item"]]
            texts += [RawText(name, *entry) for name, entry in zip(names, texts_of(found.table, normal))]
        elif isinstance(value, str):
            texts.append(RawText(str(len(texts)), form(clean_text(value))))
        elif value is None or value != value:
            texts.append(RawText(str(len(texts)), error="no text"))
        else:
            raise DataError(f"One of the inputs is of type {type(value).__name__}.", _EXPECTED)
    empty = lambda entry: not entry.error and not has_content(entry.text)
    return [replace(entry, error="there is no text in it") if empty(entry) else entry for entry in texts]

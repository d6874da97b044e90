"""Raw input for prediction: texts, files, folders, globs and tables become one list of named texts."""

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ..errors import DataError
from .decoding import printable
from .identifying import is_missing
from .input_columns import Origin
from .raw_inputs import walk_inputs
from .source.base import SampleTable
from .source.requests import TEXTS, Request
from .source.table import Frame
from .table_files import PLAIN, TableForm
from .text_form import TextForm
from .text_table import clean_text, has_content, texts_of

_FORM = TextForm()
_EXPECTED = "Give texts, pathlib.Path objects of files, folders or tables, a DataFrame, or a list of such."


@dataclass(frozen=True)
class RawText:
    """One text to predict.

    Args:
        item: what it is called in the output.
        text: "" if there is none.
        error: why not.
        origin: the row of a table that it comes from.
    """

    item: str
    text: str = ""
    error: str = ""
    origin: Origin | None = None


def raw_texts(
    inputs: Any,
    text_column: str | tuple[str, ...] | None = None,
    follow_links: bool = False,
    form: TextForm = _FORM,
    tables: TableForm = PLAIN,
) -> list[RawText]:
    """The texts that `inputs` mean.

    Args:
        inputs: a text, a `Path` (file, folder, table or glob pattern, `sample:NAME`), a DataFrame, or a list, array or
            Series of such. A string is always a text, never the name of a file. A folder stands for all files in it, a
            table or DataFrame for its rows. None, NaN and NA are inputs without a text.
        text_column, follow_links: the fields of the same name in `TextData`.
        form: that texts are brought into.
        tables: how tables are written.

    Raises:
        DataError: if one is of a type that is no text, or a DataFrame has no column of texts.
    """
    texts: list[RawText] = []
    request = Request.to_predict(TEXTS, {"text": text_column}, follow_links, form=tables)
    for found in walk_inputs(inputs, request, _EXPECTED):
        value = found.value.decode("utf-8", "replace") if isinstance(found.value, bytes) else found.value
        if found.error:
            texts.append(RawText(found.name, error=found.error))
        elif found.table is not None:
            texts += _of_table(found.table, form)
        elif isinstance(value, pd.DataFrame):
            texts += _of_table(Frame(value).read(request), form) if len(value) else []
        elif isinstance(value, str):
            texts.append(RawText(str(len(texts)), form(clean_text(value))))
        elif is_missing(value):
            texts.append(RawText(str(len(texts)), error="no text"))
        else:
            raise DataError(f"One of the inputs is of type {type(value).__name__}.", _EXPECTED)
    empty = lambda entry: not entry.error and not has_content(entry.text)
    return [replace(entry, error="there is no text in it") if empty(entry) else entry for entry in texts]


def _of_table(table: SampleTable, form: TextForm) -> list[RawText]:
    given = table.given
    rows = enumerate(zip(table.frame["item"], texts_of(table, form)))
    origin = lambda row: None if given is None else Origin(given, row)
    return [RawText(printable(table.source.name(item)), *text, origin(row)) for row, (item, text) in rows]

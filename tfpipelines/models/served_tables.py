"""Models for tables as others run them: raw columns with names, or numbers and codes."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ..datasets.columns.dates import __doc__ as DATES
from .serving import ServedInput, from_network
from .table_preprocessing import TablePreprocessor

_WORDS = (
    "Categories are strings without space around them, in Unicode's form NFC; an empty string where one is missing. "
    "Values that training has not seen count as unknown."
)
_NUMBERS = "Numbers are float32, raw, in their own units, with a decimal point; NaN where one is missing"
_READ = "Booleans are 0 and 1"
_DATES = "a date is several numbers, named by its column: " + " ".join(
    line.strip() for line in (DATES or "").splitlines()[4:]
)
_TEXTS = "a text is a 1 for each word of the vocabulary that occurs in it, in small letters, else 0"


class TableRow(NamedTuple):
    """A row of a table.

    Args:
        numbers: float32 (numbers,).
        codes: int32 (categories,).
        words: the categories as they are written.
        cells: of each column of the table, as it was read.
    """

    numbers: np.ndarray
    codes: np.ndarray
    words: Sequence[str]
    cells: Mapping[str, Any] = {}


class ServedTable(ServedInput):
    """Rows of a table: an input for each column, or `numbers` and `codes` where the format has no strings.

    Args:
        preprocessor: that the model begins with.
    """

    def __init__(self, model: keras.Model, preprocessor: TablePreprocessor):
        super().__init__(model)
        self.preprocessor = preprocessor

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(tensor.name for tensor in self.model.inputs)

    @cached_property
    def part(self) -> keras.Model:
        return from_network(self.model)

    def specs(self, whole: bool) -> dict[str, tf.TensorSpec]:
        inputs = (self.model if whole else self.part).inputs
        return {tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype, tensor.name) for tensor in inputs}

    def arguments(self, tensors: Any, whole: bool) -> Any:
        return dict(zip(self.names, tensors)) if whole else super().arguments(tensors, whole)

    def feed(self, sample: TableRow, whole: bool) -> dict[str, np.ndarray]:
        if whole:
            fed = self.preprocessor.feed(sample.numbers, sample.words)
            return {name: fed[name] for name in self.names}
        parts = {"numbers": sample.numbers[None], "codes": sample.codes[None]}
        return {tensor.name: parts[tensor.name] for tensor in self.part.inputs}

    def words(self, whole: bool) -> list[str]:
        kinds = {column.kind for column in self.preprocessor.columns.columns}
        read = [_READ] if "boolean" in kinds else []
        read += [_DATES] if "date" in kinds else []
        read += [_TEXTS] if "text" in kinds else []
        numbers = f"{'; '.join([_NUMBERS, *read])}." if self.preprocessor.number_names else ""
        if whole:
            named = ", ".join(f"{name}: {column}" for name, column in self._inputs.items() if name != column)
            renamed = f"Inputs are named as their columns, in characters that graphs allow: {named}." if named else ""
            words = _WORDS if self.preprocessor.category_names else ""
            return [told for told in (numbers, words, renamed) if told]
        file = "The vocabulary file, vocabulary.json, names the columns in their order, and the code of each category."
        codes = "A code is int32; 0: missing or unknown." if self.preprocessor.category_names else ""
        return [told for told in (numbers, file, codes) if told]

    def files(self) -> dict[str, str]:
        columns = self.preprocessor.columns
        codes = [{"column": column.name, "values": ["", *column.vocabulary]} for column in columns.categories]
        content = {
            "rule": "numbers are the columns of `numbers` in this order, NaN where one is missing; codes are the "
            "places of values in `values` of each of `codes`, 0 where a value is missing or not among them.",
            "numbers": columns.numbers,
            "codes": codes,
            "inputs": self._inputs,
            "read": columns.facts(),
        }
        return {"vocabulary.json": json.dumps(content, indent=1, ensure_ascii=False) + "\n"}

    def facts(self) -> dict[str, Any]:
        return {"takes": "row", "columns": self.preprocessor.columns.names}

    def raw(self, sample: TableRow) -> dict[str, Any]:
        missing = lambda cell: cell is None or cell != cell
        return {name: None if missing(cell) else str(cell) for name, cell in sample.cells.items()}

    @property
    def _inputs(self) -> dict[str, str]:
        """Input of the whole graph -> the column that it is."""
        preprocessor = self.preprocessor
        numbers = dict(zip(preprocessor.number_names, preprocessor.columns.numbers))
        return numbers | dict(zip(preprocessor.category_names, preprocessor.of_categories))

"""What happens to the columns of a table before the network sees them: the lookup of categories, in plain Keras."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..datasets.columns.encoder import Columns

if TYPE_CHECKING:
    import keras

_UNSAFE = re.compile(r"\W+", re.ASCII)


def safe_names(names: Sequence[str]) -> list[str]:
    """Names that inputs of a graph may have, one for each column, no two alike.

    Letters of ASCII, digits and underscores stay; what stands between them becomes one underscore. Of two that become
    the same, the later one gets a number; names that differ in capital letters alone count as the same.
    """
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        stem = _UNSAFE.sub("_", name).strip("_")
        stem = stem if stem and not stem[0].isdigit() else f"x_{stem}".rstrip("_")
        free, number = stem, 2
        while free.lower() in taken:
            free, number = f"{stem}_{number}", number + 1
        taken.add(free.lower())
        found.append(free)
    return found


class TablePreprocessor:
    """Raw columns, one named input each -> `numbers` and `codes`, as a network for tables takes them.

    Numbers are float32 (batch, 1), NaN where one is missing; dates and texts are the numbers that reading makes of
    them. Categories are strings (batch, 1), "" where one is missing.

    Args:
        columns: how the columns of the training table are encoded.

    Attributes:
        prefix: of the names of a model's layers that are no inputs: inputs, which are called as columns are, hold no
            hyphen.
    """

    prefix = "model-"

    def __init__(self, columns: Columns):
        self.columns = columns
        self.of_categories = [column.name for column in columns.categories]
        names = safe_names([*columns.numbers, *self.of_categories])
        self.number_names, self.category_names = names[: len(columns.numbers)], names[len(columns.numbers) :]

    def input(self) -> "dict[str, keras.KerasTensor]":
        """The symbolic inputs, by name."""
        import keras

        numbers = {name: keras.Input((1,), dtype="float32", name=name) for name in self.number_names}
        return numbers | {name: keras.Input((1,), dtype="string", name=name) for name in self.category_names}

    def symbolic(self, inputs: "dict[str, keras.KerasTensor]") -> "keras.KerasTensor | list[keras.KerasTensor]":
        """Columns -> `numbers` float32 (batch, numbers) and `codes` int32 (batch, categories), or the one there is."""
        import keras

        parts = []
        if self.number_names:
            parts.append(_joined([inputs[name] for name in self.number_names], "numbers"))
        if self.category_names:
            # Names of layers are those of inputs with a mark that no input has.
            looked_up = [
                keras.layers.StringLookup(
                    vocabulary=list(column.vocabulary) or ["\0"], num_oov_indices=1, name=f"lookup-{name}"
                )(inputs[name])
                for name, column in zip(self.category_names, self.columns.categories)
            ]
            parts.append(keras.ops.cast(_joined(looked_up, "codes"), "int32"))
        return parts if len(parts) > 1 else parts[0]

    def feed(self, numbers: np.ndarray, words: Sequence[str]) -> dict[str, np.ndarray]:
        """One row as the whole graph takes it.

        Args:
            numbers: float32 (numbers,).
            words: of the categories.
        """
        fed = {name: np.array([[value]], np.float32) for name, value in zip(self.number_names, numbers)}
        return fed | {name: np.array([[word]], object) for name, word in zip(self.category_names, words)}


def _joined(columns: "list[keras.KerasTensor]", name: str) -> "keras.KerasTensor":
    import keras

    if len(columns) == 1:
        return columns[0]
    return keras.layers.Concatenate(name=f"join-{name}")(columns)


def columns_of(model: "keras.Model") -> tuple[list[str], dict[str, list[str]]]:
    """The inputs of a model for tables: names of the numbers, in the order that its network takes them, and the
    vocabulary of each category, in the same order.
    """
    names = {layer.name for layer in model.layers}

    def ordered(kind: str, among: list[str]) -> list[str]:
        if f"join-{kind}" not in names:
            return among
        return [_source(tensor) for tensor in model.get_layer(f"join-{kind}").input]

    strings = [tensor.name for tensor in model.inputs if tensor.dtype == "string"]
    numbers = [tensor.name for tensor in model.inputs if tensor.dtype != "string"]
    looked_up = ordered("codes", strings)
    vocabularies = {name: model.get_layer(f"lookup-{name}").get_vocabulary()[1:] for name in looked_up}
    return ordered("numbers", numbers), vocabularies


def _source(tensor: "keras.KerasTensor") -> str:
    """The input that a number is, or that a code was looked up from."""
    return tensor._keras_history.operation.name.removeprefix("lookup-")

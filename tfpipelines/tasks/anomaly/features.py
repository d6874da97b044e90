"""What a detector sees of encoded columns: numbers as they are, and a column of 0 and 1 for each value of a category.

A code that stands for no number would have distances. A missing value, and one that no training row has, are columns of
their own: they are what a detector is to find. So is a missing number that is filled. A boolean is a category of two
values, false and true.
"""

import numpy as np
import pandas as pd

from ...datasets.columns.column import Column
from ...datasets.columns.encoder import Columns, Encoded

_MISSING, _UNKNOWN = "(missing)", "(unknown)"
_BOOLEAN: tuple[str, ...] = (_MISSING, "false", "true")


def _places(columns: Columns) -> list[int]:
    """Which columns of numbers count as such: not booleans, nor the days of a date, which are always new."""
    kinds = [(column.kind, part) for column in columns.columns for part in range(len(column.features))]
    return [place for place, (kind, part) in enumerate(kinds) if kind != "boolean" and (kind != "date" or part)]


def _is_marked(column: Column) -> bool:
    """Whether a column of 0 and 1 says where it is filled."""
    return bool(column.fill) and column.kind != "boolean"


def missing(encoded: Encoded, columns: Columns) -> pd.DataFrame:
    """Which cells lack a number that is needed, see `Columns.missing`: missing booleans have a column of their own."""
    return columns.missing(encoded).drop(columns=[one.name for one in columns.columns if one.kind == "boolean"],
                                         errors="ignore")  # fmt: skip


def needed_numbers(columns: Columns) -> dict[str, int]:
    """The columns that `missing` looks at, and where the first number of each is."""
    places, place = {}, 0
    for column in columns.columns:
        if column.features and not column.fill and column.kind != "boolean":
            places[column.name] = place
        place += len(column.features)
    return places


def feature_names(columns: Columns) -> list[str]:
    """Of the columns of `features`."""
    names = [columns.numbers[place] for place in _places(columns)]
    names += [f"{column.name}: {_MISSING}" for column in columns.columns if _is_marked(column)]
    values = [(column.name, _BOOLEAN) for column in columns.columns if column.kind == "boolean"]
    values += [(column.name, (_MISSING, *column.vocabulary, _UNKNOWN)) for column in columns.categories]
    return names + [f"{name}: {value}" for name, these in values for value in these]


def feature_groups(columns: Columns) -> tuple[np.ndarray, int]:
    """Which features are of one column of the table, int64 (features,), by the number of their column; and how many
    features are numbers as they are, which come first: others are columns of 0 and 1.
    """
    owner = [number for number, column in enumerate(columns.columns) for _ in column.features]
    found = [owner[place] for place in _places(columns)]
    numbers = len(found)
    number_of = {column.name: number for number, column in enumerate(columns.columns)}
    found += [number_of[column.name] for column in columns.columns if _is_marked(column)]
    for column in columns.columns:
        found += [number_of[column.name]] * len(_BOOLEAN) if column.kind == "boolean" else []
    for column in columns.categories:
        found += [number_of[column.name]] * (len(column.vocabulary) + 2)
    return np.array(found, np.int64), numbers


def features(encoded: Encoded, columns: Columns) -> np.ndarray:
    """Encoded rows as a detector takes them, float32 (rows, features), NaN where a number is missing and not filled."""
    numbers, place = encoded.numbers.copy(), 0
    gaps: list[np.ndarray] = []
    booleans: list[np.ndarray] = []
    for column in columns.columns:
        part = numbers[:, place : (place := place + len(column.features))]
        if column.kind == "boolean":
            booleans.append(np.concatenate([np.isnan(part), part == 0, part == 1], 1))
        elif column.fill:
            gaps.append(np.isnan(part[:, :1]))
            part[:] = np.where(gaps[-1], np.array(column.fill, np.float32), part)
    parts = [numbers[:, _places(columns)], *gaps, *booleans]
    for column, codes in zip(columns.categories, encoded.codes.T):
        last = len(column.vocabulary) + 1
        codes = np.where(encoded.unseen.get(column.name, False), last, codes)
        parts.append(codes[:, None] == np.arange(last + 1))
    return np.ascontiguousarray(np.concatenate([np.asarray(part, np.float32) for part in parts], 1))


def weighed(deviation: np.ndarray, share: np.ndarray, columns: Columns, rows: int) -> np.ndarray:
    """The deviations by which features are divided, with those of marks by how rare they are.

    A mark, a column of 0 and 1, is as far away as it is improbable: the square of its distance is -2 log of its share
    among the training rows, as the square of a normally distributed number is -2 log of its density. By its standard
    deviation a value of one row in a hundred would be ten away. What no row has counts as one of `rows` + 1.

    Args:
        deviation: of each feature, float64 (features,).
        share: mean of each feature over the training rows.
        rows: training rows.
    """
    marks = len(_places(columns))
    rare = np.clip(np.minimum(share, 1 - share)[marks:], 1 / (rows + 1), 0.5)
    return np.concatenate([deviation[:marks], (1 - rare) / np.sqrt(-2 * np.log(rare))])

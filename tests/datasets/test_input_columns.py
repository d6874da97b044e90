"""Which row of a table a prediction comes from, and what stands there."""

import pandas as pd
import pytest

from tfpipelines.datasets.identifying import identifiers_of
from tfpipelines.datasets.input_columns import Origin, input_columns

PLANTS = pd.DataFrame({"id": [7, 8, 9], "name": ["oak", None, "elm"], "height": [1.5, 2.0, 3.0]})
PRICES = pd.DataFrame({"id": ["a", "b"], "price": [1, 2]})


@pytest.mark.parametrize(
    "columns, found",
    [
        ({"id": [1, 2]}, ["id"]),
        ({"ID": [1, 2]}, ["ID"]),
        ({"review_id": [1, 2], "uuid": ["x", "y"]}, ["uuid"]),
        ({"user_id": [1, 1], "review_id": [1, 2]}, ["review_id"]),
        ({"id": [1, 1], "key": ["a", "b"]}, ["key"]),
        ({"id": [1, 1]}, []),
        ({"id": ["1", None]}, []),
        ({"id": ["1", " "]}, []),
        ({"idea": [1, 2], "number": [1, 2]}, []),
    ],
)
def test_what_identifies_rows(columns, found):
    assert identifiers_of(pd.DataFrame(columns)) == found


def test_columns_of_one_table_keep_their_types():
    origins = [Origin(PLANTS, 2), Origin(PLANTS, 0), Origin(PLANTS, 0)]
    assert input_columns(origins, everything=False).to_dict("list") == {"id": [9, 7, 7]}
    kept = input_columns(origins, everything=True)
    assert list(kept.columns) == ["id", "name", "height"] and list(kept.dtypes) == list(PLANTS.dtypes)
    assert kept["name"].tolist() == ["elm", "oak", "oak"] and list(kept.index) == [0, 1, 2]


def test_columns_of_several_tables_and_of_none():
    origins = [Origin(PLANTS, 1), None, Origin(PRICES, 0)]
    kept = input_columns(origins, everything=True)
    assert kept.to_dict("list") == {
        "id": [8, None, "a"],
        "name": [None, None, None],
        "height": [2.0, None, None],
        "price": [None, None, 1],
    }
    assert list(input_columns(origins, everything=False).columns) == ["id"]
    assert input_columns([None, None], everything=True).shape == (2, 0) == input_columns([None, None], False).shape
    assert input_columns([], everything=True).shape == (0, 0)

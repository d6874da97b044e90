"""Rows encoded one by one are what a table of them is."""

from pathlib import Path

import numpy as np
import pandas as pd

from tfpipelines.datasets import Columns, RowEncoder
from tfpipelines.datasets.columns import single_rows
from tfpipelines.datasets.columns.column import Column
from tfpipelines.datasets.table_cells import table_of

COLUMNS = Columns(
    [
        Column("size", "number"),
        Column("price", "number", commas="decimal", fill=(2.5,)),
        Column("new", "boolean"),
        Column("town", "category", vocabulary=("Bern", "K\u00f6ln")),
        Column("seen", "date", order="day", first="2020-01-01", clock=True),
        Column("note", "text", vocabulary=("cracked", "old")),
        Column("kind", "category", vocabulary=("1", "2")),
    ]
)
TABLE = pd.DataFrame(
    {
        "kind": [1, 2, 3, None, 1, 2],
        "size": ["1.5", " -2e3 ", None, "n/a", "1e99", "word"],
        "price": ["1,5", "1.234,5", "2", "-", "1.234", "0,25"],
        "new": ["yes", "FALSE", None, "0", "perhaps", "True"],
        "town": ["Bern", " Ko\u0308ln ", "Oslo", None, "?", "Bern"],
        "seen": ["01/02/2021 10:00", "2021-02-03", None, "31/31/2020", "13/02/2020 23:59", "word"],
        "note": ["an OLD one", None, "cracked, old", "new", "", "Cracked"],
        "other": list("abcdef"),
    },
    dtype=object,
)


def same(found, expected):
    np.testing.assert_array_equal(found.numbers, expected.numbers)
    np.testing.assert_array_equal(found.codes, expected.codes)
    assert found.numbers.dtype == expected.numbers.dtype and found.codes.dtype == expected.codes.dtype
    for name in {*found.unseen, *expected.unseen}:
        np.testing.assert_array_equal(found.unseen[name], expected.unseen[name])


def test_every_kind_of_column():
    expected = COLUMNS.transform(table_of(TABLE, Path("t")))
    assert expected.unseen and np.isnan(expected.numbers).any() and np.isfinite(expected.numbers).any(0).all()
    rows, encoder = TABLE.to_dict("records"), RowEncoder(COLUMNS)
    same(encoder.encode(rows), expected)
    same(encoder.encode(rows), expected)  # from what it remembers
    for number, row in enumerate(rows):
        one = encoder.encode([row])
        np.testing.assert_array_equal(one.numbers[0], expected.numbers[number])
        np.testing.assert_array_equal(one.codes[0], expected.codes[number])


def test_what_a_row_lacks_is_missing():
    encoded = RowEncoder(COLUMNS).encode([{}, {"size": 3}])
    assert np.isnan(encoded.numbers[0][:3]).all() and encoded.numbers[1][0] == 3 and not encoded.codes.any()
    assert RowEncoder(COLUMNS).encode([]).numbers.shape == (0, len(COLUMNS.numbers))


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr("tfpipelines.datasets.columns.single_rows._KNOWN", 2)
    encoder = RowEncoder(COLUMNS)
    towns = [{"town": name} for name in ("Bern", "Oslo", "K\u00f6ln", "Rome", "K\u00f6ln")]
    assert encoder.encode(towns).codes[:, 0].tolist() == [1, 0, 2, 0, 2]


def test_long_cells_are_not_remembered(monkeypatch):
    made = []
    codes_of = single_rows.codes_of
    monkeypatch.setattr(
        single_rows, "codes_of", lambda column, cells: made.append(column.name) or codes_of(column, cells)
    )
    encoder = RowEncoder(COLUMNS)
    for town in ("a" * 201, "a" * 200) * 2:
        assert encoder.encode([{"town": town}]).unseen["town"].all()
    assert made.count("town") == 3

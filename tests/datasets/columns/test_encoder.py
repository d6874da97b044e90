"""From cells to numbers and codes."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfpipelines import datasets, models
from tfpipelines.datasets.columns.column import Column
from tfpipelines.datasets.columns.dates import date_parts
from tfpipelines.datasets.columns.types import choose_columns
from tfpipelines.datasets.table_cells import table_of
from tfpipelines.errors import DataError

TABLE = pd.DataFrame(
    {
        "size of it": ["1,5", "2,25", None, "4,0", "7,5", "1,0"],
        "city": ["Rome", " Rome ", "Ko\u0308ln", "K\u00f6ln", None, "Bern"],
        "when": ["01/02/2020", "13/02/2020", "14/03/2021", "?", "01/02/2020", "02/01/2022"],
        "new": ["yes", "no", "YES", None, "no", "no"],
    }
)


def cells_of(frame):
    return table_of(frame, Path("t"))


def fitted(frame=TABLE, train=None, types=None, **fields):
    cells, findings = cells_of(frame), datasets.Findings()
    from tfpipelines.datasets.cells import with_decimal_points

    cells = with_decimal_points(cells, set(), findings)
    kinds = choose_columns(cells, [], columns=None, excluded=None, types=types or {}, findings=findings)
    mask = np.arange(len(frame)) < (len(frame) if train is None else train)
    return datasets.Columns.fit(cells, kinds, mask, **fields)


def told_of(columns, frame):
    """Findings by code."""
    findings = datasets.Findings()
    datasets.tell_unseen(columns.transform(cells_of(frame), findings), "new rows", findings)
    return {entry.code: entry for entry in findings.entries}


def test_numbers_and_codes():
    columns = fitted()
    encoded = columns.transform(cells_of(TABLE))
    dates = [f"when: {part}" for part in ("days", "year part", "month", "weekday")]
    assert columns.numbers == ["size of it", *dates, "new"]
    assert columns.categories[0].vocabulary == ("Bern", "K\u00f6ln", "Rome")
    assert encoded.codes[:, 0].tolist() == [3, 3, 2, 2, 0, 1]
    np.testing.assert_array_equal(encoded.numbers[:, 0], np.float32([1.5, 2.25, np.nan, 4, 7.5, 1]))
    np.testing.assert_array_equal(encoded.numbers[:, 1], np.float32([0, 12, 407, np.nan, 0, 701]))  # day first
    np.testing.assert_array_equal(encoded.numbers[:, -1], np.float32([1, 0, 1, np.nan, 0, 0]))


def test_only_training_rows_tell():
    columns = fitted(train=4)
    encoded = columns.transform(cells_of(TABLE))
    assert columns.categories[0].vocabulary == ("K\u00f6ln", "Rome")
    assert encoded.codes[-1, 0] == 0 and {name: rows.sum() for name, rows in encoded.unseen.items()} == {"city": 1}
    findings = datasets.Findings()
    datasets.tell_unseen(encoded, "new rows", findings)
    assert "city (1)" in findings.entries[0].message


def test_cells_that_are_not_read_are_counted_and_told():
    rows = 60
    mixed = ["abc" if row == 3 else str(row / 2) for row in range(rows)]
    infinite = ["inf" if row == 4 else "1e300" if row == 5 else str(row / 4) for row in range(rows)]
    frame = pd.DataFrame({"mixed": mixed, "infinite": infinite, "new": ["yes", "no", None] * 20})
    frame["when"] = pd.date_range("2024-01-01", periods=rows).astype(str)
    columns = fitted(frame)
    told = told_of(columns, frame)
    assert told["words_among_numbers"].items == ("line 4: 'abc'",)
    assert told["infinite"].items == ("line 5: 'inf'", "line 6: '1e300'")
    assert told.keys() == {"words_among_numbers", "infinite"}
    other = pd.DataFrame({"mixed": ["1", "NA"], "infinite": ["2", None], "new": ["perhaps", "?"], "when": ["soon", ""]})
    encoded, told = columns.transform(cells_of(other)), told_of(columns, other)
    assert {name: len(one) for name, one in encoded.unread.items()} == {"new": 1, "when": 1}
    assert "'new' holds words among its booleans in 1 cell" in told["words_among_booleans"].message
    assert told["words_among_dates"].severity == "warning" and told["words_among_dates"].items == ("line 1: 'soon'",)


def test_any_order_and_further_columns_restored_from_facts():
    columns = fitted()
    again = datasets.Columns.of_facts(json.loads(json.dumps(columns.facts())))
    other = again.transform(cells_of(TABLE[TABLE.columns[::-1]].assign(more=1)))
    first = columns.transform(cells_of(TABLE))
    np.testing.assert_array_equal(other.numbers, first.numbers)
    np.testing.assert_array_equal(other.codes, first.codes)
    with pytest.raises(DataError, match="no column 'city'"):
        again.transform(cells_of(TABLE.drop(columns="city")))
    with pytest.raises(DataError, match="lacks 2 columns: city, new"):
        again.transform(cells_of(TABLE.drop(columns=["city", "new"])))


def test_one_row_is_read_as_the_training_table():
    """Neither the order of day and month nor the use of a comma is told by one row."""
    columns = fitted()
    for row in range(len(TABLE)):
        one = columns.transform(cells_of(TABLE.iloc[[row]]))
        np.testing.assert_array_equal(one.numbers[0], columns.transform(cells_of(TABLE)).numbers[row])
    thousands = fitted(pd.DataFrame({"a": ["1,234.5", "12,000", "3"] * 9, "b": list("xyz") * 9}))
    assert thousands.transform(cells_of(pd.DataFrame({"a": ["1,234"], "b": ["x"]}))).numbers[0, 0] == 1234
    german = fitted(pd.DataFrame({"a": ["1.234,5", "0,5", "3"] * 9, "b": list("xyz") * 9}))
    assert german.transform(cells_of(pd.DataFrame({"a": ["1.234"], "b": ["x"]}))).numbers[0, 0] == 1234


def test_many_categories_keep_the_frequent_ones():
    words = [f"w{number}" for number in range(10_000)] + ["often"] * 5
    columns = fitted(pd.DataFrame({"a": words}), types={"a": "category"}, most=50)
    assert len(columns.categories[0].vocabulary) == 50 and "often" in columns.categories[0].vocabulary
    assert fitted(pd.DataFrame({"a": words}), types={"a": "category"}, min_count=2).cardinalities == [1]


def test_texts_become_their_frequent_words():
    texts = [f"a {'red' if row % 2 else 'blue'} house number {row}" for row in range(60)]
    columns = fitted(pd.DataFrame({"a": texts}))
    assert columns.numbers == ["a: blue", "a: house", "a: number", "a: red"]
    assert columns.transform(cells_of(pd.DataFrame({"a": ["Red boat", None]}))).numbers.tolist() == [
        [0, 0, 0, 1],
        [0] * 4,
    ]


def test_dates_fit_float32():
    dates = pd.Series(pd.to_datetime(["2024-12-31 18:30", None, "2024-01-01 00:00"], utc=True))
    parts = date_parts(dates, "2020-01-01", True)
    assert parts.dtype == np.float32 and np.isnan(parts[1]).all()
    np.testing.assert_allclose(parts[0], [1826.7708, (365 + 18.5 / 24) / 366, 12, 1, 18.5], rtol=1e-6)
    assert parts[2].tolist() == [1461, 0, 1, 0, 0]


@pytest.mark.parametrize("form", ["%Y", "%y"])
def test_dates_of_one_column_are_read_in_one_order(form):
    """Training has no dates that end with the year: the rows to predict tell the order, or such cells are missing."""
    when = pd.date_range("2024-01-01", periods=60)
    columns = fitted(pd.DataFrame({"when": when.astype(str)}))
    assert columns.columns[0].order is None
    days = lambda *cells: columns.transform(cells_of(pd.DataFrame({"when": cells}))).numbers[:, 0].tolist()
    year = when[0].strftime(form)
    assert days(f"01/02/{year}", f"13/02/{year}", "2024-02-01") == [31, 43, 31]
    assert days(f"01/02/{year}", f"02/13/{year}", "2024-02-01") == [1, 43, 31]
    other = pd.DataFrame({"when": [f"01/02/{year}", f"05/02/{year}", "2024-02-01", "3 Feb 2024", "02/02/2024"]})
    both = pd.DataFrame({"when": ["13/02/2024", "02/13/2024"]})
    for cells in (other, pd.concat([other, both], ignore_index=True)):
        encoded = columns.transform(cells_of(cells))
        assert np.isnan(encoded.numbers[:2, 0]).all() and len(encoded.unread["when"]) >= 2
        assert encoded.numbers[2:5, 0].tolist() == [31, 33, 32]
    assert "words_among_dates" in told_of(columns, other)


def test_columns_that_tell_the_target_and_copies():
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.random(300), "word": random.choice(list("uvw"), 300)})
    frame = frame.assign(leak=frame["word"].map({"u": "1st", "v": "2nd", "w": "3rd"}), copy=frame["a"])
    columns = fitted(frame)
    encoded, findings = columns.transform(cells_of(frame)), datasets.Findings()
    rows, targets = np.arange(300), frame["word"].map({"u": 0, "v": 1, "w": 2}).to_numpy()
    datasets.look_for_leaks(encoded, columns, targets, rows, findings)
    assert findings.entries[0].code == "target_leak" and "word (1.000), leak (1.000)" in findings.entries[0].message
    findings = datasets.Findings()
    datasets.look_for_leaks(encoded, columns, frame["a"].to_numpy() * 3, rows, findings)
    assert "a (" in findings.entries[0].message and "copy (" in findings.entries[0].message
    findings = datasets.Findings()
    datasets.look_for_leaks(encoded, columns, random.integers(0, 2, 300), rows, findings)
    datasets.look_for_copies(encoded, columns, rows, findings)
    assert [entry.message for entry in findings.entries] == [
        "Columns that are equal in all training rows: copy equals a, leak equals word"
    ]


def test_columns_that_tell_one_of_several_labels():
    random = np.random.default_rng(0)
    labels = random.random((300, 30)) < 0.3
    labels[:, 7] = np.arange(300) == 3  # by chance, a column may tell a row
    frame = pd.DataFrame({"a": random.random(300), "leak": np.where(labels[:, 2], "sick", "well")})
    columns, findings = fitted(frame), datasets.Findings()
    encoded = columns.transform(cells_of(frame))
    names = [f"label{number}" for number in range(30)]
    datasets.look_for_leaks(encoded, columns, labels.astype(np.float32), np.arange(300), findings, names)
    (found,) = findings.entries
    assert found.code == "target_leak" and "One column tells a label alone: leak (label2 1.000)" in found.message
    assert "ROC" in found.message and "data.exclude=[leak]" in found.remedy
    findings = datasets.Findings()
    datasets.look_for_leaks(encoded, columns, labels[:, 5:].astype(np.float32), np.arange(300), findings, names[5:])
    assert not findings.entries


def test_the_graph_looks_up_the_same(tmp_path):
    import keras
    import tensorflow as tf

    columns, cells = fitted(), cells_of(TABLE)
    encoded, preprocessor = columns.transform(cells), models.TablePreprocessor(columns)
    inputs = preprocessor.input()
    assert list(inputs) == ["size_of_it", "when_days", "when_year_part", "when_month", "when_weekday", "new", "city"]
    keras.Model(inputs, preprocessor.symbolic(inputs)).save(tmp_path / "m.keras")
    model = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    words = columns.cleaned(cells)
    for row in range(len(TABLE)):
        fed = preprocessor.feed(encoded.numbers[row], [words[name][row] for name in preprocessor.of_categories])
        numbers, codes = model({name: tf.constant(value) for name, value in fed.items()})
        np.testing.assert_array_equal(numbers[0], encoded.numbers[row])
        np.testing.assert_array_equal(codes[0], encoded.codes[row])


def test_safe_names_do_not_collide():
    from tfpipelines.models.table_preprocessing import safe_names

    names = safe_names(["a b", "a_b", "A b", "\u00e9", "", "1x", "a b_2", "a.b"])
    assert names[:2] == ["a_b", "a_b_2"] and len({name.lower() for name in names}) == len(names)
    assert all(name.isidentifier() and name.isascii() for name in names)


def test_values_outside_of_a_vocabulary_are_counted_apart_for_training_and_other_rows():
    cells = cells_of(pd.DataFrame({"code": [*["a"] * 6, *["b", "c", "d", "e"], *["a", "x", "b"]]}))
    train = np.arange(13) < 10
    columns = datasets.Columns.fit(cells, {"code": "category"}, train, min_count=1, most=1)
    findings = datasets.Findings()
    datasets.tell_unseen(columns.transform(cells), "other rows", findings, train)
    told = {entry.code: entry for entry in findings.entries}
    assert told["unseen_categories"].items == ("code (2)",)
    assert told["rare_categories"].items == ("code (40%)",) and "data.categories" in told["rare_categories"].remedy


def test_columns_that_become_equally_named_numbers_are_told_apart():
    columns = datasets.Columns([Column("note", "text", ("hot", "cold")), Column("note: hot", "number")])
    cells = pd.DataFrame({"note": ["hot", "cold", "cold"], "note: hot": ["7", None, "9"]})
    encoded = columns.transform(cells)
    assert columns.missing(encoded)["note: hot"].tolist() == [False, True, False]
    assert [column.fill for column in columns.filled(encoded.numbers).columns] == [(0, 1), (8,)]

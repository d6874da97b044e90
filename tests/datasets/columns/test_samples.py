"""From a table to its samples: in which columns commas are those of numbers."""

import numpy as np
import pandas as pd
import pytest

from tfpipelines import datasets
from tfpipelines.core.config.tables import TableData
from tfpipelines.errors import DataError

ROWS = 60
RANDOM = np.random.default_rng(0)
COMMAS = [f"{value:.2f}".replace(".", ",") for value in RANDOM.random(ROWS) * 100]


def read(tmp_path, columns=None, **cells):
    """A table's samples, and the findings by code."""
    fields = {name: cells.pop(name) for name in ("types", "exclude", "time_format") if name in cells}
    frame = pd.DataFrame(cells)
    table = frame.assign(target=["x", "y", "z"] * (len(frame) // 3))
    table.to_csv(tmp_path / "t.csv", index=False)
    findings = datasets.Findings()
    data = TableData(path=str(tmp_path / "t.csv"), target_column="target", **fields)
    samples = datasets.read_table_samples(data, findings, columns=columns, splitting=columns is None)
    return samples, {entry.code: entry for entry in findings.entries}


def fitted(samples, **fields):
    return datasets.Columns.fit(samples.cells, samples.kinds, np.ones(len(samples.cells), bool), **fields)


def test_categories_with_commas_are_known_at_prediction(tmp_path):
    words = ["12,5", "13,5", "14,25"] * 20
    samples, told = read(tmp_path, zip=words, x=COMMAS, types={"zip": "category"})
    columns = fitted(samples)
    assert columns.categories[0].vocabulary == ("12,5", "13,5", "14,25")
    assert told["decimal_comma"].message.endswith("in: x")
    for rows in (samples.cells, pd.DataFrame({"zip": words, "x": COMMAS}, dtype=object)):
        encoded = columns.transform(rows)
        assert encoded.codes[:3, 0].tolist() == [1, 2, 3] and not encoded.unseen
        assert encoded.numbers[0, 0] == np.float32(COMMAS[0].replace(",", "."))


def test_several_files_are_read_each_by_itself(tmp_path):
    columns = datasets.Columns.of_numbers(["x"])
    paths = [tmp_path / f"{name}.csv" for name in "abc"]
    for path, text in zip(paths, ("x;y\n0,5;1\n1,25;1\n", "x\n1.5\n", "z\n1\n")):
        path.write_text(text)
    items, cells, errors, _ = datasets.raw_table_rows([str(path) for path in paths], columns, {})
    assert columns.transform(cells).numbers[:3, 0].tolist() == [0.5, 1.25, 1.5] and items[0] == f"{paths[0]}:0"
    assert errors[:3] == [""] * 3 and "no column 'x'" in errors[3]
    with pytest.raises(DataError, match="no column 'x'"):
        datasets.raw_table_rows(str(paths[2]), columns, {})


def test_booleans_with_commas_are_known_at_prediction(tmp_path):
    samples, _ = read(tmp_path, a=["1,0", "0,0", "0,0"] * 20, x=COMMAS)
    columns = fitted(samples)
    assert samples.kinds["a"] == "boolean"
    assert columns.transform(pd.DataFrame({"a": ["1,0", "0,0"], "x": ["1", "2"]})).numbers[:, 0].tolist() == [1, 0]


@pytest.mark.parametrize("word", ["NA", "-", "?", "n/a", "abc"])
def test_a_word_leaves_commas_decimal(tmp_path, word):
    cells = [word if row == 7 else cell for row, cell in enumerate(COMMAS)]
    samples, told = read(tmp_path, a=cells)
    assert samples.kinds == {"a": "number"} and "decimal_comma" in told
    numbers = fitted(samples).transform(pd.DataFrame({"a": ["0,5", word, None]}, dtype=object)).numbers[:, 0]
    assert numbers[0] == 0.5 and np.isnan(numbers[1:]).all()


def test_rows_of_another_table_are_recognized_with_commas(tmp_path):
    samples, _ = read(tmp_path, a=COMMAS)
    points, _ = read(tmp_path, columns=fitted(samples), a=[cell.replace(",", ".") for cell in COMMAS])
    again, _ = read(tmp_path, columns=fitted(samples), a=COMMAS)
    expected = samples.frame["fingerprint"].tolist()
    assert points.frame["fingerprint"].tolist() == again.frame["fingerprint"].tolist() == expected


def test_unclear_commas_are_told_of_words(tmp_path):
    samples, told = read(tmp_path, a=["1,234", "5,678", "9,012"] * 20)
    assert samples.kinds == {"a": "category"} and "unclear_comma" in told
    samples, told = read(tmp_path, a=["1,234", "5,678", "9,012"] * 20, types={"a": "category"})
    assert "unclear_comma" not in told


def test_unclear_commas_of_a_column_of_numbers_separate_thousands(tmp_path):
    samples, told = read(tmp_path, km=["63,535", "7,120", "990,001"] * 20, types={"km": "number"})
    assert samples.kinds == {"km": "number"} and told["thousands"].message.endswith("in: km")
    later = fitted(samples).transform(pd.DataFrame({"km": ["63,535", "12,000"]}, dtype=object)).numbers[:, 0]
    assert later.tolist() == [63535, 12000]
    _, told = read(tmp_path, km=["63,535", "7,120", "7,120"] * 20)
    assert "data.types={NAME: number}" in told["unclear_comma"].remedy


UNCLEAR = [f"{2 + row % 5:02}/{1 + row % 7:02}/2024" for row in range(ROWS)]
NUMBERS = RANDOM.random(ROWS)


@pytest.mark.parametrize("clock", ["", " 10:30 AM"])
@pytest.mark.parametrize("cells", [UNCLEAR, [cell[:-4] + str(20 + row % 5) for row, cell in enumerate(UNCLEAR)]])
def test_dates_of_no_clear_order_stop_no_run(tmp_path, cells, clock):
    cells = [f"{cell}{clock}" for cell in cells]
    samples, told = read(tmp_path, d=cells, x=NUMBERS)
    assert samples.kinds == {"d": "category", "x": "number"}
    warning = told["unclear_dates"]
    assert warning.severity == "warning" and f"{cells[0]}; it is a category" in warning.message
    form = f"%d/%m/%{'Y' if len(cells[0]) - len(clock) == 10 else 'y'}{' %I:%M %p' if clock else ''}"
    assert f"data.time_format='{form}'" in warning.remedy and "data.exclude=d" in warning.remedy
    samples, told = read(tmp_path, d=cells, x=NUMBERS, time_format=form)
    assert samples.kinds["d"] == "date" and "unclear_dates" not in told
    column = fitted(samples).columns[0]
    assert column.time_format == form
    again = datasets.Columns.of_facts(fitted(samples).facts())
    month = again.numbers.index("d: month")
    rows = pd.DataFrame({"d": [cells[1], "2024-05-31", "soon"], "x": ["1", "2", "3"]})
    encoded = again.transform(rows)
    assert encoded.numbers[:2, month].tolist() == [int(cells[1][3:5]), 5] and len(encoded.unread["d"]) == 1
    for fields in ({"exclude": ["d"]}, {"types": {"d": "category"}}):
        assert "unclear_dates" not in read(tmp_path, d=cells, x=NUMBERS, **fields)[1]
    with pytest.raises(DataError, match="do not tell") as caught:
        fitted(read(tmp_path, d=cells, x=NUMBERS, types={"d": "date"})[0])
    assert form in caught.value.remedy
    assert fitted(read(tmp_path, d=cells, x=NUMBERS, types={"d": "date"}, time_format=form)[0]).columns[0].first


def test_many_dates_of_no_clear_order_are_left_out(tmp_path):
    cells = [f"{1 + row % 12:02}/{1 + row // 12:02}/2024" for row in range(ROWS)]
    samples, told = read(tmp_path, d=cells, x=NUMBERS)
    assert samples.kinds == {"x": "number"} and "it is left out" in told["unclear_dates"].message


@pytest.mark.parametrize(
    "form, order, years",
    [("%d/%m/%y", "day", 3), ("%m/%d/%y", "month", 3), ("%d.%m.%y", "day", 50), ("%y-%m-%d", None, 3)],
)
def test_years_of_two_digits_are_read_where_the_order_is_told(tmp_path, form, order, years):
    when = pd.date_range("2024-12-31", periods=ROWS, freq=f"-{years * 6}D")
    samples, told = read(tmp_path, d=when.strftime(form), x=NUMBERS)
    if order is None:
        assert samples.kinds == {"x": "number"} and "'%y-%m-%d'" in told["unclear_dates"].remedy
        samples, told = read(tmp_path, d=when.strftime(form), x=NUMBERS, time_format=form)
    columns = fitted(samples)
    assert columns.columns[0].order == order and columns.columns[0].first == str(when.min().date())
    days = columns.transform(samples.cells).numbers[:, 0]
    np.testing.assert_array_equal(days, (when - when.min()).days)


def test_a_given_format_that_begins_with_the_year_is_the_only_one(tmp_path):
    when = pd.date_range("2024-01-31", periods=ROWS, freq="3D")
    samples, _ = read(tmp_path, d=when.strftime("%Y-%d-%m"), x=NUMBERS, time_format="%Y-%d-%m")
    encoded = fitted(samples).transform(pd.DataFrame({"d": ["2024-02-03", "2024-03-31"], "x": ["1", "2"]}))
    assert encoded.numbers[0, 0] == 31 and np.isnan(encoded.numbers[1, 0])


def test_the_format_of_other_dates_is_no_harm(tmp_path):
    when = pd.date_range("2024-01-31", periods=ROWS, freq="3D").astype(str)
    samples, _ = read(tmp_path, d=when, x=NUMBERS, year=["2020", "2021", "2022"] * 20, time_format="%d/%m/%Y")
    assert samples.kinds == {"d": "date", "x": "number", "year": "number"}
    assert fitted(samples).columns[0].time_format == ""


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[[1.0, 2.0], [3.0]]], "different lengths"),
        ([[1.0, [2.0]]], "different lengths"),
        (np.array([[1j, 2.0]]), "complex128"),
        (pd.DataFrame({"x": [1j], "y": [2.0]}), "Column 'x' of one of the inputs holds complex numbers"),
    ],
)
def test_rows_in_memory_that_are_no_table_are_refused(rows, message):
    columns = datasets.Columns.of_numbers(["x", "y"])
    with pytest.raises(DataError, match=message) as caught:
        datasets.raw_table_rows(rows, columns, {})
    assert caught.value.remedy

"""Columns that are not what they seem: labels of unusual names, identifiers, times, words, decimal commas."""

import numpy as np
import pandas as pd
import pytest

from tfpipelines.datasets import Findings
from tfpipelines.datasets.cells import with_decimal_points
from tfpipelines.errors import DataError
from tfpipelines.tasks.anomaly import raw_rows, read_rows, read_series
from tfpipelines.tasks.anomaly.config import AnomalySeriesData, AnomalyTableData

COUNT = 60
RARE = [0] * 54 + [1] * 6


def numbers(seed=0):
    return np.random.default_rng(seed).standard_normal(COUNT)


def read(path, kind=AnomalyTableData, numbers_only=False, **fields):
    """The samples, and {code: finding}."""
    findings, series = Findings(), kind is AnomalySeriesData
    data = kind(path=str(path), **(fields if not series else {"window": 4, **fields}))
    samples = read_series(data, findings) if series else read_rows(data, findings, least=3, numbers_only=numbers_only)
    return samples, {finding.code: finding for finding in findings.entries}


def write(path, **columns):
    pd.DataFrame({"a": numbers(1), "b": numbers(2), **columns}).to_csv(path / "t.csv", index=False)
    return path / "t.csv"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("is_fraud", RARE),
        ("Fraud", ["yes" if odd else "no" for odd in RARE]),
        ("y", RARE),
        ("isOutlier", RARE),
        ("defective", ["Y" if odd else "N" for odd in RARE]),
        ("malicious", ["fraud" if odd else "legit" for odd in RARE]),
    ],
)
def test_two_values_under_a_usual_name_are_labels(tmp_path, name, values):
    path = write(tmp_path, **{name: values})
    samples, found = read(path)
    assert samples.columns == ["a", "b"] and samples.frame["anomalous"].sum() == 6
    assert name in found["label_column"].message and "data.columns" in found["label_column"].remedy
    points, found = read(path, AnomalySeriesData)
    assert points.columns == ["a", "b"] and points.test.anomalous is not None and "label_column" in found
    for kind in (AnomalyTableData, AnomalySeriesData):
        assert read(path, kind, exclude=[name])[0].columns == ["a", "b"]
        if values is RARE:
            kept, found = read(path, kind, columns=["a", "b", name])
            assert kept.columns == ["a", "b", name] and "label_column" not in found
    assert len(raw_rows(path, samples.encoder)[0]) == COUNT
    assert len(raw_rows(pd.read_csv(path)[["b", "a"]], samples.encoder)[0]) == COUNT  # no labels are asked for


@pytest.mark.parametrize(
    ("name", "values", "normal"),
    [
        ("is_open", RARE, None),  # the name does not tell what 1 means
        ("churn_flag", RARE, None),
        ("valve", RARE, None),
        ("failure", [0] * 50 + [1, 2, 3, 4, 5] * 2, None),
        ("fault_code", [0] * 50 + [1, 2, 3, 4, 5] * 2, None),
        ("target", [1] * 54 + [-1] * 6, ["1"]),
        ("quality", ["fine"] * 54 + ["scrap"] * 6, ["fine"]),
    ],
)
def test_what_may_be_labels_is_pointed_out(tmp_path, name, values, normal):
    path = write(tmp_path, **{name: values}) if name != "target" else write(tmp_path, outcome=values)
    name = name if name != "target" else "outcome"
    samples, found = read(path)
    assert not samples.frame["anomalous"].any() and samples.frame["known"].all()
    assert f"data.label_column={name}" in found["perhaps_labels"].remedy
    assert read(path, label_column=name, normal=normal)[0].frame["anomalous"].any()
    named = [name] if isinstance(values[0], int) else []
    assert "perhaps_labels" not in read(path, columns=["a", *named])[1]


def test_series_name_words_that_may_be_labels_as_no_features(tmp_path):
    path = write(tmp_path, valve=["yes", "no"] * 30, quality=["fine"] * 54 + ["scrap"] * 6)
    for found in (read(path, AnomalySeriesData)[1], read(path, numbers_only=True)[1]):
        assert found["perhaps_labels"].items == ("valve", "quality")
        assert "data.label_column=valve" in found["perhaps_labels"].remedy
        assert "data.types" not in found["perhaps_labels"].remedy and "features" not in found["perhaps_labels"].message


def test_where_1_means_normal_that_is_said(tmp_path):
    path = write(tmp_path, is_normal=[1 - odd for odd in RARE])
    assert "data.label_column=is_normal and data.normal=1" in read(path)[1]["perhaps_labels"].remedy
    assert read(path, label_column="is_normal", normal=["1"])[0].frame["anomalous"].sum() == 6


def test_many_flags_are_features_and_further_labels_leak(tmp_path):
    flags = {f"on_{number}": np.random.default_rng(number).integers(0, 2, COUNT) for number in range(6)}
    _, found = read(write(tmp_path, **flags))
    assert found["perhaps_labels"].severity == "note" and len(found["perhaps_labels"].items) == 6
    samples, found = read(write(tmp_path, label=RARE, attack=RARE, **flags))
    assert "attack" in samples.columns and found["second_labels"].remedy == "Set data.exclude=[attack]"
    assert "perhaps_labels" not in found


def test_identifiers_and_times_are_pointed_out(tmp_path):
    path = write(
        tmp_path,
        customer_id=np.random.default_rng(0).permutation(COUNT) + 1000,
        userId=np.arange(COUNT) % 7,
        seen_at=1_700_000_000 + 37 * np.random.default_rng(0).permutation(COUNT),
        valid=np.arange(COUNT) % 5 / 7,
    )
    samples, found = read(path)
    assert found["identifiers"].items == ("customer_id", "userId") and found["timestamps"].items == ("seen_at",)
    assert "data.exclude=[customer_id,userId]" in found["identifiers"].remedy
    left, found = read(path, exclude=["customer_id", "userId", "seen_at"])
    assert left.columns == ["a", "b", "valid"] and not found.keys() & {"identifiers", "timestamps"}
    with pytest.raises(DataError, match="no column 'customer'") as caught:
        read(path, exclude=["customer"])
    assert caught.value.remedy == "Name 'customer_id' in data.exclude instead."


def test_columns_of_words_are_encoded_or_named_with_what_they_hold(tmp_path):
    days = pd.date_range("2026-01-01", periods=COUNT).strftime("%d.%m.%Y")
    path = write(tmp_path, colour=["red", "green", "blue"] * 20, day=days, nothing=[None] * COUNT, index=range(COUNT))
    samples, found = read(path)
    assert samples.columns == ["a", "b", "colour"] and "categories: colour" in found["column_types"].message
    message = found["columns_left_out"].message
    assert "day (dates), nothing (empty), index (counts or dates rows)" in message
    earlier, found = read(path, numbers_only=True)  # as runs of earlier versions have read it
    assert earlier.columns == ["a", "b"] and "colour (3 words)" in found["columns_left_out"].message


def test_missing_values_are_named_by_column(tmp_path):
    holes = pd.Series(numbers()).where(np.arange(COUNT) % 4 > 0)
    finding = read(write(tmp_path, c=holes))[1]["missing_value"]
    assert "(c 25.0 %)" in finding.message and "data.exclude" in finding.remedy and "on_bad=skip" in finding.remedy
    marked = ["?" if number % 4 == 0 else number / 7 for number in range(COUNT)]
    assert read(write(tmp_path, c=marked))[1]["missing_value"].message == finding.message
    finding = read(write(tmp_path, c=pd.Series(numbers()).where(abs(np.arange(COUNT) - 30) > 5)), AnomalySeriesData)[1]
    said = "c 18.3 %; the longest stretch: 11 points, line 27 to line 37): no window holds one"
    assert said in finding["missing_value"].message


@pytest.mark.parametrize(
    ("cells", "read", "code"),
    [
        (["0,077", "-1,692", "3"], ["0.077", "-1.692", "3"], "decimal_comma"),
        (["1.234,5", "7,25", "1.234"], ["1234.5", "7.25", "1234"], "decimal_comma"),
        (["1,234,567", "1,234.5", "8"], ["1234567", "1234.5", "8"], "thousands"),
        (["0,077", "NA", None, "?", "-"], ["0.077", "NA", None, "?", "-"], "decimal_comma"),
        (["1,234", "5,678", None], None, "unclear_comma"),
        (["1,5", "2.5", "3"], None, ""),
        (["red,green", "1,5", "2"], None, ""),
    ],
)
def test_commas_in_numbers(cells, read, code):
    findings, rows = Findings(), pd.DataFrame({"x": pd.Series(cells, dtype=object)})
    assert with_decimal_points(rows, set(), findings)["x"].tolist() == (read or cells)
    assert [finding.code for finding in findings.entries] == ([code] if code else [])
    assert with_decimal_points(rows, {"x"}, Findings())["x"].tolist() == cells  # such as labels


def test_one_column_tells_how_commas_are_meant_in_all():
    rows = pd.DataFrame({"x": ["1,234", "5,678"], "y": ["0,5", "1,5"]}, dtype=object)
    assert with_decimal_points(rows, set(), Findings()).to_numpy().tolist() == [["1.234", "0.5"], ["5.678", "1.5"]]


def test_decimal_commas_are_read_in_training_and_prediction(tmp_path):
    comma = [f"{value:.3f}".replace(".", ",") for value in numbers()]
    path = write(tmp_path, c=comma)
    samples, found = read(path)
    assert samples.columns == ["a", "b", "c"] and "c" in found["decimal_comma"].message
    np.testing.assert_allclose(samples.store.features[:, 2], numbers(), atol=1e-3)
    for source in (path, pd.read_csv(path)):
        _, values, errors, *_ = raw_rows(source, samples.encoder)
        np.testing.assert_allclose(values[:, 2], numbers(), atol=1e-3)
        assert not any(errors)

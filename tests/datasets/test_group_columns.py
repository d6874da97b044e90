"""Columns of groups and times in tables: read, missing cells reported, told in data.json and splits.csv."""

import pandas as pd
import pytest

from tfpipelines.core.config.images import ImageData
from tfpipelines.core.config.texts import TextData
from tfpipelines.datasets.findings import Findings
from tfpipelines.datasets.samples import describe, split_fold
from tfpipelines.datasets.source.requests import SERIES, TEXTS, Request
from tfpipelines.datasets.text_samples import read_text_samples
from tfpipelines.datasets.text_table import read_text_source
from tfpipelines.errors import DataError

ROWS = 200


@pytest.fixture
def table(tmp_path):
    """Writes a table of texts with users, days and times of day, and some cells replaced; reads it."""

    def read(changes=None, **fields):
        order = [row * 37 % ROWS for row in range(ROWS)]
        frame = pd.DataFrame({"text": [f"text {row} of many" for row in range(ROWS)], "label": ["a", "b"] * 100})
        frame["user"] = [f"u{row // 8}" for row in range(ROWS)]
        frame["day"] = [f"{1 + row // 12:02d}/03/2024" for row in order]
        frame["clock"] = [f"{10 + row % 12}:00" for row in order]
        for (row, column), value in (changes or {}).items():
            frame.loc[row, column] = value
        frame.to_csv(tmp_path / "t.csv", index=False)
        findings = Findings()
        samples = read_text_samples(TextData(path=str(tmp_path / "t.csv"), **fields), findings)
        return samples, findings

    return read


def codes(findings, severity):
    return [finding.code for finding in findings.of(severity)]


def test_groups_and_times_of_a_table_split_it(table):
    samples, findings = table(group_column="user")
    assert not findings.of("error") and not findings.of("warning")
    assert samples.frame.groupby("group")["split"].nunique().max() == 1
    assert list(samples.split_table().columns) == ["item", "label", "split", "group", "fingerprint"]
    facts = describe(samples, ["a", "b"], findings)
    assert facts["split_by"]["group"]["column"] == "user"
    assert facts["about"][-1].startswith("split by groups of column user: 17 in train, 4 in validation")
    assert "group" not in facts["read_columns"]

    samples, findings = table(time_column=["day", "clock"])
    frame = samples.frame
    assert frame["time"].nunique() == ROWS and "date_order" in codes(findings, "note")
    assert frame["time"][frame["split"] == "train"].max() < frame["time"][frame["split"] == "validation"].min()
    facts = describe(samples, ["a", "b"], findings)
    assert facts["split_by"]["time"]["times"]["test"] == ["2024-03-15 12:00:00", "2024-03-17 17:00:00"]


def test_rows_without_group_or_time_follow_on_bad(table):
    for field, column, code in (("group_column", "user", "no_group"), ("time_column", "day", "no_time")):
        samples, findings = table({(7, column): None}, **{field: column})
        assert len(samples.frame) == ROWS - 1 and code in codes(findings, "warning")
        assert [finding.items for finding in findings.of("warning") if finding.code == code] == [("line 9",)]
        some = {(row, column): " " if column == "user" else "soon" for row in range(5)}
        assert code in codes(table(some, **{field: column})[1], "error")
        samples, findings = table(some, on_bad="skip", **{field: column})
        assert len(samples.frame) == ROWS - 5 and not findings.of("error")


def test_columns_that_hold_no_times_are_refused(table):
    with pytest.raises(DataError, match="Column 'label' holds neither numbers nor dates, such as 'a'"):
        table(time_column="label")
    with pytest.raises(DataError, match="no column 'dya'"):
        table(time_column="dya")
    with pytest.raises(DataError, match="times of day without a date, such as 10:00"):
        table(time_column="clock")
    with pytest.raises(DataError, match="do not tell whether day or month comes first: 0[1-9]/03/2024"):
        table({(row, "day"): f"0{1 + row % 9}/03/2024" for row in range(ROWS)}, time_column="day")
    samples, _ = table(
        {(row, "day"): f"0{1 + row % 9}/03/2024" for row in range(ROWS)}, time_column="day", time_format="%m/%d/%Y"
    )
    assert samples.frame["time"].dt.month.nunique() == 9
    samples, findings = table({(row, "day"): "2024" for row in range(ROWS)}, time_column="day")
    assert "There is 1 different time in data.time_column" in findings.of("error")[0].message
    samples, findings = table({(row, "user"): str(row % 2) for row in range(ROWS)}, group_column="user")
    assert "There are 2 groups in data.group_column" in findings.of("error")[0].message


def test_times_are_read_as_dates_of_features_are(table):
    """Two-digit years where the order is told, also beside dates that begin with the year; no cell is guessed."""
    days = pd.date_range("2023-01-31", periods=ROWS, freq="2D")
    short = {(row, "day"): f"{day:%d.%m.%y}" for row, day in enumerate(days)}
    samples, findings = table(short, time_column="day")
    assert list(samples.frame["time"]) == list(days) and "date_order" in codes(findings, "note")
    mixed = {**short, **{(row, "day"): f"{days[row]:%Y-%m-%d}" for row in range(0, ROWS, 2)}}
    assert list(table(mixed, time_column="day")[0].frame["time"]) == list(days)
    unclear = {(row, "day"): f"0{1 + row % 9}.02.03" for row in range(5)}
    with pytest.raises(DataError, match="do not tell which of their numbers is day, month and year"):
        table({**{place: "2024-01-01" for place in short}, **unclear}, time_column="day")


def test_numbers_are_times_as_they_are(table):
    numbers = {(row, "day"): f"{row},5" for row in range(ROWS)}
    samples, findings = table(numbers, time_column="day")
    assert list(samples.frame["time"][:2]) == [0.5, 1.5] and samples.frame["split"].iloc[-1] == "test"


def test_folds_of_groups_and_in_time(table):
    samples, findings = table(group_column="user", folds=4)
    cut = split_fold(samples, 4, 1, "auto", 0, calibration=0.2)
    assert cut.frame.groupby("group")["split"].nunique().max() == 1 and len(cut.rows("calibration"))
    samples, findings = table(time_column="day", folds=4)
    first, last = (split_fold(samples, 4, fold, "auto", 0) for fold in (0, 3))
    assert len(first.frame) < 100 and len(last.frame) == ROWS
    assert list(first.rows("test")) == [row for row in first.frame.index if first.frame.at[row, "split"] == "test"]
    with pytest.raises(ValueError, match="give data.folds a number"):
        TextData(path="t", folds="user", time_column="day")


def test_calibration_is_a_split_of_its_own(table):
    with_it, without = table(calibration=0.2)[0].frame, table()[0].frame
    held_out = without["split"] != "train"
    assert (with_it["split"][held_out] == without["split"][held_out]).all()
    assert with_it["split"].value_counts()["calibration"] == 40
    samples, _ = table(
        {(row, "user"): ["train", "cal", "test", "dev"][row % 4] for row in range(ROWS)}, split_column="user"
    )
    assert samples.calibrating == "calibration" and len(samples.rows("calibration")) == 50
    assert table()[0].calibrating == "validation"


def test_sources_without_columns_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text("text")
    with pytest.raises(DataError, match="is no table, so it has no column 'user' for data.group_column") as error:
        read_text_source(TextData(path=str(tmp_path), group_column="user"))
    assert error.value.remedy == "Write a table with a row for each sample, with the columns file, label, user."
    read_text_source(TextData(path=str(tmp_path), group_column="user"), training=False)


def test_what_is_asked_of_a_source():
    data = TextData(path="t", group_column="user", time_column=("day", "clock"))
    assert {"group": "user", "time": "day", "clock": "clock"}.items() <= Request.of(TEXTS, data).columns.items()
    assert "group" not in Request.of(TEXTS, data, training=False).columns
    series = type("Series", (), {"time_column": "t"})  # the axis of a series, by which nothing is split
    assert "time" not in Request.of(SERIES, series).columns
    assert ImageData(path="t").calibration == "auto"

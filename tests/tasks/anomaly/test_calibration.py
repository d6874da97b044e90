"""The threshold is made from rows that chose nothing; runs without a calibration split go on as they were."""

import numpy as np
import pandas as pd
import pytest

from tfpipelines import tasks
from tfpipelines.core import config
from tfpipelines.datasets import Findings
from tfpipelines.errors import DataError


@pytest.fixture
def table(tmp_path):
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 3)), columns=["a", "b", "c"])
    rows["machine"], rows["day"] = [f"m{row // 5}" for row in range(200)], pd.date_range("2024-01-01", periods=200)
    rows["label"] = ["good"] * 180 + ["bad"] * 20
    rows.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def read(path, *overrides, facts=None):
    """A task that has read its data, and what was found."""
    pipeline = config.load("anomaly-table", [f"data.path={path}", *overrides], schemas=tasks.SCHEMAS).pipeline
    task, findings = tasks.new_task(pipeline), Findings()
    if facts is not None:
        task.resume(facts)
    task.load(findings).check(findings)
    return task, findings


def sizes(task):
    return task.samples.frame["split"].value_counts().to_dict()


def test_a_run_of_an_earlier_version_goes_on_with_its_own_splits(table):
    now, _ = read(table)
    assert sizes(now) == {"test": 56, "train": 115, "calibration": 19, "validation": 10}
    before, _ = read(table, "data.calibration=0")
    resumed, _ = read(table, facts={"rows": {"train": 1, "validation": 1}, "content_hash": "0"})
    assert resumed.split_table().equals(before.split_table()) and sizes(before)["validation"] == 29
    assert resumed.reuse_data(resumed.pipeline)  # by the trials of a search
    assert resumed.samples.calibrating == "validation" and now.samples.calibrating == "calibration"
    for facts in ({}, {"findings": []}, now.describe(Findings())):  # which has read nothing yet, or is of this version
        assert read(table, facts=facts)[0].split_table().equals(now.split_table())


def test_no_group_is_in_two_splits_and_neither_column_is_a_feature(table):
    task, findings = read(table, "data.group_column=machine")
    assert task.columns == ["a", "b", "c"] and not findings.of("error")
    assert task.samples.frame.groupby("group")["split"].nunique().max() == 1
    facts = task.describe(findings)
    assert (
        facts["split_by"]["group"]["column"] == "machine" and "split by groups of column machine" in facts["about"][-1]
    )
    task, findings = read(table, "data.time_column=day")
    frame = task.samples.frame
    assert frame["time"][frame["split"] == "train"].max() < frame["time"][frame["split"] == "calibration"].min()
    assert "day" not in task.columns and "split in order of time" in task.describe(findings)["about"][-1]
    with pytest.raises(DataError, match="no column 'machin'"):
        read(table, "data.group_column=machin")


def test_a_split_that_is_missing_is_told(table):
    _, findings = read(table, "data.validation=0.001")
    assert [finding.code for finding in findings.of("error")] == ["no_validation"]
    _, findings = read(table, "data.calibration=0.05")
    (error,) = findings.of("error")
    assert "held out for the threshold, and there are 9" in error.message and "raise data.calibration" in error.remedy

"""Labels and columns that look like something other than classes are pointed out; ordinary ones are not."""

import numpy as np
import pandas as pd
import pytest

from tfpipelines.datasets.findings import Findings
from tfpipelines.datasets.label_advice import note_times, number_reason, one_hot_columns, several_labels, warn_groups
from tfpipelines.datasets.table_cells import table_of

from ..conftest import DOT


@pytest.mark.parametrize("separator", ["|", ",", ";", ", "])
@pytest.mark.parametrize(
    "names",
    [
        [["cat"], ["cat", "dog"], ["cat", "dog", "owl"]],
        [["cat"], ["dog"], ["cat", "dog"], ["dog", "owl"], ["owl"]],
        [["cat", "dog"], ["dog", "owl"], ["cat", "owl"]],
    ],
)
def test_labels_whose_pieces_recur(separator, names):
    labels = [separator.join(pieces) for pieces in names]
    found = several_labels(labels)
    assert found is not None and found[0] == separator.strip()
    assert found[1] == {separator.join(pieces): pieces for pieces in names if len(pieces) > 1}


@pytest.mark.parametrize(
    "labels",
    [
        ["hot dog", "ice cream", "dog"],
        ["front", "rear", "front left", "front right", "rear left", "rear right"],
        ["boat", "house", "tree", "house boat", "tree house"],
        ["negative", "positive", "neutral", "very negative", "very positive"],
        ["New York, NY", "Albany, NY", "Los Angeles, CA", "San Diego, CA"],
        ["sea lion", "lion", "mountain lion", "tiger", "polar bear", "bear"],
        ["golden retriever", "labrador retriever", "retriever"],
        ["red car", "blue car", "red bus", "blue bus"],
        [
            "tomato healthy",
            "tomato early blight",
            "potato early blight",
            "potato late blight",
            "potato healthy",
            "tomato late blight",
        ],
        ["audi s4 sedan 2012", "audi s4 sedan 2007", "bmw m3 sedan 2012", "bmw m3 coupe 2007", "bmw m3 coupe 2012"],
        ["a|b", "c|d"],
        ["yes", "no"],
        ["1,5", "2,5", "1,2", "5"],
        ["maple_tree", "oak_tree", "tree"],
        ["milk, whole", "milk, skim", "bread, white"],
    ],
)
def test_ordinary_class_names_are_left_alone(labels):
    assert several_labels(labels) is None


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.round(np.linspace(20, 51.5, 24), 2), "24 distinct numbers from 20 to 51.5 in 24 rows"),
        (np.arange(24), "24 distinct numbers from 0 to 23 in 24 rows"),
        ([0.5, 1.0, 1.5, 2.0] * 6, ""),  # ratings
        (list(range(30)) * 2, ""),
        (["1e3", "2.5", "-3", "nan"] * 6, ""),
        ([*np.round(np.linspace(1, 9, 96), 3), "n.a.", "inf"], "96 distinct numbers from 1 to 9 in 96 rows"),
        (list(range(10)) * 2, ""),
        (list(range(100)) * 3, ""),
        ([0.0, 1.0, 2.0] * 8, ""),
        ([18 + row % 70 for row in range(5000)], "70 distinct numbers from 18 to 87 in 5000 rows"),  # ages
        ([326 + 37 * (row % 900) for row in range(2000)], "900 distinct numbers from 326 to 33589 in 2000 rows"),
        ([1 + row % 21 / 20 for row in range(500)], "21 distinct numbers from 1 to 2 in 500 rows"),
        ([1 + row % 40 for row in range(500)], ""),  # numbers of classes
        (["v1.5", "v2.5", "v3.5"] * 8, ""),
    ],
)
def test_numbers_are_told_from_classes(values, told):
    assert number_reason(map(str, values)).endswith(told) and bool(number_reason(map(str, values))) == bool(told)


def test_one_hot_columns():
    cells = table_of(
        pd.DataFrame({"image": ["a", "b"], "cat": [1.0, 0.0], "dog": [0, 1], "one": [1, 1], "age": [0, 2]}), "t"
    )
    assert one_hot_columns(cells) == ["cat", "dog"]
    assert one_hot_columns(cells.drop(columns="dog")) == []


ROWS = 60


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("patient", [f"p{row // 3}" for row in range(ROWS)], True),
        ("PatientID", [row // 3 for row in range(ROWS)], True),
        ("subject_id", [row // 3 for row in range(ROWS)], True),
        ("source", [row % 12 for row in range(ROWS)], True),
        ("source", ["web", "phone"] * (ROWS // 2), False),  # an attribute
        ("lesions", [f"HAM_{row // 2}" for row in range(ROWS)], True),
        ("code", [f"x{row // 3}" for row in range(ROWS)], True),  # by its values alone
        ("code", [f"x{row}" for row in range(ROWS)], False),  # a key of each row
        ("patient", ["p1"] * ROWS, False),
        ("age_group", [f"{row % 7}0s" for row in range(ROWS)], False),
        ("subject", ["politics", "world", "sport", "art", "law", "war"] * 10, False),
        ("person", ["yes", "no", "no"] * 20, False),
        ("family_size", [row % 7 for row in range(ROWS)], False),
        ("age", [20 + row // 3 for row in range(ROWS)], False),
        ("colour", ["red", "blue", "green"] * (ROWS // 3), False),
        ("scene", ["a" if row % 2 else "b" for row in range(ROWS)], False),  # the label by another name
    ],
)
def test_columns_that_look_like_groups(name, values, told):
    cells = table_of(pd.DataFrame({"image": range(ROWS), "label": [row % 2 for row in range(ROWS)], name: values}), "t")
    findings = Findings()
    warn_groups(cells, ["image", "label", None], "label", findings)
    assert [finding.code for finding in findings.entries] == ["groups"] * told
    assert all(f"data.group_column={name}" in finding.remedy for finding in findings.entries)


DAYS = [f"2024-{1 + row // 28:02d}-{1 + row % 28:02d}" for row in range(ROWS)]


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("posted", DAYS, True),
        ("posted", DAYS[:9] + ["2024-01-09"] * (ROWS - 9), False),  # too few to split by
        ("year", [2000 + row for row in range(ROWS)], False),  # numbers may be anything
        ("at", [f"{row // 60:02d}:{row % 60:02d}" for row in range(ROWS)], False),  # of which day?
        ("machine", [f"m{row}" for row in range(ROWS)], False),  # no minutes
        ("name", [f"item {row}" for row in range(ROWS)], False),
    ],
)
def test_columns_of_dates(name, values, told):
    cells = table_of(pd.DataFrame({"image": range(ROWS), name: values}), "t")
    note_times(cells, ["image", None], findings := Findings())
    assert [(finding.code, finding.severity) for finding in findings.entries] == [("times", "note")] * told
    assert all(f"data.time_column={name}" in finding.remedy for finding in findings.entries)
    note_times(cells, ["image", name], findings := Findings())
    assert not findings.entries


def check(tfpipe, tmp_path, frame: pd.DataFrame, *words):
    """`tfpipe check` of a table of the same picture; the codes of its findings, and all that was printed."""
    (tmp_path / "a.png").write_bytes(DOT)
    frame.assign(image="a.png").to_csv("t.csv", index=False)
    result = tfpipe("check", "t.csv", *words)
    return result.code, " ".join((result.out + result.err).split())


def test_what_check_says_of_labels(tfpipe, tmp_path):
    ages = pd.DataFrame({"age": np.linspace(20, 50, 12).round(1)})
    code, told = check(tfpipe, tmp_path, ages)
    assert code == 3 and "Set data.label_column=COLUMN, perhaps data.label_column=age." in told
    for words in (["data.label_column=age"], ["data.label_column=age", "data.folds=3"]):
        code, told = check(tfpipe, tmp_path, ages, *words)
        assert code == 0 and "note: The labels are 12 distinct numbers from 20 to 50 in 12 rows" in told
        assert "predicted as numbers (regression). data.target=class takes" in told
        code, told = check(tfpipe, tmp_path, ages, *words, "data.target=class")
        assert code == 3 and "Class '20.0' has 1 sample" in told and "Set data.target=number" in told
    given = ages.assign(split=["train"] * 6 + ["test"] * 6)
    code, told = check(tfpipe, tmp_path, given, "data.label_column=age", "data.target=class")
    assert code == 3 and "6 classes in test that training lacks" in told and "data.target=number" in told
    code, told = check(tfpipe, tmp_path, pd.DataFrame({"label": ["0.0", "1.0"] * 9}))
    assert code == 0 and "whole numbers with decimals (0.0, 1.0), each of which is a class" in told
    code, told = check(tfpipe, tmp_path, pd.DataFrame({"label": ["cat", "cat|dog", "dog"] * 6}))
    assert code == 0 and "Rows may have several labels, or none: each label is predicted independently" in told
    code, told = check(tfpipe, tmp_path, pd.DataFrame({"label": ["cat", "cat;dog", "dog"] * 6}))
    assert code == 0 and "warning: 1 label looks like several labels joined by ';'" in told and "cat, dog" in told


def test_what_check_says_of_columns(tfpipe, tmp_path):
    marks = pd.DataFrame({"cat": [1, 0, 0] * 4, "dog": [0, 1, 0] * 4, "owl": [0, 0, 1] * 4})
    code, told = check(tfpipe, tmp_path, marks)
    assert code == 0 and "Columns cat, dog, owl hold only 0 and 1: each row's 1 is read as a class" in told
    several = marks.assign(owl=[1, 0] * 6)
    code, told = check(tfpipe, tmp_path, several)
    assert code == 0 and "is read as labels" in told and "each label is predicted independently" in told
    code, told = check(tfpipe, tmp_path, several, "data.target=class")
    assert code == 3 and "Set data.target=labels." in told
    code, told = check(tfpipe, tmp_path, several, "data.label_column=[cat,owl]")
    assert code == 0 and "Columns cat, owl hold only 0 and 1" in told and "dog" in told
    code, told = check(tfpipe, tmp_path, several.assign(age=range(12)), "data.label_column=[cat,age]")
    assert code == 3 and "holds 10 cells other than 0 and 1" in told and "line 4: '2'" in told
    code, told = check(tfpipe, tmp_path, marks, "data.label_column=cat")
    assert code == 0
    groups = pd.DataFrame({"label": ["a", "b"] * 9, "patient": [row // 3 for row in range(18)]})
    code, told = check(tfpipe, tmp_path, groups)
    assert code == 0 and "warning: Column 'patient' looks like a group: 6 values in 18 rows." in told
    for words in ("data.folds=patient", "data.split_column=part", "data.group_column=patient"):
        frame = groups.assign(part=["train"] * 9 + ["test"] * 9)
        assert "looks like a group" not in check(tfpipe, tmp_path, frame, words)[1]


def test_a_table_without_a_header_is_given_no_column(tfpipe):
    with open("t.csv", "w") as file:
        file.write("img/000.png,cat\nimg/001.png,dog\n")
    result = tfpipe("check", "t.csv")
    assert "perhaps" not in result.err

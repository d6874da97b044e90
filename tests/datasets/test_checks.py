"""Checks of labels, splits and contents (FAULTS 7, 8, 10)."""

import numpy as np
import pandas as pd
import pytest

from tfpipelines import api
from tfpipelines.datasets.checks import check_classes, check_duplicates, class_weights, content_hash, oversampled
from tfpipelines.datasets.findings import Findings
from tfpipelines.datasets.sample_table import class_order, make_frame
from tfpipelines.errors import ConfigError, DataError


def test_classes_come_from_training():
    findings = Findings()
    frame = make_frame("abcd", ["10", "9", "9", "10"], ["train", "train", "test", "validation"])
    assert check_classes(frame, findings) == ["9", "10"]
    assert [(finding.code, finding.severity) for finding in findings.entries] == [("absent_class", "warning")] * 2


@pytest.mark.parametrize(
    ("labels", "splits", "code"),
    [
        (["a", "a"], ["train", "train"], "one_class"),
        (["a", "b", "c"], ["train", "train", "test"], "unseen_class"),
        (["a", "b"], ["test", "validation"], "no_samples"),
    ],
)
def test_what_training_cannot_teach_is_an_error(labels, splits, code):
    findings = Findings()
    check_classes(make_frame(labels, labels, splits), findings)
    assert code in {finding.code for finding in findings.of("error")}
    with pytest.raises(DataError):
        findings.raise_errors()


@pytest.mark.parametrize(
    ("names", "items"),
    [
        (["pos", "Pos", "neg"], ("'Pos', 'pos'",)),
        (["New York", "new  york", "x"], ("'New York', 'new  york'",)),
        (["a", "b", "1 0", "10", "ß"], ()),
    ],
)
def test_classes_that_differ_in_case_alone_are_a_warning(names, items):
    findings = Findings()
    check_classes(make_frame(names, names, ["train"] * len(names)), findings)
    found = [finding for finding in findings.of("warning") if finding.code == "alike_classes"]
    assert tuple(item for finding in found for item in finding.items) == items


def test_duplicates_leaks_and_conflicts():
    frame = make_frame(
        "abcdef", ["x", "x", "y", "y", "x", "y"], ["train", "train", "train", "test", "test", "validation"]
    )
    prints = pd.Series([1, 1, 2, 2, 3, 1], dtype=np.uint64)
    findings = Findings()
    check_duplicates(frame, prints, "warn", findings)
    found = {finding.code: finding for finding in findings.entries}
    assert found["leak"].severity == "warning"
    assert found["leak"].items == ("a (train) = f (validation)", "c (train) = d (test)")
    assert found["conflict"].items == ("a (x) = f (y)",)
    assert found["duplicates"].message.startswith("1 copy")
    numbers = Findings()
    values = frame.assign(label=list("112212"), value=[1.0, 1.0, 2.0, 2.0, 1.0, 2.0])
    check_duplicates(values, prints, "warn", numbers)
    told = next(finding for finding in numbers.entries if finding.code == "conflict")
    assert told.severity == "note" and told.message == "1 pair of equal samples with different values of the target"
    strict = Findings()
    check_duplicates(frame, prints, "error", strict)
    assert [finding.code for finding in strict.of("error")] == ["leak"]


def test_content_hash_ignores_the_order_of_rows_alone():
    frame = make_frame("abc", ["x", "y", "x"], ["train", "train", "test"])
    prints = pd.Series([1, 2, 3], dtype=np.uint64)
    same = content_hash(frame, prints)
    assert content_hash(frame.iloc[::-1], prints) == same
    assert content_hash(frame.assign(label=["y", "y", "x"]), prints) != same
    assert content_hash(frame.assign(split=["train", "test", "test"]), prints) != same
    assert content_hash(frame, prints + np.uint64(1)) != same


def test_class_weights():
    labels = np.array([0] * 30 + [1] * 10)
    assert class_weights(labels, ["a", "b"], None) is None
    assert np.allclose(class_weights(labels, ["a", "b"], "balanced"), [40 / 60, 40 / 20])
    assert np.allclose(class_weights(labels, ["a", "b"], {"b": 3.0}), [1, 3])
    with pytest.raises(ConfigError, match="there is no class 'bb'"):
        class_weights(labels, ["a", "b"], {"bb": 3.0})


def test_oversampling_repeats_rare_rows_evenly():
    order = oversampled(np.array([0] * 7 + [1] * 3))
    assert np.bincount(order).tolist() == [1] * 7 + [3, 2, 2]


def test_numbers_are_ordered_as_numbers():
    assert class_order(["10", "2", "1"]) == ["1", "2", "10"]
    assert class_order(["b", "10", "a"]) == ["10", "a", "b"]


def test_long_lists_are_cut_in_messages_and_whole_in_records():
    findings = Findings()
    findings.bad("unreadable", "error", "25 files", "Repair them.", range(25), [None] * 25, np.ones(25, bool))
    with pytest.raises(DataError) as caught:
        findings.raise_errors()
    assert "  9\n  ... and 15 more" in str(caught.value)
    assert len(findings.as_list()[0]["items"]) == findings.as_list()[0]["count"] == 25


def test_balanced_weights_follow_the_rows_that_are_trained_on():
    labels = np.array([0] * 90 + [1] * 10)
    assert np.allclose(class_weights(labels[oversampled(labels)], ["a", "b"], "balanced"), 1.0)


@pytest.mark.parametrize(
    ("path", "pipeline", "override", "expected"),
    [
        (
            "penguins",
            "tabular",
            "data.target_column=species",
            "8b135f26c66098082f0ffa8845cd79bd089ad261085495068f46fd59aa3b5517",
        ),
        ("digits", "image-cls", "data.limit=200", "f7b812eacee8ed5b8efdeff4112c196f2f2ec1d79b792988ac9b72549e71be2e"),
        ("reviews", "text-cls", "data.limit=100", "6db65573386c3c3a102899dfab926840a932191508f4ab20fa3d5bab6a4a09a7"),
    ],
)
def test_content_hashes_are_those_of_earlier_versions(path, pipeline, override, expected):
    """Resumed runs compare them; fingerprints of tables are rounded to 53 bits, as they always were."""
    assert api.check(f"sample:{path}", [override], pipeline=pipeline).facts["content_hash"] == expected

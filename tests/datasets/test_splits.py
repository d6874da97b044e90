"""Splits and folds: seeded, stratified, never empty, never overlapping."""

import numpy as np
import pytest

from tfpipelines.datasets.sample_table import make_frame
from tfpipelines.datasets.splits import assign_fold, assign_splits, fold_numbers, limit_rows
from tfpipelines.errors import DataError


def frame(counts, splits=None, folds=None):
    labels = [name for name, count in counts.items() for _ in range(count)]
    return make_frame(map(str, range(len(labels))), labels, splits, folds)


def test_shares_are_kept_in_every_class():
    split = assign_splits(frame({"a": 100, "b": 40, "c": 3}), 0.15, 0.25, 0)
    sizes = split.groupby(["label", "split"]).size().to_dict()
    assert sizes == {
        ("a", "train"): 60, ("a", "validation"): 15, ("a", "test"): 25, ("b", "train"): 24, ("b", "validation"): 6,
        ("b", "test"): 10,
        ("c", "train"): 1, ("c", "validation"): 1, ("c", "test"): 1,
    }  # fmt: skip


def test_seed_decides():
    cut = lambda seed: list(assign_splits(frame({"a": 50, "b": 50}), 0.2, 0.2, seed)["split"])
    assert cut(0) == cut(0) != cut(1)


def test_given_splits_stay_and_validation_is_cut_from_training():
    given = frame({"a": 20, "b": 20}, (["train"] * 15 + ["test"] * 5) * 2)
    split = assign_splits(given, 0.2, 0.3, 0)
    assert (split["split"] == "test").equals(given["split"] == "test")
    assert (split["split"] == "validation").sum() == 6
    assert assign_splits(given, 0.0, 0.3, 0)["split"].equals(given["split"])
    complete = frame({"a": 4}, ["train", "train", "validation", "test"])
    assert assign_splits(complete, 0.2, 0.2, 0).equals(complete)


def test_parts_may_be_left_out():
    assert set(assign_splits(frame({"a": 9, "b": 9}), 0.0, 0.0, 0)["split"]) == {"train"}
    assert set(assign_splits(frame({"a": 2, "b": 2}), 0.5, 0.0, 0)["split"]) == {"train", "validation"}


def test_too_few_samples_name_the_class_and_the_least_count():
    with pytest.raises(
        DataError, match="Class 'b' has 2 samples; a split into train, validation, test needs at least 3 of each class"
    ):
        assign_splits(frame({"a": 50, "b": 2}), 0.15, 0.15, 0)
    with pytest.raises(DataError, match="Class 'b' has 4 samples; data.folds=5 needs at least 5"):
        fold_numbers(frame({"a": 50, "b": 4}), 5, 0)
    with pytest.raises(DataError, match="leave nothing to train on"):
        assign_splits(frame({"a": 50}), 0.5, 0.5, 0)


def test_every_row_is_held_out_once():
    table = frame({"a": 30, "b": 15})
    held_out = np.zeros(45, int)
    for fold in range(5):
        split = assign_fold(table, 5, fold, 0.2, 0)
        assert split.groupby(["label", "split"]).size().to_dict()[("b", "test")] == 3
        assert set(split["split"]) == {"train", "validation", "test"}
        held_out += (split["split"] == "test").to_numpy()
    assert (held_out == 1).all()


def test_folds_leave_a_given_test_part_alone():
    table = frame({"a": 20, "b": 20}, (["train"] * 12 + ["test"] * 8) * 2)
    rows = {item for fold in range(3) for item in assign_fold(table, 3, fold, 0.1, 0)["item"]}
    assert rows == set(table["item"][table["split"] == "train"])


def test_folds_of_a_column():
    table = frame({"a": 4, "b": 4}, folds=["x", "y"] * 4)
    assert list(fold_numbers(table, "fold", 0)) == [0, 1] * 4
    assert list(assign_fold(table, "fold", 1, 0.0, 0)["split"]) == ["train", "test"] * 4


def test_limit_keeps_shares_and_every_class():
    table = assign_splits(frame({"a": 400, "b": 100, "c": 4}), 0.2, 0.2, 0)
    kept = table[limit_rows(table, 20, 0)]
    assert kept.groupby("split").size().to_dict() == {"train": 20, "validation": 20, "test": 20}
    assert kept.groupby(["split", "label"]).size().min() >= 1
    assert 13 <= (kept[kept["split"] == "train"]["label"] == "a").sum() <= 17
    assert limit_rows(table, None, 0).all()


def test_limit_holds_before_a_cross_validation():
    table = frame({"a": 50, "b": 50})
    assert limit_rows(table, 10, 0).sum() == 10


def test_groups_of_a_fold_column_stay_together_in_validation_too():
    table = frame({"a": 20, "b": 20}).assign(fold=[str(number % 5) for number in range(40)])
    for fold in range(5):
        cut = assign_fold(table, "fold", fold, "auto", 0)
        assert cut.groupby("fold")["split"].nunique().max() == 1 and set(cut["split"]) == {
            "train",
            "validation",
            "test",
        }
        cut = assign_fold(table, "fold", fold, 0.25, 0)  # a stated share is cut from all the others
        assert (cut["split"] == "validation").sum() == 8 and set(cut["fold"][cut["split"] == "test"]) == {str(fold)}

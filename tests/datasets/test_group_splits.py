"""Splits and folds by group and by time: groups whole, classes in their shares, the test the latest part."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from tfpipelines.core.splits import SPLITS
from tfpipelines.datasets.findings import Findings
from tfpipelines.datasets.group_splits import check_given, deal, describe_split
from tfpipelines.datasets.sample_table import make_frame, make_multi_label
from tfpipelines.datasets.splits import assign_fold, assign_splits, fold_numbers, limit_rows
from tfpipelines.errors import DataError


def grouped(rows, groups, classes=3, seed=0, splits=None):
    """A frame whose groups differ in size and in their classes."""
    rng = np.random.default_rng(seed)
    group = np.sort(rng.choice(groups, rows, p=rng.dirichlet(np.full(groups, 3.0))))
    label = (rng.random(rows) ** 2 * classes).astype(int)
    return make_frame(map(str, range(rows)), map(str, label), splits).assign(group=[f"g{number}" for number in group])


def crossing(frame, by="split"):
    return int((frame.groupby("group")[by].nunique() > 1).sum())


def test_groups_stay_whole_and_classes_keep_their_shares():
    frame = grouped(2000, 80)
    split = assign_splits(frame, 0.15, 0.15, 0, calibration=0.1)
    assert crossing(split) == 0
    shares = split.groupby("label")["split"].value_counts(normalize=True).unstack()
    wanted = {"train": 0.6, "validation": 0.15, "calibration": 0.1, "test": 0.15}
    assert all(abs(shares[name] - share).max() < 0.03 for name, share in wanted.items())
    again, other = (assign_splits(frame, 0.15, 0.15, seed, calibration=0.1)["split"] for seed in (0, 1))
    assert again.equals(split["split"]) and not other.equals(split["split"])


@pytest.mark.parametrize("seed", range(3))
def test_group_folds_are_at_least_as_even_as_those_of_scikit_learn(seed):
    frame = grouped(600, 25, seed=seed)
    numbers, labels = fold_numbers(frame, 5, 0), frame["label"].to_numpy()
    other = np.zeros(len(frame), int)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    for number, (_, held_out) in enumerate(splitter.split(labels, labels, frame["group"])):
        other[held_out] = number
    uneven = lambda folds: ((pd.crosstab(folds, labels) - pd.crosstab(folds, labels).mean()) ** 2).to_numpy().sum()
    assert crossing(frame.assign(fold=numbers), "fold") == 0 and set(numbers) == set(range(5))
    assert uneven(numbers) <= uneven(other)


def test_every_group_is_held_out_once_and_validation_cuts_through_none():
    frame = grouped(400, 30)
    held_out = np.zeros(400, int)
    for fold in range(4):
        split = assign_fold(frame, 4, fold, "auto", 0, calibration=0.15)
        assert crossing(split) == 0 and set(split["split"]) == {"train", "validation", "calibration", "test"}
        held_out[split.index[split["split"] == "test"]] += 1
    assert (held_out == 1).all()


def test_groups_of_rows_with_several_labels_and_of_numbers():
    frame = make_multi_label(grouped(400, 30).assign(label=["a|b", "b", "c|a", ""] * 100))
    split = assign_splits(frame, 0.2, 0.2, 0)
    assert crossing(split) == 0
    for name in "abc":
        share = split[split["label"].str.contains(name)]["split"].value_counts(normalize=True)
        assert abs(share["test"] - 0.2) < 0.06
    assert sorted(deal([["x"]] * 6, np.array(list("aabbcc")), np.full(3, 1 / 3), 0)) == [0, 0, 1, 1, 2, 2]


def test_given_test_groups_stay_and_the_others_are_cut():
    frame = grouped(300, 20)
    frame["split"] = frame["given"] = np.where(frame["group"].isin(["g0", "g1", "g2"]), "test", "train")
    split = assign_splits(frame, 0.2, 0.3, 0, calibration=0.2)
    assert (split["split"] == "test").equals(frame["split"] == "test") and crossing(split) == 0
    assert set(split["split"]) == {"train", "validation", "calibration", "test"}


def test_too_few_groups_and_a_class_of_one_group_are_named():
    frame = make_frame(map(str, range(40)), ["a", "b"] * 20).assign(group=["x", "y"] * 20)
    with pytest.raises(DataError, match="There are 2 groups in data.group_column; a split into train, validation"):
        assign_splits(frame, 0.15, 0.15, 0)
    frame = make_frame(map(str, range(40)), ["a"] * 36 + ["b"] * 4).assign(group=[f"g{row // 4}" for row in range(40)])
    alone = r"Class 'b' is in 1 group of data.group_column \('g9'\); data.folds=5 needs at least 5 of each class."
    with pytest.raises(DataError, match=alone):
        fold_numbers(frame, 5, 0)
    with pytest.raises(DataError, match="'g9'"):
        assign_splits(frame, 0.15, 0.15, 0)


def test_given_splits_and_folds_that_cut_through_groups_are_told():
    frame = make_frame("abcd", "xyxy", ["train", "train", "test", "test"]).assign(group=["p", "q", "q", "r"])
    check_given(frame, "warn", findings := Findings())
    (finding,) = findings.entries
    assert (finding.code, finding.severity, finding.items) == ("group_leak", "warning", ("q: train, test",))
    check_given(frame, "error", findings := Findings())
    assert findings.entries[0].severity == "error"
    frame = make_frame("abcd", "xyxy", folds=["1", "1", "2", "2"]).assign(group=["p", "q", "q", "r"])
    check_given(frame, "warn", findings := Findings())
    assert "1 group of data.group_column in more than one given fold" in findings.entries[0].message
    check_given(frame.assign(group=list("ppqq")), "warn", findings := Findings())
    assert not findings.entries
    frame = make_frame("abcd", "xyxy", [None, None, "test", "test"]).assign(group=["p", "q", "q", "r"])
    check_given(frame, "warn", findings := Findings())  # the others become folds
    assert findings.entries[0].items == ("q: folds, test",)


# --- time
def timed(times, dates=False):
    frame = make_frame(map(str, range(len(times))), [str(row % 2) for row in range(len(times))])
    values = pd.to_datetime(pd.Series(times), unit="D", origin="2020-01-01") if dates else np.array(times, float)
    return frame.assign(time=values)


@pytest.mark.parametrize("dates", [False, True])
def test_splits_follow_each_other_in_time(dates):
    times = np.random.default_rng(0).permutation(np.arange(100)).tolist()
    split = assign_splits(timed(times, dates), 0.15, 0.2, 0, calibration=0.1)
    spans = (
        split.groupby("split")["time"].agg(["min", "max", "size"]).loc[["train", "validation", "calibration", "test"]]
    )
    assert spans["size"].tolist() == [55, 15, 10, 20]
    assert (spans["min"].to_numpy()[1:] > spans["max"].to_numpy()[:-1]).all()


def test_rows_of_one_time_stay_together_and_no_split_is_empty():
    split = assign_splits(timed([0] * 50 + [1] * 40 + [2] * 9 + [3]), 0.15, 0.15, 0, calibration=0.15)
    assert (split.groupby("time")["split"].nunique() == 1).all()
    assert list(split.drop_duplicates("time")["split"]) == ["train", "validation", "calibration", "test"]
    split = assign_splits(timed([0] * 80 + [1] * 17 + [2] * 3), 0.0, 0.18, 0)
    assert (split["split"] == "test").sum() == 20  # nearer to 18 than 3
    with pytest.raises(DataError, match="There is 1 different time in data.time_column; a split into .* at least 3"):
        assign_splits(timed([5] * 20), 0.15, 0.15, 0)


def test_groups_stay_whole_in_order_of_their_latest_time():
    frame = timed(list(range(60))).assign(group=[f"g{row % 12}" for row in range(60)])
    frame["time"] += frame["group"].str[1:].astype(int) * 100
    split = assign_splits(frame, 0.15, 0.25, 0)
    assert crossing(split) == 0
    assert set(split["group"][split["split"] == "test"]) == {"g9", "g10", "g11"}
    with pytest.raises(DataError, match=r"There are 2 different times \(the latest of each group\)"):
        assign_splits(frame.assign(group=["a", "b"] * 30), 0.15, 0.25, 0)


def test_folds_in_time_learn_from_what_came_before():
    frame = timed(list(range(120)))
    for fold in range(5):
        split = assign_fold(frame, 5, fold, 0.2, 0, calibration=0.1)
        spans = split.groupby("split")["time"].agg(["min", "max"])
        order = spans.loc[list(SPLITS)]
        assert (order["min"].to_numpy()[1:] > order["max"].to_numpy()[:-1]).all()
        assert (split["split"] == "test").sum() == 20 and order.loc["test", "max"] == 20 * fold + 39
        assert order.loc["train", "min"] == 0
    with pytest.raises(DataError, match="There are 3 different times in .*; data.folds=5 needs at least 6"):
        fold_numbers(timed([0, 1, 2] * 10), 5, 0)


def test_given_splits_out_of_order_are_told():
    frame = timed([0, 1, 2, 3]).assign(split=["train", "test", "test", "train"])
    check_given(frame.assign(given=frame["split"]), "error", findings := Findings())
    assert [(finding.code, finding.severity) for finding in findings.entries] == [("time_leak", "warning")]


def test_limit_takes_rows_within_splits():
    split = assign_splits(grouped(600, 30), 0.2, 0.2, 0)
    kept = split[limit_rows(split, 50, 0)]
    assert crossing(kept) == 0 and kept["split"].value_counts().to_dict() == dict.fromkeys(set(split["split"]), 50)


def test_facts_say_how_splits_were_made():
    frame = timed(list(range(20)), dates=True).assign(group=[f"g{row}" for row in range(20)])
    split = assign_splits(frame, 0.2, 0.2, 0)
    found, about = describe_split(split, {"group": {"column": "patient"}, "time": {"column": "day"}})
    assert found["group"] == {"column": "patient", "groups": {"train": 12, "validation": 4, "test": 4}}
    assert found["time"]["times"]["test"] == ["2020-01-17", "2020-01-20"]
    assert about == [
        "split by groups of column patient: 12 in train, 4 in validation, 4 in test",
        "split in order of the latest time of each group (column day): train 2020-01-01 to 2020-01-12, "
        "validation 2020-01-13 to 2020-01-16, test 2020-01-17 to 2020-01-20",
    ]
    assert describe_split(timed([1.5]), {"time": {"column": "t"}}) == ({"time": {"column": "t"}}, [])

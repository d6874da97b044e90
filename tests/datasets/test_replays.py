"""A run's own samples are found again: by name, and by order where names repeat."""

import pandas as pd
import pytest

from tfpipelines import DataError
from tfpipelines.datasets import replay


def frame(items, fingerprints):
    return pd.DataFrame(
        {"item": items, "label": [f"is {number}" for number in fingerprints], "fingerprint": fingerprints}
    )


def splits(items, parts, fingerprints):
    return pd.DataFrame({"item": items, "split": parts, "fingerprint": [f"{number:016x}" for number in fingerprints]})


def found(now, then, parts=("test", "validation"), count=10):
    return replay(now, then, parts, count, 0, lambda rows: list(rows["label"]), lambda row: row)


def test_rows_of_one_name_are_told_apart_by_their_order():
    then = splits(["a", "a", "b", "a"], ["train", "test", "validation", "train"], [1, 2, 3, 4])
    again = found(frame(["a", "a", "b", "a"], [1, 2, 3, 4]), then)
    assert (
        again.items == ["a", "b"] and again.truth == ["is 2", "is 3"] and list(again) == [1, 2] and again.missing == 0
    )


def test_the_test_part_comes_first_and_what_is_lost_is_counted():
    then = splits(list("abcd"), ["validation", "test", "test", "train"], [1, 2, 3, 4])
    again = found(frame(["d", "c", "a"], [4, 3, 1]), then)
    assert again.items == ["c", "a"] and again.missing == 1
    assert found(frame(["d", "c", "a"], [4, 3, 1]), then, count=1).items == ["c"]


def test_other_contents_and_nothing_at_all_are_refused():
    then = splits(["a", "b"], ["test", "train"], [1, 2])
    with pytest.raises(DataError, match="1 of the samples that are to be replayed are no longer"):
        found(frame(["a", "b"], [9, 2]), then)
    with pytest.raises(DataError, match="None of the 1 samples"):
        found(frame(["b"], [2]), then)
    assert found(frame(["a", "b"], [1, 9]), then).items == ["a"]  # a training row is not looked at

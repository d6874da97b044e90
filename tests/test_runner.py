"""The steps of a run: what they tell."""

from types import SimpleNamespace

import pandas as pd
import pytest

from tfpipelines import Observer
from tfpipelines.runner import Runner


@pytest.mark.parametrize(
    ("samples", "size", "steps", "told"),
    [(103, 64, 1, "leaves out 39 of 103"), (103, 32, 3, ""), (127, 64, 2, ""), (103, 64, 10, ""), (7, 4, 1, "=2 ")],
)
def test_samples_without_a_place_in_an_epoch_are_told_once(samples, size, steps, told):
    notes = []
    observer = Observer()
    observer.note = notes.append
    table = pd.DataFrame({"split": ["train"] * samples + ["test"] * 9})
    train = SimpleNamespace(batch_size=size)
    task = SimpleNamespace(split_table=lambda: table, pipeline=SimpleNamespace(train=train))
    runner = Runner(None, observer, None, resume=False)
    runner._tell_unused(task, steps)
    runner._tell_unused(task, steps)
    assert len(notes) == bool(told) and told in "".join(notes)
    if samples == 103 and told:
        assert notes[0].endswith("train.batch_size=32 instead of 64 would leave out 7")

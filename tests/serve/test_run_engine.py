"""Runs without a server around them."""

import pandas as pd
import pytest

from tfpipelines.errors import DataError
from tfpipelines.serve.items import Item
from tfpipelines.serve.limits import Limits
from tfpipelines.serve.run_engine import RunEngine, _portions
from tfpipelines.serve.worker import answered


class Slow:
    """A run that takes 0.05 s for each call, on a clock of its own."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def predict(self, inputs, **options):
        if "bad" in inputs:
            raise DataError("It is bad.")
        self.calls.append(len(inputs))
        self.now += 0.05
        return pd.DataFrame({"item": [str(number) for number in range(len(inputs))], "predicted": "a"})


def engine(takes: str, monkeypatch) -> RunEngine:
    made = RunEngine.__new__(RunEngine)
    made._run, made._limits, made.facts = Slow(), Limits(), {"takes": takes}
    monkeypatch.setattr("time.monotonic", lambda: made._run.now)
    return made


def test_what_nobody_waits_for_does_not_begin(monkeypatch):
    images = [Item("image", str(number), b"", pixels=15_000_000) for number in range(4)]
    made = engine("image", monkeypatch)
    told = made.answer(images, False, 0.08)
    assert [answer.problem and answer.problem.status for answer in told] == [None, None, 504, 504]
    assert told[0].records[0]["item"] == "0" and made._run.calls == [1, 1]
    texts = [Item("text", str(number), b"x") for number in range(4)]
    made = engine("text", monkeypatch)
    told = made.answer(texts, True, 0.08)
    assert [answer.problem and answer.problem.code for answer in told] == [None, None, "too_long", "too_long"]
    assert all(answer.problem is None for answer in made.answer(texts, False)) and made._run.calls == [1, 1, 4]


def test_items_that_fail_together_are_asked_for_singly_while_there_is_time(monkeypatch):
    texts = [Item("text", str(number), word) for number, word in enumerate((b"a", b"bad", b"c", b"d"))]
    told = answered(engine("text", monkeypatch), texts, False, 60.0)
    assert [answer.problem and answer.problem.code for answer in told] == [None, "unreadable", None, None]
    told = answered(engine("text", monkeypatch), texts, False, 0.06)
    assert [answer.problem and answer.problem.code for answer in told] == [None, "unreadable", None, "too_long"]


@pytest.mark.parametrize("pixels, sizes", [(0, [5]), (1_000_000, [5]), (9_000_000, [2, 2, 1]), (20_000_000, [1] * 5)])
def test_large_images_go_by_themselves(pixels, sizes):
    items = [Item("image", "", b"", pixels=pixels)] * 5
    assert [len(some) for some in _portions(items, False)] == sizes and len(list(_portions(items, True))) == 5


def test_true_is_no_number_where_a_row_is_explained(monkeypatch):
    """As where it is not: pandas would take it for 1."""
    made, asked = engine("row", monkeypatch), []
    made._columns = ["a", "b"]
    made._run.predict = lambda table, **_: asked.append(table) or pd.DataFrame({"item": ["0"], "predicted": "x"})
    made.answer([Item("row", "0", b'{"a": true, "b": 1.5}')], True)
    assert asked[0].to_dict("records") == [{"a": "True", "b": 1.5}]

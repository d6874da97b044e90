"""Predictions as CSV."""

import numpy as np
import pandas as pd

from tfpipelines.core import unchanged
from tfpipelines.core.words import plain_lines
from tfpipelines.evaluation import predictions
from tfpipelines.evaluation.predictions import prediction_table, to_csv, to_records, with_input_columns, write_csv

ODD = pd.DataFrame(
    {
        "item": ["=1+1", "+a", "-b", "@c", "\td", "plain", None],
        "=x": [-0.5, 0.25, 1.0, 0.0, 0.0, 0.0, 0.0],
        "n": range(7),
    }
)


def test_formulas_get_an_apostrophe_where_that_is_asked_for():
    assert to_csv(ODD) == to_csv(ODD, safe=False) and "\n=1+1,-0.5,0\n" in to_csv(ODD)
    lines = to_csv(ODD, safe=True).splitlines()
    assert lines[0] == "item,'=x,n"
    assert [line.split(",")[0] for line in lines[1:]] == ["'=1+1", "'+a", "'-b", "'@c", "'\td", "plain", ""]
    assert [line.split(",")[1] for line in lines[1:3]] == ["-0.5", "0.25"]  # numbers stay numbers


def test_control_characters_are_not_sent_to_a_terminal():
    text = "item,a\n\x1b[31mred,1\n\x1b]8;;http://x\x07link,2\nfile\u202egnp.exe,3\n日本,4\n"
    shown = plain_lines(text)
    assert shown.count("\n") == 5 and not {"\x1b", "\x07", "\u202e"} & set(shown) and "日本,4" in shown


def test_columns_of_inputs_stand_behind_the_item():
    table = prediction_table(["0", "1"], [[0.25, 0.75], [0, 0]], ["no", "yes"], errors=["", "empty"], text=["a", ""])
    given = {"id": [7, 8], "text": ["A", None], "yes": [1.23456789, 2.0], "error": [["x", "y"], b"z"]}
    both = with_input_columns(table, pd.DataFrame(given))
    own = ["text", "predicted", "no", "yes", "error"]
    assert list(both.columns) == ["item", "id", "input_text", "input_yes", "input_error", *own]
    pd.testing.assert_frame_equal(both[["item", *own]], table)
    assert both["id"].dtype == np.int64
    assert to_csv(both).splitlines()[1:] == [
        '0,7,A,1.23456789,"[""x"", ""y""]",a,yes,0.25,0.75,',
        "1,8,,2.0,z,,,,,empty",
    ]
    first, second = to_records(both)
    kept = {"id": 7, "input_text": "A", "input_yes": 1.23456789, "input_error": ["x", "y"]}
    assert first == {"item": "0", **kept, "text": "a", "predicted": "yes", "scores": {"no": 0.25, "yes": 0.75}}
    assert second["input_text"] is None and second["input_error"] == "z" and second["error"] == "empty"
    assert with_input_columns(table, pd.DataFrame(index=range(2))) is table


def test_names_of_inputs_that_mean_something_else():
    table = prediction_table(["0"], [[1.0]], ["verdict"])  # no detector's
    both = with_input_columns(table, pd.DataFrame({"scores": [1], "error": [2], "input_error": [3], "label": ["x"]}))
    assert list(both.columns)[1:5] == ["input_scores", "input_error", "input_input_error", "label"]
    both = with_input_columns(prediction_table(["0"], [[1.0]], ["a"]), pd.DataFrame({"verdict": ["guilty"]}))
    assert to_records(both) == [{"item": "0", "verdict": "guilty", "predicted": "a", "scores": {"a": 1.0}}]


def test_tables_are_written_in_parts_as_in_one_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(predictions, "_ROWS", 3)
    monkeypatch.setattr(unchanged, "_ROWS", 3)
    shares = np.random.default_rng(0).dirichlet([1, 1], 8)
    of_classes = prediction_table(map(str, range(8)), shares, ["no", "yes"], errors=["", "empty"] + [""] * 6)
    of_numbers = pd.DataFrame({"item": list("abcdefgh"), "label": shares[:, 0], "predicted": shares[:, 1] * 1e9})
    for table in (of_classes, of_numbers, of_classes.iloc[:0], of_classes.iloc[:3], ODD):
        write_csv(tmp_path / "t.csv", table)
        assert (tmp_path / "t.csv").read_bytes().decode() == to_csv(table)
        unchanged.write_splits(tmp_path / "s.csv", table)
        assert (tmp_path / "s.csv").read_bytes().decode() == unchanged.splits_text(table)

"""Predictions as CSV."""

import pandas as pd

from tfpipelines.core.words import plain_lines
from tfpipelines.evaluation.predictions import to_csv

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

"""Numbers, times and tables as they are read."""

import pytest

from tfpipelines.core.text_tables import Column, Table, figures_table
from tfpipelines.core.words import age, duration, extremes, figure, fixed, megabytes, seconds, signed, value
from tfpipelines.output.pages import data_uri


@pytest.mark.parametrize(
    ("number", "rounded", "exact"),
    [(0.5, "0 s", "0.5 s"), (59.4, "59 s", "59.4 s"), (59.6, "1 min 0 s", "59.6 s"), (200, "3 min 20 s", "3 min 20 s"),
     (7500, "2 h 5 min", "2 h 5 min")],
)  # fmt: skip
def test_seconds_in_words(number, rounded, exact):
    assert (duration(number), seconds(number)) == (rounded, exact)
    assert seconds(None) == ""


def test_ages_have_one_unit():
    assert [age(number) for number in (59, 61, 7300, 200_000)] == ["59 s", "1 min", "2 h", "2 d"]


def test_figures():
    assert [fixed(0.25), fixed(1234.5), fixed(None)] == ["0.2500", "1234.5000", ""]
    assert [signed(0.25), signed(-0.25), signed(None)] == ["+0.2500", "-0.2500", ""]
    assert [figure(0.25), figure(1234.5), figure(1e-5), figure(None)] == ["0.2500", "1,234", "1.000e-05", ""]
    assert extremes((0.1, 0.2)) == "0.1000 to 0.2000" and extremes([-0.1, 0.2], signed) == "-0.1000 to +0.2000"
    assert megabytes(2_345_678) == "2.35 MB" and megabytes(1_250) == "1.2 kB" and megabytes(12) == "12 bytes"


def test_values_of_fields():
    assert [value(entry) for entry in (0.00012345, [4, 8.5], None, True, "a")] == [
        "0.0001234",
        "[4, 8.5]",
        "null",
        "true",
        "a",
    ]
    assert value((4, (8, 9)), ",") == "[4,[8,9]]"


def test_a_table_of_figures_has_what_there_is():
    columns = [
        Column("validation", {"loss": 1.0}, {}),
        Column("test", {"loss": 2.0, "new": 3.0}, {"loss": {"std": 0.5, "min": 1.5, "max": 2.5}, "new": {"std": 0.1}}),
    ]
    table = figures_table("metric", columns, {"new": (2.0, 4.0)}, {"guess": {"loss": 9.0}}, fixed)
    assert table.columns == ["metric", "validation", "test", "95% interval (test)", "baseline guess"]
    assert table.rows == [
        ["loss", "1.0000", "2.0000 ± 0.5000 (1.5000 to 2.5000)", "", "9.0000"],
        ["new", "", "3.0000 ± 0.1000", "2.0000 to 4.0000", ""],
    ]
    assert table and not Table("empty", ["a"], [])
    assert figures_table("metric", columns, {}, {"real images": {}}, fixed).columns[-1] == "real images"


def test_pictures_stand_in_pages_by_themselves():
    assert data_uri(b"abc") == "data:image/png;base64,YWJj" and data_uri(b"", "image/gif") == "data:image/gif;base64,"

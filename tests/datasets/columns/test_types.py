"""What the columns of a table hold."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfpipelines.datasets import Findings
from tfpipelines.datasets.cells import with_decimal_points
from tfpipelines.datasets.columns.types import choose_columns, kind_of
from tfpipelines.datasets.table_cells import table_of
from tfpipelines.errors import DataError

ROWS = 60
RANDOM = np.random.default_rng(0)


def cells_of(**columns):
    return table_of(pd.DataFrame(columns), Path("t"))


def chosen(cells, findings=None, **given):
    fields = {"columns": None, "excluded": None, "types": {}, **given}
    findings = Findings() if findings is None else findings
    return choose_columns(with_decimal_points(cells, set(), findings), ["target"], findings=findings, **fields)


def found_of(cells, *words, asked=False):
    (name,) = cells
    return kind_of(name, table_of(pd.DataFrame({name: cells[name]}), Path("t"))[name], asked=asked)


@pytest.mark.parametrize(
    "name, values, kind",
    [
        ("a", RANDOM.integers(0, 3, ROWS), "number"),  # few whole numbers stay numbers
        ("a", [None, *RANDOM.random(ROWS - 1)], "number"),
        ("a", ["?", *map(str, range(5, ROWS + 4))], "number"),
        ("a", RANDOM.choice(["Yes", "no"], ROWS), "boolean"),
        ("a", RANDOM.choice([0, 1], ROWS), "boolean"),
        ("a", [True, False] * 30, "boolean"),
        ("a", RANDOM.choice(["red", "blue", "NA"], ROWS), "category"),
        ("zip", RANDOM.choice(["01234", "10115", "20095"], ROWS), "category"),  # a leading zero
        ("zip", [*RANDOM.integers(10000, 10100, 599), "01234"], "category"),  # all of one width
        ("a", [*RANDOM.random(59), "05"], "number"),  # one leading zero makes no codes
        ("a", [*RANDOM.integers(0, 300, 599), "05"], "number"),
        ("a", [*["x"] * 40, *[None] * 20], "category"),  # whether it is there says something
        ("a", pd.date_range("2020-01-01", periods=ROWS).astype(str), "date"),
        ("a", [f"{day:02}/{month:02}/2021" for day, month in zip(range(1, 29), range(1, 13))] * 5, "date"),
        ("a", ["1st", "2nd", "3rd"] * 20, "category"),
        ("a", ["May", "10-12", "Jun-3"] * 20, "category"),
        ("a", [f"a house with {number} rooms" for number in range(ROWS)], "text"),
        ("a", [f"A{number}" for number in range(ROWS)], ""),  # identifiers
        ("row", range(ROWS), ""),  # counts rows
        ("customer_id", RANDOM.permutation(ROWS * 7)[:ROWS], ""),
        ("rowId", RANDOM.permutation(ROWS * 7)[:ROWS], ""),
        ("serial", RANDOM.permutation(ROWS * 7)[:ROWS], ""),
        ("Key", RANDOM.permutation(ROWS * 7)[:ROWS], ""),
        ("Unnamed: 0", RANDOM.permutation(ROWS * 7)[:ROWS], ""),
        ("paid", RANDOM.permutation(ROWS * 7)[:ROWS], "number"),  # ends with the letters of id
        ("population", RANDOM.permutation(ROWS * 7)[:ROWS], "number"),
        ("a", ["x"] * ROWS, ""),
        ("a", [None] * ROWS, ""),
    ],
)
def test_kinds(name, values, kind):
    found = found_of({name: list(values)})
    assert found.kind == kind and bool(found.why) == (not kind)


def test_decimal_commas_are_numbers():
    findings = Findings()
    cells = cells_of(
        a=[f"{value:.2f}".replace(".", ",") for value in RANDOM.random(ROWS) + 1], b=["1.234,5"] * 59 + ["2"]
    )
    assert chosen(cells, findings) == {"a": "number", "b": "number"}
    assert "decimal points in: a, b" in findings.of("note")[0].message


def test_findings_name_columns():
    findings = Findings()
    mixed = ["abc" if row == 3 else str(row / 2) for row in range(ROWS)]
    infinite = ["inf" if row == 4 else "1e300" if row == 5 else str(row / 4) for row in range(ROWS)]
    cells = cells_of(
        mixed=mixed,
        infinite=infinite,
        lists=[[1, 2]] * ROWS,
        rare=["1.5", *[None] * 59],
        code=[f"K{row}" for row in range(ROWS)],
    )
    assert list(chosen(cells, findings)) == ["mixed", "infinite", "rare"]
    told = {entry.code: entry for entry in findings.entries}
    assert "'lists' holds lists, such as in line 1" in told["list_column"].message
    assert told["columns_left_out"].items == ("code (60 different words, like an identifier)",)
    assert "rare (98.3 % missing)" in told["nearly_empty"].message
    assert "numbers: mixed, infinite, rare" in told["column_types"].message


def test_leading_zeros_among_numbers_are_told():
    findings = Findings()
    assert chosen(cells_of(a=[*RANDOM.random(59), "05"]), findings) == {"a": "number"}
    (told,) = [entry for entry in findings.entries if entry.code == "leading_zeros"]
    assert told.items == ("line 60: '05'",) and "data.types={a: category}" in told.remedy


def test_types_and_columns_can_be_set():
    cells = cells_of(row=range(ROWS), a=RANDOM.integers(0, 3, ROWS), b=["x", "y"] * 30)
    assert chosen(cells, types={"a": "category"}) == {"a": "category", "b": "category"}
    assert chosen(cells, types={"row": "number"})["row"] == "number"
    assert chosen(cells, columns=("b",)) == {"b": "category"}
    assert chosen(cells, excluded=("b",)) == {"a": "number"}
    with pytest.raises(DataError, match="no column 'bb' for data.exclude"):
        chosen(cells, excluded=("bb",))
    with pytest.raises(DataError, match="No column is left"):
        chosen(cells, columns=("b",), excluded=("b",))
    with pytest.raises(DataError, match="plays another role"):
        chosen(cells_of(target=[1, 2]), columns=("target",))

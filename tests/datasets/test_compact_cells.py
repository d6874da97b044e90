"""Large CSV: read part by part, kept as compact as in its file, and the same cells as those of a small one."""

import numpy as np
import pandas as pd
import pytest

from tfpipelines.core.config.tables import TableData
from tfpipelines.datasets import csv_tables, read_table_samples
from tfpipelines.datasets.columns.encoder import Columns
from tfpipelines.datasets.compact_cells import CompactCells, CompactFrame
from tfpipelines.datasets.findings import Findings
from tfpipelines.datasets.table_cells import LINE, in_words
from tfpipelines.datasets.table_files import TableForm, read_cells
from tfpipelines.errors import DataError

WORDS = ["a", None, "", "Größe", "x" * 300, "a", "日本"]


def test_cells_come_back_as_they_were():
    cells = CompactCells.packed(WORDS)
    assert cells.words().tolist() == list(cells) == WORDS and len(cells) == 7
    assert cells.isna().tolist() == [word is None for word in WORDS]
    assert cells.without_empty().words().tolist() == [word or None for word in WORDS]
    assert cells[3] == "Größe" and cells[1] is None and cells[2:5].words().tolist() == WORDS[2:5]
    assert cells[np.array(WORDS, object) == "a"].words().tolist() == ["a", "a"]
    assert cells.take([6, 0, -1], allow_fill=True).words().tolist() == ["日本", "a", None]
    both = CompactCells._concat_same_type([cells, cells[5:]])
    assert both.words().tolist() == [*WORDS, "a", "日本"]
    assert CompactCells.packed([]).words().tolist() == []
    for length in (126, 127, 128, 40_000):  # where another kind of number is needed
        assert CompactCells.packed(["y" * length, "z", None]).words().tolist() == ["y" * length, "z", None]


def test_a_compact_column_takes_the_bytes_of_its_cells():
    words = [f"{number / 7:.5f}" for number in range(5000)]
    frame = CompactFrame({"x": CompactCells.packed(words), "y": np.arange(5000)})
    assert frame.array_of("x").nbytes == sum(map(len, words)) + 5000
    assert isinstance(frame[frame["y"] > 10].reset_index(drop=True), CompactFrame)
    assert frame["x"].dtype == object and frame["x"].tolist() == words and frame[["x"]]["x"].tolist() == words
    assert frame["x"].iloc[:3].tolist() == words[:3] and frame["y"].dtype == np.int64
    few = CompactFrame({"x": CompactCells.packed(["red", "blue"] * 2000)})["x"]
    assert len({id(word) for word in few}) == 2


@pytest.fixture
def small_parts(monkeypatch):
    """Every table is a large one, of several parts."""
    monkeypatch.setattr(csv_tables, "LARGE", 0)
    monkeypatch.setattr(csv_tables, "_PART", 700)


def _table(rows=300, line_end="\n"):
    generator = np.random.default_rng(0)
    lines = ["number,place,word,label"]
    for row in range(rows):
        word = ["plain", '"with, comma"', '"two\nlines"', '"a ""quote"""', "", "Köln"][row % 6]
        number = "" if row % 50 == 3 else f"{generator.normal():.4f}"
        lines.append(f"{number},{row % 7},{word},{'yes' if row % 2 else 'no'}")
    return line_end.join(lines) + line_end


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("begin", [b"", b"\xef\xbb\xbf"])
def test_parts_give_the_cells_and_lines_of_the_strict_reader(tmp_path, small_parts, line_end, begin):
    path, text = tmp_path / "t.csv", _table(line_end=line_end)
    path.write_bytes(begin + text.encode())
    expected = csv_tables._read_rows(path, text, ",")
    cells = read_cells(path)
    assert isinstance(cells, CompactFrame) and list(cells.columns) == list(expected.columns)
    for name in expected.columns:
        assert cells[name].tolist() == expected[name].tolist()
    words = in_words(cells)
    assert [cell is None for cell in words["word"]] == [cell == "" for cell in expected["word"]]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda lines: [*lines[:200], "1,2,3", *lines[200:]], "line 201: 3 fields, but the header has 4"),
        (lambda lines: [*lines[:200], "1,2,3,4,5", *lines[200:]], "line 201: 5 fields, but the header has 4"),
        (lambda lines: [*lines, '1,2,"open,no'], "unexpected end of data"),
        (lambda lines: [lines[0]], "holds no rows"),
        (lambda lines: [lines[0] + ",label", *(f"{line},x" for line in lines[1:])], "'label' appears twice"),
    ],
)
def test_what_is_wrong_is_told_by_the_strict_reader(tmp_path, small_parts, spoil, told):
    path = tmp_path / "t.csv"
    plain = [f"{row},{row % 3},w,{'yes' if row % 2 else 'no'}" for row in range(400)]
    path.write_text("\n".join(spoil(["number,place,word,label", *plain])) + "\n")
    with pytest.raises(DataError, match=told):
        read_cells(path)


def test_bytes_that_are_no_text_are_told_with_their_line(tmp_path, small_parts):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 300 + b"1,\xff\n" + b"1,2\n" * 300)
    with pytest.raises(DataError, match=r"line 302: byte \d+ \(0xff\) is not UTF-8"):
        read_cells(path)


def test_other_forms_are_read_as_before(tmp_path, small_parts):
    text = _table(40).replace("\n", "\n")
    for name, content, form in (
        ("sep.csv", "sep=;\n" + text.replace(",", ";"), TableForm()),
        ("quoted.csv", '"number","place","word","label"\n' + text.partition("\n")[2], TableForm()),
        ("latin.csv", text, TableForm(encoding="cp1252")),
    ):
        path = tmp_path / name
        path.write_text(content, encoding="cp1252" if form.encoding else "utf-8", newline="")
        assert not isinstance(read_cells(path, form), CompactFrame)
    path = tmp_path / "semicolon.csv"
    path.write_text("".join(f"{row};{row % 2}\n" if row else "x;label\n" for row in range(90)))
    cells = read_cells(path)
    assert isinstance(cells, CompactFrame) and cells.attrs["as"] == ["columns separated by semicolon"]


def test_samples_of_a_large_table_are_those_of_a_small_one(tmp_path, monkeypatch):
    path, data = tmp_path / "t.csv", lambda: TableData(path=str(tmp_path / "t.csv"), target_column="label")
    path.write_text(_table(400))
    usual = read_table_samples(data(), Findings())
    monkeypatch.setattr(csv_tables, "LARGE", 0)
    monkeypatch.setattr(csv_tables, "_PART", 1500)
    large = read_table_samples(data(), Findings())
    assert isinstance(large.cells, CompactFrame) and not isinstance(usual.cells, CompactFrame)
    assert large.kinds == usual.kinds and len(large.kinds) == 3
    pd.testing.assert_frame_equal(large.frame, usual.frame, check_dtype=False)
    train = (usual.frame["split"] == "train").to_numpy()
    one, other = (Columns.fit(samples.cells, samples.kinds, train) for samples in (usual, large))
    assert one.facts() == other.facts()
    of_one, of_other = (
        columns.transform(samples.cells, Findings()) for columns, samples in ((one, usual), (other, large))
    )
    assert np.array_equal(of_one.numbers, of_other.numbers, equal_nan=True)
    assert np.array_equal(of_one.codes, of_other.codes)
    assert large.cells[LINE].tolist() == usual.cells[LINE].tolist()

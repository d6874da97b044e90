"""Tables of every form: compressed, JSON in one piece, sheets of workbooks, other encodings, files in cells."""

import bz2
import gzip
import io
import json
import lzma
import random
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfpipelines.core import config
from tfpipelines.core.config.images import ImageData
from tfpipelines.datasets import cells as cells_module
from tfpipelines.datasets import compressed, csv_tables, image_samples, source
from tfpipelines.datasets.source.requests import FEATURES, IMAGES, Request
from tfpipelines.datasets.table_cells import LINE, in_words
from tfpipelines.datasets.table_files import TableForm, read_cells
from tfpipelines.errors import ConfigError, DataError, ResourceError
from tfpipelines.tasks import SCHEMAS

ROWS = [{"a": 1, "b": "x"}, {"a": 2.5, "b": "é"}, {"a": 3}]


def read(path, **form):
    return read_cells(path, TableForm(**form))


def plain(cells):
    return cells.drop(columns=LINE).to_dict("list")


# --- compressed
@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
def test_compressed_tables(tmp_path, ending, pack):
    content = b'a,b\n1,x\n2,"y\nz"\n3,w\n'
    path = tmp_path / f"T.CSV{ending}"
    path.write_bytes(pack(content))
    cells = read(path)
    assert plain(cells) == {"a": ["1", "2", "3"], "b": ["x", "y\nz", "w"]} and list(cells[LINE]) == [2, 3, 5]
    assert source.open_source(str(path), FEATURES).path == path
    for damaged in (pack(content)[:-9], b"no such file", pack(content)[:30] + bytes(9) + pack(content)[39:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="is no whole file of"):
            read(path)


def test_a_table_that_grows_beyond_the_memory_is_refused(tmp_path, monkeypatch):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a\n" + b"1\n" * 5_000_000))
    monkeypatch.setattr(compressed, "free_memory", lambda: 16_000_000)
    monkeypatch.setattr(compressed, "_ALWAYS", 0)
    with pytest.raises(ResourceError, match="holds more than 4.00 MB, a quarter of the free memory"):
        read(tmp_path / "t.csv.gz")


def test_endings():
    assert [compressed.ending_of(name) for name in ("a.b.CSV", "a.csv.Gz", "a.tar.gz", ".gz", "a")] == [
        ".csv", ".csv.gz", ".tar.gz", "", "",
    ]  # fmt: skip
    assert [compressed.plain_ending(ending) for ending in (".csv", ".csv.gz", ".gz")] == [".csv", ".csv", ""]


# --- JSON
@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        {"data": ROWS, "version": 3, "more": {"x": 1}},
        {"columns": ["a", "b"], "index": [5, 6, 7], "data": [[1, "x"], [2.5, "é"], [3, None]]},
        {"a": [1, 2.5, 3], "b": ["x", "é", None]},
        {"a": {"0": 1, "1": 2.5, "2": 3}, "b": {"2": None, "1": "é", "0": "x"}},
    ],
)
def test_json_in_one_piece(tmp_path, content):
    (tmp_path / "t.json").write_text(json.dumps(content))
    cells = read(tmp_path / "t.json")
    assert plain(cells) == {"a": [1, 2.5, 3], "b": ["x", "é", None]} and list(cells[LINE]) == [1, 2, 3]


def test_lines_and_pieces_of_json_are_told_by_their_content(tmp_path):
    lines = "\n".join(map(json.dumps, ROWS))
    (tmp_path / "t.json").write_text(lines)
    (tmp_path / "t.jsonl").write_text(json.dumps(ROWS))
    (tmp_path / "u.jsonl").write_text(lines)
    told = [plain(read(tmp_path / name)) for name in ("t.json", "t.jsonl", "u.jsonl")]
    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[1, 2]", "holds JSON that is no table"),
        ('{"a": {"x": 1}}', "holds JSON that is no table"),
        ('{"r1": {"a": 1, "b": 2}, "r2": {"a": 3, "b": 4}}', "holds JSON that is no table"),
        ('{"a": {"0": 1}, "b": {"1": 1}}', "holds JSON that is no table"),
        ('{"x": [1, 2], "meta": [{"k": 1}]}', "holds JSON that is no table"),
        ('{"a": [1], "b": [1, 2]}', "holds JSON that is no table"),
        ("[]", "holds JSON that is no table"),
        ('[{"a": 1},', "not JSON"),
        ("[" * 100_000, "nested too deep"),
        ('{"columns": ["a"], "data": [[1, 2]]}', "a row of data has 2 values, but there are 1 column"),
    ],
)
def test_json_that_is_no_table(tmp_path, text, cause):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(DataError, match=cause):
        read(tmp_path / "t.json")


def test_a_single_row_in_json(tmp_path):
    (tmp_path / "t.json").write_text('{"text": "hi", "label": "a"}')
    assert plain(read(tmp_path / "t.json")) == {"text": ["hi"], "label": ["a"]}


def test_a_line_of_brackets_is_refused(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"a": ' + "[" * 100_000)
    with pytest.raises(DataError, match="line 1: not JSON"):
        read(tmp_path / "t.jsonl")


# --- workbooks
def workbook(path, **sheets):
    """A workbook with sheets of rows of numbers and words; None leaves a cell out."""
    names = "".join(
        f'<sheet name="{name}" sheetId="{number}" r:id="r{number}"/>' for number, name in enumerate(sheets, 1)
    )
    base = "http://schemas.openxmlformats.org/"
    links = "".join(
        f'<Relationship Id="r{number}" Type="{base}officeDocument/2006/relationships/worksheet" '
        f'Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, len(sheets) + 1)
    )
    with zipfile.ZipFile(path, "w") as archive:
        types = f'<Types xmlns="{base}package/2006/content-types"></Types>'
        archive.writestr("[Content_Types].xml", types)
        kind = f"{base}officeDocument/2006/relationships/officeDocument"
        link = f'<Relationship Id="r" Type="{kind}" Target="xl/workbook.xml"/>'
        archive.writestr(
            "_rels/.rels", f'<Relationships xmlns="{base}package/2006/relationships">{link}</Relationships>'
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{base}spreadsheetml/2006/main" '
            f'xmlns:r="{base}officeDocument/2006/relationships"><sheets>{names}</sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{base}package/2006/relationships">{links}</Relationships>',
        )
        for number, rows in enumerate(sheets.values(), 1):
            lines = ""
            for line, row in enumerate(rows, 1):
                cells = ""
                for place, cell in enumerate(row):
                    where = f'r="{chr(65 + place)}{line}"'
                    if isinstance(cell, str):
                        cells += f'<c {where} t="inlineStr"><is><t>{cell}</t></is></c>'
                    elif cell is not None:
                        cells += f"<c {where}><v>{cell}</v></c>"
                lines += f'<row r="{line}">{cells}</row>'
            archive.writestr(
                f"xl/worksheets/sheet{number}.xml",
                f'<worksheet xmlns="{base}spreadsheetml/2006/main"><sheetData>{lines}</sheetData></worksheet>',
            )
    return path


def test_sheets(tmp_path):
    pytest.importorskip("python_calamine")
    rows = [[None, None], ["a", " b "], [1, "x"], [None, None], [2.5, None]]
    path = workbook(tmp_path / "t.xlsx", first=rows, other=[["c"], [7]])
    cells = read(path)
    assert plain(cells) == {"a": [1, 2.5], "b": ["x", None]} and list(cells[LINE]) == [3, 5]
    assert cells.attrs["as"] == ["the sheet 'first' alone, without other"]
    assert plain(read(path, sheet="other")) == {"c": [7]}
    with pytest.raises(DataError, match="has no sheet 'third'") as caught:
        read(path, sheet="third")
    assert caught.value.remedy == "Set data.sheet to one of: first, other."
    request = Request(FEATURES, {"label": "b"}, target="auto", form=TableForm(sheet="first"))
    table = source.open_source(str(path), FEATURES).read(request)
    assert list(table.cells["a"]) == ["1", "2.5"] and list(table.frame["label"]) == ["x", None]


def test_sheets_that_are_no_tables(tmp_path):
    pytest.importorskip("python_calamine")
    assert list(plain(read(workbook(tmp_path / "t.xlsx", one=[[2020, "b"], [1, 2]])))) == ["2020", "b"]
    with pytest.raises(DataError, match="row 2: '0' stands below no name"):
        read(workbook(tmp_path / "t.xlsx", one=[["a"], [1, 0]]))
    path = workbook(tmp_path / "t.xlsx", one=[["a"], [1, "a remark"]])
    with pytest.raises(DataError, match="row 2: 'a remark' stands below no name of a column"):
        read(path)
    with pytest.raises(DataError, match="holds no rows"):
        read(workbook(tmp_path / "t.xlsx", one=[["a"]]))
    (tmp_path / "t.xlsx").write_bytes(b"no workbook")
    with pytest.raises(DataError, match="is not a readable workbook"):
        read(tmp_path / "t.xlsx")


def test_without_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(DataError, match="needs python-calamine") as caught:
        read(tmp_path / "t.ods")
    assert "tfpipelines[excel]" in caught.value.remedy


# --- text
def test_encodings(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("a;b\n1;é\n".encode("cp1252"))
    with pytest.raises(DataError, match="line 2: byte 6 .* is not UTF-8") as caught:
        read(path)
    assert "data.encoding=cp1252" in caught.value.remedy
    cells = read(path, encoding="cp1252")
    assert plain(cells) == {"a": ["1"], "b": ["é"]}
    assert cells.attrs["as"] == ["the encoding cp1252", "columns separated by semicolon"]
    path.write_text("a;b\n1;é\n")  # UTF-8 is told by itself
    assert plain(read(path, encoding="cp1252", delimiter=";")) == {"a": ["1"], "b": ["é"]}
    path.write_bytes("a,b\n1,é\n".encode("utf-16-le"))
    assert plain(read(path, encoding="utf-16-le")) == {"a": ["1"], "b": ["é"]}
    with pytest.raises(DataError, match="NUL byte"):
        read(path)
    with pytest.raises(DataError, match="NUL byte"):
        read(path, encoding="cp1252")
    path.write_bytes("a,b\n1,犬\n".encode("iso2022_jp"))
    assert plain(read(path, encoding="iso2022_jp")) == {"a": ["1"], "b": ["犬"]}
    path.write_bytes("a,b\n1,é\n".encode("utf-32"))
    with pytest.raises(DataError, match="is UTF-32"):
        read(path)
    path.write_bytes(b"a,b\n1,\xff\n")
    with pytest.raises(DataError, match="neither UTF-8 nor ascii"):
        read(path, encoding="ascii")


def test_delimiters(tmp_path):
    (tmp_path / "t.csv").write_text("a:b,c\n1:2,3\n")
    assert plain(read(tmp_path / "t.csv", delimiter=":")) == {"a": ["1"], "b,c": ["2,3"]}
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    cells = read(tmp_path / "t.csv", delimiter=";")
    assert plain(cells) == {"a": ["1"], "b": ["2"]} and cells.attrs["as"] == ["columns separated by comma"]


@pytest.mark.parametrize("word", ["tab", "\\t", "\t"])
def test_fields_of_forms(word):
    load = lambda *words: config.load("tabular", ["data.path=t.csv", *words], schemas=SCHEMAS).pipeline.data
    assert load(f"data.delimiter={word}").delimiter == "\t" and load().delimiter is None
    for wrong in ("data.delimiter=;;", "data.encoding=utf-99", "data.encoding=rot13", 'data.delimiter="'):
        with pytest.raises(ConfigError, match=wrong.partition("=")[0]):
            load(wrong)


# --- files in cells
def pictures(count=6):
    generator = np.random.default_rng(0)
    found = []
    for _ in range(count):
        stream = io.BytesIO()
        Image.fromarray(generator.integers(0, 255, (8, 8), "uint8")).save(stream, "PNG")
        found.append(stream.getvalue())
    return found


@pytest.mark.parametrize("named", [True, False, None])
def test_images_in_parquet(tmp_path, named):
    contents = pictures()
    cells = contents if named is None else [
        {"bytes": content, "path": f"p{row}.png" if named else None} for row, content in enumerate(contents)
    ]  # fmt: skip
    pd.DataFrame({"image": cells, "label": list("ababab")}).to_parquet(tmp_path / "t.parquet")
    table = image_samples.read_image_source(ImageData(path=str(tmp_path / "t.parquet")))
    expected = [f"p{row}.png" if named else str(row) for row in range(6)]
    assert list(table.frame["item"]) == expected and list(table.frame["label"]) == list("ababab")
    assert [table.content(row) for row in range(6)] == contents and table.path(0) is None
    given = source.open_source(str(tmp_path / "t.parquet"), IMAGES).read(Request.to_predict(IMAGES, {})).given
    assert list(given["image"]) == expected


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3)])
def test_images_as_nested_lists(tmp_path, shape):
    images = np.random.default_rng(0).integers(0, 256, (4, *shape)).astype(np.uint8)
    rows = [{"image": image.tolist(), "label": "ab"[row % 2]} for row, image in enumerate(images)]
    pd.DataFrame(rows).to_parquet(tmp_path / "t.parquet")
    (tmp_path / "t.json").write_text(json.dumps(rows))
    for name in ("t.parquet", "t.json"):
        table = image_samples.read_image_source(ImageData(path=str(tmp_path / name)))
        assert all(np.array_equal(table.content(row), image) for row, image in enumerate(images))
        assert list(table.frame["item"]) == list("0123")


@pytest.mark.parametrize(
    "value, cause",
    [
        ([1, 2, 3], r"a list of shape \(3,\) is no image"),
        ([[1, 2], [3]], "is no image"),
        ([["a"]], "is no image"),
        ([[0.5]], "whole numbers from 0 to 255"),
        ([[256]], "whole numbers from 0 to 255"),
        ([[-1]], "whole numbers from 0 to 255"),
    ],
)
def test_lists_that_are_no_images(tmp_path, value, cause):
    rows = [{"image": [[0]], "label": "a"}, {"image": value, "label": "b"}]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    with pytest.raises(DataError, match=f"line 2, column 'image'.*{cause}"):
        image_samples.read_image_source(ImageData(path=str(tmp_path / "t.json")))


def test_durations_are_seconds(tmp_path):
    pd.DataFrame({"x": pd.to_timedelta([90, 0.5, None], "s"), "label": list("aba")}).to_parquet(tmp_path / "t.parquet")
    assert list(in_words(read(tmp_path / "t.parquet"))["x"]) == ["90", "0.5", None]


def test_lists_of_numbers_become_columns(tmp_path):
    rows = [{"x": [row, 0.5], "words": ["u", "v"], "odd": [1] * (row + 1), "n": row, "label": "ab"[row % 2]}
            for row in range(4)]  # fmt: skip
    rows[2]["x"] = None
    pd.DataFrame(rows).to_parquet(tmp_path / "t.parquet")
    table = source.open_source(str(tmp_path / "t.parquet"), FEATURES).read(Request(FEATURES))
    assert list(table.cells.columns) == ["x_0", "x_1", "words", "odd", "n", "label", LINE]
    assert list(table.cells["x_0"]) == ["0", "1", None, "3"] and list(table.cells["x_1"]) == ["0.5", "0.5", None, "0.5"]
    (finding,) = table.findings.of("note")
    assert "Column 'x' holds lists of 2: each place is a column, x_0 to x_1" in finding.message
    whole = Request.to_predict(FEATURES, {})
    assert "x_1" in source.open_source(str(tmp_path / "t.parquet"), FEATURES).read(whole).cells


def test_lists_stay_where_their_columns_are_there_or_they_are_labels(tmp_path):
    rows = [{"x": [1, 2], "x_1": 3, "label": [0, 1]}] * 3
    pd.DataFrame(rows).to_parquet(tmp_path / "t.parquet")
    table = source.open_source(str(tmp_path / "t.parquet"), FEATURES).read(Request(FEATURES))
    assert list(table.cells.columns) == ["x", "x_1", "label", LINE]


def test_parquet_with_gaps_and_with_paths(tmp_path, photos):
    contents = pictures(2)
    frame = pd.DataFrame({"image": [{"bytes": contents[0], "path": "a"}, None], "label": ["a", "b"]})
    frame.to_parquet(tmp_path / "t.parquet")
    table = image_samples.read_image_source(ImageData(path=str(tmp_path / "t.parquet")))
    (finding,) = table.findings.of("error")
    assert finding.items == ("line 2: empty",) and list(table.frame["item"]) == ["a"]
    cells = [{"bytes": None, "path": "zero/000.png"}, {"bytes": None, "path": "one/001.png"}]
    pd.DataFrame({"image": cells, "label": ["a", "b"]}).to_parquet(photos / "t.parquet")
    table = image_samples.read_image_source(ImageData(path=str(photos / "t.parquet")))
    assert list(table.frame["item"]) == ["zero/000.png", "one/001.png"] and table.path(0).is_file()


def test_other_columns_of_bytes_are_text(tmp_path, photos):
    frame = pd.DataFrame({"image": [b"zero/000.png", b"one/001.png"], "label": [b"good", b"bad"]})
    frame.to_parquet(photos / "t.parquet")
    table = image_samples.read_image_source(ImageData(path=str(photos / "t.parquet")))
    assert list(table.frame["label"]) == ["good", "bad"] and list(table.frame["item"]) == [
        "zero/000.png",
        "one/001.png",
    ]
    cells = [{"bytes": content, "path": path} for content, path in zip(pictures(2), ("a.png", "./a.png"))]
    pd.DataFrame({"image": cells, "label": [b"a", b"b"]}).to_parquet(tmp_path / "t.parquet")
    table = image_samples.read_image_source(ImageData(path=str(tmp_path / "t.parquet")))
    assert list(table.frame["item"]) == ["0", "1"] and table.content(0) != table.content(1)


# --- arrays
@pytest.mark.parametrize("order", ["{split}_{what}", "{what}_{split}"])
def test_usual_names_of_arrays(tmp_path, order):
    generator, arrays = np.random.default_rng(0), {}
    for split, count in (("train", 6), ("val", 3), ("test", 4)):
        arrays[order.format(split=split, what="images")] = generator.integers(0, 255, (count, 8, 8), "uint8")
        arrays[order.format(split=split, what="labels")] = np.arange(count)[:, None] % 2
    np.savez(tmp_path / "a.npz", **arrays)
    table = image_samples.read_image_source(ImageData(path=str(tmp_path / "a.npz")))
    assert table.frame["split"].value_counts().to_dict() == {"train": 6, "validation": 3, "test": 4}
    assert set(table.frame["label"]) == {"0", "1"}


def test_further_arrays_beside_x_and_y_are_left_alone(tmp_path):
    images = np.zeros((4, 8, 8), "uint8")
    np.savez(tmp_path / "a.npz", x=images, y=np.arange(4), test_x=images[:2], test_y=np.arange(2))
    table = image_samples.read_image_source(ImageData(path=str(tmp_path / "a.npz")))
    assert len(table.frame) == 4 and table.frame["split"].isna().all()


def test_columns_of_0_and_1_in_arrays(tmp_path):
    images = np.zeros((4, 8, 8), "uint8")
    np.savez(tmp_path / "a.npz", x=images, y=np.eye(3)[[0, 2, 1, 2]])
    labels = lambda: list(image_samples.read_image_source(ImageData(path=str(tmp_path / "a.npz"))).frame["label"])
    assert labels() == ["0", "2", "1", "2"]
    np.savez(tmp_path / "a.npz", x=images, y=np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 1]], np.uint8))
    assert labels() == ["0|1", "|", "2", "0|2"]


# --- the fast parser
def random_csv(draw):
    """A table of CSV, most of it well-formed."""
    pieces = ["a", "1", " ", '"', '""', ",", "\n", "\r\n", "é", "NA", "x y", "\t", ";", "", "'", "\\", "#"]
    columns, mark, end = draw.randint(1, 4), draw.choice(",;\t"), draw.choice(["\n", "\r\n"])

    def cell():
        text = "".join(draw.choice(pieces) for _ in range(draw.randint(0, 3)))
        if draw.random() < 0.5:
            return '"' + text.replace('"', '""') + '"' if draw.random() < 0.95 else f'"{text}'
        return text if draw.random() < 0.03 else re.sub(rf'["\n\r{mark}]', "", text)

    rows = [[cell() for _ in range(columns + (draw.random() < 0.02))] for _ in range(draw.randint(0, 5))]
    text = end.join(mark.join(row) for row in [[f"h{number}" for number in range(columns)], *rows])
    return text + end * (draw.random() < 0.7), mark


def test_the_fast_parser_says_what_the_strict_one_says(monkeypatch):
    monkeypatch.setattr(csv_tables, "_FEW", 0)
    draw, fast, refused = random.Random(1), 0, 0
    for _ in range(800):
        text, mark = random_csv(draw)
        try:
            cells = csv_tables._read_fast(Path("t.csv"), text, mark)
        except DataError as error:
            with pytest.raises(DataError, match=re.escape(str(error))):
                csv_tables._read_rows(Path("t.csv"), text, mark)
            continue
        if cells is None:
            refused += 1
            continue
        strict = csv_tables._read_rows(Path("t.csv"), text, mark)
        assert list(cells.columns) == list(strict.columns) and cells.values.tolist() == strict.values.tolist(), text
        assert in_words(cells).values.tolist() == in_words(strict).values.tolist(), text
        fast += 1
    assert fast > 200 and refused > 200


@pytest.mark.parametrize("damage", ['\n"open,1', "\n1,2,3", '\n"a"b,1', "\n1"])
def test_what_is_wrong_in_a_large_table_is_found_by_its_line(tmp_path, damage):
    lines = ["a,b", *(f"{row},x" for row in range(5000))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    assert csv_tables._read_fast(Path("t.csv"), "\n".join(lines), ",") is not None
    (tmp_path / "t.csv").write_text("\n".join(lines[:4000]) + damage + "\n" + "\n".join(lines[4000:]) + "\n")
    with pytest.raises(DataError, match="line 4001"):
        read(tmp_path / "t.csv")


@pytest.mark.parametrize("rows", [3, 3000])
def test_a_byte_order_mark_in_the_first_cell_of_data_stays(tmp_path, rows):
    (tmp_path / "t.csv").write_text("a,b\n\ufeffx,1\n" + "yyyy,2\n" * rows, encoding="utf-8")
    assert list(read(tmp_path / "t.csv")["a"])[:2] == ["\ufeffx", "yyyy"]


@pytest.mark.parametrize("padding", ["", " ", "\t", "\u2003"])
def test_words_for_what_is_missing(padding):
    words = [None, "", "NA", "n/a", "x", "-1", "none of them", "?", "nanometre", 3, float("nan"), "a" * 99]
    cells = pd.Series([f"{padding}{word}{padding}" if isinstance(word, str) else word for word in words], dtype=object)
    expected = [True, True, True, True, False, False, False, True, False, False, True, False]
    assert cells_module.is_missing_word(cells).tolist() == expected
    numbers = cells_module.floats_of(pd.Series(["1", "x", None, "2.5"] * 400, dtype=object))
    np.testing.assert_array_equal(numbers, [1, np.nan, np.nan, 2.5] * 400)

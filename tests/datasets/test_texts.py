"""Sources of texts: every form gives the same table, and what is wrong is named."""

import json

import pandas as pd
import pytest

from tfpipelines import DataError
from tfpipelines.core.config.texts import TextData
from tfpipelines.datasets import text_table
from tfpipelines.datasets.findings import Findings
from tfpipelines.datasets.sample_table import label_names, strata
from tfpipelines.datasets.text_form import TextForm, normal_text
from tfpipelines.datasets.text_inputs import raw_texts
from tfpipelines.datasets.text_samples import read_text_samples
from tfpipelines.datasets.text_table import (
    clean_text,
    has_content,
    has_foreign_capitals,
    text_fingerprints,
    unspaced_share,
    without_form,
)


def read_text_source(path, **fields):
    normal = fields.pop("normal", True)
    return text_table.read_text_source(TextData(path=path, **fields), normal=normal)


ROWS = [("A fine, moving film", "good"), ('Dull "and" long', "bad"), ("Line one\nline two", "good")]


def write(path, rows=ROWS, header=("text", "label")):
    if path.suffix in (".csv", ".tsv"):
        pd.DataFrame(rows, columns=header).to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(dict(zip(header, row)), ensure_ascii=False) + "\n" for row in rows))
    else:
        pd.DataFrame(rows, columns=header).to_parquet(path)
    return str(path)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
def test_every_kind_of_table_gives_the_same(tmp_path, name):
    frame = read_text_source(write(tmp_path / name)).frame
    assert list(zip(frame["text"], frame["label"])) == ROWS
    assert list(frame["item"]) == ["0", "1", "2"]


def test_folders_of_text_files(tmp_path):
    for name, text in {"good/1.txt": "fine", "good/2.txt": "\ufeffgreat", "bad/3.txt": "dull"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    frame = read_text_source(str(tmp_path)).frame
    assert dict(zip(frame["item"], zip(frame["text"], frame["label"]))) == {
        "bad/3.txt": ("dull", "bad"),
        "good/1.txt": ("fine", "good"),
        "good/2.txt": ("great", "good"),
    }
    (tmp_path / "good" / "4.txt").write_bytes(b"caf\xe9")
    (tmp_path / "good" / "5.png").write_bytes(b"\x89PNG\0")
    table = read_text_source(str(tmp_path))
    (finding,) = table.findings.of("error")
    assert "2 of 5 files cannot be read as UTF-8 text" in finding.message
    assert finding.items == ("good/4.txt: byte 3 (0xe9) is not UTF-8", "good/5.png: a NUL byte at byte 4: no text")
    assert not read_text_source(str(tmp_path), on_bad="skip").findings.of("error")


def test_split_folders(tmp_path):
    for split in ("train", "val", "test"):
        for label in ("a", "b"):
            (tmp_path / split / label).mkdir(parents=True)
            (tmp_path / split / label / "1.txt").write_text(f"{split} {label}")
    frame = read_text_source(str(tmp_path)).frame
    assert set(zip(frame["split"], frame["label"])) == {
        (split, label) for split in ("train", "validation", "test") for label in ("a", "b")
    }


@pytest.mark.parametrize("text", ["text", "sentence", "Review", "content", "tweet"])
@pytest.mark.parametrize("label", ["label", "sentiment", "Class", "target"])
def test_usual_names_are_found(tmp_path, text, label):
    frame = read_text_source(write(tmp_path / "a.csv", header=(text, label))).frame
    assert list(frame["label"]) == ["good", "bad", "good"]


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        (("text", "review", "label"), ["Several columns could be the text: text, review", "data.text_column="]),
        (("text", "label", "class"), ["Several columns could be the label: label, class", "data.label_column="]),
        (
            ("words", "label", "x"),
            ["No column of the table is recognized as text", "words, label, x", "data.text_column=COLUMN"],
        ),
        (("text", "x", "z"), ["No column of the table is recognized as label", "data.label_column=COLUMN"]),
    ],
)
def test_missing_and_ambiguous_columns_name_the_key_to_set(tmp_path, header, parts):
    path = write(tmp_path / "a.csv", [("a", "b", "c")], header)
    with pytest.raises(DataError) as error:
        read_text_source(path)
    assert all(part in str(error.value) for part in parts)
    read_text_source(path, text_column=header[0], label_column=header[1])


def test_all_missing_columns_are_named_at_once_with_the_likeliest(tmp_path):
    rows = [(number, "What a fine film it was", mood) for number in range(8) for mood in ("good", "bad")]
    path = write(tmp_path / "a.csv", rows, ("row", "opinion", "mood"))
    with pytest.raises(DataError) as error:
        read_text_source(path)
    assert error.value.cause.startswith("No column of the table is recognized as text or label. Columns seen: row, ")
    assert "perhaps data.text_column=opinion data.label_column=mood." in error.value.remedy
    path = write(tmp_path / "b.csv", rows, ("row", "comment", "mood"))
    with pytest.raises(DataError) as error:
        read_text_source(path)
    assert "recognized as label." in error.value.cause and "Recognized: comment (text)." in error.value.cause
    assert error.value.remedy == "Set data.label_column=COLUMN, perhaps data.label_column=mood."


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"text,label\ncaf\xe9,a\n", ["line 2", "byte 14", "UTF-8"]),
        (b"text,label\na\0b,a\n", ["line 2", "NUL"]),
        (b"text,label\na,b,c\n", ["line 2", "3 fields"]),
    ],
)
def test_broken_tables(tmp_path, content, parts):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError) as error:
        read_text_source(str(tmp_path / "a.csv"))
    assert all(part in str(error.value) for part in parts)


def test_a_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbftext,label\nfine,a\n")
    assert list(read_text_source(str(tmp_path / "a.csv")).frame["text"]) == ["fine"]


def test_missing_labels_and_empty_texts_are_named_by_line(tmp_path):
    path = write(
        tmp_path / "a.csv", [("fine", "a"), ("x", ""), ("", "b"), ("\u200b \u3000", "b"), ("dull", "b"), (":-)", "a")]
    )
    findings = Findings()
    read_text_samples(TextData(path=path), findings, splitting=False)
    assert [(entry.code, entry.items) for entry in findings.of("error")] == [
        ("no_label", ("line 3",)),
        ("empty_text", ("line 4", "line 5")),
    ]
    findings = Findings()
    samples = read_text_samples(TextData(path=path, on_bad="skip"), findings, splitting=False)
    assert list(samples.frame["text"]) == ["fine", "dull", ":-)"] and not findings.of("error")


def test_whatever_can_be_read_is_text():
    assert not any(map(has_content, ["", " \t\n", "\u00a0\u3000", "\u200b\ufeff", "\x00\x1b"]))
    assert all(map(has_content, [".", ":-)", "日本", "…", "👍", "0"]))


def test_texts_that_look_alike_are_one_text(tmp_path):
    composed, decomposed = "Un film très drôle", "Un\u00a0film\u2003tre\u0300s dro\u0302le"
    assert normal_text(decomposed) == normal_text(composed) == composed
    assert normal_text("a\tb\n c") == "a\tb\n c" and normal_text("é\t\u2028e") == "é\t e"  # ASCII stays
    path = write(tmp_path / "a.csv", [(composed, "x"), (decomposed, "x")])
    assert list(read_text_source(path).frame["text"]) == [composed] * 2
    assert list(read_text_source(path, normal=False).frame["text"]) == [composed, decomposed]
    assert [entry.text for entry in raw_texts([decomposed, tmp_path / "a.csv"])] == [composed] * 3
    assert raw_texts([decomposed], form=TextForm(normal=False))[0].text == decomposed


BOTH = [("Great", "It works.", "good"), ("", "Broke at once.", "bad"), ("Fine", "", "good"), ("", "", "bad")]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
def test_several_columns_are_one_text(tmp_path, name):
    path = write(tmp_path / name, BOTH, ("title", "body", "label"))
    table = read_text_source(path, text_column=["title", "body"])
    assert list(table.frame["text"]) == ["Great\nIt works.", "Broke at once.", "Fine", ""]
    assert table.read_columns == {"text": ("title", "body"), "label": "label"}
    assert read_text_source(path, text_column=("body", "title")).frame["text"][0] == "It works.\nGreat"
    findings = Findings()
    samples = read_text_samples(
        TextData(path=path, text_column=["title", "body"], on_bad="skip"), findings, splitting=False
    )
    (empty,) = [entry for entry in findings.entries if entry.code == "empty_text"]
    assert len(empty.items) == 1 and len(samples.frame) == 3
    assert samples.facts["about"] == ["texts: the columns title, body joined by line feeds, in this order"]


def test_several_columns_in_prediction(tmp_path):
    columns = ("title", "body")
    frame = pd.DataFrame([(1, None, "a"), (2, "b", "c"), (3, None, None)], columns=["id", "title", "body"])
    entries = raw_texts(frame, columns)
    assert [(entry.text, entry.error) for entry in entries] == [
        ("a", ""),
        ("b\nc", ""),
        ("", "there is no text in it"),
    ]
    assert raw_texts(pd.DataFrame({"text": ["x"]}), columns)[0].text == "x"  # of the usual name
    assert raw_texts("one text", columns)[0].text == "one text"
    with pytest.raises(DataError, match=r"no column 'body'(?s:.*)data.text_column=\[title,bdy\]"):
        raw_texts(frame.rename(columns={"body": "bdy"}), columns)  # half of a text is no text


def test_several_columns_that_cannot_be_one_text(tmp_path):
    path = write(tmp_path / "a.csv", BOTH, ("title", "body", "label"))
    for column, remedy in (
        ("title,body", "Write several columns in brackets: data.text_column=[title,body]."),
        (["titel", "body"], "Set data.text_column=[title,body]."),
        ("bodi", "Set data.text_column=body."),
        (["title", "label"], "Column 'label' is a part of the text and the label at once"),
    ):
        with pytest.raises(DataError) as error:
            read_text_source(path, text_column=column)
        assert remedy in str(error.value)
    with pytest.raises(ValueError, match="twice"):
        TextData(path=path, text_column=["title", "title"])
    assert TextData(path=path, text_column=["title"]).text_column == "title"


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_several_labels(tmp_path, name):
    lists = name != "a.csv"
    labels = [["x", "y"], ["y"], [], ["y", "x", "y"]] if lists else ["x|y", "y", "|", "y| x|y"]
    table = read_text_source(write(tmp_path / name, [(f"text {number}", label) for number, label in enumerate(labels)]))
    assert label_names(table.frame) == [["x", "y"], ["y"], [], ["x", "y"]]
    assert list(table.frame["label"]) == ["x|y", "y", "", "x|y"]
    assert list(strata(table.frame, 1)) == ["x", "y", "", "x"]  # the rarest
    assert list(strata(table.frame, 2)) == ["x", "", "", "x"] and list(strata(table.frame, 3)) == [""] * 4
    with pytest.raises(DataError, match="no labels|without"):
        read_text_source(write(tmp_path / "b.csv", [("a", "")])).findings.raise_errors()


def test_rare_strata_hinder_no_split(tmp_path):
    rows = [(f"text {number}", ["common", *(["other"] if number % 2 else [])]) for number in range(40)] + [
        ("none", []),
        ("once common alone", ["common"]),
    ]
    findings = Findings()
    samples = read_text_samples(TextData(path=write(tmp_path / "a.jsonl", rows)), findings)
    assert not findings.of("error") and set(samples.frame["split"]) == {"train", "validation", "test"}
    rows += [("rare", ["rare"])] * 2
    read_text_samples(TextData(path=write(tmp_path / "a.jsonl", rows)), findings)
    assert "Class 'rare' has 2 samples" in findings.of("error")[0].message


def test_lists_of_words_and_bytes_are_texts(tmp_path):
    assert list(read_text_source(write(tmp_path / "a.jsonl", [(["a", "fine", "film"], "x")])).frame["text"]) == [
        "a fine film"
    ]
    assert list(read_text_source(write(tmp_path / "a.parquet", [(b"caf\xc3\xa9", "x")])).frame["text"]) == ["café"]


def test_lists_written_as_text_are_lists(tmp_path):
    table = read_text_source(write(tmp_path / "a.csv", [("a", "['x', \"y's\"]"), ("b", "[]"), ("c", "['x']")]))
    assert label_names(table.frame) == [["x", "y's"], [], ["x"]]
    assert {entry.code for entry in table.findings.entries} == {"written_lists", "multi_label"}
    table = read_text_source(write(tmp_path / "b.csv", [("a", "['x']"), ("b", "x"), ("c", "[open(1)]")]))
    assert list(table.frame["label"]) == ["['x']", "x", "[open(1)]"]


def test_an_element_of_a_list_is_never_split(tmp_path):
    table = read_text_source(write(tmp_path / "a.jsonl", [("a", ["R&D|lab", "x"]), ("b", ["x"])]))
    (error,) = table.findings.of("error")
    assert error.code == "bar_in_label" and error.items == ("line 1: 'R&D|lab'",)


def test_columns_without_a_role_are_named_once(tmp_path):
    (tmp_path / "a.csv").write_text("title,body,label\nA,a film,x\nB,b film,y\n")
    (note,) = read_text_source(str(tmp_path / "a.csv")).findings.entries
    assert note.message == "1 column of the table not used: title; used: body (text), label (label)"


def test_prediction_asks_for_no_label(tmp_path):
    (tmp_path / "a.csv").write_text("text,label,category\na film,x,y\n")
    assert [(entry.text, entry.error) for entry in raw_texts(tmp_path / "a.csv")] == [("a film", "")]
    with pytest.raises(DataError, match="Several columns could be the label"):
        read_text_source(str(tmp_path / "a.csv"))


def test_words_joined_by_punctuation_are_pointed_out(tmp_path):
    def said(text, **how):
        rows = [(f"{text} {number}", "ab"[number % 2]) for number in range(20)]
        findings = Findings()
        read_text_samples(TextData(path=write(tmp_path / "a.csv", rows)), findings, splitting=False, **how)
        return [entry.message for entry in findings.entries if entry.code == "joined"]

    (message,) = said("good,bad,fine,dull,slow")
    assert "20 texts" in message and "'good,bad'" in message
    assert not said("good,bad,fine,dull,slow", level="char") and not said(
        "good,bad,fine,dull,slow", standardize="lower"
    )
    assert not said("It's 3.5, e.g. good, bad; so-so. See www.example.org!")


def test_a_bar_may_be_part_of_a_class_name(tmp_path):
    path = write(tmp_path / "a.csv", [("a", "x|y"), ("b", "z")])
    assert list(read_text_source(path, target="class").frame["label"]) == ["x|y", "z"]
    assert label_names(
        read_text_source(write(tmp_path / "b.csv", [("a", "x"), ("b", "z")]), target="labels").frame
    ) == [["x"], ["z"]]


def test_copies_are_found_whatever_their_form_and_changes_too():
    text_table = ["Café  noir\n", "cafe\u0301 NOIR", "cafe noir"]
    a, b, c = map(without_form, text_table)
    assert a == b != c and len(set(text_fingerprints(text_table))) == 3


def test_half_a_surrogate_pair_is_no_text_that_stops_a_run(tmp_path):
    assert clean_text("a\ud83d\0b 😀") == "a\ufffdb 😀"
    (tmp_path / "a.jsonl").write_text('{"text": "half \\ud83d", "label": "x"}\n')
    assert list(read_text_source(str(tmp_path / "a.jsonl")).frame["text"]) == ["half \ufffd"]
    assert raw_texts(["half \ud83d"])[0].text == "half \ufffd"


def test_long_fields(tmp_path):
    path = write(tmp_path / "a.csv", [("long " * 100_000, "x")])
    assert len(read_text_source(path).frame["text"][0]) == 500_000
    import csv

    assert csv.field_size_limit() == 131_072  # as it was


def test_scripts_without_spaces():
    assert unspaced_share(["这部电影很好看", "とても良い映画"]) == 1 and unspaced_share(["ภาพยนตร์ที่ดี"]) > 0.9
    assert unspaced_share(["A fine film", "Ein guter Film"]) == 0 == unspaced_share([])


def test_capitals_that_stay():
    assert has_foreign_capitals(["Ärger"]) and has_foreign_capitals(["Хорошо"])
    assert not has_foreign_capitals(["Anger", "ärger", "хорошо", "日本"])


def test_raw_texts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more").mkdir()
    (tmp_path / "one.txt").write_text("from a file")
    (tmp_path / "more" / "two.txt").write_text("from a folder")
    write(tmp_path / "table.csv", [("from a table", "x")])
    from pathlib import Path

    entries = raw_texts(
        [
            "a text",
            "",
            Path("one.txt"),
            "one.txt",
            Path("more"),
            Path("table.csv"),
            Path("none.txt"),
            Path("*.pdf"),
            "!!",
            None,
            b"bytes",
        ],
    )
    assert [entry.text for entry in entries if not entry.error] == [
        "a text",
        "from a file",
        "one.txt",
        "from a folder",
        "from a table",
        "!!",
        "bytes",
    ]
    assert [entry.error for entry in entries if entry.error] == [
        "there is no text in it",
        "no such file",
        "no file matches",
        "no text",
    ]
    with pytest.raises(DataError, match="type int"):
        raw_texts([3])

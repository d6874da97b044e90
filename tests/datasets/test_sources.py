"""Folders, tables and arrays become sample tables (FAULTS 6 to 9, 12 to 15)."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfpipelines.core.config.images import ImageData
from tfpipelines.datasets import image_samples, raw_images
from tfpipelines.errors import ConfigError, DataError

from ..conftest import write_photos


def read_image_source(path, fold_column=None, labelled=True, training=True, **fields):
    data = ImageData(path=path, folds=fold_column, **fields)
    return image_samples.read_image_source(data, labelled=labelled, training=training)


def codes(table, severity):
    return {finding.code for finding in table.findings.of(severity)}


# --- folders
def test_class_folders(photos):
    (photos / ".DS_Store").write_text("")
    (photos / "zero" / "Thumbs.db").write_text("")
    (photos / "notes.txt").write_text("")
    (photos / "one" / "deeper").mkdir()
    (photos / "one" / "000.png").rename(photos / "one" / "deeper" / "000.png")
    table = read_image_source(str(photos))
    assert table.frame["label"].value_counts().to_dict() == {"zero": 12, "one": 12, "two": 12}
    assert table.frame["split"].isna().all()
    assert codes(table, "note") == {"hidden"} and codes(table, "warning") == {"loose"}


@pytest.mark.parametrize("name", ["@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", ".thumbnails", ".git"])
@pytest.mark.parametrize("place", ["", "one", "one/deeper"])
def test_folders_of_systems_and_thumbnails_are_left_out_and_counted(photos, name, place):
    (photos / place / name / "inner").mkdir(parents=True)
    for number in range(3):
        (photos / place / name / "inner" / f"{number}.png").write_bytes((photos / "one" / "001.png").read_bytes())
    table = read_image_source(str(photos))
    assert table.frame["label"].value_counts().to_dict() == {"zero": 12, "one": 12, "two": 12}
    (found,) = table.findings.of("note")
    assert found.code == "hidden" and found.message.startswith("1 hidden or system file or folder left out")
    assert found.items == (str(Path(place) / name),)


@pytest.mark.parametrize("inner", [("cat", "dog"), ("train", "test")])
def test_one_folder_too_many_names_the_one_to_give(tmp_path, digits, inner):
    write_photos(tmp_path / "p" / "PetImages", digits, dict(zip(inner, (0, 1))), 3)
    (tmp_path / "p" / "readme.txt").write_text("")
    with pytest.raises(DataError, match="a single folder, PetImages/, which holds .*/, .*/") as caught:
        read_image_source(str(tmp_path / "p"))
    assert f"Give {tmp_path / 'p' / 'PetImages'}," in caught.value.remedy
    alone = read_image_source(str(tmp_path / "p"), labelled=False, training=False)
    assert len(alone.frame) == 7  # where no classes are meant, every file is a sample


def test_one_class_with_folders_in_it_is_a_class_for_evaluation(tmp_path, digits):
    write_photos(tmp_path / "p" / "cat", digits, {"day": 0, "night": 1}, 3)
    table = read_image_source(str(tmp_path / "p"), training=False)
    assert set(table.frame["label"]) == {"cat"} and len(table.frame) == 6


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([f"{'cat' if number % 2 else 'dog'}.{number}.png" for number in range(8)], "(dog, cat)"),
        ([f"{'cat' if number % 2 else 'dog'}_{number:03d}.png" for number in range(8)], "(cat, dog)"),
        ([f"{number}.png" for number in range(8)], ""),
        ([f"img_{number}.png" for number in range(8)], ""),
    ],
)
def test_files_without_class_folders_are_told_how_to_become_a_table(tmp_path, names, told):
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="holds no images in class folders") as caught:
        read_image_source(str(tmp_path))
    assert "columns image and label" in caught.value.remedy
    begins = "begin with the class" in caught.value.remedy
    assert begins == bool(told) and all(name in caught.value.remedy for name in told.strip("()").split(", "))


def test_class_names_are_not_interpreted(tmp_path, digits):
    write_photos(tmp_path / "p", digits, {"no": 0, "1e3": 1, "$(x)": 2, "é": 3}, 3)
    assert set(read_image_source(str(tmp_path / "p")).frame["label"]) == {"no", "1e3", "$(x)", "é"}


@pytest.mark.parametrize(
    "names", [("train", "validation", "test"), ("Training", "val", "Testing"), ("trn", "dev", "holdout")]
)
def test_split_folders_are_never_classes(tmp_path, digits, names):
    for number, name in enumerate(names):
        write_photos(tmp_path / "p" / name, digits, {"a": 0, "b": 1}, 2 + number)
    write_photos(tmp_path / "p", digits, {"stranger": 2}, 2)
    (tmp_path / "p" / "loose.png").write_bytes(b"")
    table = read_image_source(str(tmp_path / "p"))
    assert table.frame.groupby("split").size().to_dict() == {"train": 4, "validation": 6, "test": 8}
    assert set(table.frame["label"]) == {"a", "b"}
    assert codes(table, "warning") == {"beside_splits", "loose"}


def test_test_folder_beside_classes_is_ambiguous(tmp_path, digits):
    write_photos(tmp_path / "p", digits, {"test": 0, "control": 1}, 2)
    with pytest.raises(DataError, match="these may be splits or classes") as caught:
        read_image_source(str(tmp_path / "p"))
    assert "data.layout=classes" in caught.value.remedy
    assert set(read_image_source(str(tmp_path / "p"), layout="classes").frame["label"]) == {"test", "control"}


def test_two_folders_for_one_split(tmp_path, digits):
    for name in ("train", "Training"):
        write_photos(tmp_path / "p" / name, digits, {"a": 0}, 1)
    with pytest.raises(DataError, match="two folders for train"):
        read_image_source(str(tmp_path / "p"))


def test_empty_class_folder(photos):
    (photos / "three").mkdir()
    table = read_image_source(str(photos))
    assert codes(table, "error") == {"empty_class"} and table.findings.of("error")[0].items == ("three/",)


def test_empty_class_in_test_only_is_a_warning(tmp_path, digits):
    write_photos(tmp_path / "p" / "train", digits, {"a": 0, "b": 1}, 2)
    write_photos(tmp_path / "p" / "test", digits, {"a": 0}, 2)
    (tmp_path / "p" / "test" / "b").mkdir()
    table = read_image_source(str(tmp_path / "p"))
    assert codes(table, "warning") == {"empty_class"} and not codes(table, "error")


def test_no_images_at_all(tmp_path):
    (tmp_path / "p").mkdir()
    with pytest.raises(DataError, match="holds no images in class folders"):
        read_image_source(str(tmp_path / "p"))
    with pytest.raises(DataError, match="does not exist"):
        read_image_source(str(tmp_path / "absent"))


def test_links_out_and_loops_are_not_followed(tmp_path, photos, digits):
    outside = write_photos(tmp_path / "outside", digits, {"x": 5}, 3)
    (photos / "zero" / "loop").symlink_to(photos, target_is_directory=True)
    (photos / "zero" / "out.png").symlink_to(outside / "x" / "000.png")
    (photos / "far").symlink_to(outside / "x", target_is_directory=True)
    (photos / "one" / "inside.png").symlink_to(photos / "two" / "000.png")
    (photos / "two" / "broken.png").symlink_to(photos / "nothing.png")
    table = read_image_source(str(photos))
    assert len(table.frame) == 37  # the link that stays inside is followed
    (finding,) = [finding for finding in table.findings.of("warning") if finding.code == "links"]
    assert set(finding.items) == {"zero/loop", "zero/out.png", "far", "two/broken.png"}
    followed = read_image_source(str(photos), follow_links=True)
    assert len(followed.frame) == 41 and "far" in set(followed.frame["label"])
    (finding,) = [finding for finding in followed.findings.of("warning") if finding.code == "links"]
    assert set(finding.items) == {"zero/loop", "two/broken.png"}


# --- tables
def write_table(folder, text, name="labels.csv"):
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return str(folder / name)


ROWS = "image,label\nzero/000.png,a\nzero/001.png,b\n"


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet"])
def test_tables_of_every_form(photos, form):
    frame = pd.DataFrame(
        {"image": ["zero/000.png", "one/001.png", "two/002.png"], "label": [0, 1, 1], "split": ["train", "val", "test"]}
    )
    path = photos / f"labels.{form}"
    writers = {
        "csv": lambda: frame.to_csv(path, index=False), "tsv": lambda: frame.to_csv(path, index=False, sep="\t"),
        "jsonl": lambda: frame.to_json(path, orient="records", lines=True), "parquet": lambda: frame.to_parquet(path),
    }  # fmt: skip
    writers[form]()
    table = read_image_source(str(path))
    first = 1 if form in ("jsonl", "parquet") else 2
    assert table.frame.to_dict("list") == {
        "item": list(frame["image"]),
        "label": ["0", "1", "1"],
        "split": ["train", "validation", "test"],
        "given": ["train", "validation", "test"],
        "line": [first, first + 1, first + 2],
    }


def test_kaggle_style_names_without_ending_or_folder(tmp_path, photos):
    rows = "id,category,other\n000,cat,1\n" + "one/001,dog,2\n" + "002.png,cat,3\n"
    for path in [*photos.glob("one/000.png"), *photos.glob("two/00[02].png"), *photos.glob("one/002.png")]:
        path.unlink()
    table = read_image_source(write_table(tmp_path, rows), root=str(photos))
    assert list(table.frame["item"]) == ["zero/000.png", "one/001.png", "zero/002.png"] and list(
        table.frame["label"]
    ) == ["cat", "dog", "cat"]
    assert codes(table, "note") == {"resolved", "unused_columns"}


def test_rows_without_a_file_or_with_several(photos):
    table = read_image_source(
        write_table(photos, "image,label\nzero/000.png,a\nabsent.png,a\n005.png,b\n../../etc/passwd,b\n/etc/passwd,a\n")
    )
    findings = {finding.code: finding for finding in table.findings.of("error")}
    assert set(findings) == {"absent", "outside"}
    assert findings["absent"].items[0] == "line 3: absent.png" and findings["absent"].items[1].startswith(
        "line 4: 005.png (3 files: "
    )
    assert findings["outside"].items == ("line 5: ../../etc/passwd", "line 6: /etc/passwd")
    assert len(table.frame) == 1


def test_byte_order_mark_is_accepted(photos):
    assert len(read_image_source(write_table(photos, b"\xef\xbb\xbf" + ROWS.encode())).frame) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ROWS.encode() + "zero/002.png,é\n".encode("latin-1"), "line 4: byte 55 (0xe9) is not UTF-8"),
        (ROWS.encode("utf-16-le"), "line 1: a NUL byte at byte"),
        (ROWS.encode("utf-16") + b"a", "is not UTF-16"),
        (ROWS.encode() + b"zero/\0.png,a\n", "line 4: a NUL byte at byte 47"),
        (ROWS.encode() + b"zero/002.png\n", "line 4: 1 fields, but the header has 2"),
        (ROWS.encode() + b"zero/002.png,a,b\n", "line 4: 3 fields, but the header has 2"),
        (b'image,label\n"zero/000.png\n,a\nzero/001.png,b\n', "line 2"),
        (b"", "holds no rows"),
        (b"image,label\n", "holds no rows"),
        (b"image,image\na,b\n", "the column 'image' appears twice"),
    ],
)
def test_broken_tables_name_line_and_byte(photos, content, message):
    with pytest.raises(DataError) as caught:
        read_image_source(write_table(photos, content))
    assert message in str(caught.value)


def test_quoted_fields_may_hold_commas_and_lines(photos):
    (photos / "a,b.png").write_bytes((photos / "zero" / "000.png").read_bytes())
    table = read_image_source(write_table(photos, 'image,label\n"a,b.png","two\nlines"\nzero/001.png,b\nabsent,c\n'))
    assert list(table.frame["label"]) == ["two\nlines", "b"]
    assert table.findings.of("error")[0].items == ("line 5: absent",)


@pytest.mark.parametrize(
    ("header", "message", "key"),
    [
        (
            "picture,label",
            "No column of the table is recognized as image. Columns seen: picture, label.",
            "data.item_column=COLUMN",
        ),
        ("image,what", "No column of the table is recognized as label.", "data.label_column=COLUMN"),
        ("image,file,label", "Several columns could be the image: image, file.", "data.item_column=image"),
        ("image,label,class", "Several columns could be the label: label, class.", "data.label_column=label"),
    ],
)
def test_columns_that_are_missing_or_ambiguous(photos, header, message, key):
    row = ",".join(["zero/000.png"] * header.count(",")) + ",a"
    with pytest.raises(DataError) as caught:
        read_image_source(write_table(photos, f"{header}\n{row}\n"))
    assert message in str(caught.value) and key in str(caught.value)


def test_columns_can_be_named(photos):
    path = write_table(photos, "image,file,y2\nzero/000.png,zero/001.png,a\n")
    table = read_image_source(path, item_column="file", label_column="y2")
    assert list(table.frame["item"]) == ["zero/001.png"]
    with pytest.raises(DataError, match="Set data.label_column=y2"):
        read_image_source(path, item_column="file", label_column="y3")


def test_missing_labels_and_unknown_splits(photos):
    path = write_table(
        photos, "image,label,split\nzero/000.png,a,train\nzero/001.png,,train\nzero/002.png,b,somewhere\n"
    )
    table = read_image_source(path)
    assert {finding.code: finding.items for finding in table.findings.of("error")} == {
        "no_label": ("line 3: zero/001.png",),
        "unknown_split": ("line 4: 'somewhere'",),
    }
    skipped = read_image_source(path, on_bad="skip")
    assert codes(skipped, "warning") == {"no_label"} and len(skipped.frame) == 2


def test_broken_json_lines_and_parquet(photos):
    with pytest.raises(DataError, match="line 2: not JSON"):
        read_image_source(write_table(photos, json.dumps({"image": "a", "label": "b"}) + "\n{", "x.jsonl"))
    with pytest.raises(DataError, match="line 1: not a JSON object"):
        read_image_source(write_table(photos, "[1]", "x.jsonl"))
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_image_source(write_table(photos, "no", "x.parquet"))


def test_fold_column(photos):
    path = write_table(photos, "image,label,fold\nzero/000.png,a,1\nzero/001.png,b,2\n")
    assert list(read_image_source(path, fold_column="fold").frame["fold"]) == ["1", "2"]
    with pytest.raises(DataError, match="Only tables can name folds"):
        read_image_source(str(photos), fold_column="fold")


# --- arrays
def save(tmp_path, **arrays):
    np.savez(tmp_path / "x.npz", **arrays)
    return str(tmp_path / "x.npz")


def test_arrays_with_a_split(tmp_path, digits):
    table = read_image_source(save(tmp_path, x=digits["x"][::500], y=digits["y"][::500], split=["train", "val"] * 5))
    assert table.array.shape == (10, 28, 28, 1)
    assert (
        list(table.frame["label"]) == list("0123456789") and list(table.frame["split"]) == ["train", "validation"] * 5
    )


def test_arrays_by_part(tmp_path, digits):
    x, y = digits["x"][::500], digits["y"][::500]
    table = read_image_source(save(tmp_path, x_train=x[:6], y_train=y[:6], x_test=x[6:], y_test=y[6:]))
    assert list(table.frame["split"]) == ["train"] * 6 + ["test"] * 4
    assert np.array_equal(table.array[..., 0], x)


@pytest.mark.parametrize(
    ("make", "same"),
    [
        (lambda x: x.astype(np.float32) / 255, True),
        (lambda x: x.astype(np.float64), True),
        (lambda x: x.astype(np.uint16) * 257, True),
        (lambda x: x.astype(np.int64), True),
        (lambda x: x > 127, False),
    ],
)
def test_arrays_of_other_types(tmp_path, digits, make, same):
    x = digits["x"][::500]
    table = read_image_source(save(tmp_path, x=make(x), y=np.arange(10)))
    assert table.array.dtype == np.uint8
    assert np.array_equal(table.array[..., 0], x if same else (x > 127) * 255)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((3, 4, 4, 2))}, r"images have the shape \(3, 4, 4, 2\)"),
        ({"x": np.full((3, 4, 4), 300.0)}, "images are float64 from 300 to 300"),
        ({"x": np.zeros((3, 4, 4)), "y": np.zeros(2, int)}, r"labels have the shape \(2,\)"),
        ({"x": np.zeros((3, 4, 4)), "y": np.zeros(3, complex)}, "type complex128"),
        ({"x": np.zeros((2, 4, 4)), "y": np.zeros(2, int), "split": ["train", "hm"]}, "row 1 names no split"),
        ({"z": np.zeros(3)}, "holds z"),
        ({"x": np.array([{}, {}], object)}, "Python objects"),
        ({"x": np.zeros((2, 4, 4))}, "no labels"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, arrays, message):
    with pytest.raises(DataError, match=message):
        read_image_source(save(tmp_path, **arrays))


def test_numbers_with_fractions_are_no_classes(tmp_path):
    path = save(tmp_path, x=np.zeros((3, 4, 4)), y=np.array([0.5, 1, 2]))
    assert list(read_image_source(path).frame["label"]) == ["0.5", "1.0", "2.0"]
    with pytest.raises(DataError, match="type float64"):
        read_image_source(path, target="class")


def test_damaged_archive(tmp_path):
    path = save(tmp_path, x=np.zeros((9, 4, 4), np.uint8), y=np.zeros(9, int))
    content = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(content[:150])
    with pytest.raises(DataError, match="cannot be read as an .npz file"):
        read_image_source(path)


# --- samples and others
def test_samples():
    assert len(read_image_source("sample:digits").frame) == 5000
    with pytest.raises(ConfigError, match="Did you mean sample:digits"):
        read_image_source("sample:digit")


def test_unknown_kind_of_file(tmp_path):
    with pytest.raises(DataError, match="not a source of images"):
        read_image_source(write_table(tmp_path, "x", "x.docx"))


def test_links_between_sibling_folders(photos):
    (photos / "one" / "link").symlink_to(photos / "two")
    (photos / "two" / "link").symlink_to(photos / "one")
    for follow_links in (False, True):
        table = read_image_source(str(photos), follow_links=follow_links)
        assert len(table.frame) == 36 or follow_links
        assert len({(photos / item).resolve() for item in table.frame["item"]}) == 36 <= len(table.frame) <= 60
        assert any(finding.code == "links" for finding in table.findings.entries)


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolon"), ("\t", "tab"), ("|", "bar")])
def test_other_separators_of_columns_are_told_by_the_header(photos, mark, name):
    rows = f'"file"{mark}"label"\nzero/000.png{mark}zero\n"one/001.png"{mark}"o,n{mark}e"\n'
    (photos / "labels.csv").write_text(rows)
    table = read_image_source(str(photos / "labels.csv"))
    assert list(table.frame["label"]) == ["zero", f"o,n{mark}e"]
    (said,) = [entry.message for entry in table.findings.entries if entry.code == "table_form"]
    assert said == f"labels.csv is read with columns separated by {name}"
    (photos / "labels.csv").write_text(rows + f"one/002.png{mark}a{mark}b\n")
    with pytest.raises(DataError, match=f"quote fields that hold {name}s"):
        read_image_source(str(photos / "labels.csv"))


def test_tables_of_other_programs(photos):
    (photos / "labels.csv").write_text("sep=;\nfile;label\nzero/000.png;a,b\nabsent.png;c\n")
    table = read_image_source(str(photos / "labels.csv"))
    assert list(table.frame["label"]) == ["a,b"] and table.findings.of("error")[0].items == ("line 4: absent.png",)
    (photos / "labels.csv").write_bytes("file,label\nzero/000.png,é\n".encode("utf-16"))
    assert list(read_image_source(str(photos / "labels.csv")).frame["label"]) == ["é"]
    (photos / "labels.tsv").write_text('file\tlabel\nzero/000.png\t"odd\n')
    table = read_image_source(str(photos / "labels.tsv"))
    assert list(table.frame["label"]) == ['"odd'] and codes(table, "note") == {"table_form"}


def test_a_table_without_a_header_is_told_as_such(photos):
    for rows in ("zero/000.png,zero\none/000.png,one\n", "000.png,0\n001.png,1\n"):
        (photos / "labels.csv").write_text(rows)
        with pytest.raises(DataError, match="is recognized as image") as caught:
            read_image_source(str(photos / "labels.csv"))
        assert "The first line seems to hold data" in caught.value.remedy
    (photos / "labels.csv").write_text("foto no. 1,what it is\nzero/000.png,zero\n")
    with pytest.raises(DataError) as caught:
        read_image_source(str(photos / "labels.csv"))
    assert caught.value.remedy.startswith("Set data.item_column=")


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.numbers", "Save the sheet as CSV"), ("a.parquet.gz", "gunzip a.parquet.gz"), ("a.csv.zst", "unzstd")],
)
def test_tables_that_are_not_read_are_told_how_to_convert(tmp_path, name, words):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError, match="extension is unknown") as caught:
        read_image_source(str(tmp_path / name))
    assert words in caught.value.remedy


def test_unlabelled_folders_are_no_classes(photos):
    (photos / "one").rename(photos / "unsup")
    table = read_image_source(str(photos))
    assert set(table.frame["label"]) == {"zero", "two"} and codes(table, "note") == {"unlabelled_folder"}
    shutil.rmtree(photos / "two")
    assert set(read_image_source(str(photos)).frame["label"]) == {"zero", "unsup"}


def test_json_lines_may_hold_any_character(photos):
    (photos / "labels.jsonl").write_text('{"file": "zero/000.png", "label": "a\u2028b"}\n', encoding="utf-8")
    assert list(read_image_source(str(photos / "labels.jsonl")).frame["label"]) == ["a\u2028b"]


def test_urls_of_unknown_schemes_are_refused():
    with pytest.raises(ConfigError, match="ftp://b/photos: data of the scheme ftp:// are not read"):
        read_image_source("ftp://b/photos")
    assert "data of the scheme ftp:// are not read" in raw_images("ftp://b/photos")[0].error

"""Shards: TFRecord, WebDataset and Parquet give the samples that went in, whatever their number and order; what is
damaged is named by shard and record (FAULTS 43).
"""

import hashlib
import io
import json
import os
import signal
import tarfile
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core.config.images import ImageData
from tfpipelines.core.config.tables import TableData
from tfpipelines.core.config.texts import TextData
from tfpipelines.datasets import (
    Findings,
    data_errors,
    decode_images,
    evaluation_batches,
    read_labelled_images,
    read_table_samples,
    scan_images,
)
from tfpipelines.datasets.shard_files import find_shards
from tfpipelines.datasets.source import open_source
from tfpipelines.datasets.source.folder import Folder
from tfpipelines.datasets.source.requests import IMAGES, TEXTS, Request
from tfpipelines.datasets.text_table import read_text_source
from tfpipelines.errors import DataError
from tfpipelines.models import ImagePreprocessor

from ..conftest import TINY

KINDS = ("TFRecord", "WebDataset", "Parquet")
NAMES = {"TFRecord": "{}-{:05d}-of-{:05d}", "WebDataset": "{}-{:06d}.tar", "Parquet": "{}-{:05d}-of-{:05d}.parquet"}


def picture(number):
    """A PNG of 8 x 8 pixels, and its class, 0 to 2, which tells the brightest channel."""
    pixels = np.random.default_rng(number).integers(0, 90, (8, 8, 3), dtype=np.uint8)
    pixels[..., number % 3] += 150
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue(), number % 3


def example(**features):
    """A serialized tf.train.Example; slashes in names are written as __."""
    import tensorflow as tf

    def feature(value):
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        if isinstance(value, float):
            return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    named = {name.replace("__", "/"): feature(value) for name, value in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=named)).SerializeToString()


def write_records(path, records):
    """A TFRecord file, by TensorFlow's own writer."""
    import tensorflow as tf

    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


def write_tar(path, members):
    """A .tar of (name, content)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def write_parquet(path, columns, group=7):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=group)
    return path


def write(root, kind, numbers, shards, begin="set"):
    """Pictures of some numbers in shards, one after the other in turn; the paths."""
    paths = []
    for shard in range(shards):
        path = root / NAMES[kind].format(begin, shard, shards)
        held = [(number, *picture(number)) for number in numbers[shard::shards]]
        if kind == "TFRecord":
            write_records(
                path, [example(image__encoded=content, image__class__label=name) for _, content, name in held]
            )
        elif kind == "WebDataset":
            parts = [((f"{n:04d}.png", content), (f"{n:04d}.cls", str(name).encode())) for n, content, name in held]
            write_tar(path, [part for pair in parts for part in pair])
        else:
            images = [{"bytes": content, "path": f"{number}.png"} for number, content, _ in held]
            write_parquet(path, {"image": images, "label": [name for *_, name in held]})
        paths.append(path)
    return paths


def read(path, **data):
    """The sample table of a path, and what was found."""
    findings = Findings()
    return read_labelled_images(ImageData(path=str(path), **data), findings), findings


def told(findings, severity="error"):
    return " ".join(f"{finding.message} {' '.join(finding.items)}" for finding in findings.of(severity))


# --- what is read
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cache", ["memory", "disk", "none"])
def test_the_pixels_that_went_in_come_out(tmp_path, monkeypatch, kind, cache):
    monkeypatch.setenv("TFPIPE_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "set", kind, range(60), 3)
    table, findings = read(tmp_path / "set", cache=cache)
    data = ImageData(path=str(tmp_path / "set"), cache=cache)
    samples = decode_images(scan_images(table, data), ImagePreprocessor((8, 8), 3), data, findings)
    order = [number for shard in range(3) for number in range(shard, 60, 3)]
    assert list(table.frame["label"]) == [str(number % 3) for number in order]
    assert samples.store.mode == cache and not findings.of("error")
    expected = [np.asarray(Image.open(io.BytesIO(picture(number)[0]))) for number in order]
    np.testing.assert_array_equal(samples.store.images(np.arange(60)), expected)
    key = "0003" if kind == "WebDataset" else "1"
    assert table.frame["item"][1] == f"{NAMES[kind].format('set', 0, 3)}/{key}"
    assert f"60 records in 3 shards of {kind}" in told(findings, "note")


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_the_disk_cache_knows_when_a_shard_has_changed(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("TFPIPE_CACHE", str(tmp_path / "cache"))
    means = []
    for first in (0, 100):
        write(tmp_path / "set", "WebDataset", range(first, first + 30), 2)
        for path in (tmp_path / "set").iterdir():  # the same names within
            with tarfile.open(path) as archive:
                members = [(f"{n // 2}.{i.name[-3:]}", archive.extractfile(i).read()) for n, i in enumerate(archive)]
            write_tar(path, members)
        table, findings = read(tmp_path / "set", cache=cache)
        data = ImageData(path=str(tmp_path / "set"), cache=cache)
        samples = decode_images(scan_images(table, data), ImagePreprocessor((8, 8), 3), data, findings)
        means.append(samples.store.images(np.arange(30)).mean())
    assert means[0] != means[1]


def test_class_names_come_from_the_records_or_a_file_of_labels(tmp_path):
    content = picture(0)[0]
    named = [
        example(image__encoded=content, image__class__label=n % 2, image__class__text=b"ab"[n % 2 :][:1], n=n)
        for n in range(20)
    ]
    write_records(tmp_path / "named" / "x.tfrecord", named)
    assert set(read(tmp_path / "named")[0].frame["label"]) == {"a", "b"}
    assert set(read(tmp_path / "named", label_column="image/class/label")[0].frame["label"]) == {"0", "1"}
    write(tmp_path / "set", "TFRecord", range(30), 2)
    (tmp_path / "set" / "labels.txt").write_text("cat\ndog\nowl\n")
    table, findings = read(tmp_path / "set")
    assert list(table.frame["label"][:3]) == ["cat", "owl", "dog"]  # 0, 2, 4
    assert "3 classes named by the file of labels" in told(findings, "note")
    (tmp_path / "set" / "labels.txt").write_text("0: cat\n1: dog\n")
    with pytest.raises(DataError, match="no name for the class 2"):
        read(tmp_path / "set")


def test_labels_of_webdataset_are_cls_or_json_or_txt(tmp_path):
    for ending, content in (("cls", b"3"), ("json", b'{"label": 3, "box": {"x": 1}}'), ("txt", b" 3\n")):
        parts = [(f"{n}.{end}", part) for n in range(9) for end, part in (("jpg", picture(0)[0]), (ending, content))]
        write_tar(tmp_path / ending / "a.tar", parts)
        table, findings = read(tmp_path / ending, validation=0, test=0)
        assert set(table.frame["label"]) == {"3"}, ending
    pair = [("0.left.png", picture(0)[0]), ("0.right.png", picture(1)[0]), ("0.cls", b"1")]
    write_tar(tmp_path / "pair" / "a.tar", pair)
    table, _ = read(tmp_path / "pair", item_column="right.png", validation=0, test=0)
    assert table.content(0) == picture(1)[0]


def test_parquet_may_name_files_instead(tmp_path):
    for number in range(9):
        (tmp_path / f"{number}.png").write_bytes(picture(number)[0])
    for part in range(3):
        held = range(part * 3, part * 3 + 3)
        write_parquet(
            tmp_path / "set" / f"{part}.parquet", {"file": [f"{n}.png" for n in held], "label": [n % 3 for n in held]}
        )
    table, _ = read(tmp_path / "set", root=str(tmp_path), validation=0, test=0)
    assert list(table.frame["item"]) == [f"{n}.png" for n in range(9)] and table.path(4).read_bytes() == picture(4)[0]


def test_texts_in_shards(tmp_path):
    texts = [(f"a fine day {n}" if n % 2 else f"a dull dày {n}", n % 2) for n in range(40)]
    write_records(tmp_path / "records" / "a.tfrecord", [example(text=text.encode(), label=n) for text, n in texts])
    parts = [
        (f"{row}.{end}", part.encode())
        for row, (text, n) in enumerate(texts)
        for end, part in (("txt", text), ("cls", str(n)))
    ]
    write_tar(tmp_path / "tars" / "a.tar", parts)
    for number in range(2):
        half = texts[number * 20 :][:20]
        columns = {"text": [text for text, _ in half], "label": [n for _, n in half]}
        write_parquet(tmp_path / "parquet" / f"{number}.parquet", columns)
    for folder in ("records", "tars", "parquet"):
        table = read_text_source(TextData(path=str(tmp_path / folder)))
        assert list(zip(table.frame["text"], table.frame["label"].map(int))) == texts, folder
    assert table.frame["item"][25] == "1.parquet/5"


def test_tables_in_shards(tmp_path):
    rows = pd.DataFrame({"size": np.arange(60) / 4, "kind": ["x", "y", None] * 20, "price": np.arange(60) * 2.0})
    for number in range(3):
        path = tmp_path / "parquet" / f"part-{number}.parquet"
        path.parent.mkdir(exist_ok=True)
        rows[number * 20 :][:20].to_parquet(path)
    written = [
        example(
            size=float(row.size_), price=float(row.price), **({} if pd.isna(row.kind) else {"kind": row.kind.encode()})
        )
        for row in rows.rename(columns={"size": "size_"}).itertuples()
    ]
    write_records(tmp_path / "records" / "a.tfrecord", written)
    rows.to_parquet(tmp_path / "whole.parquet")
    for path in ("parquet", "records"):
        data = TableData(path=str(tmp_path / path), target_column="price")
        samples = read_table_samples(data, Findings())
        single = read_table_samples(TableData(path=str(tmp_path / "whole.parquet"), target_column="price"), Findings())
        assert samples.kinds == single.kinds
        for name in ("size", "kind"):
            assert list(samples.cells[name]) == list(single.cells[name])
        np.testing.assert_array_equal(samples.frame["value"], rows["price"])


# --- which paths are shards
def test_what_is_shards_and_what_is_not(tmp_path, photos):
    write(tmp_path / "set", "WebDataset", range(9), 1)
    assert find_shards(tmp_path / "set").kind == "WebDataset"
    (tmp_path / "set" / "README.md").write_text("about")
    assert find_shards(tmp_path / "set")
    tar = tmp_path / "set" / "set-000000.tar"
    assert find_shards(tar)  # one by itself
    (photos / "set.tar").write_bytes(tar.read_bytes())
    assert find_shards(photos) is None and isinstance(open_source(str(photos), IMAGES), Folder)
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        archive.add(photos / "zero", "zero")
        archive.add(photos / "one", "one")
    assert find_shards(tmp_path / "photos.tar") is None  # an archive of folders, which is unpacked
    write(tmp_path / "both", "TFRecord", range(9), 1)
    write(tmp_path / "both", "WebDataset", range(9), 1)
    with pytest.raises(DataError, match="several kinds"):
        find_shards(tmp_path / "both")
    write(tmp_path / "hub" / "data", "TFRecord", range(9), 1, "train")
    assert find_shards(tmp_path / "hub").folder == tmp_path / "hub" / "data"


def test_a_pattern_names_shards(tmp_path):
    write(tmp_path / "set", "WebDataset", range(40), 4)
    table, _ = read(tmp_path / "set" / "set-00000[01].tar")
    assert len(table.frame) == 20 and table.frame["item"][10] == "set-000001.tar/0001"
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path / "set" / "other-*.tar")


def test_links_out_of_the_folder_are_followed_only_if_asked(tmp_path):
    (path,) = write(tmp_path / "elsewhere", "WebDataset", range(30), 1)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.tar").symlink_to(path)
    with pytest.raises(DataError, match="outside of"):
        read(tmp_path / "set")
    assert len(read(tmp_path / "set", follow_links=True)[0].frame) == 30


def test_what_is_no_regular_file_is_no_shard(tmp_path):
    write(tmp_path / "set", "WebDataset", range(9), 1)
    os.mkfifo(tmp_path / "set" / "labels.txt")
    assert set(read(tmp_path / "set", validation=0, test=0)[0].frame["label"]) == {"0", "1", "2"}
    os.mkfifo(tmp_path / "set" / "more.tar")
    assert find_shards(tmp_path / "set") is None and find_shards(tmp_path / "set" / "more.tar") is None


# --- splits
@pytest.mark.parametrize("form", ["{split}", "flowers-{split}", "{split}/part"])
def test_splits_by_the_names_of_shards_or_folders(tmp_path, form):
    for split, numbers in (("train", range(30)), ("validation", range(30, 40)), ("test", range(40, 50))):
        write(tmp_path / "set", "WebDataset", numbers, 2, form.format(split=split))
    table, _ = read(tmp_path / "set")
    assert table.frame["split"].value_counts().to_dict() == {"train": 30, "validation": 10, "test": 10}
    names = {item.rpartition("/")[2] for item in table.frame["item"][table.frame["split"] == "validation"]}
    assert names == {f"{n:04d}" for n in range(30, 40)}


def test_a_shard_without_a_split_beside_others_is_refused(tmp_path):
    for begin in ("train", "more"):
        write(tmp_path / "set", "WebDataset", range(9), 1, begin)
    with pytest.raises(DataError, match="more-000000.tar names no split"):
        read(tmp_path / "set")
    write(tmp_path / "odd", "WebDataset", range(9), 1, "train_of_test")
    with pytest.raises(DataError, match="several splits"):
        read(tmp_path / "odd")


def test_splits_by_key_do_not_depend_on_the_shards(tmp_path):
    def splits(name):
        frame = read(tmp_path / name)[0].frame
        return dict(zip(frame["item"].map(lambda item: item.rpartition("/")[2]), frame["split"]))

    write(tmp_path / "few", "WebDataset", range(200), 2)
    write(tmp_path / "many", "WebDataset", range(300), 7, "other")
    few, many = splits("few"), splits("many")
    assert few == {key: many[key] for key in few}
    shares = pd.Series(many).value_counts(normalize=True)
    assert 0.09 < shares["test"] < 0.21 and 0.09 < shares["validation"] < 0.21

    write(tmp_path / "records", "TFRecord", range(120), 3)
    items = lambda frame: {item.replace("-of-00003", "").replace("-of-00004", ""): split for item, split in frame}
    before = items(read(tmp_path / "records")[0].frame[["item", "split"]].to_numpy())
    for path in sorted((tmp_path / "records").iterdir()):
        path.rename(path.with_name(path.name.replace("-of-00003", "-of-00004")))
    held = [example(image__encoded=picture(n)[0], image__class__label=n % 3) for n in range(30)]
    write_records(tmp_path / "records" / "set-00003-of-00004", held)
    after = items(read(tmp_path / "records")[0].frame[["item", "split"]].to_numpy())
    assert len(after) == 150 and before == {item: after[item] for item in before}


# --- what is wrong with shards
def spoiled(path, place, content):
    raw = bytearray(path.read_bytes())
    raw[place : place + len(content)] = content
    path.write_bytes(bytes(raw))


def test_a_truncated_shard_is_named_with_its_record(tmp_path):
    for kind, where in (
        ("TFRecord", "record 5, which begins at byte"),
        ("WebDataset", "behind its member 14"),
        ("Parquet", ""),
    ):
        paths = write(tmp_path / kind, kind, range(30), 3)
        size = paths[1].stat().st_size
        with open(paths[1], "r+b") as file:
            file.truncate(size // 2 + 9)  # not between two records
        with pytest.raises(DataError, match=f"{paths[1].name}.*{where}"):
            read(tmp_path / kind)


def test_records_that_are_damaged_or_incomplete_are_named(tmp_path):
    good = [example(image__encoded=picture(n)[0], image__class__label=n % 3) for n in range(60)]
    good[7], good[9] = example(image__class__label=1), b"no example at all"
    path = write_records(tmp_path / "set" / "a.tfrecord", good)
    spoiled(path, 12 + 40, b"XX")  # of the first record
    with pytest.raises(DataError, match="3 of 60 records damaged or incomplete") as caught:
        read(tmp_path / "set")[1].raise_errors()
    assert "a.tfrecord/0: its content is damaged by its CRC" in str(caught.value)
    assert "a.tfrecord/7: no image/encoded" in str(caught.value)
    assert "a.tfrecord/9: no tf.train.Example" in str(caught.value)
    table, findings = read(tmp_path / "set", on_bad="skip")
    assert len(table.frame) == 57 and "3 of 60" in told(findings, "warning")
    spoiled(path, 0, b"\x05")  # a length
    with pytest.raises(DataError, match="the length of record 0, which begins at byte 0, is damaged by its CRC"):
        read(tmp_path / "set", on_bad="skip")


def test_samples_of_webdataset_that_lack_a_part_are_named(tmp_path):
    parts = [(f"{n}.{end}", part) for n in range(9) for end, part in (("png", picture(n)[0]), ("cls", b"1"))]
    parts += [("a.cls", b"1"), ("b.png", picture(1)[0]), ("b.cls", b"\xff"), ("c.png", b"no"), ("c.cls", b"1")]
    parts += [("d.png", picture(1)[0]), ("d.json", b"{")]
    write_tar(tmp_path / "set" / "x.tar", parts)
    table, findings = read(tmp_path / "set", on_bad="skip")
    warnings = told(findings, "warning")
    for words in ("x.tar/a: no image among .cls", "x.tar/b: .cls: byte 0 (0xff) is not UTF-8", "x.tar/d: .json: "):
        assert words in warnings
    data = ImageData(path=str(tmp_path / "set"), on_bad="skip")
    decode_images(scan_images(table, data), ImagePreprocessor((8, 8), 3), data, findings)
    assert "x.tar/c: " in told(findings, "warning") and "1 of 10 files cannot be read" in told(findings, "warning")


def test_shards_without_records_are_named(tmp_path):
    paths = write(tmp_path / "set", "TFRecord", range(60), 3)
    paths[1].write_bytes(b"")
    table, findings = read(tmp_path / "set")
    assert len(table.frame) == 40 and told(findings, "warning") == f"1 shard without any record {paths[1].name}"
    for path in paths:
        path.write_bytes(b"")
    with pytest.raises(DataError, match="without any whole record"):
        read(tmp_path / "set")


@pytest.mark.parametrize("way", ["out", "link"])
def test_hostile_members_are_refused(tmp_path, way):
    write(tmp_path / "set", "WebDataset", range(9), 1)
    path = tmp_path / "set" / "set-000000.tar"
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo("../x.png" if way == "out" else "x.png")
        if way == "link":
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(DataError, match="leads out of it" if way == "out" else "is a link"):
        read(tmp_path / "set")


def test_shards_that_do_not_fit_together_are_refused(tmp_path):
    write_parquet(tmp_path / "set" / "a.parquet", {"text": ["a"], "label": [1]})
    write_parquet(tmp_path / "set" / "b.parquet", {"text": ["a"], "label": ["cat"]})
    with pytest.raises(DataError, match="'label' holds text, and in a.parquet number"):
        open_source(str(tmp_path / "set"), TEXTS).read(Request(TEXTS))
    write_parquet(tmp_path / "set" / "b.parquet", {"text": ["a"]})
    with pytest.raises(DataError, match="lacks the column 'label'"):
        open_source(str(tmp_path / "set"), TEXTS).read(Request(TEXTS))


def test_text_that_is_not_utf_8_is_named(tmp_path):
    rows = [example(text=b"a fine day", label=n % 2) for n in range(150)]
    rows[20] = example(text=b"a \xff day", label=0)
    write_records(tmp_path / "set" / "a.tfrecord", rows)
    table = read_text_source(TextData(path=str(tmp_path / "set")))
    assert len(table.frame) == 149 and "a.tfrecord/20: text: byte 2 (0xff)" in told(table.findings, "warning")


def test_what_breaks_between_two_batches_arrives_as_it_is(tmp_path):
    paths = write(tmp_path / "set", "WebDataset", range(30), 2)
    table, findings = read(tmp_path / "set")
    data = ImageData(path=str(tmp_path / "set"), cache="none")
    store = decode_images(scan_images(table, data), ImagePreprocessor((8, 8), 3), data, findings).store
    batches = evaluation_batches(store, np.arange(30), None, batch_size=4)
    assert sum(len(batch) for batch in batches) == 30
    with open(paths[1], "r+b") as file:
        file.truncate(4000)
    with (
        pytest.raises(DataError, match=f"{paths[1].name}/.* cannot be read any more: .* has become shorter"),
        data_errors(),
    ):
        list(batches)


def test_windows_need_shards(photos, tfpipe):
    result = tfpipe("check", photos, "data.shuffle=window")
    assert result.code == 3 and "has no shards, and data.shuffle=window goes by them" in result.out + result.err


@pytest.mark.eager
def test_a_run_from_records_names_them_in_its_predictions(tmp_path, tfpipe):
    write(tmp_path / "set", "TFRecord", range(60), 3)
    result = tfpipe("run", "image-cls", f"data.path={tmp_path / 'set'}", *TINY)
    assert result.code == 0, result.err
    items = pd.read_csv(tfpipelines.load("runs/latest").folder / "predictions.csv")["item"]
    assert len(items) and items.str.fullmatch(r"set-0000[012]-of-00003/\d+").all()


# --- runs
WORDS = [*TINY[:-2], "data.cache=none", "train.epochs=2", "train.batch_size=16", "train.checkpoint_steps=5"]
WORDS += ["train.steps_per_execution=1", "evaluation.bootstrap=20"]


def content(run):
    """All that must be equal, bit for bit."""
    last = sorted((run.folder / "checkpoints").glob("*.npz"))[-1]
    with np.load(last) as archive:
        arrays = {name: hashlib.sha256(archive[name].tobytes()).hexdigest() for name in archive.files}
    return last.name, arrays, (run.folder / "predictions.csv").read_text(), (run.folder / "splits.csv").read_text()


@pytest.fixture(scope="module", params=["full", "window"])
def shards(request, tmp_path_factory):
    """400 pictures in 8 shards, the words of a run, and that run, which nothing disturbed."""
    root = tmp_path_factory.mktemp("shards")
    write(root / "set", "WebDataset", range(400), 8)
    words = [f"data.path={root / 'set'}", *WORDS, f"data.shuffle={request.param}", "data.shuffle_window=50"]
    return root / "set", words, tfpipelines.run("image-cls", words, out=root, observer=Observer())


@pytest.mark.slow
def test_killed_in_mid_epoch_and_resumed_equals_the_whole(shards, start, tmp_path):
    _, words, whole = shards
    process = start("run", "image-cls", *words, "--name", "killed")
    checkpoint = tmp_path / "runs" / "killed" / "checkpoints" / "step-000000023.json"  # an epoch has 18
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None and not checkpoint.exists():
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and checkpoint.exists()
    assert content(tfpipelines.resume("runs/killed", observer=Observer())) == content(whole)


@pytest.mark.slow
def test_a_shard_that_is_shortened_in_mid_epoch(shards, tfpipe, tmp_path):
    path, words, whole = shards
    victim = sorted(path.iterdir())[3]
    held = victim.read_bytes()

    class Shortened(Observer):
        def step(self, epoch, done, total):
            if (epoch, done) == (2, 8):
                victim.write_bytes(held[: len(held) // 3])

    with pytest.raises(DataError, match=f"{victim.name}/.* has become shorter") as caught:
        tfpipelines.run("image-cls", words, name="cut", observer=Shortened())
    assert caught.value.exit_code == 3 and "resume" in caught.value.remedy
    run = tfpipelines.load("runs/cut")
    assert run.status["state"] == "failed" and list((run.folder / "checkpoints").glob("step-*.npz"))
    refused = tfpipe("resume", "runs/cut")
    assert refused.code == 3 and f"{victim.name} is truncated or damaged" in refused.err
    victim.write_bytes(held)
    assert content(tfpipelines.resume("runs/cut", observer=Observer())) == content(whole)


@pytest.mark.slow
def test_a_finished_run_reads_shards_and_files_alike(shards, tmp_path):
    path, _, run = shards
    records = write(tmp_path / "set", "TFRecord", range(500, 520), 2)
    spoiled(records[0], 60, b"XX")
    table = run.predict(tmp_path / "set")
    assert list(table["error"].fillna("")) == ["its content is damaged by its CRC", *[""] * 19]
    for number in range(500, 520):
        (tmp_path / f"{number}.png").write_bytes(picture(number)[0])
    files = run.predict([tmp_path / f"{number}.png" for number in [*range(500, 520, 2), *range(501, 520, 2)]])
    scores = ["0", "1", "2"]
    np.testing.assert_array_equal(table[scores][1:].astype(float), files[scores][1:].astype(float))
    assert json.loads((run.folder / "data.json").read_text())["read_columns"] == {"image": "image", "label": "cls"}
    assert run.evaluate(path)["samples"] == 400

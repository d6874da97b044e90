"""A new kind of source is one new file: every task reads, checks, evaluates and predicts with it."""

import base64
import importlib
import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

import tfpipelines
from tfpipelines.core.config.images import ImageData
from tfpipelines.datasets import Findings, decode_images, read_labelled_images, scan_images, source
from tfpipelines.datasets.sample_table import make_frame
from tfpipelines.datasets.source.requests import IMAGES, ROWS, SERIES, TEXTS
from tfpipelines.errors import DataError
from tfpipelines.models import ImagePreprocessor

from ..conftest import TINY

MEMBER = '''
"""Lists: a label and the content of a file, in base64, in each line."""

import base64

from ..sample_table import make_frame
from .base import SampleTable, Source


class List(Source):
    """A list of files."""

    kinds = ("images", "texts")
    endings = (".lst",)

    def read(self, request):
        labels = [line.split()[0] for line in self.path.read_text().splitlines()]
        return SampleTable(make_frame(map(str, range(len(labels))), labels), self)

    def open(self, item):
        return base64.b64decode(self.path.read_text().splitlines()[int(item)].split()[1])
'''
SMALL_TEXT = [
    "model.name=bilstm",
    "model.units=8",
    "model.embedding=8",
    "train.epochs=1",
    "train.batch_size=16",
    "evaluation.bootstrap=50",
]


@pytest.fixture
def lists(tmp_path, monkeypatch):
    """The made-up member, dropped in as a file."""
    (tmp_path / "members").mkdir()
    (tmp_path / "members" / "lst.py").write_text(MEMBER)
    monkeypatch.setattr(source, "__path__", [*source.__path__, str(tmp_path / "members")])
    importlib.invalidate_caches()
    source.built_in.cache_clear()
    yield
    source.built_in.cache_clear()
    sys.modules.pop(f"{source.__name__}.lst", None)


def write(path, contents):
    """A list of (label, bytes)."""
    path.write_text("".join(f"{label} {base64.b64encode(content).decode()}\n" for label, content in contents))
    return path


def encode(image):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def pictures(digits, count=60):
    rows = [row for row in range(len(digits["x"])) if digits["y"][row] < 3][:: 1500 // count][:count]
    return [(f"n{digits['y'][row]}", digits["x"][row]) for row in rows]


def words(count=60):
    return [("up", f"a fine day {n}".encode()) if n % 2 else ("down", f"a dull day {n}".encode()) for n in range(count)]


def goes_through(tfpipe, pipeline, small, path):
    """Reads, checks, evaluates and predicts; the run and the table of predictions."""
    result = tfpipe("check", path, "--pipeline", pipeline, *small)
    assert result.code == 0, result.err
    result = tfpipe("run", pipeline, f"data.path={path}", *small, "--name", "made")
    assert result.code == 0, result.err
    result = tfpipe("evaluate", "runs/made", path, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["samples"] == 60
    return tfpipelines.load("runs/made")


@pytest.mark.slow
@pytest.mark.eager
def test_pictures_of_a_new_source(lists, tfpipe, tmp_path, digits):
    images = pictures(digits)
    path = write(tmp_path / "some.lst", [(label, encode(image)) for label, image in images])
    run = goes_through(tfpipe, "image-cls", TINY, path)
    table = run.predict(path)
    assert list(table["item"]) == [str(row) for row in range(60)] and "error" not in table
    same = run.predict(np.stack([image for _, image in images]))
    scores = [name for name in table if name.startswith("score")] or list(table.columns[2:])
    np.testing.assert_array_equal(table[scores], same[scores])


@pytest.mark.slow
@pytest.mark.eager
def test_texts_of_a_new_source(lists, tfpipe, tmp_path):
    path = write(tmp_path / "some.lst", words())
    run = goes_through(tfpipe, "text-cls", SMALL_TEXT, path)
    table = run.predict(path)
    assert list(table["text"]) == [text.decode() for _, text in words()]
    same = run.predict([text.decode() for _, text in words()])
    assert list(table["predicted"]) == list(same["predicted"])


@pytest.mark.parametrize("cache", ["memory", "disk", "none"])
def test_bytes_are_decoded_like_files(lists, tmp_path, digits, cache):
    images = pictures(digits)
    contents = [(label, encode(image)) for label, image in images]
    for number, (label, content) in enumerate(contents):
        (tmp_path / "files" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "files" / label / f"{number}.png").write_bytes(content)
    write(tmp_path / "some.lst", [*contents, ("n0", b"no image")])
    stores = []
    for path in ("some.lst", "files"):
        data, findings = ImageData(path=str(tmp_path / path), cache=cache, on_bad="skip"), Findings()
        scan = scan_images(read_labelled_images(data, findings), data)
        size, channels = scan.shape(data)
        samples = decode_images(scan, ImagePreprocessor(size, channels), data, findings)
        codes = [finding.code for finding in findings.entries]
        assert codes == (["unreadable"] if path == "some.lst" else []) and (size, channels) == ((28, 28), 1)
        stores.append(samples.store.images(samples.frame.index.to_numpy()))
        fingerprints = set(samples.frame["fingerprint"])
    assert len(stores[0]) == len(stores[1]) == 60 == len(fingerprints)
    assert np.array_equal(stores[0], np.stack([image for _, image in images])[..., None])
    assert {image.tobytes() for image in stores[0]} == {image.tobytes() for image in stores[1]}
    if cache == "disk":  # it is found again by the list's state
        write(tmp_path / "some.lst", [(label, encode(255 - image)) for label, image in images])
        data = ImageData(path=str(tmp_path / "some.lst"), cache=cache)
        samples = decode_images(
            scan_images(read_labelled_images(data, Findings()), data), ImagePreprocessor((28, 28), 1), data, Findings()
        )
        assert np.array_equal(samples.store.images(np.arange(60)), 255 - stores[0])


def test_refusals_name_what_the_members_read(lists, tmp_path):
    (tmp_path / "a.xyz").write_text("")
    tables = ".arrow, .csv, .feather, .json, .jsonl, .ndjson"
    for kind, message, remedy in (
        (
            IMAGES,
            "not a source of images",
            f"Give a folder, or a file that ends in {tables[:-9]}, .lst, .ndjson, .npz, ",
        ),
        (
            TEXTS,
            "not a source of texts",
            f"Give a folder, or a file that ends in {tables[:-9]}, .lst, .ndjson, .ods, .parquet",
        ),
        (
            ROWS,
            "not a table",
            f"Give a file that ends in {tables}, .npz, .ods, .parquet, .tfrecord, .tsv, .xls, .xlsb, .xlsm, .xlsx. For",
        ),
        (SERIES, "not a table", f"Give a file that ends in {tables}, .ods, .parquet, .tsv, "),
    ):
        with pytest.raises(DataError, match=message) as caught:
            source.open_source(str(tmp_path / "a.xyz"), kind)
        assert caught.value.remedy.startswith(remedy)
    with pytest.raises(DataError, match="not a table: its extension is unknown"):
        source.open_source(str(tmp_path), ROWS)


def test_who_reads_what(tmp_path):
    for name in ("a.csv", "a.npz", "b.TSV"):
        (tmp_path / name).write_text("")
    names = {
        name: type(source.open_source(str(tmp_path / name), IMAGES)).__name__
        for name in ("", "a.csv", "a.npz", "b.TSV")
    }
    assert names == {"": "Folder", "a.csv": "Table", "a.npz": "Archive", "b.TSV": "Table"}
    assert {member.__name__ for member in source.members()} == {"Folder", "Table", "Archive", "Arrow", "Shards"}


def test_an_item_may_be_an_array(tmp_path, digits):
    class Arrays(source.Source):
        def read(self, request):
            return source.SampleTable(make_frame(["0", "1", "2"], ["a", "b", "a"]), self)

        def open(self, item):
            image = digits["x"][int(item)]
            return image if item == "0" else np.stack([image] * 3, -1) if item == "1" else image[..., None].astype(bool)

    data, findings = ImageData(path="-"), Findings()
    scan = scan_images(Arrays(tmp_path, "-").read(None), data)
    assert scan.shape(data) == ((28, 28), 3)
    samples = decode_images(scan, ImagePreprocessor((28, 28), 1), data, findings)
    images = samples.store.images(np.arange(3))[..., 0]
    assert np.array_equal(images[:2], digits["x"][:2]) and set(np.unique(images[2])) == {0, 255}
    assert samples.facts["formats"] == {"array": 3} and not findings.entries

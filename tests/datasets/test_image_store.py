"""Decoded images: the fast path gives the slow one's pixels, whatever the cache."""

import io
import os
import re
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpipelines.core.config.images import ImageData
from tfpipelines.datasets import image_cache
from tfpipelines.datasets import image_store as module
from tfpipelines.datasets.decoding import decode_image
from tfpipelines.datasets.findings import Findings
from tfpipelines.datasets.image_headers import common_size, scan_headers
from tfpipelines.datasets.image_samples import decode_images, scan_images
from tfpipelines.datasets.image_store import store_array, store_files
from tfpipelines.datasets.sample_table import make_frame
from tfpipelines.datasets.source.base import SampleTable
from tfpipelines.datasets.source.folder import Folder
from tfpipelines.errors import ConfigError
from tfpipelines.models import ImagePreprocessor

DATA = ImageData(path="photos")


@pytest.fixture
def zoo(tmp_path) -> SampleTable:
    """Images of many kinds and sizes, and two files that are none."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[0:61, 0:83]
    picture = Image.fromarray(
        (np.stack([x * 3, y * 4, x + y], -1) + generator.integers(0, 9, (61, 83, 3))).clip(0, 255).astype(np.uint8)
    )
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = {
        "a.jpg": (picture, {}), "b.jpg": (picture, {"progressive": True, "quality": 40}),
        "c.jpg": (picture.convert("L"), {}), "d.jpg": (picture.convert("CMYK"), {}),
        "e.jpg": (picture, {"exif": exif}), "f.png": (picture, {}), "g.png": (picture.convert("L"), {}),
        "h.png": (picture.convert("LA"), {}),
        "i.png": (picture.convert("P"), {}), "j.png": (picture.convert("1"), {}), "k.bmp": (picture, {}),
        "l.gif": (picture, {}), "m.webp": (picture, {}),
        "n.jpg": (picture, {"subsampling": 0}), "o.png": (picture.resize((20, 20)), {}),
    }  # fmt: skip
    for name, (image, options) in kinds.items():
        image.save(tmp_path / name, **options)
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "p.jpg").write_bytes(content[: len(content) // 2])
    (tmp_path / "q.txt").write_text("no image")
    os.rename(tmp_path / "f.png", tmp_path / "f.jpg")  # named after another format
    items = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    return SampleTable(make_frame(items, ["x"] * len(items)), Folder(tmp_path, str(tmp_path)))


def read(zoo, preprocessor, cache):
    headers, bad = scan_headers(zoo, 10**8)
    store = store_files(zoo, headers, preprocessor, background=255, max_pixels=10**8, cache=cache)
    return store, bad | store.bad


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("cache", ["memory", "disk", "none"])
def test_every_cache_gives_what_decode_image_and_the_front_give(zoo, channels, cache):
    preprocessor = ImagePreprocessor((32, 40), channels)
    store, bad = read(zoo, preprocessor, cache)
    items = list(zoo.frame["item"])
    assert {items[row] for row in bad} == {"p.jpg", "q.txt"}
    assert store.mode == cache and (store.array is None) == (cache == "none")
    rows = np.array([row for row in range(len(items)) if row not in bad])
    expected = np.stack(
        [preprocessor.in_tf_data(tf.constant(decode_image(zoo.path(row), channels))).numpy() for row in rows]
    )
    assert np.array_equal(store.images(rows), expected)
    dataset = store.attach(tf.data.Dataset.from_tensors((tf.constant(7), tf.constant(rows))))
    ((_, _, images),) = list(dataset)
    assert np.array_equal(images.numpy(), expected)
    store.bad = bad
    small = store.thumbnails()
    assert small[rows].any((1, 2, 3)).all() and np.array_equal(small[rows], store.thumbnails()[rows])


def test_tensorflow_decodes_plain_files_and_pillow_the_rest(zoo):
    headers, _ = scan_headers(zoo, 10**8)
    kinds = {item: header.kind for item, header in zip(zoo.frame["item"], headers) if header}
    assert {item for item, kind in kinds.items() if kind == "other"} == {
        "d.jpg",
        "e.jpg",
        "h.png",
        "i.png",
        "j.png",
        "k.bmp",
        "l.gif",
        "m.webp",
    }
    assert kinds["f.jpg"] == "png"


def test_disk_cache_is_found_again_until_a_file_changes(zoo, monkeypatch):
    preprocessor = ImagePreprocessor((16, 16), 3)
    first, _ = read(zoo, preprocessor, "disk")
    monkeypatch.setattr(module.Decoder, "run", lambda *_: pytest.fail("decoded again"))
    again, bad = read(zoo, preprocessor, "disk")
    assert (
        np.array_equal(first.array, again.array)
        and np.array_equal(first.fingerprints, again.fingerprints)
        and len(bad) == 2
    )
    monkeypatch.undo()
    Image.new("RGB", (9, 9), "red").save(zoo.path(0))
    changed, _ = read(zoo, preprocessor, "disk")
    assert not np.array_equal(first.array[0], changed.array[0]) and np.array_equal(first.array[1:], changed.array[1:])


def test_auto_cache_asks_whether_it_fits(zoo, monkeypatch):
    preprocessor = ImagePreprocessor((16, 16), 3)
    first, _ = read(zoo, preprocessor, "auto")
    assert first.mode == "memory"
    monkeypatch.setattr(image_cache, "free_memory", lambda: 1000)
    on_disk, _ = read(zoo, preprocessor, "auto")
    assert on_disk.mode == "disk" and isinstance(on_disk.array, np.memmap)
    assert np.array_equal(on_disk.array, first.array) and np.array_equal(on_disk.fingerprints, first.fingerprints)
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    assert read(zoo, preprocessor, "auto")[0].mode == "disk"  # it is there already


def _full(monkeypatch, folder):
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))


def _read_only(monkeypatch, folder):
    monkeypatch.setattr(image_cache.os, "access", lambda path, mode: mode != os.W_OK)


def _no_folder(monkeypatch, folder):
    folder.mkdir()
    (folder / "images").write_text("in the way")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (_full, r"The cache folder .*images has 1000\.00 MB free, too few for 13\.1 kB\. Free some space"),
        (_read_only, r"The cache folder .*images is read-only\."),
        (_no_folder, r"The cache folder .*images cannot be made: "),
    ],
)
def test_without_room_for_a_cache_images_are_decoded_anew(zoo, tmp_path, monkeypatch, fault, told):
    preprocessor = ImagePreprocessor((16, 16), 3)
    first, _ = read(zoo, preprocessor, "memory")
    monkeypatch.setattr(image_cache, "free_memory", lambda: 1000)
    monkeypatch.setenv("TFPIPE_CACHE", str(tmp_path / "cache"))
    fault(monkeypatch, tmp_path / "cache")
    store, bad = read(zoo, preprocessor, "auto")
    assert store.mode == "none" and re.match(told, store.unkept)
    good = np.array([row for row in range(len(zoo.frame)) if row not in bad])
    assert np.array_equal(store.images(good), first.images(good))
    findings = Findings()
    samples = decode_images(scan_images(zoo, DATA), preprocessor, DATA, findings)
    assert samples.facts["cache"] == "none"
    (note,) = [entry for entry in findings.entries if entry.code == "cache"]
    assert "decoded anew in each epoch" in note.message and note.remedy == store.unkept


def test_a_cache_in_memory_that_does_not_fit_is_refused(zoo, monkeypatch):
    monkeypatch.setattr(image_cache, "free_memory", lambda: 1000)
    with pytest.raises(
        ConfigError, match=r"data\.cache=memory: the decoded images take 13\.1 kB, and 1\.0 kB are free"
    ):
        read(zoo, ImagePreprocessor((16, 16), 3), "memory")


def test_fingerprints_tell_pixels_apart(digits):
    images = np.concatenate([digits["x"][:50], digits["x"][:5]])[..., None]
    store = store_array(images, ImagePreprocessor((28, 28), 1))
    assert len(set(store.fingerprints.tolist())) == 50
    assert np.array_equal(store.fingerprints[:5], store.fingerprints[50:])


def test_arrays_are_resized_like_files(tmp_path, digits):
    preprocessor = ImagePreprocessor((20, 24), 3)
    stream = io.BytesIO()
    Image.fromarray(digits["x"][7]).save(stream, "PNG")
    expected = preprocessor.in_tf_data(tf.constant(decode_image(stream.getvalue(), 3))).numpy()
    assert np.array_equal(store_array(digits["x"][7:8, :, :, None], preprocessor).array[0], expected)


def test_colour_arrays_become_grey_like_files(tmp_path):
    colours = np.random.default_rng(1).integers(0, 256, (1, 12, 12, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(colours[0]).save(stream, "PNG")
    assert np.array_equal(
        store_array(colours, ImagePreprocessor((12, 12), 1)).array[0], decode_image(stream.getvalue(), 1)
    )


def test_auto_size(zoo):
    headers = [header for header in scan_headers(zoo, 10**8)[0] if header]
    assert common_size(headers) == (56, 56)  # the median shorter side is 61
    assert common_size([header for header in headers if (header.height, header.width) == (61, 83)]) == (61, 83)

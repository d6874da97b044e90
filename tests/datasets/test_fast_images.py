"""Faster decoding and resizing give the bits of what they stand for, and are not used where they do not."""

import io
import os
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpipelines.core.config.images import ImageData
from tfpipelines.datasets import fast_images, image_inputs, image_store, stretching
from tfpipelines.datasets.decoding import decode_image
from tfpipelines.datasets.image_headers import scan_headers
from tfpipelines.datasets.image_inputs import decoded, raw_images
from tfpipelines.datasets.image_store import store_files
from tfpipelines.datasets.stretching import compiled, resized, resized_by_numpy
from tfpipelines.errors import DataError
from tfpipelines.models import ImagePreprocessor

from ..conftest import ROOT
from .test_image_store import zoo  # noqa: F401 (a fixture)

SIZES = [  # (height, width) of an image, of what is made of it
    ((1, 1), (1, 1)), ((1, 1), (7, 5)), ((31, 47), (1, 1)), ((1, 97), (13, 1)), ((89, 1), (3, 11)),
    ((101, 103), (29, 31)), ((17, 19), (53, 61)), ((64, 48), (64, 12)), ((64, 48), (16, 48)), ((97, 33), (96, 34)),
    ((375, 500), (224, 224)), ((211, 307), (8, 227)), ((5, 700), (224, 3)), ((2, 3), (300, 400)),
]  # fmt: skip
needs_compiled = pytest.mark.skipif(compiled() is None, reason="nothing is compiled")


def picture(height, width, channels, kind=0):
    generator = np.random.default_rng(height * width + kind)
    image = generator.integers(0, 256, (height, width, channels), np.uint8)
    return image // 128 * 255 if kind else image  # of two levels: sums that lie between two, which rounding decides


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_images_are_resized_to_the_bits_of_the_artifact(sizes, channels):
    given, size = sizes
    for kind in (0, 1):
        image = picture(*given, channels, kind)
        expected = ImagePreprocessor(size, channels).in_tf_data(tf.constant(image)).numpy()
        assert np.array_equal(resized_by_numpy(image, size), expected)
        assert np.array_equal(resized(image, size), expected)
        out = np.full((*size, channels), 77, np.uint8)
        assert resized(image, size, out) is out and np.array_equal(out, expected)


@needs_compiled
def test_compiled_code_takes_parts_of_arrays_and_refuses_wrong_shapes():
    image = picture(60, 80, 3)
    part = image[3:50:2, 5:70]
    assert np.array_equal(resized(part, (16, 16)), resized_by_numpy(part.copy(), (16, 16)))
    rows, columns = stretching._kept_spans(16, 60), stretching._kept_spans(16, 80)
    out, far = np.empty((16, 16, 3), np.uint8), (rows[0] + 60).astype(np.int32)
    compiled()(image, (60, 80), out, (16, 16), 3, *rows, *columns)
    for words in (
        (image, (61, 80), out, (16, 16), 3, *rows, *columns),
        (image, (60, 80), out, (16, 17), 3, *rows, *columns),
        (image, (60, 80), out, (16, 16), 2, *rows, *columns),
        (image, (60, 80), out, (16, 16), 3, far, rows[1], *columns),
        (image, (60, 80), out, (16, 16), 3, -far, rows[1], *columns),
        (image, (60, 80), out, (16, 16), 3, *rows, columns[0], columns[1][:-1]),
        (image, (60, 80), out, (0, 16), 3, *rows, *columns),
    ):
        with pytest.raises(ValueError, match="buffers of another size"):
            compiled()(*words)


def test_compiled_code_with_other_bits_is_not_used(monkeypatch):
    wrong = SimpleNamespace(stretch=lambda image, shape, out, *rest: out.fill(3))
    monkeypatch.setitem(sys.modules, "tfpipelines.datasets._stretch", wrong)
    assert compiled.__wrapped__() is None


def test_a_kernel_of_tensorflow_with_other_bits_is_followed(monkeypatch):
    resize = tf.image.resize
    monkeypatch.setattr(tf.image, "resize", lambda *words, **more: resize(*words, **more) + 1)
    assert not fast_images._as_tensorflow.__wrapped__()


def test_a_library_that_decodes_otherwise_is_not_used(monkeypatch):
    pytest.importorskip("simplejpeg")
    assert fast_images._library.__wrapped__() is not None
    other = SimpleNamespace(decode_jpeg=lambda content, colorspace: np.zeros((37, 45, 3), np.uint8))
    for library in (other, None):  # None: it is not installed
        monkeypatch.setitem(sys.modules, "simplejpeg", library)
        assert fast_images._library.__wrapped__() is None


def jpeg(mode="RGB", **options):
    y, x = np.mgrid[0:41, 0:53]
    file, levels = io.BytesIO(), np.stack([x * 5, y * 4, x * y], -1) % 256
    Image.fromarray(levels.astype(np.uint8)).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


FORMS = [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1, "quality": 20}, {"restart_marker_rows": 1}]


@pytest.mark.parametrize("options", FORMS, ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_has_the_pixels_of_the_other_decoders(mode, options):
    content = jpeg(mode, **options)
    for channels in (1, 3) if mode == "L" else (3,):
        image = fast_images.decode_jpeg(content, channels)
        assert np.array_equal(image, decode_image(content, channels))
        assert np.array_equal(image, tf.io.decode_jpeg(content, channels, dct_method="INTEGER_ACCURATE"))


@pytest.mark.parametrize("options", FORMS[:2], ids=str)
def test_what_is_damaged_is_left_to_the_other_decoders(options):
    content, generator, refused = jpeg(**options), np.random.default_rng(0), 0
    damaged = [content[:-cut] for cut in (1, 2, 3, 40, len(content) // 2)]
    for _ in range(60):
        changed = bytearray(content)
        changed[generator.integers(100, len(content))] ^= generator.integers(1, 256)
        damaged.append(bytes(changed))
    for number, some in enumerate(damaged):
        image = fast_images.decode_jpeg(some, 3)
        refused += image is None
        assert image is None or (number >= 5 and np.array_equal(image, decode_image(some)))
        try:
            expected = decode_image(some)
        except DataError as error:
            with pytest.raises(DataError) as told:
                fast_images.decode_file(some, 3, 255, 10**8)
            assert told.value.cause == error.cause
        else:
            assert np.array_equal(fast_images.decode_file(some, 3, 255, 10**8), expected)
    assert 10 < refused < 60


def test_later_frames_are_not_looked_at():
    file = io.BytesIO()
    frames = [Image.fromarray(picture(41, 53, 3, kind)) for kind in (0, 1)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    cut = file.getvalue()[: -len(file.getvalue()) // 8]
    assert np.array_equal(fast_images.decode_file(cut, 3, 255, 10**8), decode_image(cut))


def test_scans_that_are_missing_are_decoded_as_before(zoo, monkeypatch):  # noqa: F811
    content = jpeg(progressive=True)
    scans = [place for place in range(len(content) - 1) if content[place : place + 2] == b"\xff\xda"]
    (zoo.source.root / "a.jpg").write_bytes(content[: scans[-1]] + b"\xff\xd9")
    (zoo.source.root / "b.jpg").write_bytes(jpeg())
    headers, _ = scan_headers(zoo, 10**8)

    def fingerprints():
        how = {"background": 255, "max_pixels": 10**8, "cache": "memory"}
        store = store_files(zoo, headers, ImagePreprocessor((20, 24), 3), **how)
        return [store.fingerprints[zoo.frame["item"].to_list().index(name)] for name in ("a.jpg", "b.jpg")]

    fast = fingerprints()
    without_fast_ways(monkeypatch)
    assert fingerprints() == fast


def test_a_library_that_does_not_load_is_left_out(monkeypatch):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "simplejpeg":
                raise ValueError("numpy.dtype size changed")

    monkeypatch.delitem(sys.modules, "simplejpeg", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    assert fast_images._library.__wrapped__() is None


@needs_compiled
def test_the_fast_way_is_taken(zoo):  # noqa: F811
    pytest.importorskip("simplejpeg")
    assert fast_images.decodes_jpeg() and fast_images._as_tensorflow()
    headers, _ = scan_headers(zoo, 10**8)
    preprocessor = ImagePreprocessor((20, 24), 3)
    decoder = image_store.Decoder(zoo, headers, preprocessor, 255, 10**8)
    rows = np.array([row for row, header in enumerate(headers) if header and header.kind == "jpeg"])
    decoder.run(rows, np.zeros((len(headers), 20, 24, 3), np.uint8), None)
    assert (decoder.kinds == image_store._KINDS["quick"]).sum() >= 1


def without_fast_ways(monkeypatch):
    monkeypatch.setattr(fast_images, "_library", lambda: None)
    monkeypatch.setattr(fast_images, "_as_tensorflow", lambda: False)
    monkeypatch.setattr(stretching, "compiled", lambda: None)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_store_is_the_same_without_the_fast_ways(zoo, monkeypatch, channels):  # noqa: F811
    (zoo.source.root / "p.jpg").write_bytes((zoo.source.root / "a.jpg").read_bytes()[:-40])
    headers, _ = scan_headers(zoo, 10**8)
    rows = np.array([row for row, header in enumerate(headers) if header])

    def read(cache):
        how = {"background": 255, "max_pixels": 10**8, "cache": cache}
        store = store_files(zoo, headers, ImagePreprocessor((20, 24), channels), **how)
        return store, store.images(np.array([row for row in rows if row not in store.bad]))

    fast = {cache: read(cache) for cache in ("memory", "none")}
    without_fast_ways(monkeypatch)
    for cache, (store, images) in fast.items():
        plain, expected = read(cache)
        assert store.bad == plain.bad and [zoo.frame["item"][row] for row in store.bad] == ["p.jpg"]
        assert np.array_equal(store.fingerprints, plain.fingerprints) and np.array_equal(images, expected)
        assert np.array_equal(store.thumbnails(), plain.thumbnails())


def test_images_to_predict_are_the_same_without_the_fast_ways(zoo, monkeypatch):  # noqa: F811
    def read():
        preprocessor, data = ImagePreprocessor((20, 24), 3), ImageData(path="photos")
        inputs = [*raw_images(str(zoo.source.root)), *raw_images(picture(30, 40, 3)), *raw_images(jpeg())]
        return [batch for batch in decoded(inputs, preprocessor, 4, data)]

    fast, seen = read(), []
    monkeypatch.setattr(image_inputs, "decode_file", lambda *words: seen.append(words) or decode_image(*words))
    without_fast_ways(monkeypatch)
    plain = read()
    assert len(seen) > 10
    for (entries, images), (same, expected) in zip(fast, plain, strict=True):
        assert np.array_equal(images, expected)
        assert [(entry.item, entry.error, entry.size) for entry in entries] == [
            (entry.item, entry.error, entry.size) for entry in same
        ]


def test_a_changed_file_is_named_when_it_is_decoded_again(zoo):  # noqa: F811
    headers, _ = scan_headers(zoo, 10**8)
    how = {"background": 255, "max_pixels": 10**8, "cache": "none"}
    store = store_files(zoo, headers, ImagePreprocessor((20, 24), 3), **how)
    row = zoo.frame["item"].to_list().index("a.jpg")
    before = store.images(np.array([row]))
    assert before.any()
    content = (zoo.source.root / "a.jpg").read_bytes()
    (zoo.source.root / "a.jpg").write_bytes(content[:200])
    with pytest.raises(Exception, match="a.jpg cannot be read any more"):
        store.images(np.array([row]))


@pytest.mark.slow
def test_the_package_is_built_without_a_compiler(tmp_path):
    words = ["-q", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    source = tmp_path / "source"
    source.mkdir()
    for part in ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        (source / part).write_bytes((ROOT / part).read_bytes())
    for part in ("tfpipelines/datasets", "tfpipelines/core"):
        for path in (ROOT / part).rglob("*.[pc]*"):
            if path.suffix in (".py", ".c") and path.is_file():
                (source / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
                (source / path.relative_to(ROOT)).write_bytes(path.read_bytes())
    (source / "tfpipelines" / "__init__.py").write_bytes((ROOT / "tfpipelines" / "__init__.py").read_bytes())
    for part in ("pipelines", "data"):
        (source / part).mkdir()
    environment = {**os.environ, "CC": str(tmp_path / "no-compiler")}
    subprocess.run([sys.executable, "-m", "pip", *words, str(source)], env=environment, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "tfpipelines/datasets/fast_images.py" in names and not [name for name in names if "_stretch" in name]

"""Checks decode images without TensorFlow, and judge and hash them as runs do."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpipelines.datasets import image_cache
from tfpipelines.datasets.farm_hash import fingerprints_of
from tfpipelines.datasets.image_headers import scan_headers
from tfpipelines.datasets.image_store import store_array, store_files
from tfpipelines.datasets.plain_images import is_plain, plain_array, plain_files
from tfpipelines.datasets.sample_table import make_frame
from tfpipelines.datasets.source.base import SampleTable
from tfpipelines.datasets.source.folder import Folder
from tfpipelines.datasets.stretching import resized
from tfpipelines.errors import ConfigError
from tfpipelines.models import ImagePreprocessor

from .test_image_store import zoo  # noqa: F401 (a fixture)

SETTINGS = {"background": 255, "max_pixels": 10**8}


@pytest.mark.parametrize("length", [1, 3, 4, 7, 8, 16, 17, 32, 33, 64, 65, 127, 128, 129, 192, 3072])
def test_fingerprints_are_those_of_tensorflow(length):
    rows = np.random.default_rng(length).integers(0, 256, (5, length), np.uint8)
    expected = tf.raw_ops.Fingerprint(data=rows, method=b"farmhash64").numpy().view(np.uint64)[:, 0]
    assert np.array_equal(fingerprints_of(rows), expected)


def test_resizing_is_that_of_the_preprocessor():
    generator = np.random.default_rng(0)
    for number in range(40):
        height, width, *size = generator.integers(4, 200, 4).tolist()
        shape, channels = (height, width), (1, 3)[number % 2]
        image = generator.integers(0, 256, (*shape, channels), np.uint8)
        if number % 3 == 0:  # halves, which rounding decides about
            image = image // 128 * 255
        expected = ImagePreprocessor(tuple(size), channels).in_tf_data(tf.constant(image)).numpy()
        assert np.array_equal(resized(image, tuple(size)), expected)


def _both(table, preprocessor):
    headers, _ = scan_headers(table, 10**8)
    assert is_plain(table, headers, preprocessor, "auto")
    stores = [make(table, headers, preprocessor, cache="auto", **SETTINGS) for make in (plain_files, store_files)]
    return stores, [row for row, header in enumerate(headers) if header is not None]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(32, 40), (20, 20)])
def test_files_have_the_fingerprints_thumbnails_and_faults_of_a_run(zoo, channels, size):  # noqa: F811
    (plain, run), rows = _both(zoo, ImagePreprocessor(size, channels))
    assert np.array_equal(plain.fingerprints, run.fingerprints) and len(set(run.fingerprints.tolist())) > 5
    assert np.array_equal(plain.thumbnails(), run.thumbnails())
    assert plain.bad == run.bad
    assert plain.mode == run.mode == "memory"
    good = np.array([row for row in rows if row not in run.bad])
    assert np.array_equal(plain.images(good), run.images(good))


def test_damaged_files_are_judged_as_a_run_judges_them(tmp_path):
    y, x = np.mgrid[0:40, 0:48]
    picture = Image.fromarray((np.stack([x * 5, y * 6, x + y], -1) % 256).astype(np.uint8))
    for name, options in {"a.jpg": {}, "b.jpg": {"progressive": True}, "c.png": {}}.items():
        picture.save(tmp_path / name, **options)
        content = (tmp_path / name).read_bytes()
        for cut in (1, 2, 3, 8, 12, 20, 60, len(content) // 3, len(content) // 2):
            (tmp_path / f"{name[0]}-without-{cut}{name[1:]}").write_bytes(content[:-cut])
        for place in np.linspace(30, len(content) - 1, 12).astype(int):
            changed = bytearray(content)
            changed[place] ^= 0x5A
            (tmp_path / f"{name[0]}-changed-{place}{name[1:]}").write_bytes(changed)
    items = sorted(path.name for path in tmp_path.iterdir())
    table = SampleTable(make_frame(items, ["x"] * len(items)), Folder(tmp_path, str(tmp_path)))
    (plain, run), _ = _both(table, ImagePreprocessor((16, 16), 3))
    assert plain.bad == run.bad and 20 < len(run.bad) < len(items) - 5
    assert np.array_equal(plain.fingerprints, run.fingerprints)


@pytest.mark.parametrize("size", [(28, 28), (12, 20)])
def test_arrays_are_as_in_a_run(digits, size):
    images = digits["x"][:40, :, :, None]
    for channels in (1, 3) if size != (28, 28) else (1,):
        preprocessor = ImagePreprocessor(size, channels)
        plain, run = plain_array(images, preprocessor), store_array(images, preprocessor)
        assert np.array_equal(plain.fingerprints, run.fingerprints)
        assert np.array_equal(plain.thumbnails(), run.thumbnails())
        assert np.array_equal(plain.images(np.arange(5)), run.images(np.arange(5)))


def test_what_a_check_leaves_to_tensorflow(zoo, monkeypatch):  # noqa: F811
    headers, _ = scan_headers(zoo, 10**8)
    plain = lambda preprocessor, cache="auto": is_plain(zoo, headers, preprocessor, cache)
    usual = ImagePreprocessor((16, 16), 3)
    assert plain(usual) and plain(usual, "none") and plain(usual, "memory")
    assert not plain(usual, "disk") and not plain(ImagePreprocessor((512, 512), 3))
    assert not plain(ImagePreprocessor((16, 16), 3, filter="bicubic"))
    assert not plain(ImagePreprocessor((16, 16), 3, resize="pad"))
    monkeypatch.setattr(image_cache, "free_memory", lambda: 1000)
    assert not plain(usual) and plain(usual, "none")
    with pytest.raises(ConfigError, match=r"data.cache=memory: the decoded images take 13\.1 kB, and 1\.0 kB are free"):
        plain_files(zoo, headers, usual, cache="memory", **SETTINGS)

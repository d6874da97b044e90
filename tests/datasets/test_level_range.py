"""Images of more than 8 bits: a range that is not used is seen, and `data.range` rescales it everywhere."""

import csv
import io
import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpipelines import decode_image
from tfpipelines.core.config.images import ImageData
from tfpipelines.datasets import Findings, choose_range, decode_images, read_labelled_images, scan_images
from tfpipelines.datasets.decoding import read_header, read_levels
from tfpipelines.datasets.image_inputs import raw_images
from tfpipelines.errors import DataError
from tfpipelines.models import ImagePreprocessor

from ..conftest import TINY

LEVELS = np.random.default_rng(0).integers(0, 4096, (12, 8), dtype=np.uint16)
LEVELS[0, :2] = 0, 4095
EIGHT = np.round(LEVELS * (255 / 4095)).astype(np.uint8)


def encode(array: np.ndarray, form: str = "PNG", **options) -> bytes:
    if array.ndim == 3:
        return tf.io.encode_png(array).numpy()
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["16 bits", "16 bits TIFF", "32 bits", "floats", "colours", "grey and transparency"])
def test_a_range_rescales_levels_of_more_than_8_bits(kind):
    colours = np.stack([LEVELS, LEVELS[::-1], LEVELS[:, ::-1]], -1)
    content = {
        "16 bits": lambda: encode(LEVELS),
        "16 bits TIFF": lambda: encode(LEVELS, "TIFF"),
        "32 bits": lambda: encode(LEVELS.astype(np.int32), "TIFF"),
        "floats": lambda: encode(LEVELS.astype(np.float32), "TIFF"),
        "colours": lambda: encode(colours),
        "grey and transparency": lambda: encode(np.stack([LEVELS, np.full_like(LEVELS, 65535)], -1)),
    }[kind]()
    assert read_header(content).deep
    decoded = decode_image(content, 3 if kind == "colours" else 1, levels=(0, 4095))
    expected = np.stack([EIGHT, EIGHT[::-1], EIGHT[:, ::-1]], -1) if kind == "colours" else EIGHT[..., None]
    assert np.array_equal(decoded, expected)
    cut = decode_image(content, 1, levels=(1000, 2000))[..., 0]
    if kind != "colours":
        assert (cut[LEVELS <= 1000] == 0).all() and (cut[LEVELS >= 2000] == 255).all()


def test_a_range_leaves_8_bits_alone_and_turns_what_is_turned():
    assert not read_header(encode(EIGHT)).deep
    assert np.array_equal(decode_image(encode(EIGHT), 1, levels=(0, 7)), EIGHT[..., None])
    exif = Image.Exif()
    exif[274] = 6
    turned = decode_image(encode(LEVELS, exif=exif), 1, levels=(0, 4095))
    assert np.array_equal(turned[..., 0], np.rot90(EIGHT, -1))
    with pytest.raises(DataError, match="32-bit levels, here 0 to 4095, have no agreed range; train with data.range"):
        decode_image(encode(LEVELS.astype(np.float32), "TIFF"))
    assert np.array_equal(read_levels(encode(LEVELS)), LEVELS)


def write(folder, levels: np.ndarray, count=6, name="i") -> None:
    for label in ("a", "b"):
        (folder / label).mkdir(exist_ok=True, parents=True)
        for number in range(count):
            changed = np.roll(levels, number + 7 * (label == "b"), 1)
            (folder / label / f"{name}{number}.png").write_bytes(encode(changed))


def chosen(path, **fields):
    data, findings = ImageData(path=str(path), **fields), Findings()
    scan = scan_images(read_labelled_images(data, findings), data)
    return choose_range(scan.table, scan.headers, data, findings), scan, data, findings


def test_unused_levels_of_files_are_told(tmp_path):
    write(tmp_path / "dark", LEVELS)
    levels, _, _, findings = chosen(tmp_path / "dark")
    (found,) = findings.entries
    assert levels is None and found.severity == "warning" and found.code == "unused_levels"
    assert found.message == (
        "12 images of more than 8 bits use only levels 0 to 4095 of 65535, so they are read as 0 to 16 of 255"
    )
    assert "Set data.range=[0, 4095], or data.range=auto" in found.remedy
    assert chosen(tmp_path / "dark", range=[0, 4095])[0] == (0, 4095)
    write(tmp_path / "dark", LEVELS * 16, 12, "full")
    (found,) = chosen(tmp_path / "dark")[3].entries
    assert found.message.startswith("12 of 36 images") and "unlike the others" in found.message
    write(tmp_path / "full", LEVELS * 16)
    write(tmp_path / "eight", EIGHT)
    assert not chosen(tmp_path / "full")[3].entries and not chosen(tmp_path / "eight")[3].entries
    levels, _, _, findings = chosen(tmp_path / "eight", range="auto")
    assert levels is None and [finding.code for finding in findings.entries] == ["range"]
    write(tmp_path / "high", LEVELS // 4 + 30000)
    (found,) = chosen(tmp_path / "high")[3].entries
    assert "Set data.range=[30000, 31023]" in found.remedy


def test_auto_is_the_range_of_the_training_images(tmp_path):
    for split, top in (("train", 4095), ("validation", 9000), ("test", 60000)):
        write(tmp_path / split, np.minimum(LEVELS, 4000) + np.uint16(top - 4000))
    levels, scan, data, findings = chosen(tmp_path, range="auto")
    assert levels == (95, 4095) and not findings.entries
    samples = decode_images(scan, ImagePreprocessor((12, 8), 1, range=levels), data, findings)
    images = samples.store.images(samples.rows("train"))
    assert images.min() == 0 and images.max() == 255
    assert samples.facts["range"] == [95, 4095] and "95 to 4095 become 0 to 255" in samples.facts["about"][1]
    assert (samples.store.images(samples.rows("test")) == 255).any()
    write(tmp_path / "one" / "x", np.full((8, 8), 7, np.uint16))
    (found,) = chosen(tmp_path / "one" / "x", range="auto")[3].of("error")
    assert "Set data.range=[LOW, HIGH]" in found.remedy


@pytest.mark.parametrize(
    ("kind", "told"),
    [("uint16", "0 to 4095 of 65535"), ("float64", "0 to 16 of 255"), ("float32", "0 to 0.0625 of 1"), ("uint8", "")],
)
def test_arrays_are_images_of_more_than_8_bits_too(tmp_path, kind, told):
    scale = {"uint16": 1, "float64": 16 / 4095, "float32": 1 / 65520, "uint8": 255 / 4095}[kind]
    x = np.stack([(np.roll(LEVELS, number, 1) * scale).astype(kind) for number in range(12)])
    np.savez(tmp_path / "d.npz", x=x, y=np.arange(12) % 2)
    levels, scan, data, findings = chosen(tmp_path / "d.npz")
    assert levels is None and [told in finding.message for finding in findings.of("warning")] == [True] * bool(told)
    levels, scan, data, findings = chosen(tmp_path / "d.npz", range="auto")
    assert (levels is None) == (kind == "uint8")
    samples = decode_images(scan, ImagePreprocessor((12, 8), 1, range=levels), data, findings)
    assert samples.store.array.dtype == np.uint8 and samples.store.array.max() == 255
    if levels is not None:
        assert np.abs(samples.store.array[0, ..., 0].astype(int) - EIGHT).max() <= 1
        for entries in (raw_images(str(tmp_path / "d.npz"), levels=levels), raw_images(x, levels=levels)):
            assert np.array_equal(entries[3].pixels(1, 0, 10**6, levels), samples.store.array[3])


def test_a_range_must_rise(tfpipe):
    result = tfpipe("check", "sample:digits", "data.range=[5, 5]")
    assert result.code == 2 and "data.range" in result.err and "must be below" in result.err


@pytest.mark.eager
@pytest.mark.parametrize("export", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_run_keeps_its_range(tfpipe, tmp_path, export):
    write(tmp_path / "data", LEVELS, 12)
    words = [f"data.path={tmp_path / 'data'}", "data.range=auto", *TINY, "train.batch_size=4", "data.size=[12, 8]"]
    result = tfpipe("run", "image-cls", *words, "--name", "r")
    assert result.code == 0, result.err
    run = tmp_path / "runs" / "r"
    assert json.loads((run / "data.json").read_text())["range"] == [0, 4095]
    with zipfile.ZipFile(run / "model.keras") as file:
        assert json.loads(file.read("metadata.json"))["tfpipelines"]["range"] == [0, 4095]
    tested = list(csv.DictReader(open(run / "predictions.csv")))
    paths = [str(tmp_path / "data" / row["item"]) for row in tested]
    again = list(csv.DictReader(io.StringIO(tfpipe("predict", run, *paths).out)))
    score = next(name for name in tested[0] if name not in ("item", "label", "predicted", "split"))
    for one, other in zip(tested, again, strict=True):
        assert float(one[score]) == pytest.approx(float(other[score]), abs=2e-5)
    write(tmp_path / "eight", EIGHT, 12)  # the same pictures, with 8 bits
    paths = [str(tmp_path / "eight" / row["item"]) for row in tested]
    again = list(csv.DictReader(io.StringIO(tfpipe("predict", run, *paths).out)))
    assert [row["predicted"] for row in again] == [row["predicted"] for row in tested]
    assert float(again[0][score]) == pytest.approx(float(tested[0][score]), abs=2e-5)
    if export:
        result = tfpipe("export", run, "--format", "saved_model", "--out", "out")
        assert result.code == 0, result.err
        (manifest,) = tmp_path.glob("out/**/manifest.json")
        assert "levels 0 to 4095 of more than 8 bits scaled to 0 to 255" in manifest.read_text()

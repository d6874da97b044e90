"""ONNX and LiteRT take images of any size, and answer as the run does at the sizes that its files have."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

import tfpipelines
from tfpipelines import ConfigError, Observer
from tfpipelines.serve.export_engine import ExportEngine
from tfpipelines.serve.items import Item
from tfpipelines.serve.limits import Limits

from ..conftest import TINY
from ..eager import eagerly
from .test_script import answers

pytest.importorskip("tf2onnx")
pytest.importorskip("onnxruntime")
SIZES = ((31, 43), (57, 38), (20, 20), (1, 67), (90, 3), (14, 9), (211, 160))  # height, width; the network's: 20 x 20


@pytest.fixture(scope="module")
def photo_run(tmp_path_factory):
    """A run of image-cls on 84 colour photos of seven sizes, and the folder of the photos."""
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for number in range(84):
        height, width = SIZES[number // 2 % len(SIZES)]
        pixels = random.integers(0, 256, (height, width, 3)) // (1 + number % 2)
        (folder / "photos" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "photos" / "ab"[number % 2] / f"{number:02d}.png")
    words = [*TINY, f"data.path={folder / 'photos'}", "data.size=20", "data.test=0.4", "data.augment={}"]
    with eagerly():
        return tfpipelines.run("image-cls", words, out=folder, observer=Observer()), folder / "photos"


def pixels_of(content: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))


def test_onnx_takes_any_size(photo_run, tmp_path):
    import onnx
    import onnxruntime

    run, photos = photo_run
    folder, manifest = tfpipelines.export(run, "onnx")
    proof = manifest["proof"]
    assert proof["largest_difference"] <= 1e-4 and proof["flips"] == 0 and proof["in_batches"] > 0
    assert manifest["signature"]["inputs"] == [{"name": "image", "dtype": "uint8", "shape": [None, None, None, 3]}]
    assert manifest["serving"]["any_size"] and "Any size" in " ".join(manifest["preprocessing"])
    (given,) = onnx.load(folder / "model.onnx").graph.input
    assert [axis.dim_param or axis.dim_value for axis in given.type.tensor_type.shape.dim] == [
        "batch", "height", "width", 3,
    ]  # fmt: skip
    samples = json.loads((run.folder / "export" / "proof_samples" / "onnx-1.json").read_text())["samples"]
    arrays = [pixels_of(sample["input"]) for sample in samples]
    assert len({array.shape for array in arrays}) > 3
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    engine = ExportEngine(folder, "1", Limits(), 1)
    (served,) = zip(*[answer.records for answer in engine.answer(
        [Item("image", sample["item"], base64.b64decode(sample["input"])) for sample in samples], False
    )])  # fmt: skip
    for sample, array, record in zip(samples, arrays, served):
        told = session.run(None, {"image": np.stack([array, array])})[0]
        np.testing.assert_allclose(told, [sample["answer"]] * 2, atol=1e-4)
        np.testing.assert_allclose(list(record["scores"].values()), sample["answer"], atol=1e-4)
    files = sorted(photos.rglob("*.png"))[:4]
    told = [answer["probabilities"] for answer in answers(folder, *files)]
    np.testing.assert_allclose(told, run.predict(files)[["a", "b"]], atol=1e-4)


def test_litert_takes_any_size(photo_run):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    run, photos = photo_run
    folder, manifest = tfpipelines.export(run, "litert", keep=100)
    assert manifest["proof"]["largest_difference"] <= 1e-4 and manifest["proof"]["flips"] == 0
    assert manifest["signature"]["inputs"][0]["shape"] == [1, None, None, 3]
    runner = interpreter.Interpreter(str(folder / "model.tflite")).get_signature_runner("serving_default")
    samples = json.loads((folder / "proof_samples.json").read_text())["samples"]
    for sample in samples:
        told = runner(image=pixels_of(sample["input"])[None])["probabilities"][0]
        np.testing.assert_allclose(told, sample["answer"], atol=1e-6)
    assert {pixels_of(sample["input"]).shape[:2] for sample in samples} == set(SIZES)


@pytest.mark.parametrize(("format", "quantize", "fixed"), [("onnx", None, True), ("litert", "int8", False)])
def test_one_size_where_it_is_asked_for_or_numbers_are_whole(format, quantize, fixed, photo_run, tmp_path):
    run, _ = photo_run
    asked = {"samples": 20, "out": tmp_path, "fixed_size": fixed, "tolerance": 1.0 if quantize else None}
    folder, manifest = tfpipelines.export(run, format, quantize, **asked)
    assert manifest["signature"]["inputs"][0]["shape"][1:] == [20, 20, 3] and "any_size" not in manifest["serving"]
    assert "the graph does not do this" in " ".join(manifest["preprocessing"])
    assert "STEPS" in (folder / "predict.py").read_text()


def test_where_there_is_no_size_to_fix(photo_run, tfpipe):
    with pytest.raises(ConfigError, match="fixed_size: got it with saved_model; allowed: with litert or onnx"):
        tfpipelines.export(photo_run[0], fixed_size=True)
    result = tfpipe("export", photo_run[0].folder, "--fixed-size")
    assert result.code == 2 and "litert or onnx" in result.err

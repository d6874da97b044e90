"""Runs and their exports, served: they answer as `Run.predict` does."""

import json

import numpy as np
import pytest

import tfpipelines

from ..conftest import ROOT, TINY, some
from ..tasks.cases import SMALL_ROWS, SMALL_TABLE, SMALL_TEXT
from .running import Server

for needed in ("uvicorn", "httptools", "python_multipart", "prometheus_client", "onnxruntime"):
    pytest.importorskip(needed, reason=f"serving needs {needed}: pip install 'tfpipelines[serve,onnx]'")

OLD = ROOT / "tests" / "runs_of_earlier_versions" / "0.1.0"
CASES = {
    "image-cls": ("image-cls", [*TINY, "data.limit=600", "data.augment={}"]),
    "text-cls": ("text-cls", [*SMALL_TEXT, "data.limit=600"]),
    "tabular": ("tabular", SMALL_TABLE),
    "anomaly-table": ("anomaly-table", [*SMALL_ROWS, "data.limit=600"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("task", list(CASES))
@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_an_export_answers_as_its_run(task, format, tmp_path):
    pytest.importorskip({"onnx": "tf2onnx", "litert": "ai_edge_litert"}[format])
    pipeline, overrides = CASES[task]
    run = tfpipelines.run(pipeline, overrides, out=tmp_path)
    folder, manifest = tfpipelines.export(run, format, samples=40)
    assert manifest["proof"]["kept_samples"] == 0 and "proof_samples.json" not in manifest["files"]
    beside = run.folder / "export" / "proof_samples" / f"{format}-1.json"
    samples = json.loads(beside.read_text())["samples"]
    inputs = {"inputs": [sample["input"] for sample in samples]}
    told = {}
    for served in (folder, run.folder):
        server = Server(served).wait()
        told[served] = server.ask("/v1/predict", inputs).json["predictions"]
        assert server.ask("/v1/model").json["proof"]["samples"] == (16 if served == folder else 0)
        server.end()
    for one, other in zip(told[folder], told[run.folder], strict=True):
        assert set(one) == set(other)
        for name, value in one.items():
            if name == "scores":
                np.testing.assert_allclose(list(value.values()), list(other[name].values()), atol=1e-4)
            elif isinstance(value, float):
                assert value == pytest.approx(other[name], rel=1e-4, abs=1e-4)
            elif name != "verdict":
                assert value == other[name]


RUNS = ["image-cls", "text-cls", "anomaly-table", "anomaly-series", "dcgan"]


@pytest.mark.parametrize("task", some(RUNS, ()))
def test_a_run_of_every_kind_is_served(task):
    server = Server(OLD / task).wait()
    known = server.ask("/v1/model").json
    row = dict.fromkeys(known["columns"], 1.5)
    image = (ROOT / "docs" / "_static" / "digit.png").read_bytes()
    if known["takes"] == "image":
        told = server.ask("/v1/predict", image, "image/png")
    elif known["takes"] == "text":
        told = server.ask("/v1/predict", b"A gripping film", "text/plain")
    else:
        given = {"row": row, "series": [row] * 80, "draw": {"seed": 3}}[known["takes"]]
        told = server.ask("/v1/predict", {"inputs": [given]})
    assert told.status == 200, told.body
    record = told.json["predictions"][0]
    assert {"predicted", "verdict", "image"} & set(record)
    if known["takes"] == "row":
        wrong = server.ask("/v1/predict", {"inputs": [{}, row]}).json["predictions"]
        assert wrong[0]["error"]["code"] == "unreadable" and "lacks" in wrong[0]["error"]["cause"]
        assert wrong[1]["score"] == record["score"]
    if known["explains"] and known["takes"] == "image":
        told = server.ask("/v1/predict?explain=1", image, "image/png").json["predictions"][0]
        assert np.array(told["explanation"]["heat"]).ndim == 2
    server.end()

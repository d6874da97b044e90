"""Folders like those that runs, searches and exports leave, made without training."""

import hashlib
import json
from pathlib import Path

import pytest

from tfpipelines.core.checkpoint_files import vouched
from tfpipelines.core.files import file_hash
from tfpipelines.core.run_folder import RunFolder


def put(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def as_before(folder: Path) -> None:
    """Makes a finished run one of an earlier version, which had no manifest."""
    (folder / "manifest.json").unlink()
    status = json.loads((folder / "status.json").read_text())
    del status["manifest"]
    put(folder / "status.json", json.dumps(status))


def fill(folder: RunFolder, **status) -> RunFolder:
    """The files of a run that has been trained and not yet been called done."""
    path = folder.path
    put(path / "pipeline.yaml", "task: image-cls\n")
    put(path / "network.py", "def mine(): ...\n")
    put(path / "splits.csv", "item,label,split,fingerprint\nb,1,test,00ff\na,0,train,00aa\n")
    content = hashlib.sha256(b"00aa\t0\ttrain\n00ff\t1\ttest").hexdigest()
    put(path / "data.json", json.dumps({"content_hash": content}))
    put(path / "environment.json", json.dumps({"code": {"name": "m", "sha256": file_hash(path / "network.py")}}))
    put(path / "metrics.json", json.dumps({"test": {"accuracy": 0.5}}))
    put(path / "threshold.json", json.dumps({"threshold": 0.5}))
    arrays = put(path / "checkpoints" / "step-000000004.npz", "arrays")
    facts = {"finished": True, "callbacks": {}}
    put(arrays.with_suffix(".json"), vouched(arrays, 6, file_hash(arrays), 4, facts))
    put(path / "plots" / "curves.png", "picture")
    put(path / "logs" / "run.log", "log")
    model = put(path / "model.keras", "weights")
    folder.set_status("running", pipeline="image-cls", task="image-cls", model_sha256=[file_hash(model)], **status)
    return folder


@pytest.fixture
def run(tmp_path) -> Path:
    """A finished run, with its report."""
    folder = fill(RunFolder.create(tmp_path / "runs", "image-cls"))
    folder.finish()
    put(folder / "report.html", "report")
    put(folder / "README.md", "card")
    return folder.path


@pytest.fixture
def search(tmp_path) -> Path:
    """A finished search with a trial and a final run."""
    folder = RunFolder.create(tmp_path / "runs", "tune-image-cls")
    folder.set_status("running", kind="search")
    put(folder / "search.json", json.dumps({"workers": 1}))
    put(folder / "trials/0001/result.json", json.dumps({"score": 0.5}))
    trial = folder.child("trials/0001")
    put(trial / "history.csv", "epoch\n1\n")
    trial.set_status("done", part_of="x", model_sha256=["0" * 64])  # its model is not among the best
    fill(folder.child("final/seed-0"), part_of="x").finish()
    folder.finish()
    return folder.path


@pytest.fixture
def export(run) -> Path:
    """An export in the folder of a run."""
    folder = run / "export" / "onnx" / "1"
    path = put(folder / "model.onnx", "graph")
    inner = put(folder / "variables" / "variables.index", "index")
    entry = lambda path: {"sha256": file_hash(path), "bytes": path.stat().st_size}
    files = {"model.onnx": entry(path), "variables/variables.index": entry(inner)}
    put(folder / "manifest.json", json.dumps({"format": "onnx", "files": files}))
    return folder

"""An export in its runtime, without a server around it."""

import json
import subprocess
import sys

import pytest

from tfpipelines.errors import ArtifactError
from tfpipelines.serve import export_engine, resizing
from tfpipelines.serve.items import Item, lacking
from tfpipelines.serve.limits import Limits

from ..conftest import ROOT
from .small_export import picture, write_export

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def engine(folder, limits: Limits | None = None):
    return export_engine.ExportEngine(folder, "1", limits or Limits(), 1)


def test_images_that_nobody_waits_for_are_not_decoded(tmp_path, monkeypatch):
    times = iter([1.0, 9.9, 10.1, 11.0])
    made = engine(write_export(tmp_path / "1"))
    monkeypatch.setattr(export_engine.time, "monotonic", lambda: next(times))
    told = made.answer([Item("image", str(number), picture(51)) for number in range(4)], False, until=10.0)
    assert [answer.problem and answer.problem.code for answer in told] == [None, None, "too_long", "too_long"]


@pytest.mark.parametrize(
    "path", [("signature",), ("created",), ("serving", "filter"), ("serving", "tolerance"), ("serving", "takes")]
)
def test_a_manifest_that_lacks_something_is_damaged(tmp_path, path):
    folder = write_export(tmp_path / "1")
    manifest = json.loads((folder / "manifest.json").read_text())
    *outer, name = path
    del (manifest[outer[0]] if outer else manifest)[name]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=f"has no `{name}`"):
        engine(folder)
    manifest["signature"] = [1]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="other kinds"):
        engine(folder)


def test_weights_of_long_lines_are_not_kept():
    resizing._known_spans.cache_clear()
    for size in (20_000, 4_096, 4_097):
        resizing._spans_of(size, 8, "bilinear", True)
    assert resizing._known_spans.cache_info().currsize == 1


def test_long_cells_are_refused():
    told = lacking(Item("row", "0", b""), {"a": "x" * 11}, ["a"], 10)
    assert told and told.problem and told.problem.code == "unreadable"
    assert lacking(Item("row", "0", b""), {"a": "x" * 10, "b": 10**50}, ["a", "b"], 10) is None


def test_a_worker_for_images_loads_no_more_than_it_needs(tmp_path):
    """What takes long to load: a server is ready within 2 s."""
    export = write_export(tmp_path / "1")
    code = f"""
import sys
from tfpipelines.serve import worker
from tfpipelines.serve.limits import Limits
worker.open_engine({str(export)!r}, "1", Limits(), 1).warm_up()
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)}
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "onnxruntime" in loaded and not loaded & {"pandas", "pydantic", "sklearn", "scipy", "tensorflow", "keras"}

"""An exporter is one file: what lies in the folder of formats is found, and offered by the command line."""

import subprocess
import sys

import numpy as np
import pytest

from tfpipelines.exporting.exporter import Exporter
from tfpipelines.exporting.formats import exporters
from tfpipelines.exporting.formats.litert import LiteRT

from ..conftest import ROOT

ANOTHER = '''
from tfpipelines.exporting.exporter import Exporter, Quantized


class Another(Exporter):
    """A format that exists for this test."""

    runs_in = "Another Runtime"
    file = "model.another"
    packages = ("another",)
    quantized = {"int4": Quantized("tiny ones", 0.1)}

    def write(self, served, folder, quantize, calibration):
        (folder / self.file).write_text("another")

    def open_runtime(self, folder):
        return lambda feeds: {}
'''


def test_the_formats_there_are():
    assert list(exporters()) == ["saved_model", "litert", "onnx"]
    assert all(isinstance(exporter, Exporter) and exporter.name == name for name, exporter in exporters().items())
    assert set(exporters()["litert"].quantized) == {"float16", "int8"}


@pytest.mark.parametrize("words", [["--help"], ["nowhere", "--format", "pigeon"]])
def test_a_file_dropped_into_the_folder_is_offered(words, tmp_path):
    (tmp_path / "another.py").write_text(ANOTHER)
    code = f"""
from tfpipelines.exporting import formats
formats.__path__.append({str(tmp_path)!r})
from tfpipelines.cli import cli
try:
    cli.main(["export", *{words!r}], prog_name="tfpipe")
except SystemExit:
    pass
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    told = " ".join((result.stdout + result.stderr).split())
    assert "another" in told and "litert" in told
    if words == ["--help"]:
        assert "Another Runtime" in told and "int4" in told and "tiny ones" in told


def test_litert_is_verified_without_its_own_package(tmp_path, monkeypatch):
    """By the interpreter of TensorFlow."""
    import tensorflow as tf

    class Double(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, 2])])
        def __call__(self, x):
            return {"twice": 2 * x}

    double = Double()
    tf.saved_model.save(double, str(tmp_path / "saved"), signatures=double.__call__.get_concrete_function())
    content = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved")).convert()
    (tmp_path / LiteRT.file).write_bytes(content)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    answer = LiteRT().open_runtime(tmp_path)({"x": np.array([[1, 2]], np.float32)})
    np.testing.assert_array_equal(answer["twice"], [[2, 4]])

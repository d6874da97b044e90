"""An exporter is one file: what lies in the folder of formats is found, and offered by the command line."""

import subprocess
import sys

import pytest

from tfpipelines.exporting.exporter import Exporter
from tfpipelines.exporting.formats import exporters

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

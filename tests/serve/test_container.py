"""Files for a container."""

import importlib.metadata
import json
import re
import subprocess
import sys

import pytest
import yaml

from tfpipelines.serve.container import PACKAGES

from ..conftest import ROOT
from .small_export import write_export

for needed in ("uvicorn", "httptools", "python_multipart", "prometheus_client", "onnx", "onnxruntime"):
    pytest.importorskip(needed, reason=f"serving needs {needed}: pip install 'tfpipelines[serve,onnx]'")

OPTIONAL = {"pyarrow", "cloudpickle", "setuptools"}  # that others use where they are


def test_a_container_is_described(tmp_path, tfpipe):
    numbered = tmp_path / "numbered"
    write_export(numbered / "1")
    told = tfpipe("serve", numbered, "--dockerfile", "--name", 'My "Model"')
    assert told.code == 0 and "Dockerfile" in told.out
    text = (numbered / "Dockerfile").read_text()
    assert "USER 10001:10001" in text and "HEALTHCHECK" in text and "--read-only" in text and "tensorflow" not in text
    assert "onnxruntime" in text and "token" in (numbered / ".dockerignore").read_text().split()
    (entry,) = re.findall(r"ENTRYPOINT (\[.*\])", text)
    assert json.loads(entry)[:3] == ["tfpipe", "serve", "/model"]
    service = yaml.safe_load((numbered / "kserve.yaml").read_text())
    (container,) = service["spec"]["predictor"]["containers"]
    assert service["metadata"]["name"] == "my-model" and container["image"] == "my-model:1"
    assert 'name: "my-model"' in (numbered / "kserve.yaml").read_text()  # of digits alone it would be a number
    security = container["securityContext"]
    assert security["runAsNonRoot"] and security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
    assert tfpipe("serve", numbered, "--dockerfile").code == 2  # nothing is written over
    told = tfpipe("serve", write_export(tmp_path / "unnumbered"), "--dockerfile")
    assert told.code == 2 and "numbered" in told.err


def test_an_image_has_the_packages_that_serving_loads(tmp_path):
    export = write_export(tmp_path / "1")
    code = f"""
import sys
import tfpipelines.cli.serving, tfpipelines.serve.worker
from tfpipelines.output.console import console_of
from tfpipelines.serve import app, protocol, server
from tfpipelines.serve.page import page
from tfpipelines.serve.opening import open_engine
from tfpipelines.serve.limits import Limits
from tfpipelines.datasets.columns.single_rows import RowEncoder
from tfpipelines.datasets.text_table import clean_text
import uvicorn, uvloop
page()
open_engine({str(export)!r}, "1", Limits(), 1).warm_up()
print(*{{name.split(".")[0] for name in sys.modules}})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)}
    )
    known = importlib.metadata.packages_distributions()
    allowed = closure({*PACKAGES.values(), "onnxruntime"}) | OPTIONAL
    for name in done.stdout.split():
        packages = {package.lower().replace("_", "-") for package in known.get(name, ())}
        assert name == "tfpipelines" or not packages or packages & allowed, name


def closure(packages: set[str]) -> set[str]:
    """With what they need themselves."""
    found, left = set(), list(packages)
    while left:
        name = left.pop().lower().replace("_", "-")
        if name in found:
            continue
        found.add(name)
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:  # of another system
            continue
        left += [re.match(r"[\w.-]+", need)[0] for need in needs if "extra ==" not in need]
    return found

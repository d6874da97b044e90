"""What `train.precision=auto` stands for, and that a run keeps to it."""

import json

import keras
import pytest
import yaml

import tfpipelines
from tfpipelines import Observer, decisions, training
from tfpipelines.core import config
from tfpipelines.core.pipeline_files import with_decisions, write_pipeline
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.tasks import SCHEMAS
from tfpipelines.training import process

from .test_resume import FULL, SignalAt, check_equal


@pytest.fixture
def device(monkeypatch):
    """Sets what the machine tells of itself."""

    def told(backend="tensorflow", flags="", accelerator=None, capability=0.0):
        monkeypatch.setattr(process, "_processor_flags", lambda: frozenset(flags.split()))
        monkeypatch.setattr(process, "on_accelerator", lambda: accelerator is not None)
        monkeypatch.setattr(process, "_compute_capability", lambda: capability)
        monkeypatch.setattr(keras.backend, "backend", lambda: backend)

    return told


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"flags": "fpu amx_tile amx_bf16 amx_int8"}, "mixed_bfloat16"),
        ({"flags": "fpu avx512_bf16"}, "float32"),
        ({"flags": "amx_bf16", "backend": "jax"}, "float32"),
        ({"flags": "amx_bf16", "accelerator": "gpu", "capability": 7.5}, "float32"),
        ({"accelerator": "gpu", "capability": 8.0}, "mixed_bfloat16"),
        ({"accelerator": "tpu", "capability": float("inf"), "backend": "jax"}, "mixed_bfloat16"),
    ],
)
def test_precision_by_the_instructions_of_the_device(told, expected, device):
    device(**told)
    assert training.hardware_precision() == expected


def test_flags_of_the_processor(tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nflags\t\t: fpu amx_bf16\nbugs\t\t: none\nprocessor\t: 1\nflags\t\t: other\n")
    assert process._processor_flags(path) == {"fpu", "amx_bf16"}
    path.write_bytes(b"\xff\xfe")
    assert process._processor_flags(path) == process._processor_flags(tmp_path / "none") == frozenset()


@pytest.mark.slow
def test_auto_is_decided_once_and_written(monkeypatch):
    monkeypatch.setattr(training, "hardware_precision", lambda: "mixed_bfloat16")
    changed = FULL | {"train.precision": "auto", "train.epochs": 2}
    with pytest.raises(tfpipelines.errors.Interrupted):
        tfpipelines.run("image-cls", changed, observer=SignalAt(1, 6))
    run = tfpipelines.load("runs/latest")
    assert yaml.safe_load((run.folder / "pipeline.yaml").read_text())["train"]["precision"] == "mixed_bfloat16"
    told = json.loads((run.folder / "environment.json").read_text())["pipeline"]
    assert told["train"]["precision"] == "mixed_bfloat16"
    monkeypatch.setattr(training, "hardware_precision", lambda: "float32")  # resumed on another machine
    resumed = tfpipelines.resume(run.folder, observer=Observer())
    whole = tfpipelines.run("image-cls", changed | {"train.precision": "mixed_bfloat16"}, observer=Observer())
    check_equal(resumed, whole)
    assert resumed.model.dtype_policy.name == "float32" == resumed.model.layers[-1].compute_dtype


def test_what_was_decided_counts_wherever_the_run_goes_on(tmp_path, monkeypatch):
    asked = config.load("image-cls", {"train.precision": "auto"}, schemas=SCHEMAS).pipeline
    monkeypatch.setattr(training, "hardware_precision", lambda: "mixed_bfloat16")
    first = decisions.with_precision(with_decisions(RunFolder(tmp_path), asked))
    assert first.train.precision == "mixed_bfloat16"
    write_pipeline(RunFolder(tmp_path), first)
    monkeypatch.setattr(training, "hardware_precision", lambda: "float32")
    assert decisions.with_precision(with_decisions(RunFolder(tmp_path), asked)) == first
    assert decisions.with_precision(asked).train.precision == "float32"


def test_auto_is_no_default_of_earlier_pipelines():
    assert config.load("image-cls", {"train.precision": "auto"}, schemas=SCHEMAS).pipeline.train.precision == "auto"
    assert SCHEMAS["image-cls"].model_fields["train"].annotation().precision == "float32"

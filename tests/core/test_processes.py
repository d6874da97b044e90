"""Runs by several processes: what is refused before anything heavy is loaded."""

import os
import subprocess
import sys

import pytest

from tfpipelines import api
from tfpipelines.core import processes
from tfpipelines.core.files import atomic_write, silent
from tfpipelines.core.processes import ADDRESSES, COUNT, NUMBER, Processes, require_same_number, started
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.errors import ConfigError

from ..conftest import ROOT

DIVIDED = ("run", "image-cls", "train.distribute=data")


@pytest.fixture
def variables(monkeypatch):
    """Sets the variables of Keras: variables(count, number, address)."""
    for name in (ADDRESSES, COUNT, NUMBER):
        monkeypatch.delenv(name, raising=False)

    def given(*values):
        for name, value in zip((COUNT, NUMBER, ADDRESSES), values):
            monkeypatch.setenv(name, value)

    return given


def test_without_variables_there_is_one_process(variables):
    assert started() == Processes(1, 0, "")


def test_variables_number_the_process(variables):
    variables("3", "2", "10.0.0.1:1234,10.0.0.2:1234,10.0.0.3:1234")
    assert started() == Processes(3, 2, "10.0.0.1:1234")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (("2", "2", "host:1"), "do not number a process"),
        (("2", "-1", "host:1"), "do not number a process"),
        (("two", "0", "host:1"), "do not number a process"),
        (("2",), "do not number a process"),
        (("2", "0"), "names no HOST:PORT"),
        (("2", "0", "host"), "names no HOST:PORT"),
        (("2", "0", ":12345"), "names no HOST:PORT"),
        (("", "1", "host:1"), f"{ADDRESSES}, {NUMBER} are set, and {COUNT} is not"),
        (("", "1"), f"{NUMBER} is set, and {COUNT} is not"),
    ],
)
def test_variables_that_do_not_fit_together(variables, values, told):
    variables(*values)
    with pytest.raises(ConfigError, match=told):
        started()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (DIVIDED, "the backend tensorflow trains on one device here; several need jax"),
        (("run", "image-cls"), "2 processes were started, and each would do the whole run"),
        ((*DIVIDED, "train.batch_size=33"), "train.batch_size: got 33, which 2 processes cannot divide equally"),
        ((*DIVIDED, "data.folds=2"), "does not go with data.folds"),
        ((*DIVIDED, "train.time=5m"), "does not go with train.time"),
        (("run", "tabular", "train.distribute=data"), "does not go with model.name=auto"),
        (("run", "dcgan", "train.distribute=data"), "the task dcgan cannot be trained by several"),
        (("run", "anomaly", "train.distribute=data"), "the task anomaly cannot be trained by several"),
        (("tune", "image-cls", "train.distribute=data"), "a search trains each trial on one device"),
        (("tune", "image-cls"), "2 processes were started, and each would do the whole search"),
    ],
)
def test_what_several_processes_cannot_do(variables, monkeypatch, tfpipe, words, told):
    variables("2", "0", "127.0.0.1:1")
    backend = "tensorflow" if "tensorflow" in told else "jax"
    monkeypatch.setattr(processes, "_backend", lambda: backend)
    monkeypatch.setattr(processes, "_has_jax", lambda: True)
    result = tfpipe(*words)
    assert result.code == 2 and told in result.err and len(result.err.strip().splitlines()) == 2
    assert not os.listdir()


def test_without_jax_the_extra_is_named(variables, monkeypatch, tfpipe):
    monkeypatch.setattr(processes, "_backend", lambda: "jax")
    monkeypatch.setattr(processes, "_has_jax", lambda: False)
    result = tfpipe(*DIVIDED)
    assert result.code == 2 and "pip install 'tfpipelines[jax]'" in result.err


def test_refusals_come_before_tensorflow():
    code = f"""
import sys
from tfpipelines.cli import cli
try:
    cli.main({list(DIVIDED)!r}, prog_name="tfpipe")
except SystemExit as end:
    print(end.code, [name for name in ("tensorflow", "keras", "jax", "pandas") if name in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "tensorflow"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert result.stdout.strip() == "2 []"


@pytest.mark.parametrize(
    ("text", "divided"),
    [("train: {distribute: data}", True), ("train: {epochs: 2}", False), ("train:", False), ("train: [", False)],
)
def test_what_a_run_folder_says_of_processes(variables, tmp_path, text, divided):
    """Whatever else is wrong with its pipeline is told by those who need it."""
    (tmp_path / "status.json").write_text('{"format": 1, "state": "interrupted"}')
    (tmp_path / "pipeline.yaml").write_text(f"task: image-cls\n{text}\n")
    assert api._is_divided(RunFolder.open(tmp_path)) == divided


def test_the_backend_is_found_as_keras_does(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert processes._backend() == "tensorflow"
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert processes._backend() == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert processes._backend() == "torch"


def test_a_run_goes_on_by_as_many_as_it_began_with():
    two = {"processes": 2, "devices": 2}
    require_same_number({}, two, "tfpipe run")
    require_same_number({"versions": {}}, {}, "tfpipe run")
    require_same_number({"distribution": two}, two, "tfpipe run")
    for before, now in (
        ({"versions": {}}, two),
        ({"distribution": two}, {}),
        ({"distribution": two}, {**two, "devices": 4}),
    ):
        with pytest.raises(ConfigError, match="its bits would differ") as caught:
            require_same_number(before, now, "tfpipe run x")
        assert "tfpipe run x" in caught.value.remedy


def test_a_process_that_follows_writes_nothing(tmp_path):
    folder = RunFolder.create(tmp_path, "run")
    folder.set_status("running", epoch=1)
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
    with silent(folder.path):
        folder.set_status("running", epoch=2)
        folder.finish()
        atomic_write(folder / "model.keras", lambda temporary: pytest.fail("nothing is to be written"))
        atomic_write(tmp_path / "elsewhere", "text")
    assert {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")} == before
    assert (tmp_path / "elsewhere").exists() and folder.status["epoch"] == 1
    folder.finish()
    assert folder.status["state"] == "done"

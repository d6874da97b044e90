"""Runs of job scripts that are started again: `--resume-if-exists` (FAULTS 40)."""

import json
import os
import shutil

import pytest

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core import begun, lock
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.errors import ConfigError, Interrupted, RunInUseError
from tfpipelines.tasks import SCHEMAS

from .conftest import TINY
from .training.test_resume import SignalAt

pytestmark = pytest.mark.eager
AGAIN = ("--name", "mine", "--resume-if-exists")


def run(photos, *changes, **options):
    return tfpipelines.run(
        "image-cls", [f"data.path={photos}", *TINY, *changes], name="mine", resume_if_exists=True, **options
    )


def test_a_job_script_begins_goes_on_and_is_told_that_all_is_done(photos, tfpipe):
    with pytest.raises(Interrupted):
        run(photos, observer=SignalAt(1, 1))
    words = ("run", "image-cls", f"data.path={photos}", *TINY, *AGAIN)
    elsewhere = json.dumps({"pid": 7, "host": "elsewhere", "token": "0123456789abcdef"})
    (RunFolder.open("runs/mine") / ".lock").write_text(elsewhere)
    os.utime("runs/mine/.lock", (1, 1))  # the host it began on has been gone for long
    done = tfpipe(*words)
    assert done.code == 0 and tfpipelines.load("runs/mine").status["state"] == "done", done
    again = tfpipe(*words)
    assert again.code == 0 and "runs/mine is done already" in again.err
    assert "resumed" in json.loads(open("runs/mine/environment.json").read())
    other = tfpipe(*words, "train.epochs=3", "train.optimizer=sgd")
    assert other.code == 2 and "runs/mine is a run of another pipeline" in other.err
    assert "train.epochs: 1 -> 3" in other.err and "Choose another --name" in other.err
    other = tfpipe("run", "text-cls", *AGAIN)
    assert other.code == 2 and "task: image-cls -> text-cls" in other.err
    other = tfpipe("tune", "image-cls", *AGAIN)
    assert other.code == 2 and "runs/mine is a run, and a search of that name is asked for" in other.err
    refused = tfpipe("run", "image-cls", "--resume-if-exists")
    assert refused.code == 2 and "Add --name NAME" in refused.err


def test_a_folder_in_which_nothing_was_begun_is_begun_in(photos, tmp_path):
    folder = RunFolder.create(tmp_path / "runs", "x", "mine")
    with folder.locked():
        folder.set_status("running")
    shutil.rmtree(folder / "plots")
    assert run(photos, observer=Observer()).status["state"] == "done"


def test_weights_that_it_began_from_are_part_of_a_run(tmp_path, monkeypatch):
    folder, files = RunFolder.create(tmp_path, "x", "mine"), [tmp_path / "model.keras"]
    files[0].write_bytes(b"weights")
    begun.require_same_start(folder, [])
    with pytest.raises(ConfigError, match="began from no earlier run, and --from asks for these"):
        begun.require_same_start(folder, files)
    (folder / "start-model.keras").write_bytes(b"weights")
    begun.require_same_start(folder, files)
    with pytest.raises(ConfigError, match="began from weights of an earlier run, and --from asks for no earlier run"):
        begun.require_same_start(folder, [])
    files[0].write_bytes(b"others")
    with pytest.raises(ConfigError, match="began from other weights"):
        begun.require_same_start(folder, files)


def test_nothing_has_begun_before_all_that_it_begins_from_is_there(photos, tmp_path, monkeypatch):
    """A process that dies while it copies the weights that a run starts from."""
    earlier = run(photos, observer=Observer())
    os.rename("runs/mine", "runs/earlier")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "copyfile", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        run(photos, start="runs/earlier", observer=Observer())
    assert begun.begun("runs", "mine") is None and earlier is not None
    again = run(photos, start="runs/earlier", observer=Observer())
    assert (again.folder / "start-model.keras").is_file()


def test_a_folder_of_something_else_is_not_begun_in(photos, tmp_path):
    (tmp_path / "runs" / "mine" / "checkpoints").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "checkpoints" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not a run folder"):
        run(photos, observer=Observer())


def test_whoever_begins_first_has_it(photos, tmp_path, monkeypatch):
    folder = RunFolder.create(tmp_path / "runs", "x", "mine")
    with folder.locked(), pytest.raises(RunInUseError):
        run(photos, observer=Observer())
    real = RunFolder.locked

    def late(self, *words):
        (self / "pipeline.yaml").write_text("")
        return real(self, *words)

    monkeypatch.setattr(RunFolder, "locked", late)
    with pytest.raises(RunInUseError, match="was begun by another process just now"):
        run(photos, observer=Observer())


def test_a_living_process_of_another_host_is_left_alone(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "SECONDS", 0.2)
    begun_run = run(photos, observer=Observer())
    with begun_run._folder.locked() as folder:
        (folder / ".lock").write_text(json.dumps({"pid": 7, "host": "elsewhere", "token": "0123456789abcdef"}))
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: os.utime("runs/mine/.lock"))
    with pytest.raises(RunInUseError, match="process 7 on elsewhere"):
        run(photos, observer=Observer())


def load(*changes):
    from tfpipelines.core import config

    loaded = config.load("image-cls", changes, schemas=SCHEMAS)
    return config.with_absolute_paths(loaded.pipeline), loaded.default_batch_size


def test_what_a_run_has_settled_by_itself_is_not_another_pipeline(tmp_path):
    from tfpipelines.core.pipeline_files import write_pipeline

    folder = RunFolder.create(tmp_path, "x", "mine")
    folder.set_status("running", default_batch_size=True)
    url, digest = "https://host.example/photos.zip", "0" * 64
    write_pipeline(folder, load("train.batch_size=4", f"data.path={url}#sha256={digest}")[0])
    asked, any_size = load(f"data.path={url}")
    begun.require_begun_as(folder, asked, any_batch_size=any_size)
    begun.require_begun_as(folder, load("train.batch_size=4", f"data.path={url}#sha256={digest}")[0])
    for changes, told in (
        (("train.batch_size=8", f"data.path={url}"), "train.batch_size: 4 -> 8"),
        ((f"data.path={url}#sha256={'1' * 64}",), "data.path: "),
        (("data.path=https://host.example/others.zip",), "data.path: "),
        (("data.path=photos/",), "data.path: "),
    ):
        asked, any_size = load(*changes)
        with pytest.raises(ConfigError, match="is a run of another pipeline") as caught:
            begun.require_begun_as(folder, asked, any_batch_size=any_size)
        assert any(line.startswith(told) for line in caught.value.details)

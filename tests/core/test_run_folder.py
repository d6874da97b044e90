"""The run folder: atomic writes under every kind of trouble, locks, names."""

import json
import os
import resource
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import tfpipelines
from tfpipelines.core import files, run_files, run_folder
from tfpipelines.core.files import atomic_write
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.errors import ArtifactError, ConfigError, ResourceError, RunInUseError

from ..conftest import ROOT

STEPS = ("write", "fsync of the file", "rename", "fsync of the folder", "after")


def crash_at(step: str, path) -> int:
    """Runs an atomic write in a process that dies, without any clean-up, at a step of it; gives its exit status."""
    code = f"""
        import os
        from pathlib import Path
        from tfpipelines.core import files
        die = lambda *_: os._exit(9)
        step, calls = {step!r}, []
        real = os.fsync
        def fsync(descriptor):
            calls.append(descriptor)
            if (step, len(calls)) in (("fsync of the file", 1), ("fsync of the folder", 2)):
                die()
            real(descriptor)
        os.fsync = fsync
        if step == "rename":
            os.replace = die
        def write(temporary):
            with open(temporary, "wb") as file:
                file.write(b"new " * 1000)
                file.flush()
                if step == "write":
                    die()
                file.write(b"end")
        files.atomic_write(Path({str(path)!r}), write)
        die()
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    ).returncode


@pytest.mark.parametrize("step", STEPS)
def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path, step):
    path = tmp_path / "file"
    atomic_write(path, "old")
    assert crash_at(step, path) == 9
    done = step in ("fsync of the folder", "after")
    assert path.read_bytes() == (b"new " * 1000 + b"end" if done else b"old")


def test_leftovers_of_a_crash_go_when_the_folder_is_next_used(tmp_path):
    folder = RunFolder.create(tmp_path, "x")
    assert crash_at("rename", folder / "file") == 9
    assert len(list(folder.path.glob(".tmp-*"))) == 1
    with folder.locked():
        assert not list(folder.path.glob(".tmp-*"))


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    atomic_write(path, "old")
    with pytest.raises(ZeroDivisionError):
        atomic_write(path, lambda temporary: (temporary.write_text("half"), 1 / 0))
    assert os.listdir(tmp_path) == ["file"] and path.read_text() == "old"


def test_full_disk_is_a_resource_error(tmp_path):
    path = tmp_path / "file"
    atomic_write(path, "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # the kernel refuses, as it does on a full disk
    try:
        with pytest.raises(ResourceError, match="disk is full") as caught:
            atomic_write(path, b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.exit_code == 4
    assert os.listdir(tmp_path) == ["file"] and path.read_text() == "old"


def test_unwritable_folder_is_a_resource_error():
    with pytest.raises(ResourceError, match="cannot be written"):
        atomic_write(Path("/proc/self/nothing"), "x")


def test_names_count_up_and_latest_follows(tmp_path):
    first, second = RunFolder.create(tmp_path, "a"), RunFolder.create(tmp_path, "a")
    assert [first.path.name, second.path.name] == ["a-1", "a-2"]
    assert (tmp_path / "latest").resolve() == second.path
    RunFolder.create(tmp_path, "a", "mine")
    with pytest.raises(ConfigError, match="exists already"):
        RunFolder.create(tmp_path, "a", "mine")
    for name in ("", "..", "a/b", "latest"):
        with pytest.raises(ConfigError, match="not the name of a folder"):
            RunFolder.create(tmp_path, "a", name)


def test_folder_of_the_users_called_latest_stays(tmp_path):
    (tmp_path / "latest").mkdir()
    RunFolder.create(tmp_path, "a")
    assert (tmp_path / "latest").is_dir() and not (tmp_path / "latest").is_symlink()


@pytest.mark.parametrize("parent", ["/proc/self", "missing/parent", "a-file"])
def test_parent_that_cannot_be_used(tmp_path, parent):
    (tmp_path / "a-file").write_text("")
    with pytest.raises(ResourceError, match="cannot be made"):
        RunFolder.create(tmp_path / parent, "a")


def test_open_asks_for_a_run_folder(tmp_path):
    with pytest.raises(ConfigError, match="is not a run folder"):
        RunFolder.open(tmp_path)


def test_a_folder_names_its_format_and_keeps_it(tmp_path):
    folder = RunFolder.create(tmp_path, "a")
    folder.set_status("running")
    assert folder.status["format"] == RunFolder.open(folder.path).format == run_folder.FORMAT
    files.write_json(folder / "status.json", {"state": "interrupted"})  # as version 0.1.0 left it
    assert RunFolder.open(folder.path).format == 1
    folder.set_status("running")
    assert "format" not in folder.status


@pytest.mark.parametrize("verb", ["load", "resume", "report", "export", "compare"])
def test_a_folder_of_a_later_format_is_refused(tmp_path, verb):
    folder = RunFolder.create(tmp_path, "a")
    folder.set_status("done", format=run_folder.FORMAT + 1)
    with pytest.raises(
        ArtifactError, match=f"is of format {run_folder.FORMAT + 1}, written by a later version"
    ) as caught:
        getattr(tfpipelines, verb)([folder.path] * 2 if verb == "compare" else folder.path)
    assert caught.value.exit_code == 7 and caught.value.remedy.startswith("Update tfpipelines")


def test_second_process_is_told_who_holds_the_lock(tmp_path):
    folder = RunFolder.create(tmp_path, "a")
    code = (
        f"import sys; from tfpipelines.core.run_folder import *\nwith RunFolder(Path({str(folder.path)!r})).locked(): "
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(RunInUseError, match=f"process {holder.pid} on {socket.gethostname()}") as caught,
        folder.locked(),
    ):
        pass
    assert caught.value.exit_code == 6
    holder.kill()
    holder.communicate()
    with folder.locked():  # its owner is dead: taken over
        assert json.loads((folder / ".lock").read_text())["pid"] == os.getpid()
    assert (folder / ".lock").read_text() == ""


def test_json_is_plain(tmp_path):
    import numpy as np

    files.write_json(
        tmp_path / "x.json",
        {
            "nan": float("nan"),
            "inf": np.float32("inf"),
            "n": np.int64(3),
            "a": np.arange(2),
            "p": tmp_path,
            1: (True, None),
        },
    )
    assert json.loads((tmp_path / "x.json").read_text()) == {
        "nan": None,
        "inf": None,
        "n": 3,
        "a": [0, 1],
        "p": str(tmp_path),
        "1": [True, None],
    }
    assert run_files.read_json(tmp_path / "absent.json") == {}


@pytest.mark.parametrize("lacking", [MemoryError(), ResourceError("The disk is full.")])
def test_an_end_that_cannot_be_recorded_does_not_hide_its_cause(tmp_path, monkeypatch, lacking):
    folder = RunFolder.create(tmp_path / "runs", "mine")
    folder.set_status("running")

    def fail(*_, **__):
        raise lacking

    monkeypatch.setattr(RunFolder, "set_status", fail)
    with pytest.raises(ArtifactError, match="the cause"), run_folder.ending(folder):
        raise ArtifactError("the cause")
    assert folder.status["state"] == "running"  # so it can be resumed


def test_resume_without_a_run_names_the_newest_unfinished_one(tfpipe, tmp_path):
    refused = tfpipe("resume")
    assert (
        refused.code == 2 and "Missing argument 'RUN'" in refused.err and "no run in runs/ is unfinished" in refused.err
    )
    for name, state in (("a", "interrupted"), ("b", "running"), ("c", "done"), ("d", "failed")):
        folder = RunFolder.create(tmp_path / "runs", name)
        files.write_json(folder / "status.json", {"state": state, "updated": f"2026-01-0{ord(name) - ord('a') + 1}"})
    assert "tfpipe resume runs/b-1" in tfpipe("resume").err
    with RunFolder(tmp_path / "runs" / "b-1").locked():  # it runs
        assert "tfpipe resume runs/a-1" in tfpipe("resume").err
    for name in "ab":
        files.write_json(tmp_path / "runs" / f"{name}-1" / "status.json", {"state": "done"})
    assert "tfpipe resume runs/d-1" in tfpipe("resume").err
    assert str(run_folder.newest_unfinished(tmp_path / "runs")) == str(tmp_path / "runs" / "d-1")

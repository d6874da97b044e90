"""What a worker makes of errors and of history files."""

import errno
import json
import time
from contextlib import suppress

import pytest

from tfpipelines.core import lock
from tfpipelines.core.history import history_rows
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.tuning import worker
from tfpipelines.tuning.attempt import _failure, memory_cause
from tfpipelines.tuning.clipping import clipped
from tfpipelines.tuning.pool import visible_gpus


def test_an_exhausted_memory_is_called_by_its_name():
    import tensorflow as tf

    for error in (
        MemoryError(),
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
        RuntimeError("RESOURCE_EXHAUSTED: out of memory"),
        RuntimeError("can't start new thread"),
        SystemError("error return without exception set"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),  # of mmap
    ):
        assert memory_cause(error) == "The device ran out of memory."
    for error in (ValueError("shapes"), RuntimeError("no"), SystemError("no"), OSError(errno.ENOENT, "none")):
        assert memory_cause(error) == ""


def test_a_log_that_the_disk_has_no_room_for_is_no_error_of_its_own(monkeypatch, tmp_path):
    """Else the process would die instead of telling what has happened, and its trial would count as failed."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr("sys.stderr", full)
        (tmp_path / "history.csv").write_text("epoch,val_loss\n1,0.1\n")
        try:
            raise ValueError("shapes")
        except ValueError:
            result = _failure(RunFolder(tmp_path), {"before": 0}, "shapes")
        monkeypatch.undo()
        with suppress(OSError):
            full.close()
    assert result["status"] == "failed" and result["epochs"] == 1


def test_rows_of_a_history_are_numbers_and_phases_are_names(tmp_path):
    assert history_rows(tmp_path) == []
    (tmp_path / "history.csv").write_text("epoch,phase,val_loss\n1,head,0.1\n2,backbone,\n")
    assert history_rows(tmp_path) == [
        {"epoch": 1.0, "phase": "head", "val_loss": 0.1},
        {"epoch": 2.0, "phase": "backbone"},
    ]


def test_each_worker_sees_the_gpus_that_the_user_lets_it_see(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert visible_gpus() == ["2", "3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert visible_gpus() == []


@pytest.mark.parametrize(
    ("scores", "direction", "expected"),
    [([0.9, 0.8, 0.7, 0.1], "max", [0.9, 0.8, 0.7, 0.45]), ([1.0, 2.0, 3.0, 1e9], "min", [1.0, 2.0, 3.0, 5.5])],
)
def test_one_diverged_trial_does_not_hide_the_others(scores, direction, expected):
    assert list(clipped(scores, direction)) == pytest.approx(expected)


def test_a_trial_waits_until_the_lease_of_a_node_that_is_gone_has_run_out(tmp_path, monkeypatch):
    for module in (lock, worker):
        monkeypatch.setattr(module, "SECONDS", 1.0)
    monkeypatch.setattr(worker, "_PATIENCE", 0.2)
    holder = {"pid": 1, "host": "elsewhere", "boot": "", "token": "0123456789abcdef", "within": "that of the search"}
    (tmp_path / ".lock").write_text(json.dumps(holder))
    began = time.monotonic()
    with worker._held(RunFolder(tmp_path), "that of the search"):
        assert time.monotonic() - began > 0.8


def test_a_folder_that_another_node_keeps_is_no_end_of_the_search(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "_PATIENCE", 0)
    monkeypatch.setattr(worker, "SECONDS", 0)
    monkeypatch.setattr(worker, "beats_elsewhere", lambda path: True)
    holder = {"pid": 1, "host": "elsewhere", "boot": "", "token": "0123456789abcdef", "within": "that of the search"}
    (tmp_path / ".lock").write_text(json.dumps(holder))
    with pytest.raises(worker._HeldElsewhereError):
        with worker._held(RunFolder(tmp_path), "that of the search"):
            pass

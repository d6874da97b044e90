"""The list of runs: what it says of good, killed, foreign and damaged folders, and that it leaves them alone."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

import tfpipelines
from tfpipelines import ConfigError
from tfpipelines.core.files import write_json
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.reporting.listing import list_runs

from ..conftest import ROOT, TINY


def made(folder, name, state="done", metrics=None, **status):
    """A run folder with a status, and metrics where given."""
    (folder / name).mkdir(parents=True)
    facts = {
        "state": state,
        "pid": 2**22 + 1,
        "host": socket.gethostname(),
        "task": "image-cls",
        "pipeline": "image-cls",
        "started": "2020-01-01T00:00:00+00:00",
        "updated": "2020-01-01T00:01:30+00:00",
    }
    write_json(folder / name / "status.json", {**facts, **status})
    if metrics is not None:
        write_json(folder / name / "metrics.json", metrics)
    return folder / name


def only(folder):
    (entry,) = list_runs(folder)
    return entry


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({"validation": {"accuracy": 0.5}, "test": {"accuracy": 0.75, "ece": 0.1}}, ("accuracy", "test", 0.75)),
        ({"validation": {"accuracy": 0.5, "ece": 0.1}}, ("accuracy", "validation", 0.5)),
        ({"validation": {"loss": 0.1}, "test": {"roc_auc": 0.9}}, ("roc_auc", "test", 0.9)),
        ({"validation": {"loss": 0.1}, "test": {"false_alarm_rate": 0.04}}, ("false_alarm_rate", "test", 0.04)),
        ({"train": {"kid": 0.2}}, ("kid", "train", 0.2)),
        ({"test": {"accuracy": None, "log_loss": 1.5}}, ("log_loss", "test", 1.5)),
        ({"test": [1]}, None),
        (None, None),
    ],
)
def test_the_main_metric(tmp_path, metrics, expected):
    made(tmp_path / "runs", "a", metrics=metrics)
    entry = only(tmp_path / "runs")
    assert entry["metric"] == (None if expected is None else dict(zip(("name", "part", "value"), expected)))


@pytest.mark.eager
def test_a_real_run_and_its_figures(tfpipe, photos):
    run = tfpipelines.run("image-cls", [f"data.path={photos}", *TINY], observer=tfpipelines.Observer())
    entry = only("runs")
    assert entry["name"] == "image-cls-1" and entry["state"] == "done" and entry["task"] == "image-cls"
    assert (
        entry["metric"] == {"name": "accuracy", "part": "test", "value": run.metrics["test"]["accuracy"]}
        and entry["seconds"] == run.metrics["time"]["total"]
    )
    shown = tfpipe("list", "runs")
    assert (
        shown.code == 0
        and "image-cls-1" in shown.out
        and f"accuracy {run.metrics['test']['accuracy']:.4f}" in shown.out
        and "latest" not in shown.out
    )
    assert json.loads(tfpipe("list", "runs", "--json").out)["runs"][0]["name"] == "image-cls-1"


def test_duration_age_and_order(tmp_path):
    made(tmp_path, "old", started="2001-01-01T00:00:00+00:00", metrics={"time": {"total": 12.5}})
    made(tmp_path, "new", "interrupted", reason="Stopped by Ctrl-C.")
    made(tmp_path, "timeless", "failed", started=None, updated="soon")
    timeless, new, old = list_runs(tmp_path)
    assert (
        (timeless["name"], new["name"], old["name"]) == ("timeless", "new", "old")
        and old["age"] > new["age"] > 5 * 365 * 86400
        and timeless["age"] < 60
    )
    assert (
        old["seconds"] == 12.5
        and new["seconds"] == 90
        and timeless["seconds"] is None
        and new["reason"] == "Stopped by Ctrl-C."
    )


def test_searches_show_their_objective(tmp_path):
    found = {
        "search": {"metric": "val_accuracy", "score": 0.9},
        "test": {"accuracy": {"mean": 0.8}},
        "time": {"search": 10.0, "trials": 9.0, "final": 5.0},
    }
    made(tmp_path, "done", kind="search", metrics=found)
    made(tmp_path, "going", "interrupted", kind="search")
    trials = [
        {"score": score, "status": status}
        for score, status in ((0.4, "completed"), (0.2, "completed"), (0.1, "running"), (None, "failed"))
    ]
    write_json(
        tmp_path / "going" / "search.json",
        {
            "fingerprint": {"pipeline": {"search": {"objective": {"metric": "val_log_loss", "direction": "min"}}}},
            "trials": trials,
        },
    )
    made(tmp_path, "begun", "interrupted", kind="search")
    entries = {entry["name"]: entry for entry in list_runs(tmp_path)}
    assert (
        entries["done"]["metric"] == {"name": "accuracy", "part": "validation", "value": 0.9}
        and entries["done"]["seconds"] == 15
        and entries["done"]["kind"] == "search"
    )
    assert (
        entries["going"]["metric"] == {"name": "log_loss", "part": "validation", "value": 0.2}
        and entries["begun"]["metric"] is None
    )


def test_killed_runs_are_told_from_running_ones(tmp_path):
    folder = RunFolder.create(tmp_path / "runs", "a")
    with folder.locked():
        folder.set_status("running")
        assert only(tmp_path / "runs")["state"] == "running"
    assert only(tmp_path / "runs")["state"] == "killed"  # this process lives, but holds it no longer
    elsewhere = made(tmp_path / "far", "b", "running", host="another-host")
    assert only(elsewhere.parent)["state"] == "running"
    (elsewhere / ".lock").write_text("{broken")
    assert only(elsewhere.parent)["state"] == "running"


def test_folds_and_trials_share_the_lock_of_the_whole(tmp_path):
    folder = RunFolder.create(tmp_path / "runs", "a")
    made(folder.path, "fold-0", "running", fold=0)
    made(folder.path / "final", "seed-0", "running", part_of=str(folder.path))
    with folder.locked():
        assert {entry["state"] for entry in [*list_runs(folder.path), *list_runs(folder.path / "final")]} == {"running"}
    assert {entry["state"] for entry in [*list_runs(folder.path), *list_runs(folder.path / "final")]} == {"killed"}


def test_without_a_list_of_locks_the_process_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("tfpipelines.reporting.listing._LOCKS", tmp_path / "none")
    folder = RunFolder.create(tmp_path / "runs", "a")
    with folder.locked():
        folder.set_status("running")
        assert only(tmp_path / "runs")["state"] == "running"
    folder.set_status("running", pid=2**22 + 1)
    assert only(tmp_path / "runs")["state"] == "killed"


def test_a_run_that_ends_while_we_look_is_not_called_killed(tmp_path, monkeypatch):
    path = made(tmp_path / "runs", "a", "running")

    def held(*_):
        write_json(path / "status.json", {"state": "done"})
        return False

    monkeypatch.setattr("tfpipelines.reporting.listing._held", held)
    assert only(tmp_path / "runs")["state"] == "done"


def test_looking_takes_no_lock_and_changes_nothing(tmp_path, monkeypatch):
    folder = RunFolder.create(tmp_path / "runs", "a")
    with folder.locked():
        folder.set_status("running")
    made(tmp_path / "runs", "b", "running")  # without a lock file
    before = {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted((tmp_path / "runs").rglob("*"))
    }
    monkeypatch.setattr(fcntl, "flock", lambda *_: pytest.fail("a lock was taken"))
    list_runs(tmp_path / "runs")
    assert before == {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted((tmp_path / "runs").rglob("*"))
    }


def test_a_run_that_is_killed_for_real(tmp_path):
    code = (
        f"import sys, time; sys.path.insert(0, {str(ROOT)!r})\nfrom pathlib import Path\n"
        "from tfpipelines.core.run_folder import RunFolder\n"
        "folder = RunFolder.create(Path('runs'), 'a')\nwith folder.locked():\n    "
        "folder.set_status('running')\n    print('ready', flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        assert only("runs")["state"] == "running"
        process.send_signal(signal.SIGKILL)
    assert only("runs")["state"] == "killed"


def test_damaged_and_foreign_folders_do_not_break_the_list(tmp_path, tfpipe):
    runs = tmp_path / "runs"
    made(runs, "good", metrics={"test": {"accuracy": 1.0}})
    for number, text in enumerate(
        ["", "{", "[1]", "null", '{"state": 3}', '{"state": "odd"}', '{"state": ["done"]}', "[" * 100_000]
    ):
        (runs / f"bad-{number}").mkdir()
        (runs / f"bad-{number}" / "status.json").write_text(text)
    (runs / "bad-folder" / "status.json").mkdir(parents=True)
    (runs / "bad-pipe").mkdir()
    os.mkfifo(runs / "bad-pipe" / "status.json")
    (runs / "foreign").mkdir()
    (runs / "file.txt").write_text("x")
    (runs / "gone").symlink_to("nowhere")
    (runs / "latest").symlink_to("good")
    made(runs, "odd\x1b[31m", metrics={"test": {"a\x1bb": 1.0}}, task=3, started="9" * 400, pid="x")
    made(runs, "odd-metrics")
    (runs / "odd-metrics" / "metrics.json").write_text('{"time": {"total": "long"}, "test": {"accuracy": NaN}}')
    entries = {entry["name"]: entry for entry in list_runs(runs)}
    assert {name for name, entry in entries.items() if entry["state"] == "damaged"} == {
        *(f"bad-{number}" for number in range(8)),
        "bad-folder",
        "bad-pipe",
    }
    assert entries.keys() - {name for name in entries if name.startswith("bad")} == {
        "good",
        "odd\x1b[31m",
        "odd-metrics",
    }
    assert entries["odd-metrics"]["metric"] is None and entries["odd-metrics"]["seconds"] == 90
    shown = tfpipe("list", "runs")
    assert shown.code == 0 and "\x1b" not in shown.out and "damaged" in shown.out
    assert len(json.loads(tfpipe("list", "runs", "--json").out)["runs"]) == len(entries)


def test_empty_and_missing_folders_are_said_to_be_so(tmp_path, tfpipe):
    with pytest.raises(ConfigError, match="There is no folder runs"):
        tfpipelines.list_runs()
    missing = tfpipe("list", "runs", "--in", "nowhere")
    assert missing.code == 2 and "There is no folder nowhere" in missing.err and "--in DIR" in missing.err
    (tmp_path / "empty").mkdir()
    empty = tfpipe("list", "runs", "--in", "empty")
    assert empty.code == 0 and empty.out == "There are no runs in empty.\n"
    assert json.loads(tfpipe("list", "runs", "--in", "empty", "--json").out) == {"runs": []}
    assert tfpipe("list", "pipelines", "--in", "empty").code == 2


@pytest.mark.slow
def test_five_hundred_runs_are_listed_at_once_without_tensorflow(tmp_path):
    for number in range(500):
        made(
            tmp_path / "runs",
            f"run-{number}",
            "running" if number % 2 else "done",
            metrics={"test": {"accuracy": 0.5}, "per_class": {str(place): {"f1": 0.5} for place in range(100)}},
        )
    began = time.perf_counter()
    assert len(list_runs(tmp_path / "runs")) == 500
    assert time.perf_counter() - began < 5
    code = """
import sys
from tfpipelines.cli import cli
try:
    cli.main(["list", "runs"], prog_name="tfpipe")
except SystemExit as end:
    assert not end.code
heavy = ("tensorflow", "keras", "keras_tuner", "pandas", "pydantic", "numpy")
print("loaded", [name for name in heavy if name in sys.modules])
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert "run-499" in result.stdout and result.stdout.splitlines()[-1] == "loaded []"


def test_comparing_loads_no_tensorflow(tmp_path):
    code = (
        "import sys, tfpipelines\ntry:\n    tfpipelines.compare(['a', 'b'])\nexcept tfpipelines.ConfigError:\n "
        "   from tfpipelines.reporting.compare import comparison, html\n    from tfpipelines import datasets\n    "
        "datasets.encode_labels\n    print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert result.stdout == "[]\n"

"""FAULTS 28 to 31: trials that fail, workers that die, a supervisor that dies, searches that are not the same any
more.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core.config import packaged
from tfpipelines.errors import Interrupted, ResourceError, SearchError
from tfpipelines.tasks import SCHEMAS
from tfpipelines.tuning.plan import Plan
from tfpipelines.tuning.pool import Pool

from .test_search import SMALL, Seen, events, tune

_TOO_HIGH = 1e30  # a learning rate
LONG = {"train__epochs": 6, "search__trials": 2}  # long enough to be killed in its second trial


def test_a_failed_trial_is_recorded_and_the_search_goes_on():
    seen = Seen()
    search = tune(
        seen,
        search__space={"train.learning_rate": [1e-3, _TOO_HIGH], "train.optimizer": ["sgd"]},
        search__algorithm="grid",
        search__start=False,
    )
    board = search.leaderboard
    assert list(board["status"]) == ["completed", "failed"] and board["train.learning_rate"][1] == _TOO_HIGH
    assert "diverged" in board["reason"][1] and np.isnan(board["val_accuracy"][1]) and np.isnan(board["rank"][1])
    assert search.metrics["search"]["trials"] == {"completed": 1, "failed": 1}
    assert search.metrics["search"]["ended_by"] == "no further combination of values"
    assert "diverged" in seen.trials[1]["reason"] and seen.trials[1]["best_trial"] == 1
    log = (search.folder / "trials" / "0002" / "logs" / "run.log").read_text()
    assert "DivergedError" in log  # with its traceback


@pytest.mark.slow
def test_a_combination_that_is_no_pipeline_costs_one_trial():
    search = tune(search__space={"train.warmup_epochs": [0.0, 5.0]}, search__algorithm="grid")
    assert list(search.leaderboard["status"]) == ["completed", "failed"]
    assert "train.warmup_epochs 5 is longer than the run" in search.leaderboard["reason"][1]


def test_the_same_error_in_the_first_three_trials_ends_the_search(tfpipe):
    words = [
        f"{key}={json.dumps(value) if isinstance(value, (list, dict)) else value}"
        for key, value in SMALL.items()
        if key != "search.space"
    ]
    result = tfpipe(
        "tune",
        "image-cls",
        *words,
        "search.space={train.warmup_epochs: [4, 5, 6, 7]}",
        "search.algorithm=grid",
        "--name",
        "hopeless",
    )
    assert (
        result.code == 5
        and "The first 3 trials failed in the same way" in result.err
        and "is longer than the run" in result.err
    )
    search = tfpipelines.load("runs/hopeless")
    assert search.status["state"] == "failed" and len(search.leaderboard) == 3
    assert not search.best.exists() and not (search.folder / "final").exists()


def test_without_a_finished_trial_there_is_no_best(tfpipe):
    with pytest.raises(SearchError, match="there is no best") as caught:
        tune(
            name="none",
            search__trials=1,
            search__space={"train.learning_rate": [_TOO_HIGH], "train.optimizer": ["sgd"]},
        )
    assert "diverged" in caught.value.details[0]
    result = tfpipe("resume", "runs/none")  # which says so again
    assert result.code == 5 and "there is no best" in result.err


class Murderer(Seen):
    """Kills the workers when a trial reaches an epoch."""

    def __init__(self, number, times=1):
        super().__init__()
        self.number, self.left = number, times

    def trial_epoch(self, number, epoch, epochs, value):
        if number == self.number and self.left:
            self.left -= 1
            for process in multiprocessing.active_children():
                process.kill()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The values of the trials of a search that nothing disturbed, with the settings of LONG."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("whole"))
        return list(tune(**LONG).leaderboard["val_accuracy"])


@pytest.mark.slow
def test_the_trial_of_a_worker_that_dies_is_tried_again_and_the_result_is_the_same(whole):
    murderer = Murderer(2)
    search = tune(murderer, **LONG)
    assert murderer.left == 0 and "its worker was killed by signal 9; it is tried again" in murderer.notes[-1]
    assert list(search.leaderboard["val_accuracy"]) == whole
    assert events(search) == [["start", 1], ["end", 1], ["start", 2], ["end", 2]]


@pytest.mark.slow
def test_a_trial_whose_worker_dies_twice_has_failed():
    search = tune(Murderer(1, times=2), search__trials=2)
    board = search.leaderboard.sort_values("trial")
    assert (
        list(board["status"]) == ["failed", "completed"]
        and "its worker died 2 times: killed by signal 9" in board["reason"].iloc[0]
    )


@pytest.fixture
def running(start):
    """Starts a search in a process of its own; returns it and its folder once a trial has ended and another has
    begun an epoch.
    """
    words = [
        f"{key}={json.dumps(value) if isinstance(value, (list, dict)) else value}"
        for key, value in {**SMALL, **{key.replace("__", "."): value for key, value in LONG.items()}}.items()
    ]
    process = start("tune", "image-cls", *words, "--name", "search", module="tests.tuning.command")
    until = time.monotonic() + 120
    folder = os.path.abspath("runs/search")
    while not os.path.exists(f"{folder}/trials/0002/history.csv"):
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.05)
    return process, folder


def test_a_worker_ends_with_its_supervisor(tmp_path):
    """Of a killed supervisor, a worker sees that the connection is closed."""
    pool, plan = Pool(1), Plan.of("image-cls", SMALL, SCHEMAS)
    setup = {"kind": "trial", "content": plan.content, "folder": str(tmp_path), "command": [], "first": False}
    setup["token"] = ""
    worker = pool.start(setup, tmp_path / "log")
    assert ("ready", None) in [message[1:] for message in pool.messages(60)], (tmp_path / "log").read_text()
    worker.connection.close()
    worker.process.join(20)
    assert worker.process.exitcode == 1


@pytest.mark.slow
def test_a_search_whose_supervisor_is_killed_goes_on_and_its_workers_end(running, whole):
    process, folder = running
    below = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(below, timeout=20)
    assert not alive
    before = os.stat(f"{folder}/trials/0001/result.json").st_mtime_ns
    resumed = tfpipelines.resume(folder, observer=Observer())
    assert os.stat(f"{folder}/trials/0001/result.json").st_mtime_ns == before
    assert sorted(events(resumed)) == sorted([kind, number] for kind in ("start", "end") for number in (1, 2))
    assert list(resumed.leaderboard["val_accuracy"]) == whole


@pytest.mark.slow
def test_two_processes_do_not_work_on_one_search(running, tfpipe):
    process, folder = running
    result = tfpipe("resume", folder)
    assert result.code == 6 and str(process.pid) in result.err


class Stop(Observer):
    """Ctrl-C when the first trial has ended."""

    def trial(self, facts):
        os.kill(os.getpid(), signal.SIGINT)


def stopped(**changes):
    with pytest.raises(Interrupted):
        tune(Stop(), name="stopped", search__trials=2, train__epochs=1, **changes)


@pytest.mark.slow
def test_a_search_that_is_not_the_same_any_more_does_not_go_on(tfpipe):
    stopped()
    folder = tfpipelines.load("runs/stopped").folder

    def resumed_with(name, before, after):
        text = (folder / name).read_text()
        assert before in text
        (folder / name).write_text(text.replace(before, after))
        result = tfpipe("resume", "runs/stopped")
        (folder / name).write_text(text)
        return result

    for before, after, line in (
        ("min: 0.0001", "min: 0.001", "search.space.train.learning_rate.min: 0.0001 -> 0.001"),
        (
            "metric: val_accuracy, direction: max",
            "metric: val_loss, direction: min",
            "search.objective.metric: val_accuracy -> val_loss",
        ),
    ):
        result = resumed_with("pipeline.yaml", before, after)
        assert result.code == 2 and line in result.err and "tfpipe tune runs/stopped/pipeline.yaml" in result.err
    import keras

    result = resumed_with("search.json", f'"keras": "{keras.__version__}"', '"keras": "3.0.0"')
    assert result.code == 2 and f"keras: 3.0.0 -> {keras.__version__}" in result.err
    assert resumed_with("search.json", "{", "[").code == 7  # damaged
    assert tfpipelines.resume("runs/stopped", observer=Observer()).status["state"] == "done"


def test_a_search_whose_data_have_changed_does_not_go_on(photos, tfpipe):
    stopped(data__path=str(photos), data__limit=None, train__batch_size=4)
    next(photos.glob("one/*.png")).unlink()
    result = tfpipe("resume", "runs/stopped")
    assert (
        result.code == 2
        and "The data are not those that" in result.err
        and "was: " in result.err
        and "tfpipe tune" in result.err
    )


def test_an_objective_that_is_not_measured_names_those_that_are():
    with pytest.raises(SearchError) as caught:
        tune(search__objective={"metric": "val_shine", "direction": "max"}, search__trials=1)
    assert "val_shine is not measured here" in caught.value.details[0] and "val_accuracy" in caught.value.details[0]


def test_wrong_data_are_told_once_and_no_trial_begins(photos):
    (photos / "one" / "broken.png").write_bytes(b"no image")
    with pytest.raises(tfpipelines.DataError) as caught:
        tune(data__path=str(photos), data__limit=None, train__batch_size=4, name="broken")
    assert any("broken.png" in line for line in caught.value.details)
    assert not list(tfpipelines.load("runs/broken").folder.glob("trials/*"))


@pytest.mark.slow
def test_a_disk_that_is_full_ends_the_search_and_costs_no_trial():
    code = f"""
import resource, sys
import tfpipelines
from tfpipelines import Observer
class Fill(Observer):
    def trial(self, facts):
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
try:
    tfpipelines.tune("image-cls", {{**{SMALL!r}, "search.trials": 3}}, name="full", observer=Fill())
except tfpipelines.ResourceError as error:
    print("told:", error.cause)
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(packaged("samples").parent)},
        check=False,
    )
    assert "told: The disk is full" in result.stdout, result.stderr
    resumed = tfpipelines.resume("runs/full", observer=Observer())
    assert set(resumed.leaderboard["status"]) == {"completed"} and len(resumed.leaderboard) == 3


def test_workers_that_die_while_they_prepare_end_the_search(monkeypatch):
    import tfpipelines.tuning.pool as pool

    start = pool.Pool.start

    def stillborn(self, setup, log):
        worker = start(self, setup, log)
        worker.process.kill()
        return worker

    monkeypatch.setattr(pool.Pool, "start", stillborn)
    with pytest.raises(ResourceError, match="die while they prepare"):
        tune()


@pytest.mark.parametrize(
    "seconds", [1.0, pytest.param(4.0, marks=pytest.mark.slow), pytest.param(8.0, marks=pytest.mark.slow)]
)
def test_ctrl_c_reaches_all_processes_and_the_search_ends_in_good_order(seconds, start):
    words = [f"{key}={json.dumps(value) if isinstance(value, (list, dict)) else value}" for key, value in SMALL.items()]
    process = start(
        "tune", "image-cls", *words, "--name", "search", module="tests.tuning.command", start_new_session=True
    )
    while not os.path.exists("runs/search/search.json"):
        time.sleep(0.05)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "tfpipe resume runs/search" in said
    assert tfpipelines.load("runs/search").status["state"] == "interrupted"


@pytest.mark.slow
def test_data_that_change_before_the_final_runs_are_noticed(photos, tfpipe):
    with pytest.raises(Interrupted):
        tune(
            Stop(),
            name="stopped",
            data__path=str(photos),
            data__limit=None,
            train__batch_size=4,
            train__epochs=1,
            search__trials=1,
            search__final_seeds=[0],
        )
    next(photos.glob("one/*.png")).unlink()
    result = tfpipe("resume", "runs/stopped")
    assert result.code == 2 and "The data are not those that" in result.err


@pytest.mark.slow
def test_ctrl_c_in_a_final_run_is_resumed():
    class Late(Seen):
        def final(self, seed, metrics):
            super().final(seed, metrics)
            os.kill(os.getpid(), signal.SIGINT)

    late = Late()
    with pytest.raises(Interrupted):
        tune(late, name="late", search__trials=1, search__final_seeds=[0, 1])
    seen = Seen()
    search = tfpipelines.resume("runs/late", observer=seen)
    assert late.ended == [0] and seen.ended == [1] and search.metrics["seeds"] == [0, 1] and not seen.trials


@pytest.mark.slow
def test_hyperband_goes_on_from_a_parent_that_has_stopped_early():
    search = tune(
        search__algorithm="hyperband",
        search__trials=10,
        train__epochs=4,
        train__early_stopping=1,
        search__space={"train.learning_rate": {"min": 0.05, "max": 0.5, "scale": "log"}},
    )
    trials = json.loads((search.folder / "search.json").read_text())["trials"]
    assert any(trial["proposal"]["parent"] for trial in trials)
    assert all(trial["score"] is not None and trial["spent"] >= 0 for trial in trials if trial["status"] == "completed")
    assert len(list(search.folder.glob("trials/*/checkpoints"))) <= 2  # search.keep


@pytest.mark.slow
def test_two_workers_share_a_budget_of_epochs():
    search = tune(workers=2, search__epochs=30, train__epochs=25)
    assert search.metrics["search"]["epochs"] <= 36 and "search.epochs" in search.metrics["search"]["ended_by"]


@pytest.mark.parametrize("error", [EOFError("unexpected EOF"), ConnectionResetError()])
def test_a_server_of_workers_that_has_ended_is_no_bug(error, monkeypatch, tmp_path):
    pool = Pool(1)

    def start(process):
        raise error

    monkeypatch.setattr("tfpipelines.tuning.pool.ensure_running", lambda: None)
    monkeypatch.setattr(pool._context.Process, "start", start)
    with pytest.raises(ResourceError, match="No worker process could be started"):
        pool.start({}, tmp_path / "log")
    assert not pool.workers


def test_a_worker_gets_the_gpu_that_no_other_has(monkeypatch):
    from types import SimpleNamespace

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    pool = Pool(3)
    assert pool.gpus == ["4", "5", "6"]
    pool.workers = [SimpleNamespace(slot=0), SimpleNamespace(slot=2)]
    assert pool._free_gpu() == 1

"""`train.time`: the number of epochs that there is time for, decided before the first step and written down."""

import json
import os
import signal
import time
from contextlib import suppress

import numpy as np
import pytest
import yaml

import tfpipelines
from tfpipelines import Observer, decisions, training
from tfpipelines.core import begun, config
from tfpipelines.core.pipeline_files import with_train, write_pipeline
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.datasets.samples import Samples
from tfpipelines.decisions import Cost, Costs, Stopwatch, fitted
from tfpipelines.errors import ConfigError, Interrupted
from tfpipelines.tasks import SCHEMAS

from .training.test_resume import FULL, SignalAt, check_equal

SMALL = {key: value for key, value in FULL.items() if key != "train.epochs"}


def pipeline(name="image-cls", **fields):
    return with_train(config.load(name, schemas=SCHEMAS).pipeline, fields)


# --- what there is time for
@pytest.mark.parametrize(
    ("seconds", "epochs", "steps"),
    [
        (1000, 95, None),  # (1000 - 5 - 10 - 15 - 3) / 10.1 = 95.7
        (100, 8, 94),  # 7.5 epochs: 8 of (76 / 8 - .1) / .1 steps
        (30, 1, 65),  # 6.7 s for one
        (25, 1, 16),
    ],
)
def test_epochs_and_steps_fill_the_time(seconds, epochs, steps):
    costs = Costs([Cost(step=0.1, epoch=0.1, start=5.0)], evaluation=15.0)
    fields = fitted(pipeline(time=seconds, epochs=48), costs, 100, float(seconds))
    assert fields["time"] is None and (fields["epochs"], fields.get("steps_per_epoch")) == (epochs, steps)
    taken = 5 + 15 + 3 + epochs * ((steps or 100) * 0.1 + 0.1)
    assert 0.97 * seconds < taken <= seconds
    costs.phases[0].together = 16  # steps in a call: a number of steps by which they can be called as measured
    fields = fitted(pipeline(time=seconds, epochs=48), costs, 100, float(seconds))
    calls = fields.get("steps_per_epoch", 16)
    assert calls % 16 == 0 and ("steps_per_epoch" in fields) == (steps is not None)
    taken = 5 + 15 + 3 + fields["epochs"] * (fields.get("steps_per_epoch", 100) * 0.1 + 0.1)
    assert 0.9 * seconds < taken <= seconds


def test_the_schedule_is_stretched_with_the_epochs():
    assert config.load("image-cls", ["train.time=10m"], schemas=SCHEMAS).pipeline.train.time == 600
    asked = pipeline(time=600, epochs=40, warmup_epochs=2, decay_epochs=10, schedule="step")
    fields = fitted(asked, Costs([Cost(0.1, 0.0)], 0.0), 59, 600.0)
    assert (fields["epochs"], fields["warmup_epochs"], fields["decay_epochs"]) == (100, 5.0, 25)


def test_a_head_is_trained_in_a_share_of_the_time():
    costs = Costs([Cost(0.01, 0.0), Cost(0.1, 0.0)], 10.0)
    asked = pipeline("backbone", time=1000, head_epochs=5)
    fields = fitted(asked, costs, 100, 1000.0)
    assert fields["head_epochs"] == 5 and fields["epochs"] == 97
    slow = Costs([Cost(1.0, 0.0), Cost(2.0, 0.0)], 10.0)
    fields = fitted(asked, slow, 100, 1000.0)
    assert fields["head_epochs"] == 2
    taken = fields["steps_per_epoch"] * (2 + fields["epochs"] * 2)
    assert 960 < taken <= 978  # an epoch of the head has as many steps


def test_no_time_for_a_step():
    with pytest.raises(
        ConfigError, match=r"got 1 min 0 s, but all else than the training takes about 1 min 4"
    ) as caught:
        fitted(pipeline(time=60), Costs([Cost(2.0, 1.0, 40.0)], 60.0), 100, 60.0)
    assert "train.time=" in caught.value.remedy
    with pytest.raises(ConfigError, match="about 4 min 41 s") as caught:  # folds: what is missing is missing five times
        fitted(pipeline(time=60), Costs([Cost(2.0, 1.0, 40.0)], 10.0), 100, 12.0, parts=5)
    needed = float(caught.value.remedy.rpartition("=")[2].rstrip("."))
    assert fitted(pipeline(time=needed), Costs([Cost(2.0, 1.0, 40.0)], 10.0), 100, needed / 5, parts=5)["epochs"] >= 1


def test_a_stopwatch_tells_steps_from_the_ends_of_epochs(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    watch = Stopwatch()
    now[0] += 3.0  # the network is built
    watch.phase({"name": "head"})
    now[0] += 4.0  # the first call compiles
    for epoch in (1, 2, 3):
        for done in (2, 4, 6):
            now[0] += 0.5 * 2
            watch.step(epoch, done, 6)
        now[0] += 3.0
    (cost,) = watch.costs()
    assert cost == Cost(step=0.5, epoch=3.0, start=7.0, together=2)
    watch.phase({"name": ""})
    now[0] += 2.0
    watch.step(1, 2, 6)
    assert [cost.start for cost in watch.costs()] == [7.0, 2.0]


# --- what is refused
@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("image-cls", {"train.time": 60, "train.epochs": 3}, "train.epochs and train.time exclude each other"),
        ("image-cls", {"train.time": 60, "train.steps_per_epoch": 3}, "train.steps_per_epoch and train.time exclude"),
        ("text-cls", {"train.time": "1h"}, "train.time does not go with model.name=auto"),
        ("backbone", {"train.time": 60, "train.head_epochs": 3}, "train.head_epochs and train.time exclude"),
        ("image-cls", {"train.time": "1 week"}, "give a number and a unit"),
        ("image-cls", {"train.time": 0}, "train.time"),
        ("dcgan", {"train.time": "1h"}, "the task dcgan cannot fit its epochs to a time"),
        ("anomaly", {"train.time": "1h", "model.name": "conv"}, "cannot fit its epochs to a time"),
    ],
)
def test_refusals(name, changes, told):
    with pytest.raises(ConfigError, match=told):
        tfpipelines.run(name, changes, observer=Observer())


def test_a_search_decides_epochs_in_one_way():
    with pytest.raises(ConfigError, match="search.algorithm=hyperband exclude each other"):
        tfpipelines.tune("image-cls", SMALL | {"train.time": 60, "search.algorithm": "hyperband"}, observer=Observer())
    spaces = {"search.space": {"train.epochs": {"min": 2, "max": 4}}, "train.time": 60}
    with pytest.raises(ConfigError, match="search.space.train.epochs exclude each other"):
        tfpipelines.tune("image-cls", SMALL | spaces, observer=Observer())


# --- runs
class Told(Observer):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def quick(monkeypatch):
    """A measuring run is carried out, but the times are set: 5 epochs fit."""
    seen = []
    measure = decisions.measured

    def measured(task, maker, folder, left, evaluates):
        measure(task, maker, folder, left, evaluates)
        seen.append(folder.path)
        return Costs([Cost(0.5, 1.0, 1.0)], 2.0)

    monkeypatch.setattr(decisions, "measured", measured)
    monkeypatch.setattr(decisions, "fitted", lambda *told: fitted(*told[:3], 39.0, *told[4:]))
    return seen


def decided(folder):
    return yaml.safe_load((folder / "pipeline.yaml").read_text())["train"]


def test_a_run_decides_once_without_a_look_at_the_test_split(quick, monkeypatch):
    looked, rows = [], Samples.rows

    def watched(samples, split):
        if split == "test" and not quick:
            looked.append(samples.stand_ins is not None)
        return rows(samples, split)

    told = Told()
    with monkeypatch.context() as patch:
        patch.setattr(Samples, "rows", watched)
        run = tfpipelines.run("image-cls", SMALL | {"train.time": 32}, observer=told)
    assert len(quick) == 1 and sum(looked) >= 1
    settings = decided(run.folder)
    assert (settings["time"], settings["epochs"], settings["steps_per_epoch"]) == (None, 5, 11)
    assert any("train.epochs=5, train.steps_per_epoch=11" in note for note in told.notes)
    assert not (run.folder / "measuring").exists()
    assert len((run.folder / "history.csv").read_text().splitlines()) == 6
    assert run.status["epochs"] == 5
    again = tfpipelines.run(run.folder / "pipeline.yaml", observer=Observer())
    check_equal(run, again)
    assert len(quick) == 1


@pytest.mark.slow
def test_interrupted_before_and_after_the_decision(quick, monkeypatch):
    class WhileMeasuring(Observer):
        def note(self, text):
            if "measuring" in text:
                os.kill(os.getpid(), signal.SIGTERM)

    changes = SMALL | {"train.time": 32}
    with pytest.raises(Interrupted):
        tfpipelines.run("image-cls", changes, observer=WhileMeasuring())
    run = tfpipelines.load("runs/latest")
    assert decided(run.folder)["time"] == 32
    whole = tfpipelines.resume(run.folder, observer=Observer())
    assert decided(whole.folder)["time"] is None and not (whole.folder / "measuring").exists()
    with pytest.raises(Interrupted):
        tfpipelines.run("image-cls", changes, observer=SignalAt(2, 6))
    monkeypatch.setattr(decisions, "fitted", None)  # it is not asked again
    check_equal(whole, tfpipelines.resume("runs/latest", observer=Observer()))


@pytest.mark.slow
def test_folds_share_the_time_and_have_the_same_epochs(quick):
    run = tfpipelines.run("image-cls", SMALL | {"train.time": 32, "data.folds": 3, "data.limit": 192})
    assert len(quick) == 1
    lengths = {decided(folder)["epochs"] for folder in [run.folder, *sorted(run.folder.glob("fold-*"))]}
    assert lengths == {5}


@pytest.mark.slow
def test_trials_of_a_search_fit_their_epochs_and_finals_keep_them():
    changes = SMALL | {"train.time": 40, "search.trials": 2, "search.final_seeds": [0], "search.algorithm": "random"}
    changes["search.space"] = {"model.dropout": {"min": 0.0, "max": 0.4}}
    search = tfpipelines.tune("image-cls", changes, observer=Observer())
    trials = sorted((search.folder / "trials").iterdir())
    lengths = {folder.name: decided(folder)["epochs"] for folder in trials}
    assert len(lengths) == 2 and all(decided(folder)["time"] is None for folder in trials)
    best = yaml.safe_load((search.folder / "best.yaml").read_text())["train"]
    assert best["time"] is None and best["epochs"] in lengths.values()
    final = json.loads((search.folder / "environment.json").read_text())
    assert final["pipeline"]["train"]["time"] in (40, None)
    finals = list((search.folder / "final").glob("seed-*"))
    assert finals
    for folder in finals:
        assert decided(folder)["epochs"] == best["epochs"] and decided(folder)["time"] is None


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [25, 40])
def test_a_run_ends_in_time(seconds):
    """With a wide margin, since other processes take their share; benchmarks/time_budget.py measures."""
    began = time.perf_counter()
    tfpipelines.run("image-cls", SMALL | {"train.time": seconds, "train.early_stopping": None}, observer=Observer())
    assert 0.5 * seconds < time.perf_counter() - began < 1.6 * seconds


@pytest.mark.slow
def test_a_search_that_ends_while_a_trial_is_measured_says_so(monkeypatch):
    changes = SMALL | {"train.time": 300, "search.time": 6, "search.trials": 2, "search.algorithm": "random"}
    changes["search.space"] = {"model.dropout": {"min": 0.0, "max": 0.4}}
    with suppress(tfpipelines.errors.SearchError):  # no trial has finished
        tfpipelines.tune("image-cls", changes, observer=Observer())
    board = tfpipelines.load("runs/latest").leaderboard
    assert not any("died" in str(reason) for reason in board["reason"]) and "failed" not in list(board["status"])


def test_the_first_trial_decides_on_the_precision_of_a_search(tmp_path, monkeypatch):
    asked, folder = pipeline(precision="auto"), RunFolder(tmp_path)
    monkeypatch.setattr(training, "hardware_precision", lambda: "mixed_bfloat16")
    assert decisions.with_precision_of(folder, asked).train.precision == "mixed_bfloat16"
    monkeypatch.setattr(training, "hardware_precision", lambda: "float32")
    assert decisions.with_precision_of(folder, asked).train.precision == "mixed_bfloat16"
    assert decisions.with_precision_of(folder, pipeline(precision="mixed_float16")).train.precision == "mixed_float16"
    assert [path.name for path in tmp_path.iterdir()] == ["precision.json"]


def test_a_job_script_that_is_started_again_goes_on_with_what_was_decided(tmp_path):
    folder, asked = RunFolder.create(tmp_path, "x", "mine"), pipeline(precision="auto", time=600.0)
    folder.set_status("running", undecided={"precision": "auto", "time": 600.0})
    write_pipeline(folder, with_train(asked, {"precision": "float32", "time": None, "epochs": 77}))
    begun.require_begun_as(folder, asked)
    with pytest.raises(ConfigError) as caught:
        begun.require_begun_as(folder, with_train(asked, {"time": 1200.0}))
    assert "train.time: null -> 1200" in str(caught.value) or "train.time: None -> 1200" in str(caught.value)


def test_substitutes_for_the_test_split_are_rows_of_the_others():
    import pandas as pd

    samples = Samples(pd.DataFrame({"split": ["train", "test", "validation", "test"], "label": list("abcd")}))
    samples.stand_ins = np.array([0, 2])
    assert list(samples.rows("test")) == [0, 2] and list(samples.rows("train")) == [0]
    samples.stand_ins = None
    assert list(samples.rows("test")) == [1, 3]

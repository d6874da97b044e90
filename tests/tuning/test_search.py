"""Searches, for real but small: what they leave, that they repeat themselves, and that they go on."""

import csv
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import yaml

import tfpipelines
import tfpipelines.tuning.importance as importance
from tfpipelines import Observer
from tfpipelines.errors import ConfigError, Interrupted

from ..conftest import ROOT

SMALL = {
    "model.name": "mlp",
    "data.limit": 100,
    "train.epochs": 3,
    "train.batch_size": 32,
    "train.warmup_epochs": 0,
    "evaluation.bootstrap": 20,
    "search.algorithm": "random",
    "search.trials": 4,
    "search.keep_trials": 2,
    "search.final_seeds": [],
    "search.space": {
        "train.learning_rate": {"min": 1e-4, "max": 1e-2, "scale": "log"},
        "model.units": [[8], [32], [32, 32]],
    },
}


def tune(observer=None, workers=1, name=None, pipeline="image-cls", **changes):
    overrides = {**SMALL, **{key.replace("__", "."): value for key, value in changes.items()}}
    return tfpipelines.tune(pipeline, overrides, observer=observer or Observer(), workers=workers, name=name)


class Seen(Observer):
    """Keeps what it is told."""

    def __init__(self):
        self.trials, self.notes, self.ended = [], [], []

    def trial(self, facts):
        self.trials.append(facts)

    def note(self, text):
        self.notes.append(text)

    def final(self, seed, metrics):
        self.ended.append(seed)


def table(search):
    """Its leaderboard but for times, by trial."""
    return search.leaderboard.drop(columns="seconds").fillna("").sort_values("trial").to_dict("records")


def events(search):
    return json.loads((search.folder / "search.json").read_text())["events"]


@pytest.mark.slow
def test_batch_sizes_that_are_larger_than_the_training_split_are_left_out(tmp_path, tfpipe):
    settings = {key: value for key, value in SMALL.items() if key != "search.space"}
    words = [f"{key}={json.dumps(value) if isinstance(value, list) else value}" for key, value in settings.items()]
    content = yaml.safe_load((ROOT / "pipelines" / "image-cls.yaml").read_text())
    content["search"] = {"space": {"train.batch_size": [16, 32, 64, 128], "train.learning_rate": [0.001]}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    words = [word for word in words if not word.startswith("train.batch_size")]
    few = ["search.algorithm=grid", "data.limit=50", "train.epochs=1", "--name"]
    result = tfpipe("tune", "mine.yaml", *words, *few, "few")
    assert result.code == 0 and "larger than the training split: 64, 128" in result.err
    search = tfpipelines.load("runs/few")
    assert list(search.leaderboard["status"]) == ["completed"] * 2
    assert sorted(search.leaderboard["train.batch_size"]) == [16, 32]
    assert json.loads((search.folder / "search.json").read_text())["left_out"] == [64, 128]

    asked = tfpipe("tune", "mine.yaml", *words, "search.space.train.batch_size=[16, 64]", *few, "asked")
    assert asked.code == 2 and "larger than the training split: 64." in asked.err and "These fit: 16." in asked.err


@pytest.mark.eager
@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 8])
def test_a_search_leaves_what_it_promises_and_its_best_pipeline_repeats_the_trial(count, tfpipe, monkeypatch, digits):
    assert importance.LEAST == 8
    monkeypatch.setattr(importance, "LEAST", count)  # trials, from which on it is drawn
    seen = Seen()
    search = tune(seen, search__final_seeds=[0, 5], search__trials=count, search__algorithm="bayesian", train__epochs=2)
    assert search.status["state"] == "done" and search.status["trials"] == count
    left = {str(path.relative_to(search.folder)) for path in search.folder.rglob("*") if path.is_file()}
    assert left >= {
        "leaderboard.csv",
        "best.yaml",
        "search.json",
        "metrics.json",
        "environment.json",
        "data.json",
        "splits.csv",
        "pipeline.yaml",
    }
    assert {f"plots/{name}.png" for name in ("best_so_far", "parallel_coordinates", "importance", "slices")} <= left
    assert len([name for name in left if name.startswith("logs/tensorboard/trial-") and "tfevents" in name]) == count

    found = tfpipelines.verify(search.folder)
    assert found.ok and found.kind == "search" and not found.notes

    board = search.leaderboard
    assert list(board["rank"]) == list(range(1, count + 1)) and board["val_accuracy"].is_monotonic_decreasing
    best = board.iloc[0]
    by_epoch = json.loads(best["by_epoch"])
    assert len(by_epoch) == best["epochs"] == 2 and by_epoch[int(best["best_epoch"]) - 1] == best["val_accuracy"]
    assert [facts["number"] for facts in seen.trials] == list(range(1, count + 1)) and seen.trials[-1]["best"] == best[
        "val_accuracy"
    ]
    assert {path.parent.name for path in search.folder.glob("trials/*/model.keras")} == {
        f"{number:04d}" for number in board["trial"][:2]
    }
    assert {path.name for path in search.folder.glob("trials/*/checkpoints")} <= {"checkpoints"} and len(
        list(search.folder.glob("trials/*/checkpoints"))
    ) == 2

    metrics = search.metrics
    assert metrics["search"]["score"] == best["val_accuracy"] == pytest.approx(metrics["best_trial"]["accuracy"])
    assert metrics["seeds"] == seen.ended == [0, 5] and set(metrics["test"]["accuracy"]) == {"mean", "min", "max"}
    runs = search.runs
    assert [run.pipeline.seed for run in runs] == [0, 5] and {run.pipeline.split_seed for run in runs} == {0}
    tests = [run.metrics["test"]["accuracy"] for run in runs]
    assert metrics["test"]["accuracy"]["min"] == min(tests) and metrics["test"]["accuracy"]["max"] == max(tests)
    kept = lambda run: min(csv.DictReader((run.folder / "history.csv").open()), key=lambda row: float(row["val_loss"]))
    assert float(kept(runs[0])["val_accuracy"]) == best["val_accuracy"]  # seed 0 is that of the trials
    assert (
        (runs[0].folder / "splits.csv").read_text()
        == (runs[1].folder / "splits.csv").read_text()
        == (search.folder / "splits.csv").read_text()
    )

    result = tfpipe("run", search.best, "--name", "best")
    assert result.code == 0, result.err
    assert float(kept(tfpipelines.load("runs/best"))["val_accuracy"]) == best["val_accuracy"]
    trial = tfpipelines.load(search.folder / "trials" / f"{int(best['trial']):04d}")
    assert len(trial.predict(digits["x"][:100])) == 100
    for wrong, message in ((search.folder, "final/seed-0"), (trial.folder, "tfpipe resume")):
        result = tfpipe("predict", wrong, "x.png") if wrong == search.folder else tfpipe("resume", wrong)
        assert result.code == 2 and message in result.err


@pytest.mark.slow
def test_the_test_set_plays_no_part_in_the_search(tmp_path, digits):
    scrambled = tmp_path / "scrambled.npz"
    rng = np.random.default_rng(0)
    labels = np.where(digits["split"] == "test", rng.permutation(digits["y"]), digits["y"])
    np.savez(scrambled, **{**digits, "y": labels})
    np.savez(tmp_path / "same.npz", **digits)
    boards = [
        table(tune(data__path=str(tmp_path / name), search__trials=2, train__epochs=2))
        for name in ("same.npz", "scrambled.npz")
    ]
    assert boards[0] == boards[1]


def test_a_search_that_was_stopped_ends_as_one_that_was_not():
    whole = tune(name="whole", search__trials=2, train__epochs=2)

    class Stop(Observer):
        def trial_epoch(self, number, epoch, epochs, value):
            if (number, epoch) == (2, 1):  # Ctrl-C, which the terminal sends to all processes
                for process in (*multiprocessing.active_children(), multiprocessing.current_process()):
                    os.kill(process.pid, signal.SIGINT)

    with pytest.raises(Interrupted):
        tune(Stop(), name="stopped", search__trials=2, train__epochs=2)
    stopped = tfpipelines.load("runs/stopped")
    assert stopped.status["state"] == "interrupted" and len(stopped.leaderboard) == 1
    before = (stopped.folder / "trials" / "0001" / "result.json").stat().st_mtime_ns
    resumed = tfpipelines.resume("runs/stopped", observer=Observer())
    assert resumed.status["state"] == "done" and table(resumed) == table(whole)
    assert (stopped.folder / "trials" / "0001" / "result.json").stat().st_mtime_ns == before
    assert events(resumed) == events(whole)
    seen = Seen()
    assert tfpipelines.resume("runs/stopped", observer=seen).folder == resumed.folder
    more = "more trials: tfpipe resume runs/stopped search.trials=N"
    assert seen.notes == [f"runs/stopped is done already; {more}"]


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["random", "hyperband"])
def test_a_model_that_found_no_room_is_written_when_the_search_goes_on(algorithm):
    search = tune(search__algorithm=algorithm, search__trials=3, search__keep_trials=1, search__epochs=20)
    (model,) = search.folder.glob("trials/*/model.keras")
    weights = tfpipelines.load(model.parent).model.get_weights()
    board, best = table(search), json.loads((search.folder / "search.json").read_text())["trials"]
    model.unlink()  # as if the disk had been full
    (search.folder / "metrics.json").unlink()
    status = json.loads((search.folder / "status.json").read_text())
    (search.folder / "status.json").write_text(json.dumps({**status, "state": "failed"}))
    seen = Seen()
    resumed = tfpipelines.resume(search.folder, observer=seen)
    assert any("has no model file: it is written from its checkpoint" in note for note in seen.notes)
    assert table(resumed) == board and json.loads((resumed.folder / "search.json").read_text())["trials"] == best
    for one, other in zip(tfpipelines.load(model.parent).model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed.status["state"] == "done"


@pytest.mark.slow
def test_hyperband_goes_on_from_checkpoints_and_ends_like_an_uninterrupted_run():
    search = tune(search__algorithm="hyperband", search__trials=4, search__keep_trials=1)
    trials = json.loads((search.folder / "search.json").read_text())["trials"]
    child = next(trial for trial in trials if trial["proposal"]["parent"] is not None)
    parent = next(trial for trial in trials if trial["proposal"]["identity"] == child["proposal"]["parent"])
    assert (
        child["series"][: parent["epochs"]] == parent["series"]
        and child["spent"] == child["epochs"] - parent["epochs"] > 0
    )
    values = {path: child["values"][path] for path in SMALL["search.space"]}
    alone = tfpipelines.run(
        "image-cls",
        {**{key: value for key, value in SMALL.items() if not key.startswith("search")}, **values},
        observer=Observer(),
    )
    rows = list(csv.DictReader((alone.folder / "history.csv").open()))
    assert [float(row["val_accuracy"]) for row in rows][: child["epochs"]] == child["series"]


@pytest.mark.slow
def test_the_median_rule_prunes_trials():
    space = {"train.learning_rate": [1e-7, 2e-7, 3e-7, 4e-7, 1e-3, 2e-3, 3e-3, 4e-3]}
    search = tune(
        search__space=space, search__trials=8, search__pruning_trials=2, search__pruning_epochs=2, train__epochs=4
    )
    trials = json.loads((search.folder / "search.json").read_text())["trials"]
    pruned = [trial for trial in trials if trial["status"] == "pruned"]
    assert pruned and not trials[0]["limits"]
    for trial in trials:
        worse = [
            epoch
            for epoch in range(2, 4)
            if epoch <= len(trial["limits"]) and max(trial["series"][:epoch]) < trial["limits"][epoch - 1]
        ]
        assert trial["epochs"] == (worse[0] if worse else 4) and trial["status"] == ("pruned" if worse else "completed")
    assert all("worse than the median" in trial["reason"] for trial in pruned)


@pytest.mark.slow
def test_budgets_end_a_search_with_the_best_so_far():
    by_epochs = tune(search__epochs=5)
    assert by_epochs.metrics["search"]["epochs"] == 5 and list(
        by_epochs.leaderboard.sort_values("trial")["epochs"]
    ) == [3, 2]
    assert (
        by_epochs.metrics["search"]["ended_by"] == "search.epochs=5"
        and by_epochs.leaderboard["status"].tolist().count("cut") == 1
    )
    by_disk = tune(search__disk=100_000, search__keep_trials=1)
    assert (
        1 <= len(by_disk.leaderboard) < 4
        and by_disk.best.is_file()
        and "search.disk" in by_disk.metrics["search"]["ended_by"]
    )


@pytest.mark.slow  # it takes its time
def test_a_budget_of_time_ends_a_search_with_the_best_so_far():
    by_time = tune(search__time=6, train__epochs=200, search__pruning="none")
    assert by_time.metrics["time"]["search"] < 20 and "search.time" in by_time.metrics["search"]["ended_by"]
    assert set(by_time.leaderboard["status"]) <= {"cut", "completed"} and by_time.best.is_file()


@pytest.mark.slow
def test_two_workers_share_the_trials():
    class Together(Seen):
        most = 0

        def trial_epoch(self, number, epoch, epochs, value):
            state = [
                trial
                for trial in json.loads((self.folder / "search.json").read_text())["trials"]
                if trial["status"] == "running"
            ]
            self.most = max(self.most, len(state))

        def started(self, folder, pipeline):
            self.folder = folder

    seen = Together()
    search = tune(seen, workers=2)
    assert (
        seen.most == 2
        and sorted(search.leaderboard["trial"]) == [1, 2, 3, 4]
        and set(search.leaderboard["status"]) == {"completed"}
    )


@pytest.mark.slow  # a failed trial, in test_search_faults, is one of a grid, too
def test_a_grid_ends_by_itself_and_lists_are_values():
    search = tune(
        search__algorithm="grid",
        search__trials=50,
        search__space={"model.units": [[8], [16, 16]], "train.clip_norm": [None, 1.0]},
        train__epochs=1,
    )
    assert search.metrics["search"]["ended_by"] == "no further combination of values"
    values = {(row["model.units"], str(row["train.clip_norm"])) for row in search.leaderboard.to_dict("records")}
    assert len(values) == 4


@pytest.mark.slow
def test_an_objective_may_be_any_figure_of_the_validation_part():
    search = tune(search__objective="val_f1_macro", search__trials=2)
    assert list(search.leaderboard["by_epoch"]) == ["[]", "[]"] and 0 < search.leaderboard["val_f1_macro"][0] < 1
    lowest = tune(search__objective={"metric": "val_loss", "direction": "min"}, search__trials=2, train__epochs=1)
    assert lowest.leaderboard["val_loss"].is_monotonic_increasing


@pytest.mark.slow
def test_an_expensive_field_of_data_may_be_searched():
    search = tune(search__space={"data.size": [14, 28]}, search__algorithm="grid")
    assert len(search.leaderboard) == 2 and set(search.leaderboard["status"]) == {"completed"}


@pytest.mark.slow
def test_files_are_decoded_once_for_all_trials(photos, tmp_path):
    search = tune(data__path=str(photos), data__limit=None, train__batch_size=4, search__trials=2, train__epochs=1)
    (cache,) = (tmp_path / "cache" / "images").glob("*.npy")
    assert cache.stat().st_mtime < min(path.stat().st_mtime for path in search.folder.glob("trials/*/result.json"))
    assert yaml.safe_load(search.best.read_text())["data"]["cache"] == "disk"


@pytest.mark.slow
def test_the_first_trial_is_the_pipeline_as_it_stands():
    search = tune(search__start=True, search__trials=1, train__learning_rate=2e-3, model__units=[32])
    assert (search.leaderboard["train.learning_rate"][0], search.leaderboard["model.units"][0]) == (2e-3, "[32]")
    seen = Seen()
    tune(seen, search__trials=1, train__learning_rate=1.0)
    assert "is not in the search space" in " ".join(seen.notes)


@pytest.mark.slow
def test_a_cross_validated_pipeline_is_searched_on_its_first_fold(tmp_path, digits):
    first = digits["split"] == "train"
    np.savez(tmp_path / "plain.npz", x=digits["x"][first][:400], y=digits["y"][first][:400])
    search = tune(
        data__path=str(tmp_path / "plain.npz"),
        data__folds=4,
        data__limit=None,
        search__trials=1,
        search__final_seeds=[0],
    )
    run = search.runs[0]
    assert "folds" not in run.metrics and 0 < run.metrics["test"]["accuracy"] <= 1
    splits = pd.read_csv(run.folder / "splits.csv")
    assert (splits["split"] == "test").sum() == 100
    assert yaml.safe_load(search.best.read_text())["data"]["folds"] == 4


def test_data_without_a_validation_part_are_refused():
    with pytest.raises(ConfigError, match="needs a validation split"):
        tune(
            data__validation=0,
            data__path=str(write_rows(200)),
            pipeline="text-cls",
            model__name="bow",
            search__space={"train.learning_rate": [1e-3]},
        )


def write_rows(count):
    rows = pd.DataFrame(
        {
            "text": [f"{'good' if number % 2 else 'bad'} word{number % 7}" for number in range(count)],
            "label": ["pos" if number % 2 else "neg" for number in range(count)],
        }
    )
    rows["split"] = ["test" if number % 5 == 0 else "train" for number in range(count)]
    rows.to_csv("rows.csv", index=False)
    return os.path.abspath("rows.csv")


@pytest.mark.slow
def test_a_script_without_a_main_guard_may_tune(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import tfpipelines
        print("begun")
        overrides = {{**{SMALL!r}, "search.trials": 1, "train.epochs": 1}}
        search = tfpipelines.tune("image-cls", overrides, observer=tfpipelines.Observer())
        print(search.leaderboard["status"].tolist())
    """)
    )
    result = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert result.stdout.splitlines() == ["begun", "['completed']"]

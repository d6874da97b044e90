"""Run folders written by earlier versions (tests/make_earlier_runs.py): what they answer never changes."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

import tfpipelines
from tfpipelines import Observer

from .tasks.cases import CASES, NETWORKS, answers, make_network

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("runs_of_earlier_versions/*/*/status.json"))
SEARCHES = [folder for folder in FOLDERS if (folder / "search.json").is_file()]
RUNS = [folder for folder in FOLDERS if folder not in SEARCHES]
FORMATS = {
    "image-cls": ("saved_model", "litert", "onnx"),
    "dcgan": ("saved_model", "onnx"),
}  # of the other tasks the first one


def each(folders, quick=None):
    """Marks for one test a folder; tasks that are not among the quick ones are slow tests."""
    return pytest.mark.parametrize(
        "earlier",
        [
            pytest.param(
                folder,
                id=f"{folder.parent.name}/{folder.name}",
                marks=() if quick is None or folder.name in quick else pytest.mark.slow,
            )
            for folder in folders
        ],
        indirect=True,
    )


@pytest.fixture
def earlier(request, tmp_path) -> Path:
    """A copy of an earlier folder, where the runs of a working directory are."""
    if request.param.name == "anomaly":  # such a run asks for the file of its backbone, though it is in its model, too
        make_network("tiny_backbone", tmp_path)
    return Path(shutil.copytree(request.param, tmp_path / "runs" / request.param.name))


def same(run) -> None:
    """The model says of raw input what it said when it was trained."""
    raw = CASES[run.status["task"]][2]
    written, now = answers(run, raw)
    np.testing.assert_allclose(now.astype(float), written.astype(float), rtol=1e-5, atol=1e-5 if raw else 1)


def test_the_first_version_left_a_run_of_every_task_that_it_had():
    tasks = {
        "anomaly",
        "anomaly-series",
        "anomaly-table",
        "dcgan",
        "finetune",
        "finetune-text",
        "image-cls",
        "text-cls",
    }
    assert {folder.name for folder in RUNS if folder.parent.name == "0.1.0"} == tasks and SEARCHES


@each(RUNS, quick={folder.name for folder in RUNS} - {"anomaly-series"})  # a series is predicted window by window
def test_its_model_answers_as_it_did(earlier):
    run = tfpipelines.load(earlier)
    assert run.status["state"] == "done" and run.metrics["test"] and run.pipeline.task == run.status["task"]
    same(run)


@each(RUNS, quick=("anomaly-series", "image-cls"))
def test_it_is_evaluated(earlier):
    run = tfpipelines.load(earlier)
    figures = run.evaluate(getattr(run.pipeline.data, "test_path", None) or run.pipeline.data.path)
    assert set(figures["test"]) >= set(run.metrics["test"]) - {"nearest", "copies", "diversity"}
    assert all(math.isfinite(value) for value in figures["test"].values())


@each(RUNS)
def test_it_is_reported_and_listed(earlier):
    written = tfpipelines.report(earlier)
    assert written.card.is_file() and earlier.name in written.page.read_text()
    assert not [note for note in written.notes if "could not" in note]
    (listed,) = tfpipelines.list_runs(earlier.parent)
    assert listed["state"] == "done" and listed["task"] == earlier.name and listed["metric"]


@pytest.mark.eager
@each(RUNS, quick=("image-cls",))
def test_a_run_goes_on_from_it_and_is_compared_with_it(earlier, tmp_path):
    if earlier.name in NETWORKS:  # its backbone is not kept; the weights come from the earlier run
        make_network(NETWORKS[earlier.name][1], tmp_path)
    run = tfpipelines.run(str(earlier / "pipeline.yaml"), start=earlier, name="further", observer=Observer())
    assert run.status["state"] == "done" and (run.folder / "start-model.keras").is_file()
    compared = tfpipelines.compare([earlier, run.folder])
    assert [entry["name"] for entry in compared["runs"]] == [earlier.name, "further"]
    assert compared["metrics"]["test"]
    assert "pipeline" not in {entry["field"] for entry in compared["differences"]["pipeline"]}


@each(RUNS, quick=("dcgan",))
def test_it_is_exported(earlier):
    for kind in FORMATS.get(earlier.name, ("saved_model",)):
        exported = tfpipelines.export(earlier, kind, samples=16)
        proof = exported.manifest["proof"]
        assert proof["samples"] > 0 and proof["largest_difference"] <= proof["tolerance"]


@each(SEARCHES)
def test_a_search_is_loaded_and_reported_and_its_models_used(earlier):
    search = tfpipelines.load(earlier)
    assert set(search.leaderboard["status"]) == {"completed"} and search.metrics["search"]
    assert tfpipelines.report(earlier).page.is_file()
    states = {entry["state"] for entry in tfpipelines.list_runs(earlier.parent)}
    assert states == {"done"}
    (final,) = search.runs
    same(final)
    trials = [path.parent for path in earlier.glob("trials/*/model.keras")]
    assert trials and all(
        len(tfpipelines.load(trial).predict(np.zeros((2, 28, 28), np.uint8))) == 2 for trial in trials
    )
    assert json.loads((earlier / "search.json").read_text())["trials"]
    assert tfpipelines.resume(earlier, observer=Observer()).status["state"] == "done"

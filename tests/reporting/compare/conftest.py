"""Finished runs to compare: really trained ones, and written ones whose answers are known."""

import contextlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines import Observer, evaluation
from tfpipelines.core import config
from tfpipelines.core.files import write_json
from tfpipelines.reporting.compare import comparison
from tfpipelines.tasks import SCHEMAS

from ...conftest import ROOT, TINY
from ...eager import eagerly
from ...tasks.cases import SMALL_ROWS, SMALL_TEXT

VERSIONS = {"tfpipelines": "0.1.0", "keras": "3.15.1"}


def rows_of(count: int, seed: int = 0, classes: int = 3) -> tuple[list[str], np.ndarray]:
    """Items and class numbers."""
    return [f"{number:03d}.png" for number in range(count)], np.random.default_rng(seed).integers(0, classes, count)


def answer(labels: np.ndarray, share: float, seed: int, classes: int = 3) -> np.ndarray:
    """Probabilities of a classifier that is right about so often, float32 (rows, classes)."""
    generator = np.random.default_rng(seed)
    chosen = np.where(generator.random(len(labels)) < share, labels, generator.integers(0, classes, len(labels)))
    scores = generator.dirichlet(np.ones(classes), len(labels)) + 1.5 * np.eye(classes)[chosen]
    return (scores / scores.sum(1, keepdims=True)).astype(np.float32)


def write_run(
    folder,
    probabilities,
    labels,
    items,
    *,
    overrides=(),
    pipeline="image-cls",
    classes=("a", "b", "c"),
    fingerprints=None,
    state="done",
    **data,
):
    """A run folder with the files that a classifier's run leaves, but for the model."""
    folder.mkdir(parents=True)
    (folder / "plots").mkdir()
    classes = list(classes)
    resolved = config.load(pipeline, list(overrides), schemas=SCHEMAS).pipeline
    names = [classes[number] for number in labels]
    frame = pd.DataFrame({"item": items, "label": names, "split": "test"})
    frame["fingerprint"] = [f"{number:016x}" for number in range(len(items))] if fingerprints is None else fingerprints
    extra = pd.DataFrame({"item": ["train.png"], "label": [classes[0]], "split": ["train"], "fingerprint": ["f" * 16]})
    pd.concat([extra, frame]).to_csv(folder / "splits.csv", index=False, lineterminator="\n")
    figures = evaluation.evaluate(labels, probabilities, classes, 50, 0)
    (folder / "predictions.csv").write_text(
        evaluation.to_csv(evaluation.prediction_table(items, probabilities, classes, names))
    )
    write_json(
        folder / "metrics.json", {"validation": {"accuracy": 0.5}, **figures, "time": {"training": 3.0, "total": 61.0}}
    )
    write_json(
        folder / "data.json",
        {
            "size": [28, 28],
            "channels": 1,
            "path": "photos",
            "classes": classes,
            "content_hash": "1",
            "rows": {"train": 1, "test": len(items)},
            **data,
        },
    )
    write_json(
        folder / "environment.json",
        {"versions": VERSIONS, "device": "2 CPU cores", "pipeline": config.as_dict(resolved)},
    )
    write_json(
        folder / "status.json",
        {
            "state": state,
            "task": resolved.task,
            "pipeline": resolved.name,
            "started": "2020-01-01T00:00:00+00:00",
            "updated": "2020-01-01T00:02:00+00:00",
        },
    )
    return folder


@pytest.fixture
def all_resamples():
    """For tests of p-values, which are no smaller than 2 / (resamples + 1): as many resamples as users get."""


@pytest.fixture(autouse=True)
def _few_resamples(request, monkeypatch):
    """Other tests get fewer: the bootstrap is nearly all of what a comparison of small runs takes."""
    if "all_resamples" not in request.fixturenames:
        monkeypatch.setattr(comparison, "RESAMPLES", 200)


@pytest.fixture(scope="session")
def written_pair(tmp_path_factory):
    """Two written runs of 120 test rows; `better` is right more often than `worse`."""
    home, (items, labels) = tmp_path_factory.mktemp("pair"), rows_of(120)
    return write_run(home / "better", answer(labels, 0.95, 1), labels, items), write_run(
        home / "worse", answer(labels, 0.4, 2), labels, items, overrides=["seed=1", "train.epochs=3"]
    )


@pytest.fixture
def pair(written_pair, tmp_path):
    """A copy of `written_pair`, free to be changed."""
    return tuple(shutil.copytree(folder, tmp_path / folder.name) for folder in written_pair)


class Trained(dict):
    """{name: folder of a run}, trained when it is first asked for."""

    def __init__(self, home, runs):
        self.home, self.runs = home, runs

    def __missing__(self, name):
        pipeline, *words = self.runs[name]
        with contextlib.chdir(self.home), eagerly():
            self[name] = tfpipelines.run(pipeline, words, name=name, observer=Observer()).folder.resolve()
        return self[name]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Runs of each kind, trained for a moment: {name: folder}."""
    home = tmp_path_factory.mktemp("trained")
    reviews = pd.read_csv(ROOT / "data" / "reviews" / "reviews.csv", nrows=160)
    table = [
        {
            "text": text,
            "label": [
                name for name, word in (("film", "film"), ("good", "good"), ("bad", "bad")) if word in text.lower()
            ],
        }
        for text in reviews["text"]
    ]
    (home / "several.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table))
    few = ["image-cls", *TINY, "data.limit=60", "split_seed=0"]
    rows = ["anomaly-table", *SMALL_ROWS[:-1], "train.batch_size=64", "split_seed=0"]
    return Trained(home, {
        "one": few,
        "small": [*few, "data.size=14"],
        "rows-one": rows,
        "rows-two": [*rows, "seed=1"],
        "several": ["text-cls", *SMALL_TEXT[2:-1], "model.name=bow", "data.path=several.jsonl"],
        "folds": ["image-cls", *TINY, "data.limit=40", "data.folds=2"],
    })  # fmt: skip

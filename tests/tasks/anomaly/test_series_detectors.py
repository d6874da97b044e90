"""The pipeline anomaly-series on series of other people: what no field tells, and every kind of anomaly."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core import config
from tfpipelines.tasks import SCHEMAS

from ...eager import eagerly

KINDS = ("spike", "level", "trend", "flat", "frequency", "missing", "noise")
PERIOD, EVENT = 16, 48  # points


def made(count, random, kind=None):
    """A series of pulses over a drifting level, with an anomaly of a kind in every 160 points, and where they are."""
    odd, speed, pulse = np.zeros(count, bool), np.ones(count), np.ones(count)
    first = np.arange(60, count - EVENT, 160) if kind else []
    places = [slice(start, start + (1 if kind == "spike" else EVENT)) for start in first]
    for some in places:
        odd[some] = True
        speed[some] = 1.7 if kind == "frequency" else 1
        pulse[some] = 0 if kind == "missing" else 1
    phase = 2 * np.pi * np.cumsum(speed) / PERIOD
    values = pulse * np.exp(3 * (np.cos(phase) - 1)) + 0.02 * np.sin(np.arange(count) / 90)
    values += random.normal(0, 0.03, count)
    for number, some in enumerate(places):
        side = (-1) ** number
        if kind == "spike":
            values[some] += 1.5 * side
        elif kind == "level":
            values[some] += 0.4 * side
        elif kind == "trend":
            values[some] += side * np.linspace(0.1, 0.8, EVENT)
        elif kind == "flat":
            values[some] = values[some.start]
        elif kind == "noise":
            values[some] += random.normal(0, 0.25, EVENT)
    return values, odd


def areas(run, random):
    """roc_auc of windows that hold eight anomalous points or a spike against those that hold none, of each kind."""
    found, length = {}, run.model.input.shape[1]
    for kind in KINDS:
        values, odd = made(1000, random, kind)
        table = run.predict(values[:, None])
        points = [item.split(" to ") for item in table["item"]]
        counts = np.array([odd[int(begin) : int(end) + 1].sum() for begin, end in points])
        judged = (counts == 0) | (counts >= (1 if kind == "spike" else 8))
        assert {int(end) - int(begin) + 1 for begin, end in points} == {length}
        found[kind] = roc_auc_score(counts[judged] > 0, table["score"][judged])
    return found


def trained(count, *fields):
    random = np.random.default_rng(0)
    values, _ = made(count, random)
    pd.DataFrame({"value": 100 + 1000 * values}).to_csv("log.csv", index=False)
    run = tfpipelines.run("anomaly-series", ["data.path=log.csv", *fields], observer=Observer())
    tell = type("Told", (), {"model": run.model, "predict": lambda self, values: run.predict(100 + 1000 * values)})()
    return run, areas(tell, random)


def test_the_pipeline_says_nothing_of_its_sample_that_would_follow_to_other_data():
    pipeline = config.load("anomaly-series", ["data.path=log.csv"], schemas=SCHEMAS).pipeline
    assert (pipeline.data.window, pipeline.data.scaling, pipeline.data.test_path) == ("auto", "standard", None)
    named = [(dict(one)["name"], dict(one)["centered"]) for one in pipeline.model.candidates]
    assert {("pca", False), ("pca", True), ("matrix_profile", False), ("matrix_profile", True)} < {*named}
    assert {name for name, _ in named} == {"pca", "forecast", "matrix_profile", "conv1d"}
    assert pipeline.search.objective.metric == "val_pseudo_roc_auc"


@pytest.mark.slow
def test_quick_detectors_see_every_kind_and_say_what_they_are():
    candidates = ["matrix_profile", {"name": "pca", "centered": True}]
    with eagerly():
        run, found = trained(800, f"model.candidates={json.dumps(candidates)}", "evaluation.false_alarm_rate=0.1")
    facts, about = json.loads((run.folder / "data.json").read_text()), " ".join(run.metrics["about"])
    assert facts["window"] == 24 and "the dominant period is 16 points" in facts["about"][0]
    assert np.mean(list(found.values())) > 0.96 and min(found.values()) > 0.9, found
    assert "(spike, level, trend, flat, frequency, missing, noise)" in about and "training windows" in about
    again = tfpipelines.load(run.folder)
    assert again.predict(np.zeros((24, 1)))["verdict"].tolist() == ["anomaly"]


@pytest.mark.slow
def test_the_shipped_pipeline_sees_every_kind():
    run, found = trained(2400, "train.epochs=15")
    assert len(run.metrics["candidates"]) in (6, 7) and np.mean(list(found.values())) > 0.97, found
    assert min(found.values()) > 0.92, found


@pytest.mark.slow
def test_the_sample_is_found_with_few_false_alarms():
    run = tfpipelines.run("anomaly-series", ["train.epochs=15", "evaluation.bootstrap=0"], observer=Observer())
    assert run.metrics["test"]["event_recall"] == 1 and run.metrics["test"]["event_precision"] >= 0.5


@pytest.mark.slow
def test_known_anomalies_of_the_validation_split_choose():
    random = np.random.default_rng(1)
    values, odd = made(2000, random, "spike")
    split = ["train"] * 1000 + ["validation"] * 500 + ["calibration"] * 500
    pd.DataFrame({"value": values, "label": odd.astype(int), "split": split}).to_csv("log.csv", index=False)
    fields = ["data.path=log.csv", "data.window=12", "model.candidates=[pca, forecast]"]
    run = tfpipelines.run("anomaly-series", [*fields, "evaluation.false_alarm_rate=0.1"], observer=Observer())
    assert "the network was chosen by the 3 anomalies of the validation split" in run.metrics["about"]
    assert max(one["validation"]["pseudo_roc_auc"] for one in run.metrics["candidates"]) > 0.95

"""Fitted detectors from data to verdict, and the choice among detectors without an anomaly."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core import config
from tfpipelines.errors import ConfigError, DataError, Interrupted, NothingFitsError
from tfpipelines.exporting.formats import exporters
from tfpipelines.tasks import SCHEMAS, new_task
from tfpipelines.tasks.base import checked

from ...conftest import some
from ...eager import eagerly
from ..cases import FITTED
from .stopping import StopAtNote

FEW = {"train.batch_size": 16, "evaluation.bootstrap": 20, "evaluation.baselines": False}
OF_NETWORKS = ("components", "covariance", "neighbors", "max_samples", "latent")  # fields that the pipeline searches
FORMATS = {"knn": ("onnx",)}  # of the quick suite


def write(path="t.csv", count=160):
    """Rows of two correlated columns and a third, some of which are odd."""
    r = np.random.default_rng(0)
    a = r.normal(size=count)
    frame = pd.DataFrame({"a": 50 + a, "b": 2 * a + 0.1 * r.normal(size=count), "c": r.normal(size=count)}).round(4)
    frame["label"] = "normal"
    odd = frame.head(12).assign(label="odd", b=frame["b"].head(12) + 6)
    pd.concat([frame, odd]).to_csv(path, index=False)
    return path


def run_of(name, path="t.csv", **more):
    return tfpipelines.run("anomaly-table", {"data.path": path, "model.name": name, **FEW, **more}, observer=Observer())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Gives the run of a detector, made once; leave its folder as it is."""
    runs, home = {}, tmp_path_factory.mktemp("detectors")

    def train(name):
        if name not in runs:
            with eagerly():
                path = write(home / "t.csv")
                settings = {"data.path": str(path), "model.name": name, **FEW}
                runs[name] = tfpipelines.run("anomaly-table", settings, out=home, observer=Observer())
        return runs[name]

    return train


# --- one detector
@pytest.mark.eager
@pytest.mark.parametrize("name", some(sorted(FITTED), ("knn",)))
def test_it_finds_what_is_odd_says_where_and_tells_its_figures(name, trained, tfpipe):
    run = trained(name)
    metrics = run.metrics
    assert metrics["test"]["roc_auc"] > (0.75 if name == "isolation_forest" else 0.9)
    assert set(metrics["validation"]) == {"loss", "pseudo_roc_auc"} and metrics["time"]["fitting"] > 0
    assert len(pd.read_csv(run.folder / "history.csv")) == metrics["best_epoch"] == 1
    row = pd.DataFrame({"a": [60.0], "b": [-14.0], "c": [0.0]})
    (told,) = run.predict(row, explain=True).to_dict("records")
    assert told["verdict"] == "anomaly" and {entry["column"] for entry in told["explanation"]["columns"][:2]} >= {"b"}
    row.to_csv("odd.csv", index=False)
    assert tfpipe("predict", run.folder, "odd.csv", "--explain", "--out", "why.csv").code == 0
    assert "b " in Path("why.csv").read_text() and "expected" in Path("why.html").read_text()
    rows = (pd.read_csv(run.folder / "splits.csv")["split"] == "train").sum()
    kept = [
        f"contains {rows} training rows" in text for text in (*metrics["about"], (run.folder / "README.md").read_text())
    ]
    assert sum(kept) == 2 * (name == "knn")


@pytest.mark.eager
@pytest.mark.parametrize("name", some(sorted(FITTED), ()))
def test_its_threshold_is_fitted_again_to_other_data(name):
    write()
    run, threshold = run_of(name), json.loads
    before = threshold((run.folder / "threshold.json").read_text())["threshold"]
    frame = pd.read_csv("t.csv").head(60)
    frame[["a", "b", "c"]] += np.random.default_rng(1).normal(size=(60, 3)) * 2
    frame.to_csv("later.csv", index=False)
    told = run.recalibrate("later.csv", false_alarm_rate=0.1)
    assert told["threshold"]["threshold"] > before and told["threshold"]["false_alarm_rate"] == 0.1


@pytest.mark.parametrize(
    ("name", "format"),
    [
        pytest.param(name, format, marks=() if format in FORMATS.get(name, ()) else pytest.mark.slow)
        for name in (*sorted(FITTED), "auto")
        for format in exporters()
    ],
)
def test_its_exports_say_what_it_says(name, format, trained, tmp_path):
    proof = tfpipelines.export(trained(name), format, samples=30, out=tmp_path / "out").manifest["proof"]
    # LiteRT folds the standardization of an autoencoder into one product, and the mean of several has logarithms.
    limit = 1e-4 if (name, format) == ("auto", "litert") else 1e-5
    assert max(proof["largest_difference"], *proof["largest_difference_of_others"].values()) < limit
    assert proof["flips"] == 0 and proof["samples"] == 30


def test_what_needs_weights_that_were_trained_is_refused(trained):
    run = trained("knn")
    with pytest.raises(NothingFitsError, match="knn is fitted anew"):
        tfpipelines.run(run.folder / "pipeline.yaml", start=run.folder, observer=Observer())
    with pytest.raises(ConfigError, match="knn is fitted, not trained"):
        tfpipelines.loss_surface(run.folder, points=3)


def test_the_objective_of_scores_is_not_a_loss():
    def objective(*overrides):
        return config.load("anomaly-table", overrides, schemas=SCHEMAS).pipeline.search.objective.metric

    assert {objective(), objective("model.name=pca")} == {"val_pseudo_roc_auc"}
    no_network = ("search.space.model.name=null", *(f"search.space.model.{name}=null" for name in OF_NETWORKS))
    assert objective("model.name=vae", *no_network, "search.space.train.learning_rate=null") == "val_loss"
    assert objective("model.name=vae", "search.space={model.name: [vae, dense]}") == "val_pseudo_roc_auc"


@pytest.mark.slow
@pytest.mark.eager
def test_its_fields_are_searched():
    write()
    space = {"model.name": ["knn", "pca"], "model.neighbors": {"values": [1, 5], "when": {"model.name": "knn"}}}
    search = tfpipelines.tune(
        "anomaly-table",
        {"data.path": "t.csv", **FEW, "search.space": space, "search.algorithm": "grid", "search.final_seeds": [0]},
        observer=Observer(),
    )
    board = search.leaderboard
    assert (
        len(board) == 3
        and set(board["status"]) == {"completed"}
        and board["val_pseudo_roc_auc"].is_monotonic_decreasing
    )
    assert search.runs[0].pipeline.network == board["model.name"][0] and search.runs[0].metrics["test"]["roc_auc"] > 0.9


# --- the choice
QUICK = [{"name": "knn", "rows": 50}, "gaussian"]


AMONG = {"model.candidates": QUICK, "train.epochs": 2, "data.validation": 0.2}


@pytest.mark.eager
def test_the_best_of_made_anomalies_is_chosen():
    write()
    whole = run_of("auto", **AMONG)
    entries = whole.metrics["candidates"]
    figures = [entry["validation"]["pseudo_roc_auc"] for entry in entries]
    assert [entry["name"] for entry in entries] == ["knn", "gaussian", "detector-blend"]
    assert entries[int(np.argmax(figures))]["chosen"] and whole.metrics["test"]["roc_auc"] > 0.97
    assert entries[2]["fields"] == {"knn": 0.5, "gaussian": 0.5}
    told = "no known anomaly has chosen the network: pseudo_roc_auc is of synthetic anomalies, "
    told += "made of the 32 rows of the validation split (swapped, shifted, extreme, moved, scaled, noisy, mixed, flat)"
    assert told in whole.metrics["about"][-1] or told in whole.metrics["about"][-2]


@pytest.mark.slow
@pytest.mark.eager
def test_a_resumed_run_chooses_the_same():
    write()
    whole = run_of("auto", **AMONG)
    with pytest.raises(Interrupted):
        settings = {"data.path": "t.csv", "model.name": "auto", **FEW, **AMONG}
        tfpipelines.run("anomaly-table", settings, name="stopped", observer=StopAtNote("Candidate 2"))
    resumed = tfpipelines.resume("runs/stopped", observer=Observer())
    same = zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in same)
    assert (whole.folder / "predictions.csv").read_text() == (resumed.folder / "predictions.csv").read_text()


def test_known_anomalies_of_a_validation_split_choose_and_do_nothing_else():
    frame = pd.read_csv(write())
    frame["split"] = np.where(frame.index % 4 == 0, "validation", np.where(frame.index % 4 == 1, "test", "train"))
    for known, kinds in ((12, ["known"]), (3, ["known", "swapped"]), (0, ["swapped", "shifted"])):
        odd = frame["label"] == "odd"
        frame.loc[odd, "split"] = ["validation"] * known + ["test"] * (12 - known)
        frame.to_csv("t.csv", index=False)
        pipeline = config.load("anomaly-table", ["data.path=t.csv"], schemas=SCHEMAS).pipeline
        task = checked(new_task(pipeline))
        assert list(task._made)[: len(kinds)] == kinds and len(task.samples.odd) == known
        assert task._few == (known if known == 12 else 0)  # there are 40 normal rows
        assert not task.samples.frame["anomalous"][task.samples.frame["split"] != "test"].any()
    np.testing.assert_allclose(task._made["swapped"][:, 0].mean(), 50, atol=1)


@pytest.mark.slow
def test_a_mean_of_detectors_is_predicted_explained_and_exported(monkeypatch):
    from tfpipelines.tasks.anomaly.table import RowAnomalies

    monkeypatch.setattr("tfpipelines.tasks.anomaly.choice._FEW", 0)
    whole = RowAnomalies.combine
    monkeypatch.setattr(RowAnomalies, "combine", lambda task, given: whole(task, given)._replace(decides=True))
    write()
    run = run_of(
        "auto", **{"model.candidates": [*QUICK, {"name": "dense", "units": [8], "latent": 2}], "train.epochs": 3}
    )
    assert next(entry for entry in run.metrics["candidates"] if entry["chosen"])["name"] == "detector-blend"
    assert not (run.folder / "history.csv").exists() and set(run.metrics["validation"]) == {"pseudo_roc_auc"}
    run = tfpipelines.load(run.folder)
    written = pd.read_csv(run.folder / "predictions.csv")
    again = run.predict(pd.read_csv("t.csv").iloc[written["item"].astype(int)], explain=True)
    np.testing.assert_allclose(again["score"], written["score"], rtol=1e-4, atol=1e-4)
    shares = [entry["share"] for entry in again["explanation"][0]["columns"]]
    assert sum(shares) == pytest.approx(1, abs=1e-3)
    for format in exporters():
        proof = tfpipelines.export(run, format, samples=30).manifest["proof"]
        assert proof["largest_difference"] < 1e-4 and proof["flips"] == 0


@pytest.mark.eager
def test_a_table_without_variation_lets_nothing_choose():
    pd.DataFrame({"a": np.ones(120)}).to_csv("same.csv", index=False)
    with pytest.raises(DataError, match="no synthetic anomalies can be made of these samples"):
        run_of("auto", "same.csv", **{"model.candidates": ["pca", "knn"], "evaluation.false_alarm_rate": 0.3})

"""Training samples that are left out because they may be anomalies: `train.contamination`."""

import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core import config
from tfpipelines.errors import Interrupted
from tfpipelines.tasks import SCHEMAS, anomaly, new_task
from tfpipelines.tasks.base import checked

QUICK = {"train.batch_size": 16, "evaluation.bootstrap": 0, "evaluation.baselines": False, "train.epochs": 1}


# --- the choice of the samples
def by_distance(values):
    return lambda fitted, asked: np.abs(values[asked] - values[fitted].mean())


def test_the_oddest_share_is_left_out():
    values = np.r_[np.random.default_rng(0).normal(size=90), np.full(10, 8.0)]
    told = anomaly.trim(100, 0.1, [by_distance(values)], seed=0, in_turn=False)
    assert told.left_out[90:].all() and told.left_out.sum() == 10 and told.rounds <= 5
    assert told.odds[90:].min() > told.odds[:90].max()


def test_refits_find_what_hides_behind_others():
    """The first fit is drawn so far towards the anomalies that some normal samples look odder than them."""
    values = np.r_[np.random.default_rng(0).normal(0, 3, 160), np.full(40, 12.0)]
    scale = lambda fitted, asked: ((values[asked] - values[fitted].mean()) / values[fitted].std()) ** 2
    once = np.argsort(-scale(np.arange(200), np.arange(200)))[:40]
    told = anomaly.trim(200, 0.2, [scale], seed=0, in_turn=False)
    assert told.left_out[160:].sum() > (once >= 160).sum() and told.rounds > 1
    assert told.left_out[160:].all()


def test_no_sample_is_scored_by_what_was_fitted_to_it_and_each_by_what_is_kept():
    asked_of = []

    def detector(fitted, asked):
        assert not set(fitted) & set(asked)
        asked_of.append((set(fitted), set(asked)))
        return np.asarray(asked, float)

    told = anomaly.trim(40, 0.25, [detector], seed=3, in_turn=True)
    assert [len(asked) for _, asked in asked_of[:2]] == [20, 20] and asked_of[0][1] == set(range(20))
    assert told.left_out[30:].all()
    assert all(not fitted & set(range(30, 40)) for fitted, _ in asked_of[2:] if fitted - set(range(20, 40)))


def test_a_half_without_a_kept_sample_is_fitted_to_all_of_it():
    """A bad stretch may be the whole second half."""
    score = lambda fitted, asked: (asked >= 10) * 1.0 + 0 * fitted.mean()
    assert anomaly.trim(20, 0.5, [score], seed=0, in_turn=True).left_out.tolist() == [False] * 10 + [True] * 10


@pytest.mark.parametrize(("count", "share", "out"), [(7, 0.5, 0), (100, 0.0, 0), (100, 0.29, 29), (10, 0.05, 0)])
def test_how_many_are_left_out(count, share, out):
    assert anomaly.left_out(count, share) == out
    assert anomaly.trim(count, share, [by_distance(np.arange(count))], 0, False).left_out.sum() == out


# --- runs
def correlated(r, count):
    return r.normal(size=(count, 2)) @ np.array([[1, 0.5, -1, 2, 0.3], [0.2, 1, 1, -0.5, 1]]) + 0.1 * r.normal(
        size=(count, 5)
    )


def broken(r, count):
    rows = correlated(r, count)
    rows[np.arange(count), r.integers(0, 5, count)] += r.choice([-1, 1], count) * r.uniform(0.6, 2, count)
    return rows


def blobs(r, count):
    middles = np.array([[0, 0, 0, 0], [6, 0, 6, 0], [0, 6, 0, 6]])
    return middles[r.integers(0, 3, count)] + 0.7 * r.normal(size=(count, 4))


def between(r, count):
    return r.uniform(-2, 8, (count, 4))


def write(path, normal, odd, seed=0, count=300, share=0.1):
    """Rows that count as normal, of which a share are anomalies, and a test of both with labels."""
    r = np.random.default_rng(seed)
    hidden = round(share * count)
    parts = [normal(r, count - hidden), odd(r, hidden), normal(r, 200), odd(r, 80)]
    frame = pd.DataFrame(np.concatenate(parts).round(5)).add_prefix("x")
    frame["label"] = ["ok"] * (count + 200) + ["odd"] * 80
    frame["split"] = ["train"] * count + ["test"] * 280
    frame["hidden"] = [0] * (count - hidden) + [1] * hidden + [0] * 280
    frame.to_csv(path, index=False)
    return frame


def run(task, path, **more):
    return tfpipelines.run(task, {"data.path": str(path), **QUICK, **more}, observer=Observer())


def task_of(pipeline, path, **more):
    given = [f"data.path={path}", *(f"{name}={value}" for name, value in more.items())]
    return checked(new_task(config.load(pipeline, given, schemas=SCHEMAS).pipeline))


NAMED = {"data.exclude": "hidden", "data.label_column": "label", "data.split_column": "split"}


@pytest.mark.parametrize(
    ("network", "normal", "odd"),
    [
        pytest.param("gaussian", correlated, broken, marks=pytest.mark.slow, id="broken"),
        pytest.param("pca", blobs, between, id="blobs"),
    ],
)
def test_anomalies_among_training_rows_cost_less(network, normal, odd):
    frame = write("t.csv", normal, odd)
    areas = []
    for share in (0.0, 0.1):
        task = task_of("anomaly-table", "t.csv", **NAMED, **{"model.name": network, "train.contamination": share})
        rows = task.samples.rows("test")
        scores = np.asarray(task.build(for_training=False)(task._values(task.samples, rows))["score"])
        areas.append(roc_auc_score(task.samples.frame.loc[rows, "anomalous"], scores))
    assert areas[1] > areas[0] + 0.003
    train = task.samples.frame.loc[task.samples.rows("train")[task._trimmed.left_out], "item"]
    assert frame["hidden"].iloc[[int(item.split()[-1]) - 2 for item in train]].mean() > 0.7
    assert task.steps_per_epoch() * 16 <= len(task._learned)
    assert len(task._learned) == len(task.samples.rows("train")) - len(train)


@pytest.mark.eager
def test_a_run_names_the_rows_that_it_left_out():
    write("t.csv", correlated, broken, count=120)
    made = run("anomaly-table", "t.csv", **NAMED, **{"model.name": "pca", "train.contamination": 0.1})
    rows, split = pd.read_csv(made.folder / "left_out.csv"), pd.read_csv(made.folder / "splits.csv")
    train = split["item"][split["split"] == "train"]
    assert len(rows) == int(0.1 * len(train)) and rows["odds"].is_monotonic_decreasing
    assert set(rows["item"]) < set(train)
    (told,) = [line for line in made.metrics["about"] if "left_out.csv" in line]
    assert f"{len(rows)} of {len(train)} training rows" in told and made.metrics["time"]["trimming"] > 0
    assert "left_out.csv" in (made.folder / "report.html").read_text()


@pytest.mark.slow
def test_windows_of_a_bad_stretch_are_left_out():
    r = np.random.default_rng(0)
    values = np.sin(np.arange(1200) / 4) + 0.05 * r.normal(size=1200)
    values[150:200] = r.normal(size=50)
    pd.DataFrame({"time": np.arange(1200), "value": values.round(4)}).to_csv("s.csv", index=False)
    given = {"data.window": 16, "data.test_path": "null", "data.on_leak": "warn", "train.contamination": 0.09}
    task = task_of("anomaly-series", "s.csv", **given)
    first = task.samples.frame.loc[task.samples.rows("train")[task._trimmed.left_out], "start"]
    assert len(first) > 50 and ((first > 134) & (first < 200)).mean() > 0.9


@pytest.mark.slow
def test_a_trained_network_learns_from_what_is_left_and_resumes_bit_for_bit():
    write("t.csv", correlated, broken, count=120)
    given = {"model.name": "dense", "model.units": [4], "model.latent": 2, "data.exclude": "hidden"}
    given |= {"train.contamination": 0.1, "train.epochs": 3}

    class Killed(Observer):
        def epoch(self, row, epochs, samples):
            if row["epoch"] == 2:
                os.kill(os.getpid(), signal.SIGINT)

    whole = run("anomaly-table", "t.csv", **given)
    with pytest.raises(Interrupted):
        tfpipelines.run("anomaly-table", {"data.path": "t.csv", **QUICK, **given}, name="cut", observer=Killed())
    resumed = tfpipelines.resume("runs/cut", observer=Observer())
    same = lambda name: Path(whole.folder / name).read_bytes() == Path(resumed.folder / name).read_bytes()
    assert same("left_out.csv") and same("predictions.csv") and same("threshold.json")
    plain = run("anomaly-table", "t.csv", **given | {"train.contamination": 0.0})
    assert not (plain.folder / "predictions.csv").read_bytes() == (whole.folder / "predictions.csv").read_bytes()


def test_images_are_refused_before_anything_is_read(tfpipe):
    told = tfpipe("run", "anomaly", "train.contamination=0.1")
    assert told.code == 2 and "train.contamination is of tables and series" in told.err and not Path("runs").exists()

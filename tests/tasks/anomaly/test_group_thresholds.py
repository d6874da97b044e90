"""Thresholds of groups: each keeps its promise for its own group, others share the common one."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines import Observer, metrics
from tfpipelines.errors import ArtifactError, ConfigError, DataError
from tfpipelines.metrics import ShiftTest, Threshold

from ...product_images import SMALL, write_image

ROWS = {"model.name": "pca", "evaluation.baselines": False, "evaluation.bootstrap": 0, "data.exclude": ["machine"]}


def draw(count, wide, rng):
    """Rows of two columns, of a machine whose deviations are `wide`."""
    return wide * rng.normal(size=(count, 2))


def write_rows(path, counts, seed=0):
    """A table of normal rows of machines: {name: (rows, how wide)}."""
    rng, parts = np.random.default_rng(seed), []
    for name, (count, wide) in counts.items():
        frame = pd.DataFrame(draw(count, wide, rng), columns=["a", "b"]).assign(machine=name)
        parts.append(frame)
    pd.concat(parts).to_csv(path, index=False)
    return str(path)


def test_scores_are_compared_with_those_of_their_group():
    rng = np.random.default_rng(0)
    names = np.array(["a"] * 100 + ["b"] * 60 + ["c"] * 5 + [None] * 20, object)
    scale = np.array([1.0] * 100 + [50.0] * 60 + [1.0] * 25)
    scores = scale * rng.exponential(size=len(names))
    threshold = Threshold.fit(scores, 0.05, "row", "here")
    threshold.fit_groups("machine", names, scores)
    assert list(threshold.groups) == ["a", "b"] and threshold.few == {"c": 5}
    for name in "ab":
        alone = Threshold.fit(scores[names == name], 0.05, "row", "here")
        assert threshold.groups[name].threshold == alone.threshold
        np.testing.assert_array_equal(threshold.p_values(scores, [name] * len(scores)), alone.p_values(scores))
    limits = threshold.limits(["b", "new", "a", None, "c"], 5)
    common = threshold.threshold
    assert limits.tolist() == [threshold.groups["b"].threshold, common, threshold.groups["a"].threshold, common, common]
    alarms = threshold.alarms(np.full(5, 10.0), ["b", "new", "a", None, "c"])
    assert alarms.tolist() == [False, 10 > common, True, 10 > common, 10 > common]
    assert threshold.expected(40, ["a"] * 40) == threshold.groups["a"].expected(40)
    low, high = threshold.expected(200, ["a"] * 150 + ["b"] * 50)
    assert 0 <= low < 0.05 < high < 0.2 and "fewer than 19 held-out rows" in threshold.group_sentence()


def test_intervals_of_groups_and_of_all_hold_95_percent():
    inside, rng, shape = (
        {"a": [], "b": [], "all": []},
        np.random.default_rng(1),
        {"a": (39, 60, 1.0), "b": (59, 100, 9.0)},
    )
    for _ in range(150):
        held_out = {name: scale * rng.exponential(size=count) for name, (count, _, scale) in shape.items()}
        new = {name: scale * rng.exponential(size=count) for name, (_, count, scale) in shape.items()}
        names = lambda some: np.repeat([*some], [len(values) for values in some.values()]).astype(object)
        threshold = Threshold.fit(np.concatenate([*held_out.values()]), 0.05, "row", "here")
        threshold.fit_groups("m", names(held_out), np.concatenate([*held_out.values()]))
        scores, none = np.concatenate([*new.values()]), np.zeros(160, bool)
        for row in metrics.by_group(names(new), none, ~none, scores, threshold):
            inside[row["group"]].append(row["expected"][0] <= row["false_alarm_rate"] <= row["expected"][1])
        low, high = threshold.expected(160, names(new))
        inside["all"].append(low <= threshold.alarms(scores, names(new)).mean() <= high)
    assert all(0.9 <= np.mean(some) <= 0.99 for some in inside.values())


def test_written_and_read_again_and_edited(tmp_path):
    rng = np.random.default_rng(0)
    threshold = Threshold.fit(rng.random(60), 0.05, "row", "here")
    threshold.fit_groups("m", np.array(["a"] * 40 + ["b"] * 20, object), threshold.scores)
    threshold.write(tmp_path)
    again = Threshold.read(tmp_path)
    assert again.facts() == threshold.facts() and again.by == "m"
    content = json.loads((tmp_path / "threshold.json").read_text())
    content["groups"]["a"]["threshold"] = 0.5
    (tmp_path / "threshold.json").write_text(json.dumps(content))
    edited = Threshold.read(tmp_path).groups["a"]
    assert edited.edited and edited.threshold == 0.5
    content["threshold"] = 10.0  # which no group hears of
    (tmp_path / "threshold.json").write_text(json.dumps(content))
    Threshold.read(tmp_path).write(tmp_path, "threshold.before.json")
    (tmp_path / "threshold.before.json").rename(tmp_path / "threshold.json")
    again = Threshold.read(tmp_path)
    assert again.threshold == 10 and again.groups["a"].threshold == 0.5
    assert again.groups["b"].facts() == threshold.groups["b"].facts()
    content["groups"]["a"]["scores"] = "no list"
    (tmp_path / "threshold.json").write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match="groups.a.scores"):
        Threshold.read(tmp_path)


def test_a_shift_is_one_of_the_groups_and_not_of_their_shares():
    rng, of = np.random.default_rng(0), {"a": 1.0, "b": 20.0}
    groups = {name: scale * rng.random(200) for name, scale in of.items()}
    drawn = lambda name, scale=1.0: (scale * of[name] * rng.random(), "", name)
    everything = np.concatenate([*groups.values()])
    by_group, common = (ShiftTest(everything, 0.01, 0, some) for some in (groups, None))
    for _ in range(300):  # only rows of the wide group come: as before for each
        by_group.add(*drawn("b"))
        common.add(*drawn("b"))
    assert not by_group.shifted and common.shifted
    for _ in range(300):
        by_group.add(*drawn("a", 2.0))
    assert by_group.shifted and by_group.direction == "higher"


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """A run on rows of two machines of different scale, and a third with few."""
    folder = tmp_path_factory.mktemp("machines")
    path = write_rows(folder / "m.csv", {"fine": (700, 1), "coarse": (700, 6), "rare": (20, 1)}, seed=1)
    frame = pd.read_csv(path)
    rng = np.random.default_rng(6)
    frame["split"] = np.where(rng.random(len(frame)) < 0.4, "test", "train")
    frame["label"] = "normal"
    odd = frame[frame["split"] == "test"].sample(40, random_state=0).assign(label="odd")
    odd["b"] += 40
    pd.concat([frame, odd]).to_csv(path, index=False)
    fields = {**ROWS, "data.path": path, "evaluation.threshold_by": "machine", "data.calibration": 0.4}
    return tfpipelines.run("anomaly-table", fields, out=folder, name="run", observer=Observer())


@pytest.mark.slow
def test_each_group_keeps_its_false_alarm_rate(machines):
    rows = {row["group"]: row for row in machines.metrics["groups"]}
    assert {name: row["own"] for name, row in rows.items()} == {"fine": True, "coarse": True, "rare": False}
    assert rows["coarse"]["threshold"] > 3 * rows["fine"]["threshold"]
    for name in ("fine", "coarse"):
        low, high = rows[name]["expected"]
        assert low <= rows[name]["false_alarm_rate"] <= high and rows[name]["normal"] > 200
    table = pd.read_csv(machines.folder / "predictions.csv")
    assert list(table.columns) == ["item", "score", "p_value", "verdict", "group", "threshold", "label"]
    assert ((table["score"] > table["threshold"]) == (table["verdict"] == "anomaly")).all()
    normal = table[table["label"] == "normal"]
    common = machines.metrics["threshold"]["threshold"]
    shares = {name: (some["score"] > common).mean() for name, some in normal.groupby("group")}
    assert shares["fine"] < 0.01 and shares["coarse"] > 0.06  # what one threshold for both would do
    told = " ".join(machines.metrics["about"])
    assert "2 groups of machine have a threshold of their own" in told and "rare (" in told
    test = machines.metrics["test"]
    assert test["false_alarm_rate"] == pytest.approx((normal["verdict"] == "anomaly").mean())
    assert "Thresholds by machine" in (machines.folder / "report.html").read_text()
    assert tfpipelines.verify(machines.folder).ok


@pytest.mark.slow
def test_new_rows_are_judged_by_their_group(machines):
    run = tfpipelines.load(machines.folder)
    data = pd.DataFrame({"a": [0.0] * 5, "b": [6.0] * 5, "machine": ["fine", "coarse", "rare", "new", None]})
    told = run.predict(data)
    limits = run.metrics["threshold"]
    own = {name: entry["threshold"] for name, entry in limits["groups"].items()}
    common = limits["threshold"]
    assert told["threshold"].tolist() == pytest.approx([own["fine"], own["coarse"], common, common, common])
    assert told["group"].tolist() == ["fine", "coarse", "rare", "new", None] and told["score"].nunique() == 1
    assert told["verdict"][0] == "anomaly" and told["p_value"][0] < told["p_value"][1]
    assert "the common threshold applies to 3 rows, of groups" in told.attrs["notes"][-1]
    without = run.predict(data.drop(columns="machine"))
    assert without["threshold"].nunique() == 1 and "applies to all rows" in without.attrs["notes"][-1]
    streamed = run.follower().answer(data.to_dict("records"))
    pd.testing.assert_frame_equal(streamed[["score", "p_value", "verdict", "group", "threshold"]],
                                  told[["score", "p_value", "verdict", "group", "threshold"]], rtol=1e-5)  # fmt: skip


@pytest.mark.slow
def test_new_data_are_evaluated_watched_and_recalibrated_by_group(machines, tmp_path):
    new = write_rows(tmp_path / "new.csv", {"fine": (150, 1), "coarse": (150, 6), "other": (40, 3)}, seed=3)
    run = tfpipelines.load(machines.folder)
    rows = {row["group"]: row for row in run.evaluate(new)["groups"]}
    assert rows["other"]["own"] is False and rows["other"]["samples"] == 40
    alone = write_rows(tmp_path / "coarse.csv", {"coarse": (200, 6)}, seed=4)
    assert not run.watch(alone)["shifted"]  # with one threshold all of these would be odd
    copy = tmp_path / "copy"
    shutil.copytree(machines.folder, copy)
    told = tfpipelines.load(copy).recalibrate(alone)["findings"]  # by the threshold of all they would be alarms
    assert "mostly_alarms" not in {finding["code"] for finding in told}
    shutil.rmtree(copy)
    shutil.copytree(machines.folder, copy)
    again = tfpipelines.load(copy)
    result = again.recalibrate(new)
    assert set(result["threshold"]["groups"]) == {"fine", "coarse", "other"} and tfpipelines.verify(copy).ok
    assert "3 groups of machine have a threshold of their own" in result["sentence"]
    kept = tfpipelines.load(copy).predict(pd.DataFrame({"a": [0.0], "b": [0.0], "machine": ["other"]}))
    assert kept["threshold"][0] == result["threshold"]["groups"]["other"]["threshold"]


@pytest.mark.slow
def test_an_export_names_the_thresholds_of_groups(machines):
    exported = tfpipelines.export(machines.folder)
    manifest = json.loads((exported.folder / "manifest.json").read_text())
    text = json.dumps(manifest)
    assert '"threshold_by": "machine"' in text and "the common threshold" in text
    limits = {name: entry["threshold"] for name, entry in machines.metrics["threshold"]["groups"].items()}
    assert f'"thresholds": {json.dumps(limits)}' in text


def test_what_cannot_be_meant_is_said(tmp_path):
    path = write_rows(tmp_path / "m.csv", {"fine": (60, 1)})
    with pytest.raises(DataError, match="threshold_by=site: the data have no such column"):
        tfpipelines.run(
            "anomaly-table", {**ROWS, "data.path": path, "evaluation.threshold_by": "site"}, observer=Observer()
        )
    with pytest.raises(ConfigError, match="data.series_column is None"):
        tfpipelines.run("anomaly-series", {"data.path": path, "evaluation.threshold_by": "site"}, observer=Observer())


@pytest.mark.slow
def test_series_have_thresholds_of_their_own(tmp_path):
    rng, parts = np.random.default_rng(0), []
    for name, wide in (("north", 0.05), ("south", 0.5)):
        value = np.sin(np.arange(2400) / 3) + wide * rng.normal(size=2400)
        parts.append(pd.DataFrame({"time": np.arange(2400), "site": name, "value": value, "label": 0}))
    data = pd.concat(parts)
    data.to_csv(tmp_path / "s.csv", index=False)
    fields = {
        **{name: value for name, value in ROWS.items() if name != "data.exclude"},
        "data.path": str(tmp_path / "s.csv"),
        "data.series_column": "site",
        "evaluation.threshold_by": "site",
        "data.window": 16,
        "data.calibration": 0.4,
        "data.test": 0.3,
        "train.epochs": 1,
    }
    run = tfpipelines.run("anomaly-series", fields, observer=Observer())
    groups = run.metrics["threshold"]["groups"]
    assert set(groups) == {"north", "south"} and groups["south"]["threshold"] > 2 * groups["north"]["threshold"]
    for row in run.metrics["groups"]:
        assert row["own"] and row["normal"] > 10 and row["expected"][0] <= row["false_alarm_rate"] <= row["expected"][1]
    told = run.predict(tmp_path / "s.csv")
    assert set(told["group"]) == {"north", "south"} and told["threshold"].nunique() == 2
    points = run.predict(tmp_path / "s.csv", points=True).dropna(subset=["score"])
    assert points.groupby("group")["threshold"].nunique().tolist() == [1, 1]
    records = data.groupby("site").head(20).astype(str).to_dict("records")
    followed = run.follower().answer(records).dropna(subset=["score"])
    assert set(followed["group"]) == {"north", "south"} and followed["threshold"].nunique() == 2


@pytest.mark.slow
@pytest.mark.eager
def test_images_have_thresholds_by_a_column_of_their_table(tmp_path):
    rng, rows = np.random.default_rng(0), []
    for number in range(120):
        camera = "left" if number % 2 else "right"
        write_image(tmp_path / f"{number:03}.png", rng)
        rows.append([f"{number:03}.png", camera, "normal"])
    pd.DataFrame(rows, columns=["image", "camera", "label"]).to_csv(tmp_path / "images.csv", index=False)
    fields = {**SMALL, "data.path": str(tmp_path / "images.csv"), "evaluation.threshold_by": "camera"}
    fields |= {"data.calibration": 0.4, "data.test": 0.1, "train.epochs": 1}
    run = tfpipelines.run("anomaly", fields, observer=Observer())
    groups = run.metrics["threshold"]["groups"]
    assert set(groups) <= {"left", "right"} and len(groups) >= 1
    told = run.predict(tmp_path / "images.csv")
    assert set(told["group"]) == {"left", "right"}
    assert run.predict(tmp_path / "003.png")["threshold"][0] == run.metrics["threshold"]["threshold"]

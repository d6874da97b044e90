"""Series on a regular grid: `data.resample`."""

import json

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

import tfpipelines
from tfpipelines import Observer
from tfpipelines.datasets import Findings
from tfpipelines.errors import ConfigError, DataError
from tfpipelines.tasks.anomaly import raw_series, read_series
from tfpipelines.tasks.anomaly.config import AnomalySeriesData
from tfpipelines.tasks.anomaly.resampling import resampled, step_of
from tfpipelines.tasks.anomaly.times import Times


def grid(seconds, values, step=10.0, groups=None, parts=None, anomalous=None):
    values = np.asarray(values, float)
    values = values[:, None] if values.ndim == 1 else values
    groups = np.full(len(values), "") if groups is None else np.array(groups)
    parts = np.full(len(values), None, object) if parts is None else np.array(parts, object)
    return resampled(values, np.asarray(seconds, float), groups, parts, anomalous, step)


def times(seconds, dates=True, columns=("time",)):
    seconds = np.asarray(seconds, float)
    return Times(seconds, seconds.astype(str), columns, dates)


# --- the grid
def test_points_of_a_step_are_averaged_and_short_gaps_interpolated():
    found = grid([0, 8, 11, 14, 41, 100, 111], [0, 1, 2, 3, 8, 5, 6])
    assert found.seconds.tolist() == [0, 10, 20, 30, 40, 100, 110] and found.filled == 2
    assert found.values[:, 0].tolist() == [0, 2, 4, 6, 8, 5, 6]
    assert found.cuts.tolist() == [False] * 4 + [True, False]


def test_four_steps_are_bridged_and_five_are_not():
    assert grid([0, 40], [0, 4]).values[:, 0].tolist() == [0, 1, 2, 3, 4]
    found = grid([0, 50], [0, 5])
    assert found.values[:, 0].tolist() == [0, 5] and found.cuts.tolist() == [True]


def test_empty_cells_are_left_out_channel_by_channel():
    nan = np.nan
    found = grid([0, 1, 10, 20, 30, 40, 50, 60], [[1, nan], [3, 4], *[[nan, 1]] * 4, [7, 1], [nan, nan]])
    assert np.isnan(found.values[1:5, 0]).all() and found.values[0].tolist() == [2, 4]  # 5 steps apart
    assert found.values[5:6, 0].tolist() == [7] and np.isnan(found.values[6]).all()
    found = grid([0, 10, 20], [[0, 5], [nan, 6], [4, nan]])
    assert found.values[1].tolist() == [2, 6] and np.isnan(found.values[2, 1])


def test_no_grid_point_is_of_two_series_or_splits():
    found = grid([0, 10, 0, 10], [1, 2, 3, 4], groups=["a", "a", "b", "b"])
    assert found.values[:, 0].tolist() == [1, 2, 3, 4] and found.cuts.tolist() == [False, True, False]
    found = grid([0, 10, 12, 40], [1, 2, 9, 12], parts=["train", "train", "test", "test"])
    assert found.seconds.tolist() == [0, 10, 10, 20, 30, 40] and found.values[2:, 0].tolist() == [9, 10, 11, 12]
    assert found.of.tolist() == [0, 1, 2, 2, 2, 3] and found.cuts.tolist() == [False, True, False, False, False]


def test_a_grid_point_is_an_anomaly_if_one_of_its_points_is():
    odd = np.array([False, False, True, False, False])
    found = grid([0, 9, 11, 30, 50], [0, 1, 2, 3, 4], anomalous=odd)
    assert found.anomalous.tolist() == [False, True, True, False, False, False]


def test_what_is_regular_stays_as_it_is():
    seconds, values = np.arange(50) * 0.1, np.random.default_rng(0).normal(size=50)
    found = grid(seconds, values, step=0.1)
    np.testing.assert_allclose(found.seconds, seconds, atol=1e-12)
    assert (found.values[:, 0] == values).all() and not found.cuts.any() and not found.filled
    assert len(grid([], np.zeros((0, 1))).values) == 0


def test_steps():
    one = lambda count: np.full(count, "")
    jittered = np.cumsum(np.random.default_rng(0).exponential(7, 500))
    assert step_of("auto", times(np.arange(9) * 7.0), one(9)) == 7
    assert step_of("auto", times(jittered), one(500)) in (10, 15)
    assert step_of("auto", times(jittered * 1e-3, dates=False), one(500)) == pytest.approx(0.01)
    assert step_of("auto", times(jittered * 1e5), one(500)) % 86400 == 0
    assert [step_of(given, times([0, 1]), one(2)) for given in (5.0, "10s", "1.5min", "2h")] == [5, 10, 90, 7200]
    assert step_of("auto", times([3.0]), one(1)) == 1
    with pytest.raises(DataError, match="whose unit is not known"):
        step_of("10s", times([0, 1], dates=False), one(2))
    with pytest.raises(DataError, match="needs the times"):
        step_of(5.0, times([0, 1], columns=()), one(2))


@pytest.mark.parametrize("wrong", ["10 parsecs", "0s", -1, 0, "fast"])
def test_wrong_steps_are_refused(wrong):
    with pytest.raises(ValidationError):
        AnomalySeriesData(path="x.csv", resample=wrong)


# --- tables
def write(path, count=700, seed=0, start="2024-03-01"):
    """A wave at random times, with an hour without points."""
    r = np.random.default_rng(seed)
    seconds = np.cumsum(r.exponential(8, count)).round(1) + 1e-3 * np.arange(count)
    seconds[count // 2 :] += 3600
    frame = pd.DataFrame({"time": (pd.Timestamp(start) + pd.to_timedelta(seconds, unit="s")).strftime("%F %T.%f")})
    frame["value"] = (np.sin(seconds / 40) + 0.05 * r.normal(size=count)).round(4)
    frame.to_csv(path, index=False)
    return frame


def read(path, **fields):
    findings = Findings()
    data = AnomalySeriesData(path=str(path), **{"window": 16, **fields})
    return read_series(data, findings, least=3), {finding.code: finding for finding in findings.entries}


def test_irregular_times_are_pointed_out_and_resampled(tmp_path):
    write(tmp_path / "t.csv")
    with pytest.raises(DataError, match="has no 16 points in a row"):
        read(tmp_path / "t.csv")
    findings = Findings()
    with pytest.raises(DataError):
        read_series(AnomalySeriesData(path=str(tmp_path / "t.csv"), window=16), findings, least=3)
    (gap,) = [finding for finding in findings.entries if finding.code == "gap"]
    assert "irregular" in gap.message and "data.resample=auto" in gap.remedy
    samples, found = read(tmp_path / "t.csv", resample="auto")
    assert samples.facts["resample"] in (10.0, 15.0) and "gap" not in found
    assert "700 points became" in found["resampled"].message and "gap" in found["resampled"].message
    first, last = samples.frame["item"][0].split(" to ")
    step = (pd.Timestamp(last) - pd.Timestamp(first)).total_seconds() / 15
    assert step == samples.facts["resample"] and pd.Timestamp(first).timestamp() % step == 0


def test_intervals_and_labels_follow(tmp_path):
    frame = write(tmp_path / "t.csv")
    bad = slice(600, 620)
    ends = frame["time"][bad].iloc[[0, -1]]
    pd.DataFrame({"start": [ends.iloc[0]], "end": [ends.iloc[1]]}).to_csv(tmp_path / "odd.csv", index=False)
    samples, _ = read(tmp_path / "t.csv", resample="10s", intervals=str(tmp_path / "odd.csv"))
    marked = frame.assign(label=[str(int(600 <= row < 620)) for row in range(700)])
    marked.to_csv(tmp_path / "l.csv", index=False)
    others, _ = read(tmp_path / "l.csv", resample="10s")
    assert samples.frame["anomalous"].equals(others.frame["anomalous"]) and samples.frame["anomalous"].any()
    odd = samples.frame[samples.frame["anomalous"]]["item"].str.split(" to ", expand=True)
    assert (odd[0] <= ends.iloc[1]).all() and (odd[1] >= ends.iloc[0][:19]).all()


def test_prediction_uses_the_step_of_the_run_and_gives_grid_times(tmp_path):
    write(tmp_path / "t.csv", 300)
    ((_, points, error),) = raw_series(tmp_path / "t.csv", 8, ["value"], resample=10.0)
    assert points.step == 10 and points.rows is None and not error
    assert (np.array([pd.Timestamp(when).second % 10 for when in points.times]) == 0).all()
    assert len(points.segments) >= 2 and "." not in points.times[0]
    shuffled = pd.read_csv(tmp_path / "t.csv").iloc[::-1]
    with pytest.raises(DataError, match="do not rise"):
        raw_series(shuffled, 8, ["value"], resample=10.0)
    twice = pd.read_csv(tmp_path / "t.csv").loc[lambda table: table.index.repeat(2)]
    ((_, same, _),) = raw_series(twice, 8, ["value"], resample=10.0)  # copies change no mean
    np.testing.assert_allclose(same.values, points.values)
    offsets = pd.read_csv(tmp_path / "t.csv").assign(time=lambda table: table["time"] + "+01:00")
    ((_, moved, _),) = raw_series(offsets, 8, ["value"], resample=10.0)
    assert moved.times[0].endswith("+00:00") and pd.Timestamp(moved.times[0]).hour == 23


@pytest.mark.eager
def test_a_run_remembers_its_grid(tfpipe):
    write("t.csv", 900)
    write("new.csv", 200, seed=1, start="2024-04-01 00:00:03")
    given = {"data.path": "t.csv", "data.resample": "auto", "model.name": "pca", "data.window": 16}
    given |= {"evaluation.bootstrap": 0, "evaluation.false_alarm_rate": 0.2}
    run = tfpipelines.run("anomaly-series", given, observer=Observer())
    step = json.loads((run.folder / "data.json").read_text())["resample"]
    table = tfpipelines.load(run.folder).predict("new.csv", points=True)
    when = pd.to_datetime(table["item"])
    assert (when.dt.second % step == 0).all() and table["score"].notna().any()
    windows = run.predict("new.csv")["item"].str.split(" to ", expand=True).apply(pd.to_datetime)
    assert (windows[1] - windows[0] == pd.Timedelta(seconds=15 * step)).all()
    with pytest.raises(ConfigError, match="points that come one by one are on none"):
        run.follower()
    assert f"{step:g} (of dates: seconds) apart" in " ".join(run._task.served(run.model).input.words(True))

"""Anomalies that are made of windows, and the length of windows that data tell."""

import numpy as np
import pytest

from tfpipelines.datasets import Findings
from tfpipelines.tasks.anomaly import dominant_period, made_windows, read_series
from tfpipelines.tasks.anomaly.config import AnomalySeriesData

RANDOM = np.random.default_rng(0)
TIME = np.arange(1500)
WAVE = np.stack([np.sin(2 * np.pi * TIME / 25), 3 + 0 * TIME], 1) + RANDOM.normal(size=(1500, 2)) * [0.05, 0]


def test_made_windows_are_what_their_kind_says():
    stretches = [WAVE[:60].astype(np.float32), WAVE[100:130].astype(np.float32)]
    made = made_windows(stretches, 30, WAVE.std(0), 0)
    assert list(made) == ["spike", "level", "trend", "flat", "frequency", "missing", "noise"]
    assert all(found.shape == (200, 30, 2) and found.dtype == np.float32 for found in made.values())
    assert all((found[..., 1] == 3).all() for found in made.values())  # which is constant
    known = np.stack([stretch[first : first + 30, 0] for stretch in stretches for first in range(len(stretch) - 29)])
    changed = {kind: (found[:, None, :, 0] != known).sum(2).min(1) for kind, found in made.items()}
    assert set(changed["spike"]) <= {1, 2} and all(counts.min() >= 1 for counts in changed.values())
    assert all(8 <= np.median(counts) <= 30 for kind, counts in changed.items() if kind != "spike")
    assert (np.diff(made["flat"][..., 0], axis=1) == 0).sum(1).min() >= 6
    rough = lambda windows: np.abs(np.diff(windows[..., 0], 2, axis=1)).mean()
    assert rough(made["noise"]) > 2 * rough(made["level"])
    away = lambda kind: np.abs(made[kind][..., 0].mean(1)).mean()
    assert away("level") > away("trend") > away("frequency")
    assert made["missing"][..., 0].std(1).mean() < 0.9 * known.std(1).mean()
    again, other = made_windows(stretches, 30, WAVE.std(0), 0), made_windows(stretches, 30, WAVE.std(0), 1)
    assert all(np.array_equal(made[kind], again[kind]) for kind in made)
    assert not np.array_equal(made["noise"], other["noise"])
    constant = made_windows([np.ones((40, 1), np.float32)], 30, np.zeros(1), 0)
    assert np.abs(constant["level"] - 1).max() > 0.7  # of which nothing else tells a unit


def test_the_dominant_period_is_the_shortest_clear_one():
    assert dominant_period([WAVE[:40], WAVE]) == 25
    drifting = WAVE[:, :1] + np.cumsum(RANDOM.normal(size=(1500, 1)) * 0.1, 0) + TIME[:, None] / 100
    assert dominant_period([drifting]) in (24, 25, 26)
    beats = (TIME % 40 == 0)[:, None] + RANDOM.normal(size=(1500, 1)) * 0.02
    assert dominant_period([beats]) == 40
    for none in (RANDOM.normal(size=(1500, 1)), RANDOM.normal(size=(60, 1)), np.ones((1500, 2)), WAVE[:8]):
        assert dominant_period([none]) is None
    assert dominant_period([np.cumsum(RANDOM.normal(size=(1500, 1)), 0)]) is None and dominant_period([]) is None


def window_of(path, values, least=19, **fields):
    lines = [f"{number},{value:.6f}" for number, value in enumerate(values)]
    path.write_text("\n".join(["time,value", *lines]) + "\n")
    samples = read_series(AnomalySeriesData(path=str(path), **fields), Findings(), least=least)
    return samples.facts["window"], samples.facts["about"][0]


def test_windows_are_as_long_as_the_data_tell(tmp_path):
    path = tmp_path / "t.csv"
    length, told = window_of(path, WAVE[:, 0], least=3)
    assert length == 38 and "windows of 38 points (the dominant period is 25 points)" in told
    assert window_of(path, WAVE[:, 0], least=3, window=10)[0] == 10
    assert "(" not in window_of(path, WAVE[:, 0], least=3, window=10)[1]
    length, told = window_of(path, RANDOM.normal(size=1500), least=3)
    assert length == 32 and "no period is found" in told
    length, told = window_of(path, WAVE[:, 0])  # of which the threshold needs 19
    assert 20 <= length <= 1500 * 0.4 / 19 and "too few for the threshold" in told
    tail = WAVE[:, 0].copy()
    tail[900:] = np.sin(2 * np.pi * TIME[900:] / 100)  # points that calibrate tell nothing
    assert window_of(path, tail, least=3)[0] == 38


def test_anomalies_of_the_validation_split_are_found_where_there_are_some(tmp_path):
    odd = np.zeros(1500, int)
    odd[[1010, 1050, 1200, 1400]] = 1
    split = ["train"] * 1000 + ["validation"] * 100 + ["calibration"] * 200 + ["test"] * 200
    rows = [f"{number},{value:.6f},{flag},{part}" for number, value, flag, part in zip(TIME, WAVE[:, 0], odd, split)]
    (tmp_path / "t.csv").write_text("\n".join(["time,value,label,split", *rows]) + "\n")
    samples = read_series(AnomalySeriesData(path=str(tmp_path / "t.csv"), window=10), Findings())
    normal, known = samples.held_out_windows(1000)
    assert samples.held_out_events == 2 and len(normal) + len(known) == 91 and len(known) == 20
    assert samples.held_out_normal == [(1000, 1010), (1011, 1050), (1051, 1100)]
    values = samples.store.values[:, 0]
    assert values[normal[0]] == pytest.approx(WAVE[1000, 0], abs=1e-5) and 1001 <= known[0] <= 1010

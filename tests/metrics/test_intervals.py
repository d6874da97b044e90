"""Intervals hold for few rows, too; `benchmarks/intervals.py` measures it at length."""

import importlib.util

import numpy as np
import pytest
from scipy.stats import binom

from tfpipelines.metrics import classifier_intervals, detection_intervals
from tfpipelines.metrics.intervals import of_f1, of_median, of_share

from ..conftest import ROOT


def benchmark():
    specification = importlib.util.spec_from_file_location("intervals", ROOT / "benchmarks" / "intervals.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("rows", [1, 5, 19, 100])
def test_shares_are_covered_whatever_they_are(rows):
    edges = np.array([of_share(hits, rows) for hits in range(rows + 1)])
    assert (edges[:, 0] < edges[:, 1]).all() and edges[0, 0] == 0 and edges[-1, 1] == 1
    for share in (0.0, 0.02, 0.3, 0.5, 0.98, 1.0):
        holds = (edges[:, 0] <= share) & (share <= edges[:, 1])
        assert binom.pmf(np.arange(rows + 1), rows, share)[holds].sum() >= 0.95


@pytest.mark.parametrize("rows", [6, 10, 11, 57, 100, 1000])
def test_the_median_is_covered_whatever_the_numbers_are(rows):
    low, high = map(int, of_median(np.arange(rows)[::-1]))
    below = np.arange(rows + 1)  # so many of the numbers are below the median
    holds = binom.pmf(below, rows, 0.5)[(low < below) & (below <= high)].sum()
    assert 0.95 <= holds < 0.99 and low + high == rows - 1


def test_all_wrong_and_all_right_have_a_width():
    labels, probabilities = np.arange(19) % 2, np.eye(2)[np.arange(19) % 2] * 0.98 + 0.01
    right, wrong = (
        classifier_intervals(labels, probabilities, 200, 0),
        classifier_intervals(1 - labels, probabilities, 200, 0),
    )
    assert right["accuracy"] == of_share(19, 19) == pytest.approx([0.8235, 1], abs=1e-4)
    assert wrong["accuracy"] == of_share(0, 19) == pytest.approx([0, 0.1765], abs=1e-4)
    for intervals in (right, wrong):
        assert intervals.keys() == {"accuracy", "balanced_accuracy", "f1_macro", "log_loss", "matthews"}
        assert all(high - low > 0.05 for low, high in intervals.values())
    assert right["log_loss"][0] < 0.02 < right["log_loss"][1]  # a wrong row costs what its confidence says


def test_there_is_none_where_none_holds():
    labels = np.array([0] * 16 + [1] * 4)
    assert classifier_intervals(labels, np.eye(2)[labels], 50, 0).keys() == {"accuracy", "log_loss"}
    assert classifier_intervals(labels[:9], np.eye(2)[labels[:9]], 50, 0).keys() == {"accuracy"}
    assert classifier_intervals(labels, np.eye(2)[labels], 0, 0) == {}
    assert classifier_intervals(labels[:0], np.eye(2)[labels[:0]], 50, 0) == {}
    assert classifier_intervals(np.zeros(20, int), np.ones((20, 1)), 50, 0).keys() == {"accuracy"}


def test_f1_by_the_share_of_hits():
    low, high = of_share(7, 10)
    assert of_f1(7, 3) == [2 * low / (1 + low), 2 * high / (1 + high)]
    assert of_f1(0, 5)[0] == 0 and of_f1(5, 0)[1] == 1


def test_a_detector_that_errs_nowhere():
    threshold = benchmark().THRESHOLD
    anomalous = np.arange(30) < 12
    intervals = detection_intervals(anomalous, anomalous * 3.0, threshold, 200, 0)
    assert intervals.keys() == {"roc_auc", "average_precision", "f1", "precision", "recall", "false_alarm_rate"}
    assert all(high - low > 0.05 for low, high in intervals.values()) and intervals["recall"] == of_share(12, 12)
    assert "precision" not in detection_intervals(anomalous, np.zeros(30), threshold, 50, 0)  # nothing is claimed


@pytest.mark.parametrize("kind", ["one label", "several labels", "detector", "regressor"])
def test_a_small_simulation(kind, monkeypatch):
    script = benchmark()
    monkeypatch.setattr(script, "RESAMPLES", 100)
    monkeypatch.setattr(script, "TRUTH", 20_000)
    sources = {
        "one label": script.one_label([0.98, 0.98], [1, 1]),
        "several labels": script.several_labels(0.98, 0.5),
        "detector": script.detector(3, 0.5),
        "regressor": script.regressor("heavy", 0.2),
    }
    for name, some in script.measure(kind, sources[kind], 20, 60, seed=0).items():
        low, high, truth = some[:, :3].T
        assert ((low - 1e-9 <= truth) & (truth <= high + 1e-9)).mean() >= 0.93 and (high > low).all(), name

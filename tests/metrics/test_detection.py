"""Figures of detectors, beside slow or other people's ways to the same."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn import metrics as sklearn_metrics

from tfpipelines import evaluation, metrics
from tfpipelines.errors import DataError
from tfpipelines.evaluation.predictions import to_records
from tfpipelines.metrics import Threshold
from tfpipelines.tasks import anomaly

pytestmark = pytest.mark.pictures

RANDOM = np.random.default_rng(0)
THRESHOLD = Threshold(0.6, 0.05, np.linspace(0, 1, 60), "image", "here", [0.01, 0.1])


def test_figures_are_those_of_scikit_learn():
    anomalous = RANDOM.random(200) < 0.3
    scores = RANDOM.random(200) + 0.3 * anomalous
    figures = metrics.detection_metrics(anomalous, scores, THRESHOLD)
    alarms = scores > 0.6
    assert figures["roc_auc"] == pytest.approx(sklearn_metrics.roc_auc_score(anomalous, scores))
    assert figures["average_precision"] == pytest.approx(sklearn_metrics.average_precision_score(anomalous, scores))
    assert figures["f1"] == pytest.approx(sklearn_metrics.f1_score(anomalous, alarms))
    assert figures["false_alarm_rate"] == pytest.approx(alarms[~anomalous].mean())
    intervals = metrics.detection_intervals(anomalous, scores, THRESHOLD, 200, 0)
    assert all(low <= figures[name] <= high for name, (low, high) in intervals.items()) and set(intervals) == set(
        figures
    )
    table = metrics.by_label(np.where(anomalous, "bad", "good"), anomalous, np.ones(200, bool), scores, THRESHOLD)
    assert (
        list(table) == ["good", "bad"]
        and table["bad"]["roc_auc"] == pytest.approx(figures["roc_auc"])
        and "roc_auc" not in table["good"]
    )
    assert table["bad"]["support"] + table["good"]["support"] == 200


def test_what_labels_do_not_allow_is_left_out():
    scores = np.array([0.1, 0.7, 0.9])
    assert set(metrics.detection_metrics(np.zeros(3, bool), scores, THRESHOLD)) == {"false_alarm_rate"}
    assert set(metrics.detection_metrics(np.ones(3, bool), scores, THRESHOLD)) == {"f1", "precision", "recall"}


def _slow_overlap(masks, maps):
    """Every threshold that is one of the distances."""
    points = []
    for limit in np.unique(maps)[::-1]:
        told = maps >= limit
        overlaps = []
        for mask, some in zip(masks, told):
            regions, count = ndimage.label(mask, np.ones((3, 3)))
            overlaps += [some[regions == number].mean() for number in range(1, count + 1)]
        points.append((told[~masks].mean(), np.mean(overlaps)))
    rates, overlaps = np.array([(0.0, 0.0), *points]).T
    grid = np.linspace(0, 0.3, 2001)
    return np.trapezoid(np.interp(grid, rates, overlaps), grid) / 0.3


def test_per_region_overlap():
    masks = np.zeros((3, 16, 16), bool)
    masks[0, 2:5, 2:8], masks[0, 10:14, 10:12], masks[1, 7:9, 7:9] = True, True, True
    maps = RANDOM.random((3, 16, 16)) + 0.8 * ndimage.gaussian_filter(masks.astype(float), (0, 1, 1))
    figures = metrics.place_metrics(masks, maps)
    assert figures["per_region_overlap"] == pytest.approx(_slow_overlap(masks, maps), abs=0.02)
    assert figures["pixel_roc_auc"] == pytest.approx(sklearn_metrics.roc_auc_score(masks.ravel(), maps.ravel()))
    perfect = metrics.place_metrics(masks, masks.astype(float))
    assert perfect["pixel_roc_auc"] == 1.0 and perfect["per_region_overlap"] == pytest.approx(1.0, abs=0.01)
    assert metrics.place_metrics(np.zeros((2, 4, 4), bool), np.zeros((2, 4, 4))) == {}


def test_events_of_a_series():
    anomalous, alarms = np.zeros(100, bool), np.zeros(100, bool)
    anomalous[10:20] = anomalous[50:60] = anomalous[80:82] = True
    alarms[18:25] = alarms[30:33] = alarms[55:57] = alarms[59:60] = True  # finds two of three; one of four is false
    beyond = alarms & (RANDOM.random(100) < 0.5)
    figures = metrics.series_metrics(anomalous, beyond, alarms)
    assert figures["event_recall"] == pytest.approx(2 / 3) and figures["event_precision"] == pytest.approx(3 / 4)
    assert figures["event_f1"] == pytest.approx(2 * (2 / 3) * (3 / 4) / (2 / 3 + 3 / 4))
    assert figures["point_f1"] == pytest.approx(sklearn_metrics.f1_score(anomalous, beyond))
    none = np.zeros(100, bool)
    assert metrics.series_metrics(anomalous, none, none)["event_f1"] == 0.0
    assert metrics.series_metrics(none, beyond, alarms) == {}


def test_scores_that_are_not_finite_are_alarms():
    scores = metrics.finite(np.array([0.1, np.nan, np.inf]))
    assert THRESHOLD.alarms(scores).tolist() == [False, True, True] and THRESHOLD.alarms(np.array([np.nan])).all()
    assert metrics.detection_metrics(np.array([False, True, True]), scores, THRESHOLD)["roc_auc"] == 1.0
    with pytest.raises(DataError, match="not finite"):
        Threshold.fit(np.append(np.zeros(30), np.nan), 0.05, "row", "here")


def test_baselines_tell_what_is_far_from_the_normal_ones():
    normal = RANDOM.standard_normal((300, 4)) @ RANDOM.standard_normal((4, 12))
    odd = RANDOM.standard_normal((100, 12)) * 6
    new = normal[RANDOM.integers(0, 300, 100)] + 0.01 * RANDOM.standard_normal((100, 12))
    truth = np.repeat([False, True], 100)
    for baseline in (anomaly.Reconstruction(), anomaly.Forest(), anomaly.Neighbours()):
        scores = baseline.fit(normal).score(np.concatenate([new, odd]))
        assert sklearn_metrics.roc_auc_score(truth, scores) > 0.95


def test_neighbours_of_places_see_a_single_odd_place():
    normal = RANDOM.standard_normal((40, 25, 3))
    odd = normal[:10].copy()
    odd[:, 7] += 9
    scores = anomaly.Neighbours().fit(normal[10:], 20).score(np.concatenate([normal[:10], odd]))
    assert scores[10:].min() > scores[:10].max()


def test_table_and_records():
    table = metrics.detection_table(
        ["a", "b", "c"], np.array([0.1, 0.9, 0.0]), THRESHOLD, errors=["", "", "no such file"]
    )
    assert table["verdict"].tolist() == ["normal", "anomaly", None] and np.isnan(table["score"][2])
    records = to_records(table)
    assert records[2]["error"] == "no such file" and records[2]["score"] is None and "error" not in records[0]


def test_top_contributing_columns():
    entries = evaluation.top_contributing_columns(
        ["a", "b", "c"], np.array([1.0, 3.0, 0.0]), np.array([10.0, 20.0, 30.0]), np.array([11.0, 25.0, 30.0])
    )
    assert [entry["column"] for entry in entries] == ["b", "a", "c"]
    assert entries[0] == {"column": "b", "share": 0.75, "value": 20.0, "expected": 25.0}

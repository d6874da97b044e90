"""Figures of resampled rows are those of scikit-learn on the rows drawn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from tfpipelines import metrics
from tfpipelines.metrics import Ranking, classifier_row_figures


@pytest.mark.parametrize("digits", [1, 8])  # with many equal scores, and with none
def test_ranking_is_that_of_scikit_learn(digits):
    generator = np.random.default_rng(0)
    positive = generator.random(70) < 0.3
    scores = np.round(generator.normal(size=70) + positive, digits)
    ranking = Ranking(positive, scores)
    for _ in range(20):
        rows = generator.integers(0, 70, 70)
        counts = np.bincount(rows, minlength=70)
        expected = {
            "roc_auc": sklearn_metrics.roc_auc_score(positive[rows], scores[rows]),
            "average_precision": sklearn_metrics.average_precision_score(positive[rows], scores[rows]),
        }
        assert ranking.figures(counts) == pytest.approx(expected)
        assert ranking.average_precision(counts) == pytest.approx(expected["average_precision"])
    assert (
        ranking.figures(positive * 1) == ranking.figures(~positive * 1) == {}
        and ranking.average_precision(~positive * 1) is None
    )


def test_row_figures_are_the_figures_of_the_rows():
    generator = np.random.default_rng(1)
    anomalous, scores = generator.random(60) < 0.3, np.round(generator.normal(size=60), 1)
    threshold = metrics.Threshold(0.5, 0.1, np.zeros(9), "row", "a test")
    labels, probabilities = generator.integers(0, 7, 60), generator.dirichlet(np.ones(7), 60).astype(np.float32)
    targets, several = (
        (generator.random((60, 4)) < 0.4).astype(np.float32),
        np.round(generator.random((60, 4)), 1).astype(np.float32),
    )
    rows = generator.integers(0, 60, 60)
    pairs = [
        (
            classifier_row_figures(labels, probabilities)(rows),
            metrics.classifier_metrics(labels[rows], probabilities[rows]),
        ),
        (
            classifier_row_figures(targets, several)(rows),
            metrics.classifier_metrics(targets[rows], several[rows]),
        ),
        (
            metrics.detection_row_figures(anomalous, scores > 0.5, scores)(rows),
            metrics.detection_metrics(anomalous[rows], scores[rows], threshold),
        ),
    ]
    for found, expected in pairs:
        assert found.keys() == expected.keys() and found == pytest.approx(expected, abs=1e-6)
    only = np.flatnonzero(~anomalous)
    assert metrics.detection_row_figures(anomalous, scores > 0.5, scores)(only).keys() == {"false_alarm_rate"}
    assert metrics.detection_row_figures(anomalous, scores > 0.5, scores)(np.flatnonzero(anomalous)).keys() == {
        "f1",
        "precision",
        "recall",
    }

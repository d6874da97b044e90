"""Figures of several labels a row, against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics

from tfpipelines import evaluation, metrics
from tfpipelines.evaluation.classification import confident_mistakes

RNG = np.random.default_rng(0)
TARGETS = (RNG.random((200, 4)) < [0.5, 0.3, 0.1, 0.05]).astype(np.float32)
SCORES = 0.3 * TARGETS + 0.7 * RNG.random((200, 4))
NAMES = ["a", "b", "c", "d"]


def test_figures_are_scikit_learns():
    values, decided = metrics.classifier_metrics(TARGETS, SCORES), SCORES >= 0.5
    assert values["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(TARGETS, decided))
    assert values["hamming_loss"] == pytest.approx(sklearn_metrics.hamming_loss(TARGETS, decided))
    for average in ("micro", "macro"):
        assert values[f"f1_{average}"] == pytest.approx(sklearn_metrics.f1_score(TARGETS, decided, average=average))
    assert values["balanced_accuracy"] == pytest.approx(
        np.mean([sklearn_metrics.balanced_accuracy_score(TARGETS[:, i], decided[:, i]) for i in range(4)])
    )
    assert values["average_precision"] == pytest.approx(
        sklearn_metrics.average_precision_score(TARGETS, SCORES, average="macro")
    )
    assert values["log_loss"] == pytest.approx(
        np.mean([sklearn_metrics.log_loss(TARGETS[:, i], np.clip(SCORES[:, i], 1e-7, 1 - 1e-7)) for i in range(4)]),
        rel=1e-3,
    )


def test_account_has_intervals_around_the_figures_and_a_row_for_each_label():
    figures = evaluation.evaluate(TARGETS, SCORES, NAMES, 200, 0)
    for name, (low, high) in figures["intervals"].items():
        assert low <= figures["test"][name] <= high
    assert set(figures["intervals"]) == set(figures["test"]) - {"average_precision", "ece"}
    assert list(figures["per_class"]) == NAMES and figures["per_class"]["a"]["support"] == TARGETS[:, 0].sum()
    assert evaluation.evaluate(TARGETS, SCORES, NAMES, 0, 0)["intervals"] == {}


def test_labels_that_never_occur_spoil_nothing():
    targets = TARGETS * [1, 1, 1, 0]
    figures = evaluation.evaluate(targets, SCORES, NAMES, 20, 0)
    assert (
        all(np.isfinite(value) for value in figures["test"].values())
        and "average_precision" not in figures["per_class"]["d"]
    )


def test_a_single_label_has_its_own_figures():
    row = evaluation.evaluate(TARGETS[:, 2:3], SCORES[:, 2:3], ["c"], 0, 0)["per_class"]["c"]
    decided = SCORES[:, 2] >= 0.5
    assert row["support"] == TARGETS[:, 2].sum() and row["precision"] == pytest.approx(
        sklearn_metrics.precision_score(TARGETS[:, 2], decided)
    )
    assert row["recall"] == pytest.approx(sklearn_metrics.recall_score(TARGETS[:, 2], decided)) and row[
        "f1"
    ] == pytest.approx(sklearn_metrics.f1_score(TARGETS[:, 2], decided))


def test_columns_of_scores_never_meet():
    assert evaluation.score_columns(["text", "p_text", "a"]) == ["p_p_text", "p_text", "a"]


def test_temperature_of_sigmoids():
    logits = RNG.normal(size=(2000, 3)) * 2
    targets = (RNG.random((2000, 3)) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    assert metrics.fit_temperature(targets, 3 * logits) == pytest.approx(3, rel=0.1)
    assert metrics.fit_temperature((logits > 0).astype(np.float32), logits) == 1.0
    assert np.allclose(metrics.probabilities(logits, 2.0, multi_label=True), 1 / (1 + np.exp(-logits / 2)), atol=1e-6)
    assert np.allclose(metrics.probabilities(logits, 2.0).sum(1), 1, atol=1e-6)


def test_mistakes_come_by_the_most_wrong_decision():
    targets = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert confident_mistakes(targets, np.array([[0.9, 0.6], [0.8, 0.1], [0.95, 0.9]])).tolist() == [2, 0]
    assert confident_mistakes(np.array([0, 1, 1]), np.array([[0.2, 0.8], [0.1, 0.9], [0.9, 0.1]])).tolist() == [2, 0]


@pytest.mark.pictures
def test_files_are_written(tmp_path):
    frame = pd.DataFrame(
        {
            "item": [str(i) for i in range(200)],
            "label": ["|".join(n for n, yes in zip(NAMES, row) if yes) for row in TARGETS],
            "text": ["x"] * 200,
        }
    )
    evaluation.write_evaluation(
        tmp_path, tmp_path, evaluation.evaluate(TARGETS, SCORES, NAMES, 0, 0), TARGETS, SCORES, NAMES, frame, 1.0
    )
    written = pd.read_csv(tmp_path / "predictions.csv", keep_default_na=False)
    assert list(written.columns) == ["item", "text", "label", "predicted", *NAMES]
    expected = ["|".join(name for name, yes in zip(NAMES, row) if yes) for row in SCORES >= 0.5]
    assert list(written["predicted"]) == expected
    assert (tmp_path / "per_label.png").stat().st_size > 5000 and (tmp_path / "reliability.png").is_file()

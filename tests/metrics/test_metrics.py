"""Figures agree with scikit-learn and with theory."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics as reference

from tfpipelines import evaluation, metrics
from tfpipelines.metrics import classifier_intervals, classifier_metrics, classifier_row_figures, per_class
from tfpipelines.metrics.calibration_error import expected_calibration_error
from tfpipelines.metrics.intervals import of_share


@pytest.fixture(scope="module")
def outcome():
    """300 rows of 7 classes, the last of which never occurs."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 6, 300)
    logits = generator.normal(size=(300, 7))
    logits[np.arange(300), labels] += 2
    return labels, softmax(logits, 1)


def test_figures_are_scikit_learns(outcome):
    labels, probabilities = outcome
    predicted = probabilities.argmax(1)
    values = classifier_metrics(labels, probabilities)
    assert values["accuracy"] == reference.accuracy_score(labels, predicted)
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        assert np.isclose(values["balanced_accuracy"], reference.balanced_accuracy_score(labels, predicted))
    assert np.isclose(values["f1_macro"], reference.f1_score(labels, predicted, average="macro"))
    assert np.isclose(values["top_5"], reference.top_k_accuracy_score(labels, probabilities, k=5, labels=np.arange(7)))
    assert np.isclose(values["log_loss"], reference.log_loss(labels, probabilities, labels=np.arange(7)))
    assert "top_5" not in classifier_metrics(labels % 5, softmax(probabilities[:, :5], 1))


def test_matthews_is_scikit_learns_of_resamples_too(outcome):
    labels, probabilities = outcome
    predicted = probabilities.argmax(1)
    figures, generator = classifier_row_figures(labels, probabilities), np.random.default_rng(2)
    for rows in (np.arange(300), *(generator.integers(0, 300, 300) for _ in range(5))):
        assert figures(rows)["matthews"] == pytest.approx(reference.matthews_corrcoef(labels[rows], predicted[rows]))
    pair, sure = np.array([0, 1] * 20), np.tile([0.9, 0.1], (40, 1))
    assert classifier_metrics(pair, np.eye(2)[pair])["matthews"] == 1
    assert classifier_metrics(pair, np.eye(2)[1 - pair])["matthews"] == -1
    assert classifier_metrics(pair, sure)["matthews"] == classifier_metrics(0 * pair, sure)["matthews"] == 0


def test_intervals_have_the_binomial_width(outcome):
    labels, probabilities = outcome
    values = classifier_metrics(labels, probabilities)
    intervals = classifier_intervals(labels, probabilities, 2000, 0)
    assert intervals.keys() == {"accuracy", "top_5", "log_loss"}  # a class is in no row
    low, high = intervals["accuracy"]
    expected = 1.96 * np.sqrt(values["accuracy"] * (1 - values["accuracy"]) / 300)
    assert low < values["accuracy"] < high and abs((high - low) / 2 - expected) < 0.2 * expected
    assert (
        intervals
        == classifier_intervals(labels, probabilities, 2000, 0)
        != classifier_intervals(labels, probabilities, 2000, 1)
    )
    assert classifier_intervals(labels, probabilities, 0, 0) == {}


def test_calibration_error():
    labels = np.array([0] * 80 + [1] * 20)
    assert np.isclose(expected_calibration_error(labels, np.tile([0.8, 0.2], (100, 1))), 0)
    assert np.isclose(expected_calibration_error(labels, np.tile([0.95, 0.05], (100, 1))), 0.15)
    assert np.isclose(expected_calibration_error(labels, np.tile([1.0, 0.0], (100, 1))), 0.2)


def test_log_loss_is_finite_for_certain_mistakes():
    assert np.isfinite(classifier_metrics(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]))["log_loss"])


def test_temperature_recovers_what_was_done_to_the_logits():
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(20_000, 5)) * 2
    labels = np.array([generator.choice(5, p=row) for row in softmax(logits, 1)])
    for temperature in (0.5, 1.0, 4.0):
        assert np.isclose(metrics.fit_temperature(labels, logits * temperature), temperature, rtol=0.05)
    assert 0.04 < metrics.fit_temperature(np.array([0, 1]), np.array([[9.0, 0], [0, 9.0]])) <= 1  # all right: bounded


def test_per_class_table(outcome):
    labels, probabilities = outcome
    table = per_class(labels, probabilities, list("abcdefg"))
    recalls = reference.recall_score(
        labels, probabilities.argmax(1), average=None, labels=np.arange(7), zero_division=0
    )
    assert [row["recall"] for row in table.values()] == list(recalls)
    assert sum(row["support"] for row in table.values()) == 300 and table["g"]["support"] == 0


def test_prediction_table_names_and_errors():
    table = evaluation.prediction_table(
        ["a", "b"], np.array([[0.2, 0.8], [0.5, 0.5]]), ["item", "dog"], errors=["", "unreadable"]
    )
    assert list(table.columns) == ["item", "predicted", "p_item", "dog", "error"]
    assert table["predicted"].tolist() == ["dog", None] and np.isnan(table["dog"][1])
    assert evaluation.to_csv(table).splitlines()[1:] == ["a,dog,0.2,0.8,", "b,,,,unreadable"]
    assert "error" not in evaluation.prediction_table(["a"], np.array([[1.0, 0.0]]), ["x", "y"], errors=[""])


def test_few_rows_without_mistakes_do_not_sharpen():
    logits = np.eye(3)[[0, 1, 2, 0, 1, 2]] * 2.0
    assert metrics.fit_temperature(np.array([0, 1, 2, 0, 1, 2]), logits) == 1.0
    many = np.tile(logits, (50, 1))
    labels = many.argmax(1)
    labels[0] = 2  # one mistake in 300
    assert 0.3 < metrics.fit_temperature(labels, many) < 1.0


def test_ties_count_alike_in_figure_and_interval():
    labels, probabilities = np.zeros(20, int), np.full((20, 8), 1 / 8)
    figure = classifier_metrics(labels, probabilities)["top_5"]
    assert classifier_intervals(labels, probabilities, 20, 0)["top_5"] == of_share(round(20 * figure), 20)
    from sklearn.metrics import top_k_accuracy_score

    assert figure == top_k_accuracy_score(labels, probabilities, k=5, labels=np.arange(8))

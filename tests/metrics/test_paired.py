"""The tests of difference, against cases whose answer is known."""

import numpy as np
import pytest
from scipy.stats import binom

from tfpipelines import metrics
from tfpipelines.metrics import classifier_row_figures
from tfpipelines.metrics.paired import difference, difference_of_shares, holm, mcnemar, resampled


def test_mcnemar_is_the_exact_binomial_test():
    first = np.array([True] * 20 + [True] * 2 + [False] * 9 + [False] * 4)
    second = np.array([True] * 20 + [False] * 2 + [True] * 9 + [False] * 4)
    found = mcnemar(first, second)
    assert [found[name] for name in ("both_right", "only_first", "only_second", "both_wrong")] == [20, 2, 9, 4]
    assert found["p"] == pytest.approx(2 * binom.cdf(2, 11, 0.5)) and mcnemar(second, first)["p"] == found["p"]
    assert mcnemar(first, first)["p"] == 1.0


def test_holm_steps_down():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.5]) == [1.0, 1.0] and holm([0.02]) == [0.02]


def test_the_bootstrap_is_paired_and_seeded():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 400)
    first = np.where(generator.random(400) < 0.7, labels, 1 - labels)
    second = first.copy()
    second[np.flatnonzero(first != labels)[:12]] = labels[
        np.flatnonzero(first != labels)[:12]
    ]  # twelve mistakes fewer, none more
    one, two = (
        classifier_row_figures(labels, np.eye(2, dtype=np.float32)[some] * 0.8 + 0.1) for some in (first, second)
    )
    draws, count = resampled([one, two], [np.arange(400)], 1000)
    found = difference(draws[0]["accuracy"], draws[1]["accuracy"])
    assert (
        count == 1000 and 0 < found["interval"][0] < 0.03 < found["interval"][1] < 0.06
    )  # unpaired it would be +-0.06 about 0.03
    assert found["p"] == pytest.approx(2 / 1001)
    assert found == difference(*(table["accuracy"] for table in resampled([one, two], [np.arange(400)], 1000)[0]))
    assert difference(draws[0]["accuracy"], draws[0]["accuracy"]) == {"interval": None, "p": 1.0}


@pytest.mark.parametrize("rows", [5, 20, 200])
@pytest.mark.parametrize("apart", [(0.0, 0.0), (0.02, 0.0), (0.1, 0.05), (0.5, 0.3)])
def test_intervals_of_differences_of_shares_hold(rows, apart):
    generator, held, widths = np.random.default_rng(rows), 0, []
    for _ in range(200):
        draws = generator.random(rows)
        first = draws < 0.5
        second = first ^ (draws < apart[0]) ^ (draws > 1 - apart[1])
        low, high = difference_of_shares(first, second)["interval"]
        held += low <= apart[1] - apart[0] <= high
        widths.append(high - low)
    assert held >= 0.93 * 200 and min(widths) > 0


def test_where_both_are_right_in_the_same_rows_the_ends_are_exact():
    right = np.array([True] * 30 + [False] * 10)
    found = difference_of_shares(right, right)
    low, high = found["interval"]
    assert (-low, high) == pytest.approx([1 - 0.025 ** (1 / 40)] * 2, rel=0.05) and found["p"] == 1.0


@pytest.mark.parametrize("alone", [(1, 9), (0, 5), (0, 6), (0, 7), (0, 8), (2, 10), (2, 11), (3, 20)])
def test_p_of_a_difference_of_shares_says_what_its_interval_says(alone):
    first, second = np.ones(100, bool), np.ones(100, bool)
    first[: alone[1]] = False
    second[alone[1] : sum(alone)] = False
    found = difference_of_shares(first, second)
    assert (found["p"] < 0.05) == (found["interval"][0] > 0)
    turned = difference_of_shares(second, first)
    assert turned["p"] == pytest.approx(found["p"], abs=0.01) and turned["interval"][1] < turned["interval"][0] * -1
    assert found["p"] >= 0.9 * mcnemar(first, second)["p"]  # no less careful than the exact test


@pytest.mark.slow
def test_the_bootstrap_keeps_its_level():
    """Of two models that differ by chance alone, about one pair in twenty is said to differ."""
    generator, said = np.random.default_rng(1), 0
    for _ in range(100):
        labels = generator.integers(0, 2, 80)
        answers = [
            classifier_row_figures(
                labels,
                np.eye(2, dtype=np.float32)[np.where(generator.random(80) < 0.7, labels, 1 - labels)] * 0.8 + 0.1,
            )
            for _ in range(2)
        ]
        draws, _ = resampled(answers, [np.arange(80)], 200)
        said += difference(draws[0]["accuracy"], draws[1]["accuracy"])["p"] < 0.05
    assert said <= 12


def test_strata_are_resampled_apart():
    anomalous = np.array([True] * 3 + [False] * 60)
    scores = np.linspace(1, 0, 63)
    alarms = scores > 0.5
    run = metrics.detection_row_figures(anomalous, alarms, scores)
    draws, _ = resampled([run], metrics.kinds_of(anomalous), 200)
    assert not np.isnan(draws[0]["roc_auc"]).any()  # else some resamples would have no anomaly
    assert (draws[0]["recall"] == 1.0).all()

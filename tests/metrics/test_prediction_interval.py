"""Prediction intervals: their coverage, what they say of it, and the promise that they share with thresholds."""

import numpy as np
import pytest
from scipy import stats

from tfpipelines.errors import DataError
from tfpipelines.metrics import PredictionInterval, Threshold, promise

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(("count", "coverage"), [(9, 0.9), (60, 0.9), (99, 0.95), (200, 0.5)])
def test_the_coverage_is_kept_and_lies_in_its_interval(count, coverage):
    shares, inside = [], 0
    for _ in range(800):
        interval = PredictionInterval.fit(np.abs(RANDOM.standard_normal(count)), coverage, "the calibration split")
        share = 1 - 2 * stats.norm.sf(interval.radius)
        shares.append(share)
        inside += interval.interval[0] <= share <= interval.interval[1]
    promised = 1 - int((count + 1) * (1 - coverage) + 1e-9) / (count + 1)
    assert np.mean(shares) == pytest.approx(promised, abs=0.012) and promised >= coverage - 1e-12
    assert 0.92 < inside / 800 < 0.97


def test_the_measured_share_lies_in_what_so_many_rows_may_show():
    inside = 0
    for _ in range(800):
        interval = PredictionInterval.fit(np.abs(RANDOM.standard_normal(50)), 0.9, "the calibration split")
        inside += interval.is_inside(float((np.abs(RANDOM.standard_normal(40)) <= interval.radius).mean()), 40)
    assert inside / 800 > 0.93
    assert interval.expected(0) == []


def test_it_is_the_quantile_of_a_threshold():
    scores = np.abs(RANDOM.standard_normal(73))
    interval, threshold = PredictionInterval.fit(scores, 0.9, "here"), Threshold.fit(scores, 0.1, "row", "here")
    assert interval.radius == threshold.threshold
    assert interval.interval == pytest.approx([1 - end for end in reversed(threshold.interval)])
    assert interval.expected(40) == pytest.approx([1 - end for end in reversed(threshold.expected(40))])


@pytest.mark.parametrize(("coverage", "least"), [(0.99, 99), (0.95, 19), (0.9, 9), (0.5, 1)])
def test_too_few_rows_are_refused(coverage, least):
    assert PredictionInterval.fit(np.arange(float(least)), coverage, "the calibration split").radius == least - 1
    with pytest.raises(DataError, match=f"at least {least} rows? in the calibration split") as raised:
        PredictionInterval.fit(np.arange(float(least - 1)), coverage, "the calibration split")
    assert "evaluation.coverage" in raised.value.remedy


def test_errors_that_are_not_finite_are_refused():
    with pytest.raises(DataError, match="The errors of 2 rows of the calibration split are not finite"):
        PredictionInterval.fit(np.array([1.0, np.nan, np.inf] + [0.0] * 20), 0.9, "the calibration split")


def test_its_facts_and_words():
    interval = PredictionInterval.fit(np.arange(99.0), 0.9, "the calibration split")
    assert PredictionInterval.of_facts(interval.facts()) == interval
    assert interval.facts()["interval"] == interval.interval
    low, high = interval.interval
    assert interval.sentence() == (
        "prediction intervals: at least 0.9 of new values lie inside; by the 99 rows of the calibration split the true "
        f"share lies between {low:.3f} and {high:.3f} (95%)"
    )
    assert "180 of 200 values" in interval.beside_the_promise(0.9, 200)
    assert ", inside the " in interval.beside_the_promise(0.9, 200)
    few, all_of_them = interval.beside_the_promise(0.5, 200), interval.beside_the_promise(1.0, 200)
    assert "OUTSIDE" in few and few.endswith("these rows differ from those of the calibration split")
    assert "OUTSIDE" in all_of_them and all_of_them.endswith("or many errors there are equal")


def test_rates_that_are_no_binary_fractions():
    for count in range(9, 400, 10):
        assert promise.above(count, 1 - 0.9) == (count + 1) // 10
    assert promise.least_scores(1 - 0.9) == 9

"""Figures of regressors, and their intervals."""

import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from tfpipelines.metrics import METRICS, Metric, registry, regressor_intervals, regressor_metrics, regressor_row_figures
from tfpipelines.metrics.registry import NUMBER

RANDOM = np.random.default_rng(0)
VALUES = np.round(RANDOM.normal(5, 3, 61), 1)  # with ties
PREDICTED = np.round(VALUES + RANDOM.normal(0, 1, 61), 1)


def by_libraries(values, predicted):
    errors = np.abs(values - predicted)
    return {
        "rmse": metrics.root_mean_squared_error(values, predicted),
        "mae": metrics.mean_absolute_error(values, predicted),
        "median_error": np.median(errors),
        "r2": metrics.r2_score(values, predicted),
        "spearman": stats.spearmanr(values, predicted).statistic,
        "coverage": (errors <= 1).mean(),
        "width": 2.0,
    }


def test_they_are_those_of_the_libraries():
    ends = PREDICTED - 1, PREDICTED + 1
    inside = np.abs(VALUES - PREDICTED) <= 1 + 1e-12
    found = regressor_metrics(VALUES, PREDICTED, *ends)
    wanted = by_libraries(VALUES, PREDICTED) | {"coverage": inside.mean()}
    assert list(found) == [entry.name for entry in METRICS if NUMBER in entry.by] == list(wanted)
    assert found == pytest.approx({**wanted, "coverage": found["coverage"]}, abs=1e-12)
    assert found["coverage"] == ((ends[0] <= VALUES) & (VALUES <= ends[1])).mean()
    assert [*regressor_metrics(VALUES, PREDICTED)] == ["rmse", "mae", "median_error", "r2", "spearman"]


def test_rows_that_are_drawn_again_count_again():
    rows = RANDOM.integers(0, 61, 50)
    figures = regressor_row_figures(VALUES, PREDICTED, PREDICTED - 1.05, PREDICTED + 1.05)(rows)
    expected = regressor_metrics(VALUES[rows], PREDICTED[rows], PREDICTED[rows] - 1.05, PREDICTED[rows] + 1.05)
    assert figures == pytest.approx(expected, abs=1e-12)
    expected = by_libraries(VALUES[rows], PREDICTED[rows]) | {"coverage": figures["coverage"], "width": 2.1}
    assert figures == pytest.approx(expected, abs=1e-12)


def test_what_is_not_defined_is_left_out_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        constant = np.full(20, 0.1)
        assert [*regressor_metrics(constant, VALUES[:20])] == ["rmse", "mae", "median_error"]
        assert [*regressor_metrics(VALUES[:20], constant)] == ["rmse", "mae", "median_error", "r2"]
        assert [*regressor_metrics(VALUES[:1], VALUES[:1])] == ["rmse", "mae", "median_error"]
        assert regressor_metrics(VALUES, VALUES)["rmse"] == 0 and regressor_metrics(VALUES, VALUES)["r2"] == 1
        huge = regressor_metrics(VALUES * 1e200, PREDICTED * 1e200)
        assert huge["rmse"] == pytest.approx(1e200 * regressor_metrics(VALUES, PREDICTED)["rmse"])
        assert huge["r2"] == pytest.approx(regressor_metrics(VALUES, PREDICTED)["r2"])
        assert [*regressor_intervals(constant, VALUES[:20], 50, 0)] == ["rmse", "mae", "median_error"]
        assert regressor_intervals(VALUES, VALUES, 50, 0)["rmse"] == [0, 0]


def test_there_is_no_interval_where_none_holds():
    few = VALUES[:9], PREDICTED[:9]
    assert regressor_intervals(*few, 50, 0) == {} == regressor_intervals(VALUES, PREDICTED, 0, 0)
    assert [*regressor_intervals(*few, 50, 0, few[1] - 1, few[1] + 1)] == ["coverage"]
    assert regressor_intervals(VALUES[:0], VALUES[:0], 50, 0) == {}
    every = regressor_intervals(VALUES, PREDICTED, 50, 0, PREDICTED - 1, PREDICTED + 1)
    assert [*every] == ["rmse", "mae", "median_error", "r2", "spearman", "coverage"]
    figures = regressor_metrics(VALUES, PREDICTED, PREDICTED - 1, PREDICTED + 1)
    assert all(low < figures[name] < high for name, (low, high) in every.items())
    assert every["r2"][1] <= 1 and every["spearman"][1] <= 1


def test_a_metric_of_a_package_is_one_of_theirs(monkeypatch):
    from tfpipelines.metrics import number

    bias = Metric(
        "bias", "regressor", None, "mean error", range=(-np.inf, np.inf), by=(NUMBER,),
        compute=lambda drawn: float((drawn.predicted - drawn.values).mean()),
    )  # fmt: skip
    assert registry._fault(bias) == ""
    assert "computed from: by=('number',)" in registry._fault(Metric(**{**vars(bias), "by": ("single_label",)}))
    assert "classifiers or regressors" in registry._fault(Metric(**{**vars(bias), "kind": "detector"}))
    assert "classifiers or regressors" in registry._fault(Metric(**{**vars(bias), "kind": "regression"}))
    monkeypatch.setattr(registry, "BUILT_IN", (*METRICS, bias))
    number._functions.cache_clear()
    try:
        assert regressor_metrics(VALUES, VALUES + 2)["bias"] == pytest.approx(2)
        low, high = regressor_intervals(VALUES, PREDICTED, 100, 0)["bias"]
        assert low < (PREDICTED - VALUES).mean() < high
    finally:
        number._functions.cache_clear()

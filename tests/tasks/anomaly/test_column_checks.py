"""Extreme values and codes for missing ones; ordinary data are passed over."""

import numpy as np
import pandas as pd
import pytest

from tfpipelines.datasets import Findings
from tfpipelines.tasks.anomaly.column_checks import look_for_extremes

from ...conftest import ROOT

RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.standard_normal(400)


def found(column):
    findings, values = Findings(), np.asarray(column, np.float64)[:, None]
    look_for_extremes(values, ["x"], [f"line {row + 2}" for row in range(len(values))], findings)
    return {finding.code: finding.items[0] for finding in findings.entries}


def with_values(column, *values):
    column = column.copy()
    column[: len(values)] = values
    return column


@pytest.mark.parametrize(
    ("column", "code", "said"),
    [
        (with_values(NORMAL, 2e6), "extreme_values", "x: 2e+06 in 1 cell, first at line 2"),
        (with_values(NORMAL, 1e3, 1e4, -1e5), "extreme_values", "in 3 cells (0.8 %)"),
        (with_values(NORMAL, 60.0), "extreme_values", "60 in 1 cell"),
        (with_values(np.where(NORMAL > 1.5, NORMAL, 0.0), 500.0), "extreme_values", "500 in 1 cell"),
        (with_values(NORMAL, *[1e6] * 3), "sentinel", "1e+06 in 3 cells"),
        (with_values(NORMAL, *[-999.0] * 120), "sentinel", "-999 in 120 cells (30.0 %)"),
        (with_values(RANDOM.uniform(0, 500, 400), *[9999.0] * 5), "sentinel", "9999 in 5 cells"),
        (with_values(RANDOM.uniform(0, 5000, 400), *[-999.0] * 5), "sentinel", "-999 in 5 cells"),
        (with_values(RANDOM.uniform(0, 40, 400), *[-99.9] * 5), "sentinel", "-99.9 in 5 cells"),
    ],
)
def test_far_values_are_named(column, code, said):
    told = found(column)
    assert list(told) == [code] and said in told[code]


@pytest.mark.parametrize(
    "column",
    [
        NORMAL,
        RANDOM.lognormal(0, 1.5, 2000),
        RANDOM.standard_t(2, 2000),
        RANDOM.exponential(1, 2000),
        RANDOM.poisson(0.1, 2000),
        np.where(RANDOM.random(400) < 0.2, 100, 0) + NORMAL,  # two modes
        RANDOM.integers(0, 2, 400),
        np.full(400, 3.0),
        RANDOM.integers(0, 1000, 4000),  # 999 among the others
        with_values(RANDOM.uniform(800, 1100, 400), *[999.0] * 5),
        np.arange(10.0),
    ],
)
def test_ordinary_columns_are_passed_over(column):
    assert not found(column)


@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_is_no_extreme_value():
    assert not found(with_values(NORMAL, np.inf, -np.inf, 1e300, np.nan))


@pytest.mark.parametrize("name", ["cells/cells.csv", "pressure/pressure_train.csv"])
def test_the_sample_data_are_passed_over(name):
    table = pd.read_csv(ROOT / "data" / name).select_dtypes("number")
    assert not any(found(table[column]) for column in table)

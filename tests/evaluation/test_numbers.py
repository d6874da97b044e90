"""The evaluation of regressors: table, records, pictures, baselines."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tfpipelines.evaluation import (
    evaluate_numbers,
    number_baselines,
    number_table,
    with_input_columns,
    write_numbers,
)
from tfpipelines.evaluation.predictions import to_csv, to_records
from tfpipelines.metrics import regressor_metrics

from .test_plots import size

RANDOM = np.random.default_rng(0)
VALUES = RANDOM.normal(50, 10, 200)
PREDICTED = VALUES + RANDOM.normal(0, 4, 200)


def test_a_table_of_numbers():
    table = number_table(["a", "b"], [1.5, 2], [1, 1.25], [2, 2.75], labels=[1234567890.125, 3], text=["x", "y"])
    assert [*table.columns] == ["item", "text", "label", "predicted", "low", "high"]
    assert to_csv(table).splitlines()[1:] == ["a,x,1234567890.125,1.5,1,2", "b,y,3,2,1.25,2.75"]
    first, second = to_records(table)
    assert first == {"item": "a", "text": "x", "label": 1234567890.125, "predicted": 1.5, "low": 1.0, "high": 2.0}
    assert second["low"] == 1.25
    assert [*number_table(["a"], [1.0]).columns] == ["item", "predicted"]
    assert to_csv(number_table(["a"], [16777217.125])) == "item,predicted\na,16777217.125\n"
    short = to_csv(number_table([*"abcde"], [2.34567890123, 1234567.8, -0.0000123456789, 999999.7, 2e20]), short=True)
    assert [line[2:] for line in short.splitlines()[1:]] == ["2.34568", "1234568", "-1.23457e-05", "1000000", "2e+20"]
    assert to_records(number_table([], [])) == [] and to_csv(number_table([], [])) == "item,predicted\n"


def test_a_row_that_could_not_be_read_has_no_number():
    table = number_table(["a", "b"], [1.0, 2.0], [0.0, 1.0], [2.0, 3.0], errors=["", "is empty"])
    assert to_csv(table).splitlines()[1:] == ["a,1,0,2,", "b,,,,is empty"]
    first, second = to_records(table)
    assert first == {"item": "a", "predicted": 1.0, "low": 0.0, "high": 2.0}
    assert second == {"item": "b", "predicted": None, "low": None, "high": None, "error": "is empty"}


def test_columns_of_inputs_stand_behind_the_item():
    table = with_input_columns(
        number_table(["0", "1"], [0.1, 0.2]), pd.DataFrame({"rooms": [3, None], "low": ["a", "b"]})
    )
    assert to_csv(table).splitlines() == ["item,rooms,input_low,predicted", "0,3.0,a,0.1", "1,,b,0.2"]
    assert to_records(table)[1] == {"item": "1", "rooms": None, "input_low": "b", "predicted": 0.2}


@pytest.mark.pictures
@pytest.mark.parametrize("case", ["few", "many", "wide", "equal", "one"])
def test_what_a_run_writes(tmp_path, case):
    values, predicted = {
        "few": (VALUES, PREDICTED),
        "many": (np.tile(VALUES, 20), np.tile(PREDICTED, 20)),
        "wide": (np.exp(VALUES / 5), np.exp(PREDICTED / 5)),
        "equal": (np.full(20, 3.0), np.full(20, 3.0)),
        "one": (np.array([3.0]), np.array([0.0])),
    }[case]
    low, high = (None, None) if case == "equal" else (predicted - 7, predicted + 7)
    figures = evaluate_numbers(values, predicted, low, high, 20, 0)
    assert figures["samples"] == len(values) and figures["test"] == regressor_metrics(values, predicted, low, high)
    frame = pd.DataFrame({"item": [f"row {number}" for number in range(len(values))], "value": values})
    worst = write_numbers(tmp_path, tmp_path, figures, frame, predicted, low, high)
    errors = np.abs(values - predicted)
    assert sorted(worst) == list(range(len(values))) and (np.diff(errors[worst]) <= 0).all()
    for name in ("predicted_vs_true.png", "residuals.png"):
        assert size(tmp_path / name)[0] < 1200 and (tmp_path / name).stat().st_size < 200_000
    table = pd.read_csv(tmp_path / "predictions.csv")
    assert [*table.columns] == ["item", "label", "predicted", *(["low", "high"] if low is not None else [])]
    np.testing.assert_allclose(table["predicted"], predicted, rtol=1e-11)
    np.testing.assert_allclose(table["label"], values, rtol=1e-14)


def test_baselines():
    features = np.c_[VALUES + RANDOM.normal(0, 1, 200), RANDOM.normal(size=(200, 3))]
    features[::9, 2] = np.nan
    train, test = slice(150), slice(150, 200)
    found = number_baselines(features[train], VALUES[train], features[test], VALUES[test], 0)
    assert [*found] == ["mean", "ridge", "boosting"]
    assert found["mean"] == regressor_metrics(VALUES[test], np.full(50, VALUES[train].mean()))
    assert found["ridge"]["rmse"] < 1.3 and found["boosting"]["rmse"] < 0.6 * found["mean"]["rmse"]
    many = np.tile(features, 40)
    found = number_baselines(many[train], VALUES[train], many[test], VALUES[test], 0)
    assert [*found] == ["mean", "ridge"]
    assert found == number_baselines(many[train], VALUES[train], many[test], VALUES[test], 0)


def test_baselines_of_sparse_features_and_of_none():
    words = sparse.random(200, 500, 0.05, format="csr", random_state=0)
    values = np.asarray(words[:, :5].sum(1)).ravel() * 10
    found = number_baselines(words[:150], values[:150], words[150:], values[150:], 0)
    assert [*found] == ["mean", "ridge"] and found["ridge"]["rmse"] < found["mean"]["rmse"]
    nothing = np.empty((200, 0))
    assert [*number_baselines(nothing[:150], values[:150], nothing[150:], values[150:], 0)] == ["mean"]


def test_baselines_on_the_logarithm():
    features = sparse.csr_matrix((VALUES / 5)[:, None])
    values = np.exp(VALUES / 5)
    usual, log = (
        number_baselines(features[:150], values[:150], features[150:], values[150:], 0, log=log)
        for log in (False, True)
    )
    assert log["ridge"]["mae"] < 0.2 * usual["ridge"]["mae"]
    assert log["mean"] == usual["mean"]  # the mean of the values, as it is called

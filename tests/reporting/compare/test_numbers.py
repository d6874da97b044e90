"""Comparison of runs on numbers."""

import shutil

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines import ArtifactError, ConfigError, WorseError
from tfpipelines.metrics import regressor_metrics
from tfpipelines.reporting.compare.run_records import open_records
from tfpipelines.reporting.compare.test_rows import read_rows
from tfpipelines.reporting.compare.text_tables import tables_of

from ..number_runs import change, guesses, true_values, write_number_run

VALUES = true_values(150)
BETTER, WORSE = guesses(VALUES, 4.0), guesses(VALUES, 8.0, 2)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    home = tmp_path_factory.mktemp("numbers")
    reversed_items = [f"{number}" for number in range(150)][::-1]
    write_number_run(home / "better", VALUES, BETTER)
    spelled = [f"{value:.3e}" if value == float(f"{value:.3e}") else f"{value:.5f}" for value in VALUES[::-1]]
    write_number_run(
        home / "worse", VALUES[::-1], WORSE[::-1], items=reversed_items, labels=spelled, radius=None,
        overrides=["train.epochs=3"],
    )  # fmt: skip
    return home


@pytest.fixture
def pair(written, tmp_path):
    return tuple(shutil.copytree(written / name, tmp_path / name) for name in ("better", "worse"))


def as_one(folder):
    """The fingerprints of another run's rows, which are in another order."""
    splits = pd.read_csv(folder / "splits.csv", dtype=str)
    numbers = splits["item"].where(splits["item"] != "more", "0").astype(int)
    splits["fingerprint"] = [f"{number:016x}" for number in numbers]
    splits.to_csv(folder / "splits.csv", index=False, lineterminator="\n")
    return folder


def test_errors_are_paired_by_row(pair):
    result = tfpipelines.compare([pair[0], as_one(pair[1])])
    (test,) = result["tests"]
    assert result["rows"] == 150 and test["mcnemar"] is None
    assert [*test["figures"]] == ["rmse", "mae", "median_error", "r2", "spearman"]
    rmse, wanted = test["figures"]["rmse"], [regressor_metrics(VALUES, told)["rmse"] for told in (BETTER, WORSE)]
    assert [rmse["first"], rmse["second"]] == pytest.approx(wanted, abs=1e-9)
    assert rmse["interval"][0] < rmse["difference"] < rmse["interval"][1] and rmse["p"] < 0.01
    mae = test["figures"]["mae"]
    assert 0 < mae["interval"][0] < np.abs(VALUES - WORSE).mean() - np.abs(VALUES - BETTER).mean() < mae["interval"][1]
    assert not any("McNemar" in line for line in result["about"])
    text = "\n".join(" ".join(row) for table in tables_of(result) for row in table.rows)
    assert "+4" in text and " worse" in text and "McNemar" not in text


def test_equal_errors_are_no_difference(pair, tmp_path):
    twin = shutil.copytree(pair[0], tmp_path / "twin")
    (test,) = tfpipelines.compare([pair[0], twin])["tests"]
    assert "coverage" in test["figures"] and test["figures"]["rmse"] == {
        **test["figures"]["rmse"], "difference": 0.0, "interval": None, "p": 1.0,
    }  # fmt: skip


def test_numbers_of_any_size_are_told(tmp_path):
    folders = [
        write_number_run(tmp_path / name, VALUES * 1e-6, told * 1e-6, radius=None)
        for name, told in (("better", BETTER), ("worse", WORSE))
    ]
    text = "\n".join(" ".join(row) for table in tables_of(tfpipelines.compare(folders)) for row in table.rows)
    assert "0.0000" not in text and "e-06 worse" in text


def test_fail_if_worse(pair):
    as_one(pair[1])
    assert tfpipelines.compare([pair[1], pair[0]], fail_if_worse="rmse")["worse"] == []
    with pytest.raises(WorseError, match="worse in rmse"):
        tfpipelines.compare(pair, fail_if_worse="rmse")
    assert tfpipelines.compare(pair, fail_if_worse="rmse", tolerance=10)["worse"] == []
    with pytest.raises(ConfigError, match="no test metric 'coverage'"):
        tfpipelines.compare(pair, fail_if_worse="coverage")


def test_runs_on_other_values_are_refused(pair):
    splits = as_one(pair[1]) / "splits.csv"
    lines = splits.read_text().splitlines()
    item, label, rest = lines[1].split(",", 2)
    lines[1] = f"{item},{float(label) + 1},{rest}"
    splits.write_text("\n".join(lines) + "\n")
    table = pd.read_csv(pair[1] / "predictions.csv", dtype={"item": str})
    table.loc[table["item"] == item, "label"] += 1
    table.to_csv(pair[1] / "predictions.csv", index=False)
    with pytest.raises((ConfigError, ArtifactError)):
        tfpipelines.compare(pair)
    change(pair[0] / "data.json", target="class")
    with pytest.raises(ConfigError, match="is a classifier .* and worse a regressor"):
        tfpipelines.compare(pair)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("predicted", 1e6, "gives rmse"),
        ("predicted", "x", "holds something that is no number"),
        ("predicted", np.inf, "not finite"),
        ("low", 1e9, "end before they begin"),
        ("low", None, "no column 'low'"),
        ("label", 1.0, "does not have 1 row of the test split"),
        ("label", "word", "does not have 1 row of the test split"),
    ],
)
def test_a_damaged_table_is_refused(pair, column, value, said):
    table = pd.read_csv(pair[0] / "predictions.csv", dtype={"item": str})
    if value is None:
        table = table.drop(columns=column)
    else:
        table[column] = table[column].astype(object)
        table.loc[3, column] = value
    table.to_csv(pair[0] / "predictions.csv", index=False)
    (record,) = open_records([pair[0]])
    with pytest.raises(ArtifactError, match=said):
        read_rows(record)


def test_labels_that_are_no_numbers_are_refused(pair):
    for name in ("splits.csv", "predictions.csv"):
        table = pd.read_csv(pair[0] / name, dtype=str)
        table.loc[table["item"] == "0", "label"] = "many"
        table.to_csv(pair[0] / name, index=False)
    (record,) = open_records([pair[0]])
    with pytest.raises(ArtifactError, match="labels that are no numbers"):
        read_rows(record)

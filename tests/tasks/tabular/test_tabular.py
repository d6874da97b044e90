"""Tables: what is refused and told, boosted trees as a network of a run, blends, predictions for other tables."""

import json

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tests.conftest import ROOT
from tfpipelines.networks.tables.trees.fitting import BoostingSettings

PENGUINS = pd.read_csv(ROOT / "data" / "penguins" / "penguins.csv")
RANDOM = np.random.default_rng(0)
ROWS = 80
HOUSES = pd.DataFrame(
    {
        "area": RANDOM.normal(100, 20, ROWS).round(1),
        "town": RANDOM.choice(["Rome", "Bern", "Oslo"], ROWS),
        "sold": pd.date_range("2021-01-05", periods=ROWS, freq="41h").astype(str),
        "garden": RANDOM.choice(["yes", "no"], ROWS),
    }
).assign(price=lambda table: (table["area"] * 1000 + (table["town"] == "Bern") * 30_000).round(-2))


def check(tfpipe, tmp_path, table, *overrides, name="houses.csv"):
    path = tmp_path / name
    if isinstance(table, pd.DataFrame):
        table.to_csv(path, index=False)
    else:
        path.write_text(table)
    result = tfpipe("check", path, "--pipeline", "tabular", "--json", *overrides)
    return result, result.err if result.code else json.loads(result.out)


def finding(document, code):
    (found,) = [entry for entry in document["findings"] if entry["code"] == code]
    return found


def test_check_shows_types_and_target(tfpipe, tmp_path):
    table = HOUSES.assign(id=range(ROWS), kind="house")
    _, told = check(tfpipe, tmp_path, table, "data.target_column=price")
    assert "numbers: area; booleans: garden; categories: town; dates: sold" in finding(told, "column_types")["message"]
    assert finding(told, "columns_left_out")["items"] == ["id (counts rows)", "kind ('house' in every row)"]
    assert told["target"] == "number" and "regression" in finding(told, "number_target")["message"]


@pytest.mark.parametrize(
    "table, overrides, code, words",
    [
        (HOUSES, ["data.target_column=prize"], 3, "no column 'prize'"),
        (HOUSES.drop(columns="price"), [], 3, "data.target_column"),
        (HOUSES, ["data.target_column=town", "data.target=number"], 3, "no finite number"),
        (HOUSES.assign(price=5), ["data.target_column=price"], 3, "one"),
        ("a,b,a\n1,2,3\n", ["data.target_column=b"], 3, "appears twice"),
        (HOUSES, ["data.target_column=price", "data.exclude=areas"], 3, "no column 'areas'"),
        (HOUSES, ["data.target_column=price", "data.types={area: word}"], 2, "data.types"),
    ],
)
def test_what_cannot_be_used_is_refused(tfpipe, tmp_path, table, overrides, code, words):
    result, told = check(tfpipe, tmp_path, table, *overrides)
    assert result.code == code and words in told


def test_what_is_odd_is_told(tfpipe, tmp_path):
    prices = [None, *HOUSES["price"][1:]]
    far = [0.5, "inf", *RANDOM.random(ROWS - 2)]
    _, told = check(
        tfpipe, tmp_path, HOUSES.assign(price=prices, far=far, euros=HOUSES["price"] * 1.1),
        "data.target_column=price", "data.on_bad=skip",
    )  # fmt: skip
    assert finding(told, "no_label")["count"] == 1 and finding(told, "infinite")["items"] == ["line 3: 'inf'"]
    assert "euros" in finding(told, "target_leak")["message"]


@pytest.fixture(scope="module")
def boosted(tmp_path_factory):
    """A run of boosted trees on penguins."""
    overrides = ["model.name=boosting", "model.max_iter=10", "evaluation.bootstrap=20"]
    return tfpipelines.run("tabular", overrides, out=tmp_path_factory.mktemp("runs"), observer=tfpipelines.Observer())


def test_trees_are_a_network_of_a_run(boosted):
    figures = json.loads((boosted.folder / "metrics.json").read_text())
    history = pd.read_csv(boosted.folder / "history.csv")
    assert len(history) == 1 and figures["best_epoch"] == 1 and figures["test"]["accuracy"] > 0.9
    importance = {entry["column"]: entry["importance"] for entry in figures["importance"]}
    assert figures["importance_unit"] == "increase of the test cross-entropy"
    assert list(importance)[0].startswith("bill") or list(importance)[0].startswith("flipper")
    assert sum(entry["rows"] for entry in figures["slices"] if entry["column"] == "island") <= 52
    assert (boosted.folder / "plots" / "importance_of_columns.png").is_file()


def test_predictions_from_tables_of_any_order(boosted, tmp_path, tfpipe):
    written = pd.read_csv(boosted.folder / "predictions.csv", dtype={"item": str})
    rows = PENGUINS.iloc[[int(item) for item in written["item"]]]
    other = rows[rows.columns[::-1]].drop(columns="species").assign(more=1)
    told = boosted.predict(other)
    scores = told.select_dtypes("number").columns
    np.testing.assert_allclose(told[scores], written[scores], atol=1e-6)
    strange = boosted.predict(
        other.head(3).assign(island="Atlantis", body_mass_g=None, bill_depth_mm="deep"), explain=True
    )
    notes = strange.attrs["notes"]
    assert "island (3)" in notes[1] and "'bill_depth_mm' holds words among its numbers in 3 cells" in notes[2]
    assert len(strange) == 3 and {"column", "value", "effect"} == set(strange["explanation"][0]["effects"][0])
    assert len(boosted.predict(rows.iloc[0])) == 1
    path = tmp_path / "rows.csv"
    other.to_csv(path, index=False)
    result = tfpipe("predict", boosted.folder, path)
    assert result.code == 0 and "note: 1 column that the model does not know, left out: more" in result.err
    other.drop(columns="island").to_csv(path, index=False)
    result = tfpipe("predict", boosted.folder, path)
    assert result.code == 3 and "no column 'island'" in result.err


def test_other_data_are_evaluated_by_the_same_columns(boosted, tmp_path):
    path = tmp_path / "rows.csv"
    odd = PENGUINS.assign(more=1, island=["Atlantis", *PENGUINS["island"][1:]])
    odd.assign(bill_depth_mm=["deep", *odd["bill_depth_mm"][1:]]).to_csv(path, index=False)
    figures = boosted.evaluate(path)
    told = {entry["code"]: entry["message"] for entry in figures["findings"]}
    assert "left out: more" in told["unknown_columns"] and "island (1)" in told["unseen_categories"]
    assert "'bill_depth_mm' holds words among its numbers in 1 cell" in told["words_among_numbers"]
    assert "trained_on" in told and figures["test"]["accuracy"] > 0.9


def test_a_blend_is_the_weighted_mean_of_those_that_were_selected():
    import keras

    from tfpipelines.tasks.blending import blend, selected
    from tfpipelines.tasks.trainable import Trained

    def network(weight):
        numbers = keras.Input((1,), name="numbers")
        return keras.Model(numbers, keras.layers.Rescaling(weight)(numbers), name="network")

    trained = [Trained(name, None, network(weight)) for name, weight in (("a", 1.0), ("b", 9.0), ("c", 3.0))]
    outputs = [np.array([[1.0]]), np.array([[9.0]]), np.array([[3.0]])]
    combination = blend(trained, outputs, lambda mixed: abs(float(mixed[0, 0]) - 1.5))
    assert combination.fields == {"a": 0.75, "c": 0.25}
    np.testing.assert_allclose(combination.network(np.ones((2, 1), np.float32)), 1.5)
    assert blend(trained, outputs, lambda mixed: -float(mixed[0, 0])) is None  # one alone is best
    three = [np.eye(3)[:1], np.eye(3)[1:2], np.eye(3)[2:]]
    shares = selected(three, lambda mixed: float(np.square(mixed - [0.5, 0.3, 0.2]).sum()))
    np.testing.assert_allclose(shares, [0.5, 0.3, 0.2])
    three[0] = three[0] * np.nan
    assert selected(three, lambda mixed: float(np.square(mixed - [0, 0.5, 0.5]).sum())) == [0, 0.5, 0.5]


@pytest.mark.slow
@pytest.mark.parametrize("network", ["boosting", "auto"])
@pytest.mark.parametrize("kind", ["saved_model", "onnx", "litert"])
def test_numbers_are_exported_and_proven(network, kind, tmp_path):
    table = pd.concat([HOUSES] * 2).assign(area=lambda rows: rows["area"] + np.arange(len(rows)) / 100)
    table.to_csv(tmp_path / "houses.csv", index=False)
    small = ["train.epochs=2", "evaluation.bootstrap=20", "evaluation.coverage=0.8", "search.objective=val_rmse"]
    overrides = [f"data.path={tmp_path / 'houses.csv'}", "data.target_column=price", f"model.name={network}", *small]
    run = tfpipelines.run("tabular", overrides, out=tmp_path / "runs", observer=tfpipelines.Observer())
    proof = tfpipelines.export(run, kind).manifest["proof"]
    assert proof["samples"] > 10 and proof["largest_difference"] <= proof["tolerance"]


def trained(folder, table: pd.DataFrame, *overrides, **options):
    folder.mkdir(exist_ok=True)
    table.to_csv(folder / "rows.csv", index=False)
    small = ["evaluation.bootstrap=0", "train.batch_size=32", "evaluation.coverage=null"]
    given = [f"data.path={folder / 'rows.csv'}", "data.target_column=y", *small, *overrides]
    return tfpipelines.run("tabular", given, out=folder / "runs", observer=tfpipelines.Observer(), **options)


def effects_of(cities: str, count: int = 400, seed: int = 0) -> pd.DataFrame:
    """Rows of a number that depends on the city, and on a column of numbers."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame({"city": random.choice(list(cities), count), "size": random.normal(size=count)})
    return table.assign(y=table["city"].map({"a": -10, "b": -3, "c": 4, "d": 11, "e": 30}) + 2 * table["size"])


@pytest.mark.slow
def test_from_takes_categories_over_by_their_names(tmp_path):
    rates = ["model.name=linear", "model.fit=gradient", "train.epochs=8", "train.learning_rate=0.3"]
    earlier = trained(tmp_path / "a", effects_of("abcd"), *rates)
    assert earlier.metrics["test"]["rmse"] < 1
    stay = ["model.name=linear", "model.fit=gradient", "train.epochs=1", "train.learning_rate=1e-9"]
    later = effects_of("bcd", seed=1).assign(y=lambda table: table["y"] + 0.01)
    begun = trained(tmp_path / "b", later, *stay, start=earlier.folder)
    assert begun.metrics["test"]["rmse"] < 3  # but for the scale of the target, what was learned is still right
    for name in ("boosting", "linear"):
        with pytest.raises(tfpipelines.ConfigError, match=f"{name} is fitted anew"):
            trained(tmp_path / "b", later, f"model.name={name}", start=earlier.folder)


@pytest.mark.slow
@pytest.mark.eager
def test_a_linear_model_is_fitted_at_once_or_trained_by_other_losses(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["tfpipe", "run", "tabular", "data.columns=[city, size]"])
    fitted = trained(tmp_path / "a", effects_of("abcde"), "model.name=linear", "train.epochs=9")
    assert len(pd.read_csv(fitted.folder / "history.csv")) == 1 and fitted.metrics["test"]["r2"] > 0.999
    recorded = json.loads((fitted.folder / "environment.json").read_text())["command"]
    assert recorded == "tfpipe run tabular 'data.columns=[city, size]'"  # as a shell takes it
    other = trained(tmp_path / "a", effects_of("abcde"), "model.name=linear", "train.epochs=2", "train.loss=mae")
    assert len(pd.read_csv(other.folder / "history.csv")) == 2 and other.metrics["test"]["r2"] < 0.9


@pytest.mark.eager
@pytest.mark.parametrize("names", [("value", "log_value", "network"), ("temperature", "probabilities", "numbers")])
def test_columns_may_be_called_as_parts_of_the_model_are(names, tmp_path):
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(80, 3)).round(3), columns=list(names))
    label = table.sum(axis=1).round(3) if "value" in names else np.where(table.sum(axis=1) > 0, "up", "down")
    run = trained(tmp_path / "names", table.assign(y=label), "model.name=linear", "train.epochs=1")
    assert {tensor.name for tensor in run.model.inputs} == set(names)


def test_trees_of_each_candidate_are_fitted_once(monkeypatch):
    from tfpipelines.core import config
    from tfpipelines.tasks import SCHEMAS, new_task
    from tfpipelines.tasks.targets import Number

    task = new_task(config.load("tabular", ["model.name=boosting"], schemas=SCHEMAS).pipeline)
    task.target, fitted = Number([]), []
    monkeypatch.setattr(task, "_fitted", lambda settings: fitted.append(settings) or f"trees {len(fitted)}")
    few, many = (BoostingSettings(0.1, count, 15, None, 20, 0.0, 255, 20) for count in (5, 50))
    assert [task._fit_trees(settings) for settings in (few, many, few, many)] == ["trees 1", "trees 2"] * 2
    assert [settings.max_iter for settings in fitted] == [5, 50]


def test_class_weights_weigh_the_rows_of_each_label():
    from tfpipelines.tasks.fitting import row_weights
    from tfpipelines.tasks.targets import SeveralLabels

    target = SeveralLabels(["a", "b"])
    target.weights = np.array([[5.0, 1.0], [1.0, 2.0]])
    labels = np.array([[1, 0], [0, 1]])
    np.testing.assert_array_equal(row_weights(target, labels, labels, None), [[5, 2], [1, 1]])


def test_rows_that_come_one_by_one_are_answered_as_a_table(boosted):
    table = PENGUINS.head(12)
    follower = boosted.follower()
    found = pd.concat([follower.answer([row]) for row in table.to_dict("records")], ignore_index=True)
    expected = boosted.predict(table)
    assert (
        list(found.columns) == [*expected.columns, "error"]
        and found["predicted"].tolist() == expected["predicted"].tolist()
    )
    scores = expected.select_dtypes("number").columns
    np.testing.assert_allclose(found[scores], expected[scores], atol=1e-6)

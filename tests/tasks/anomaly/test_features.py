"""Categories, booleans and dates in the tables of a detector."""

import json

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines import Observer, tasks
from tfpipelines.core import config
from tfpipelines.datasets import Columns, Findings
from tfpipelines.datasets.columns.column import Column
from tfpipelines.models import ServedNumbers
from tfpipelines.tasks.anomaly import feature_names, raw_rows, read_rows, weighed
from tfpipelines.tasks.anomaly.config import AnomalyTableData
from tfpipelines.tasks.anomaly.table import RowAnomalies

COUNT = 80
FEW = [
    "train.epochs=12",
    "train.learning_rate=0.01",
    "model.normalization=none",
    "evaluation.baselines=false",
    "evaluation.bootstrap=0",
]
COLUMNS = Columns(
    [
        Column("size", "number"),
        Column("seen", "date", first="2024-01-01"),
        Column("colour", "category", ("blue", "red")),
        Column("paid", "boolean"),
    ]
)


def table(**columns):
    """Sizes that follow from colours."""
    random = np.random.default_rng(0)
    colours = np.array(["red", "green", "blue"])[np.arange(COUNT) % 3]
    sizes = np.arange(COUNT) % 3 + random.normal(0, 0.1, COUNT)
    return pd.DataFrame({"size": sizes, "other": random.random(COUNT), "colour": colours, **columns})


def read(path, frame, **fields):
    """Samples, and {code: finding}."""
    frame.to_csv(path / "t.csv", index=False)
    findings = Findings()
    samples = read_rows(AnomalyTableData(path=str(path / "t.csv"), **fields), findings, least=3)
    return samples, {entry.code: entry for entry in findings.entries}


def test_each_value_is_a_column_and_days_are_none():
    rows = pd.DataFrame(
        {
            "paid": ["yes", "no", None, "yes"],
            "size": [1, 2, 3, None],
            "colour": ["red", None, "pink", "blue"],
            "seen": ["2024-01-01", "2024-02-01", "2025-01-01", "2024-01-02"],
        }
    )
    parts = ["seen: year part", "seen: month", "seen: weekday"]
    values = ["colour: (missing)", "colour: blue", "colour: red", "colour: (unknown)"]
    marks = ["paid: (missing)", "paid: false", "paid: true"]
    assert feature_names(COLUMNS) == ["size", *parts, *marks, *values]
    _, features, errors, _, notes = raw_rows(rows, COLUMNS)
    assert features[:, 7:].tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]]
    assert errors == ["", "", "", "no number: size"] and "colour (1)" in notes[0]
    assert features[:3, 4:7].tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]] and features[1, 2] == 2


def test_a_mark_is_as_far_away_as_it_is_improbable():
    deviation, share = np.array([2.0, 1, 1, 1, *[9.0] * 7]), np.array([5.0, 0, 0, 0, 0, 0.9, 0.1, 0, 0.5, 0.99, 0.01])
    found = weighed(deviation, share, COLUMNS, 99)
    assert found[:4].tolist() == [2, 1, 1, 1]
    rare = np.array([0.01, 0.1, 0.1, 0.01, 0.5, 0.01, 0.01])
    np.testing.assert_allclose(((1 - rare) / found[4:]) ** 2, -2 * np.log(rare))


def test_empty_cells_of_a_boolean_are_marked(tmp_path):
    paid = [None if row % 8 == 0 else ("yes", "no")[row % 2] for row in range(COUNT)]
    samples, found = read(tmp_path, table(paid=paid), types={"paid": "boolean"})
    assert "missing_value" not in found and len(samples.frame) == COUNT
    marks = feature_names(samples.encoder).index("paid: (missing)")
    assert samples.store.features[:, marks].tolist() == [row % 8 == 0 for row in range(COUNT)]
    filled, _ = read(tmp_path, table(paid=paid), types={"paid": "boolean"}, impute=True)
    assert feature_names(filled.encoder).count("paid: (missing)") == 1
    assert filled.store.features[:, feature_names(filled.encoder).index("paid: (missing)")].sum() == COUNT / 8


def test_kinds_are_told_by_cells_and_settable(tmp_path):
    days = pd.date_range("2024-01-01", periods=COUNT).strftime("%Y-%m-%d")
    frame = table(paid=["yes", "no", "no", "yes"] * 20, on=[0, 1] * 40, day=days, code=[1, 2, 3, 4] * 20)
    flags = {name: frame[name] for name in frame}
    samples, found = read(tmp_path, frame, label_column=None, types={"paid": "boolean"})
    assert [column.kind for column in samples.encoder.columns] == [
        *("number", "number", "category"),
        *("boolean", "number", "number"),
    ]
    assert "day (dates)" in found["columns_left_out"].message and "booleans: paid" in found["column_types"].message
    samples, _ = read(tmp_path, pd.DataFrame(flags), types={"day": "date", "code": "category"}, exclude=["paid"])
    assert "code: 4" in feature_names(samples.encoder) and "day: weekday" in feature_names(samples.encoder)
    assert "paid" not in samples.columns and np.isfinite(samples.store.features).all()
    few, found = read(tmp_path, frame, categories=2)
    assert "colour (" in found["rare_categories"].message and "data.categories" in found["rare_categories"].remedy
    assert (few.store.features[:, feature_names(few.encoder).index("colour: (unknown)")] == 1).mean() > 0.3


def test_words_that_may_be_labels_are_no_features(tmp_path):
    marked = ["ok"] * 70 + ["broken"] * 10
    samples, found = read(tmp_path, table(quality=marked, kind=["a", "b"] * 40))
    assert samples.columns == ["size", "other", "colour", "kind"]
    assert "quality (may be labels)" in found["columns_left_out"].message and "perhaps_labels" in found
    of_labels = {"label": [0] * 70 + [1] * 10, "attack_cat": ["none"] * 70 + ["dos", "probe"] * 5}
    samples, found = read(tmp_path, table(**of_labels))
    assert "attack_cat" not in samples.columns and samples.frame["anomalous"].sum() == 10
    assert "attack_cat" in read(tmp_path, table(**of_labels), types={"attack_cat": "category"})[0].columns


def test_honest_words_are_features_however_many_there_are(tmp_path):
    alternate, rare = ["yes", "no"] * 40, ["no"] * 79 + ["yes"]
    honest = {"heated": alternate, "open": ["true", "false"] * 40, "mood": ["good", "bad"] * 40, "smoker": rare}
    labels = {"quality": ["ok"] * 70 + ["broken"] * 10, "seen": ["normal", "attack"] * 40, "event": alternate}
    for some in (1, 4):
        samples, found = read(tmp_path, table(**dict(list(honest.items())[-some:])))
        assert samples.columns == ["size", "other", "colour", *list(honest)[-some:]]
        assert found["perhaps_labels"].items == ("smoker",)
    for some in (1, 3):
        names = list(labels)[:some]
        samples, found = read(tmp_path, table(**honest, **{name: labels[name] for name in names}))
        assert samples.columns == ["size", "other", "colour", *honest] and found["perhaps_labels"].items == (*names,)
        types = ", ".join(f"{name}: category" for name in names)
        assert f"data.types={{{types}}}" in found["perhaps_labels"].remedy
        assert "data.label_column" in found["perhaps_labels"].remedy
    assert read(tmp_path, table(**labels), types=dict.fromkeys(labels, "category"))[0].columns[3:] == [*labels]


def test_a_constant_word_is_a_feature_as_a_constant_number_is(tmp_path):
    constants = {"site": ["north"] * COUNT, "one": [1] * COUNT, "day": ["2024-01-31"] * COUNT}
    samples, found = read(tmp_path, table(**constants))
    assert samples.columns == ["size", "other", "colour", "site", "one"]
    assert found["constant"].items == ("one", "site") and "day (dates)" in found["columns_left_out"].message
    _, features, errors, *_ = raw_rows(table(**constants).head(1).assign(site="south"), samples.encoder)
    assert errors == [""] and features[0, feature_names(samples.encoder).index("site: (unknown)")] == 1


def test_looks_at_columns_pass_over_gaps(tmp_path):
    gaps = np.arange(COUNT) % 8 == 0
    one, time = np.where(gaps, np.nan, 1.0), np.where(gaps, np.nan, 1.7e9 + np.arange(COUNT)[::-1] ** 2)
    count = np.where(gaps, np.nan, np.arange(COUNT) * 3.0)
    codes = np.where(np.arange(COUNT) % 9 == 1, -999, np.where(gaps, np.nan, np.random.default_rng(0).random(COUNT)))
    far = np.where(np.arange(COUNT) == 3, np.inf, np.random.default_rng(1).random(COUNT))
    frame = table(one=one, seen=time, count=count, codes=codes, far=far)
    _, found = read(tmp_path, frame, impute=True)
    assert found["constant"].items == ("one",) and found["timestamps"].items == ("seen",)
    assert found["counting"].items == ("count",) and "codes: -999" in found["sentinel"].items[0]
    assert "infinite" in found and "extreme_values" not in found


def test_words_that_are_filled_at_prediction_are_told(tmp_path):
    frame = table(paid=["yes", "no"] * 40)
    samples, _ = read(tmp_path, frame, impute=True)
    rows = frame.head(2).astype(object)
    rows.loc[0, ["size", "paid"]] = ["large", "perhaps"]
    _, _, errors, _, notes = raw_rows(rows, samples.encoder)
    assert errors == ["", ""] and "'size' holds words among its numbers" in notes[0] and "'paid' holds" in notes[1]
    samples, _ = read(tmp_path, frame)
    _, _, errors, _, notes = raw_rows(rows, samples.encoder)
    assert errors == ["no number: size", ""] and len(notes) == 1


def test_a_table_may_hold_categories_alone(tmp_path):
    samples, _ = read(tmp_path, table()[["colour"]])
    assert samples.columns == ["colour"] and samples.store.features.sum(1).tolist() == [1] * COUNT
    _, features, errors, *_ = raw_rows(pd.DataFrame({"colour": ["red", None]}), samples.encoder)
    assert errors == ["", ""] and features.argmax(1).tolist() == [3, 0]


def test_columns_of_arrays_may_be_empty_or_of_a_given_kind(tmp_path):
    values = np.column_stack([numbers_of_array(0), np.full(COUNT, np.nan), np.arange(COUNT) % 3, np.arange(COUNT) % 2])
    np.savez(tmp_path / "t.npz", x=values)
    path, findings = str(tmp_path / "t.npz"), Findings()
    samples = read_rows(AnomalyTableData(path=path, types={"x2": "category"}), findings, least=3)
    assert samples.columns == ["x0", "x2", "x3"]
    assert "x1 (empty)" in {entry.code: entry for entry in findings.entries}["columns_left_out"].message
    assert samples.encoder.categories[0].vocabulary == ("0", "1", "2")
    again = read_rows(AnomalyTableData(path=path), Findings(), splitting=False, columns=samples.encoder)
    np.testing.assert_array_equal(np.sort(again.store.features, 0), np.sort(samples.store.features, 0))
    assert raw_rows(values[:, [0, 2, 3]], samples.encoder)[1].tolist()[0][2:] == [0, 1, 0, 0, 0]


def numbers_of_array(seed):
    return np.random.default_rng(seed).random(COUNT)


def test_a_second_table_is_encoded_as_the_first(tmp_path):
    test = table(label=["normal"] * 40 + ["fault"] * 40)[::-1].assign(colour=["pink"] * 20 + ["red"] * 60)
    test[["label", "colour", "other", "size"]].to_csv(tmp_path / "test.csv", index=False)
    samples, found = read(tmp_path, table(), test_path=str(tmp_path / "test.csv"))
    assert samples.encoder.categories[0].vocabulary == ("blue", "green", "red")
    assert "colour (20)" in found["unseen_categories"].message and len(samples.frame) == 2 * COUNT


def test_a_run_of_an_earlier_version_goes_on_with_numbers_alone(tmp_path):
    table().to_csv(tmp_path / "t.csv", index=False)
    pipeline = config.load("anomaly-table", [f"data.path={tmp_path / 't.csv'}"], schemas=tasks.SCHEMAS).pipeline
    for facts, columns in (
        ({"columns": ["size", "other"]}, ["size", "other"]),
        ({}, ["size", "other", "colour"]),
        ({"columns": ["size"], "encoder": []}, ["size", "other", "colour"]),
    ):
        task = RowAnomalies(pipeline)
        task.resume(facts)
        assert task.load(Findings()).names == columns


def test_missing_numbers_are_filled_and_marked_where_that_is_asked_for(tmp_path):
    frame = table()
    frame.loc[::8, "size"] = np.nan
    assert read(tmp_path, frame)[1]["missing_value"].severity == "error"
    samples, found = read(tmp_path, frame, impute=True)
    names, values = feature_names(samples.encoder), samples.store.features
    assert "missing_value" not in found and len(values) == COUNT and np.isfinite(values).all()
    marks = values[:, names.index("size: (missing)")]
    train = samples.frame["split"] == "train"
    assert marks.tolist() == frame["size"].isna().tolist() and names.count("other: (missing)") == 1
    middle = frame["size"][train].median()
    np.testing.assert_allclose(values[marks == 1, 0], middle, rtol=1e-6)
    assert Columns.of_facts(json.loads(json.dumps(samples.encoder.facts()))).columns == samples.encoder.columns
    _, features, errors, *_ = raw_rows(pd.DataFrame({"size": [None], "other": [1], "colour": ["red"]}), samples.encoder)
    assert errors == [""] and features[0, 0] == np.float32(middle) and features[0, names.index("size: (missing)")] == 1


@pytest.mark.slow
@pytest.mark.eager
def test_what_no_training_row_has_gives_an_alarm(tmp_path):
    table().to_csv(tmp_path / "t.csv", index=False)
    overrides = ["data.path=t.csv", *FEW, "model.name=dense", "model.units=8", "model.latent=2", "train.batch_size=16"]
    run = tfpipelines.run("anomaly-table", overrides, observer=Observer())
    facts = json.loads((run.folder / "data.json").read_text())
    assert facts["columns"] == ["size", "other", "colour"] and facts["encoder"][2]["vocabulary"][0] == "blue"
    run = tfpipelines.load(run.folder)
    rows = table().head(3).assign(colour=["pink", "red", None], id=[7, 8, 9])
    told = run.predict(rows, explain=True)
    assert told["verdict"][0] == told["verdict"][2] == "anomaly" and "vocabulary" in told.attrs["notes"][0]
    assert told["explanation"][0]["columns"][0]["column"] == "colour: (unknown)"
    assert run.evaluate(str(tmp_path / "t.csv"))["test"]["alarm_rate"] < 0.5
    assert run.predict(rows[["colour", "size", "other"]])["score"].tolist() == told["score"].tolist()


def test_an_export_says_what_its_columns_are():
    import keras

    inputs = keras.Input((11,), name="numbers")
    served = ServedNumbers(keras.Model(inputs, inputs), feature_names(COLUMNS), COLUMNS.facts())
    assert "COLUMN: VALUE" in served.words(True)[-1]
    content = json.loads(served.files()["vocabulary.json"])
    assert content["numbers"][-1] == "colour: (unknown)" and content["read"][2]["vocabulary"] == ["blue", "red"]
    assert not ServedNumbers(keras.Model(inputs, inputs), ["a"] * 9).files()

"""Runs on numbers: page, card, advice, lists; of folders that are written by hand."""

import json
import shutil

import numpy as np
import pytest
import yaml

from tfpipelines.core.run_files import read_json
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.reporting import report
from tfpipelines.reporting.advice import advice
from tfpipelines.reporting.card import card
from tfpipelines.reporting.listing import list_runs
from tfpipelines.reporting.page import page
from tfpipelines.reporting.reading import read_facts
from tfpipelines.tasks import kind_of
from tfpipelines.tasks.abilities import Kind
from tfpipelines.tasks.classification.text_cls import TextClassification

from .number_runs import change, guesses, true_values, write_number_run

VALUES = true_values(400)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_number_run(tmp_path_factory.mktemp("numbers") / "run", VALUES, guesses(VALUES, 4.8))


@pytest.fixture
def run(written, tmp_path):
    return shutil.copytree(written, tmp_path / "run")


def facts_of(folder):
    return read_facts(RunFolder.open(folder))


def codes(folder, file="", **entries):
    if file:
        change(folder / file, **entries)
    return {entry.code: entry for entry in advice(facts_of(folder))}


def test_a_run_on_numbers_is_a_regressors_whatever_its_task_is():
    assert kind_of("text-cls", {"target": "number"}) is Kind.REGRESSOR
    assert kind_of(TextClassification, {"target": "class"}) is kind_of("text-cls", {}) is Kind.CLASSIFIER
    assert kind_of("no-such-task", {"target": "number"}) is None and kind_of(None, {}) is None


def test_what_the_page_shows(run):
    facts = facts_of(run)
    html, notes = page(facts, advice(facts))
    assert facts.made is Kind.REGRESSOR and not facts.damaged and not notes
    test = read_json(run / "metrics.json")["test"]
    outside = 400 - round(test["coverage"] * 400)
    for text in (
        "Values of the target by split",
        ">median</th>",
        "root of the mean squared error, in the unit of the target; lower is better",
        "ridge",
        "at least 0.9 of new values lie inside",
        f"{outside} of 400 test samples lie outside their prediction interval",
        "The largest errors",
        "absolute error",
        "Predicted against true values",
        "true less predicted",
        f"Test rmse {test['rmse']:.4f} (95% interval",
    ):
        assert text in html, text
    assert "class" not in [heading for heading in html.split("<th") if heading.startswith(">class")]
    assert "misclassified" not in html and "confidence" not in html and "Most frequent confusions" not in html


def test_the_largest_errors_come_first(run):
    failures = facts_of(run).failures
    errors = [float(error) for *_, error in failures.samples]
    assert len(errors) == 12 and errors == sorted(errors, reverse=True) and failures.of == failures.rows == 400
    item, true, told, error = failures.samples[0]
    assert float(true) == VALUES[int(item)] and told.count(" to ") == 1
    assert float(error) == pytest.approx(np.abs(VALUES - guesses(VALUES, 4.8)).max(), abs=1e-4)


def test_without_prediction_intervals(tmp_path):
    folder = write_number_run(tmp_path / "run", VALUES, guesses(VALUES, 4.8), radius=None)
    facts = facts_of(folder)
    html, _ = page(facts, advice(facts))
    assert facts.failures.total is None and "lie outside their" not in html and "The largest errors" in html


def test_the_card(run):
    text = card(facts_of(run), [])
    metadata = yaml.safe_load(text.split("---\n")[1])
    assert "pipeline_tag" not in metadata and "regression" in metadata["tags"]
    assert metadata["metrics"] == ["mse", "mae", "r_squared", "spearmanr"]
    (result,) = metadata["model-index"][0]["results"]
    told, test = {entry["type"]: entry["value"] for entry in result["metrics"]}, read_json(run / "metrics.json")["test"]
    assert told["mse"] == pytest.approx(test["rmse"] ** 2, abs=1e-5) and told["rmse"] == pytest.approx(
        test["rmse"], abs=1e-6
    )
    assert told["r_squared"] == pytest.approx(test["r2"], abs=1e-6) and "coverage" in told
    assert "a number in the unit of the target" in text and "probability for each class" not in text
    assert "Values of the target" not in text and "| split | samples | mean |" in text
    assert 'model.keras")\nmodel(tf.constant(["A gripping film"]))  # import' in text
    assert "Largest errors on the test split: " in text and "**Classes:**" not in text


def test_nothing_to_say_of_a_good_run(run):
    assert codes(run) == {}


@pytest.mark.parametrize(
    ("code", "file", "entries", "said"),
    [
        ("worse_than_baseline", "metrics.json", {"baselines": {"ridge": {"rmse": 4.0}}}, "ridge 4.0"),
        ("no_better_than_guessing", "metrics.json", {"baselines": {"mean": {"rmse": 4.0}}}, "is not better than"),
        ("coverage", "metrics.json", {"expected_coverage": [0.95, 0.99]}, "95.0 % to 99.0 % (95%), so the test"),
        ("coverage", "metrics.json", {"expected_coverage": [0.4, 0.5]}, "many of the errors there are equal"),
        (
            "few_calibration_samples", "metrics.json",
            {"interval": {"radius": 8.0, "coverage": 0.9, "interval": [0.7, 0.97], "samples": 20, "source": "here"}},
            "With 20 calibration samples",
        ),
        ("small_test", "metrics.json", {"intervals": {"rmse": [3.0, 9.0]}}, "3.0000 to 9.0000"),
        ("few_samples", "data.json", {"values": {"train": {"rows": 30, "min": 0.0}}}, "30 training samples"),
        (
            "skewed_target", "data.json", {"values": {"train": {"rows": 900, "min": 1.0, "median": 3.0, "max": 400.0}}},
            "the largest 400.0000",
        ),
    ],
)  # fmt: skip
def test_advice(run, code, file, entries, said):
    found = codes(run, file, **entries)
    assert found.keys() == {code} and said in found[code].text
    if code == "skewed_target":
        assert "data.target_scale=log" in found[code].command


def test_overfitting(run):
    history = (run / "history.csv").read_text().replace("val_rmse", "val_other")
    (run / "history.csv").write_text(history.replace("rmse", "val_rmse").replace("val_other", "rmse"))
    assert codes(run) == {}
    lines = (run / "history.csv").read_text().splitlines()
    names = lines[0].split(",")
    cells = lines[2].split(",")
    cells[names.index("rmse")], cells[names.index("val_rmse")] = "3.0", "5.0"
    (run / "history.csv").write_text("\n".join([lines[0], lines[1], ",".join(cells), lines[3]]) + "\n")
    (found,) = codes(run).values()
    assert found.code == "overfitting" and "3.0000 in training and 5.0000 in validation" in found.text
    assert "(train.weight_decay)" in found.text


def test_lists_show_its_main_metric(run):
    (entry,) = list_runs(run.parent)
    test = read_json(run / "metrics.json")["test"]
    assert entry["metric"] == {"name": "rmse", "part": "test", "value": test["rmse"]}


@pytest.mark.parametrize(
    "damage",
    [
        {"values": {"train": [1]}},
        {"values": {"train": {"rows": "many", "mean": None}}},
        {"values": 3, "target": "number"},
        {"interval": 7, "expected_coverage": [0.1], "baselines": {"mean": 3}, "test": {"rmse": "x"}},
        {"interval": {"interval": [1, None]}, "intervals": {"rmse": [1]}, "test": {"rmse": 0, "coverage": 2}},
    ],
)
def test_damaged_files_are_reported_all_the_same(run, damage):
    for file in ("data.json", "metrics.json"):
        change(run / file, **damage)
    facts = facts_of(run)
    html, _ = page(facts, advice(facts))
    assert "</html>" in html and card(facts, [])


def test_predictions_that_are_no_numbers(run):
    (run / "predictions.csv").write_text("item,label,predicted,low,high\n0,a,1,0,2\n1,2,,,\n" + "2,1,nan,inf,1\n" * 398)
    facts = facts_of(run)
    assert facts.failures.samples == [] and page(facts, [])[0]
    (run / "predictions.csv").write_text("item,label,predicted,low,high\n0,1,1,0,2\n")
    assert any("1 rows" in name for name in facts_of(run).damaged)


def test_a_file_of_another_shape_is_refused(run):
    from tfpipelines import ArtifactError
    from tfpipelines.core.run_shapes import RUN_METRICS

    assert read_json(run / "metrics.json", ("time",), RUN_METRICS)
    change(run / "metrics.json", interval={"radius": "wide"})
    with pytest.raises(ArtifactError, match="radius is a text, not a number"):
        read_json(run / "metrics.json", ("time",), RUN_METRICS)
    text = json.loads((run / "data.json").read_text()) | {"values": {"train": {"rows": "many"}}}
    (run / "data.json").write_text(json.dumps(text))
    with pytest.raises(ArtifactError, match="values.train.rows is a text"):
        read_json(run / "data.json")


def test_a_report_does_not_grow_with_the_test_rows(run, tmp_path):
    values = true_values(10_000)
    large = write_number_run(tmp_path / "large", values, guesses(values, 4.8))
    small, size = (report(folder).page.stat().st_size for folder in (run, large))
    assert 10_000 < size < 1.2 * small < 3_000_000

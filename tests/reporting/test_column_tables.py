"""Importance of columns, and metrics by the values of categories, on the page and in the card of a run on a table."""

import pytest

from tfpipelines.reporting import report
from tfpipelines.reporting.column_tables import importance_table, slices_table
from tfpipelines.reporting.reading import read_facts

from .conftest import history

CLASSES = {
    "test": {"accuracy": 0.8, "balanced_accuracy": 0.7, "log_loss": 0.5, "ece": 0.1},
    "samples": 100,
    "importance_unit": "increase of the test cross-entropy",
    "importance": [
        {"column": "year", "importance": -0.00001, "deviation": 0.002},
        {"column": "<b>bill</b>", "importance": 12.5, "deviation": 0.25},
        {"column": "sex", "importance": None},
        "damaged",
    ],
    "slices": [
        {"column": "island", "value": "Biscoe", "rows": 40, "accuracy": 0.9, "log_loss": 0.3},
        {"column": "island", "value": "", "rows": 12, "accuracy": 0.5, "log_loss": 0.9},
        {"column": "sex", "value": "male", "rows": 30, "accuracy": 0.5, "log_loss": 1.2},
        {"column": "sex", "value": "none", "rows": 30},
    ],
}
NUMBERS = {
    "test": {"rmse": 10.0, "mae": 8.0, "spearman": 0.9, "coverage": 0.9},
    "samples": 500,
    "importance": [{"column": f"c{place}", "importance": 1.0 / (1 + place), "deviation": 0.0} for place in range(40)],
    "slices": [{"column": "town", "value": str(place), "rows": 10, "rmse": float(place)} for place in range(30)],
}


@pytest.fixture
def folder(made_up):
    def make(metrics):
        pipeline = {"task": "tabular", "name": "tabular", "seed": 0, "model": {"name": "boosting"}}
        target = "number" if "rmse" in metrics["test"] else "class"
        files = {"pipeline.yaml": pipeline, "metrics.json": metrics, "data.json": {"target": target}}
        folder = made_up(files, task="tabular", pipeline="tabular", pictures=["importance_of_columns"])
        (folder / "model.keras").write_text("")
        (folder / "plots" / "mistakes.html").write_text("<p>")
        return folder

    return make


def test_slices_come_worst_first_below_all_rows(folder):
    table = slices_table(read_facts(folder(CLASSES)))
    assert table.columns == ["column", "value", "rows", "accuracy", "difference", "log_loss"]
    assert table.rows == [
        ["all rows", "", "100", "0.8000", "", "0.5000"],
        ["sex", "male", "30", "0.5000", "-0.3000", "1.2000"],
        ["island", "(missing)", "12", "0.5000", "-0.3000", "0.9000"],
        ["island", "Biscoe", "40", "0.9000", "+0.1000", "0.3000"],
    ]


def test_of_errors_the_largest_are_the_worst_and_few_are_shown(folder):
    facts = read_facts(folder(NUMBERS))
    table = slices_table(facts)
    assert len(table.rows) == 21 and table.rows[1][:5] == ["town", "29", "10", "29.0000", "+19.0000"]
    assert "The worst 20 of 30 slices; all are in metrics.json" in table.note
    assert len(slices_table(facts, 10).rows) == 11
    importance = importance_table(facts)
    assert len(importance.rows) == 30 and "first 30 of 40 columns" in importance.note
    assert importance.columns[1] == "increase of the test loss"


def test_importance_has_as_many_decimals_as_the_largest_needs(folder):
    table = importance_table(read_facts(folder(CLASSES)))
    assert table.columns == ["column", "increase of the test cross-entropy", "deviation"]
    assert table.rows == [["<b>bill</b>", "12.50", "0.25"], ["year", "0.00", "0.00"]]


def test_page_and_card_have_both(folder):
    made = folder(CLASSES)
    written = report(made.path)
    page, card = written.page.read_text(), written.card.read_text().replace("\\", "")
    failing = page.index("Where it fails</h2>")
    assert page.index("<caption>Permutation importance of the columns") < failing
    assert page.index("<caption>Test metrics by the values of categories") > failing
    assert page.index("plots/mistakes.html") > failing and "More pictures" not in page and "<b>bill" not in page
    assert "| sex | male | 30 |" in card and "| column | increase of the test cross-entropy | deviation |" in card


def test_a_blend_has_no_epochs_of_its_own(made_up):
    """The folder of a run of an earlier version has those of its first part."""
    parts = [{"name": name, "epochs": 9, "best_epoch": 7, "state": "done", "chosen": False} for name in ("cnn", "mlp")]
    blend = {"name": "blend", "fields": {"cnn": 0.85, "mlp": 0.15}, "epochs": 0, "best_epoch": 0, "chosen": True}
    rows = [{"epoch": epoch, "loss": 1 / epoch, "val_loss": 1 / epoch} for epoch in range(1, 10)]
    metrics = {"test": {"accuracy": 0.8}, "best_epoch": 9, "candidates": [*parts, blend]}
    folder = made_up({"metrics.json": metrics, "history.csv": history(rows)}, pictures=(), epoch=9, epochs=9)
    (folder / "model.keras").write_text("")
    written = report(folder.path)
    page, card = written.page.read_text(), written.card.read_text().replace("\\", "")
    assert "The model is a blend: cnn (0.85), mlp (0.15)." in written.summary
    assert "<dt>epochs</dt>" not in page and "epoch 9" not in page and "<svg" not in page
    assert "candidates/ has the history of each" in page
    assert "**blend of:** cnn (0.85), mlp (0.15)" in card and "**epoch:**" not in card
    assert not [entry for entry in written.advice if entry.code == "train_longer"]


def test_damaged_entries_are_left_out(folder):
    facts = read_facts(folder({"test": {"accuracy": 0.5}, "importance": {"a": 1}, "slices": [1, {"accuracy": "x"}]}))
    assert not importance_table(facts) and not slices_table(facts)

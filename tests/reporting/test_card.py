"""The model card: metadata that the hub reads, every section, and what someone has written into it."""

import json

import pytest
import yaml

from tfpipelines.reporting import report
from tfpipelines.reporting.card import is_ours


def front_matter(text):
    _, matter, body = text.split("---\n", 2)
    return yaml.safe_load(matter), body


def test_metadata_and_sections(real):
    run = real[0]
    text = (run.folder / "README.md").read_text()
    metadata, body = front_matter(text)
    assert (
        metadata["library_name"] == "keras"
        and metadata["pipeline_tag"] == "image-classification"
        and metadata["metrics"] == ["accuracy", "f1", "matthews_correlation"]
        and "license" not in metadata
        and "language" not in metadata
    )
    (result,) = metadata["model-index"][0]["results"]
    assert result["task"]["type"] == "image-classification" and result["dataset"] == {
        "type": "digits",
        "name": "digits",
        "split": "test",
    }
    assert {entry["type"]: entry["value"] for entry in result["metrics"]}["accuracy"] == pytest.approx(
        run.metrics["test"]["accuracy"], abs=1e-6
    )
    for heading in (
        "Model details",
        "Intended use",
        "Training data",
        "Evaluation",
        "Limitations",
        "Ethical considerations",
        "How to load it",
    ):
        assert f"\n## {heading}\n" in body
    low, high = run.metrics["intervals"]["accuracy"]
    assert (
        f"{low:.4f} to {high:.4f}" in body
        and 'keras.saving.load_model("model.keras")' in body
        and str(run.folder.parent) not in text
    )


def test_the_hub_reads_the_metadata(real):
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard((real[0].folder / "README.md").read_text(), ignore_metadata_errors=False)
    assert {result.metric_type for result in card.data.eval_results} >= {
        "accuracy",
        "f1",
        "log_loss",
    } and card.data.pipeline_tag == "image-classification"


def test_a_card_that_someone_has_changed_is_left_alone(real):
    folder = real[0].folder
    path = folder / "README.md"
    whole = path.read_text()
    assert is_ours(whole) and report(folder).card == path and is_ours(path.read_text())
    path.write_text(whole.replace("*To be filled in", "It may harm nobody. *"))
    written = report(folder)
    assert (
        written.card is None
        and "It may harm nobody." in path.read_text()
        and any("left as it is" in note for note in written.notes)
    )
    path.unlink()
    assert report(folder).card == path and path.read_text() == whole.replace(str(folder), "")


def test_of_a_detector(made_up):
    threshold = {"threshold": 0.5, "false_alarm_rate": 0.05, "samples": 60}
    folder = made_up(
        {
            "pipeline.yaml": {"task": "anomaly", "name": "anomaly", "model": {"name": "feature"}},
            "data.json": {
                "path": "/home/someone/secret/parts",
                "classes": ["good", "bad"],
                "counts": {"train": {"good": 240, "bad": 0}, "test": {"good": 60, "bad": 20}},
                "normal": ["good"],
            },
            "metrics.json": {
                "test": {"roc_auc": 0.8, "false_alarm_rate": 0.4},
                "test_interval": [0.0, 0.15],
                "samples": 80,
                "baselines": {"PCA": {"roc_auc": 0.9}},
                "threshold": threshold,
                "about": ["threshold 0.5"],
            },
            "predictions.csv": "item,score,p_value,verdict,label\n"
            "a.png,0.9,0.01,anomaly,good\nb.png,0.1,0.9,normal,bad\nc.png,0.2,0.5,normal,good\n",
        },
        task="anomaly",
    )
    (folder / "model.keras").write_text("no archive")
    written = report(folder.path)
    metadata, body = front_matter(written.card.read_text())
    assert (
        "pipeline_tag" not in metadata
        and "anomaly-detection" in metadata["tags"]
        and metadata["model-index"][0]["results"][0]["dataset"]["name"] == "parts"
    )
    assert "/home/someone" not in body and "good predicted as anomaly (1 time)" in body and "cannot be read" in body
    assert {entry.code: entry.command for entry in written.advice} == {
        "worse_than_baseline": "",
        "false_alarms": f"tfpipe recalibrate {folder} PATH",
    }
    page = written.page.read_text()
    assert "2 of 3 test samples are misclassified" in page and json.dumps(threshold) not in page

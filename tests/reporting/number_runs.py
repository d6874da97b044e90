"""Run folders of regressors, written by hand: what is in them is known."""

import json

import numpy as np
import pandas as pd

from tfpipelines import evaluation
from tfpipelines.core import config
from tfpipelines.core.files import write_json
from tfpipelines.metrics import PredictionInterval
from tfpipelines.tasks import SCHEMAS

VERSIONS = {"tfpipelines": "0.1.0", "keras": "3.15.1"}


def true_values(count: int, seed: int = 0) -> np.ndarray:
    """Targets of test rows, float64 (count,)."""
    return np.round(np.random.default_rng(seed).normal(50, 10, count), 2)


def guesses(values: np.ndarray, error: float, seed: int = 1) -> np.ndarray:
    """Predictions with normal errors of this size."""
    return values + np.random.default_rng(seed).normal(0, error, len(values))


def write_number_run(
    folder, values, predicted, *, overrides=(), items=None, labels=None, radius=8.0, metrics=(), **data
):
    """The files that a run on numbers leaves, but for the model.

    Args:
        labels: as splits.csv has them; default: as short as can be.
        radius: of the prediction intervals; None for none.
        metrics: further entries of metrics.json.
        data: further entries of data.json.
    """
    (folder / "plots").mkdir(parents=True)
    resolved = config.load("text-cls", ["train.label_smoothing=0", *overrides], schemas=SCHEMAS).pipeline
    items = [f"{number}" for number in range(len(values))] if items is None else items
    frame = pd.DataFrame({"item": items, "value": values, "text": [f"text {number}" for number in items]})
    low, high = (None, None) if radius is None else (predicted - radius, predicted + radius)
    figures = evaluation.evaluate_numbers(values, predicted, low, high, 50, 0)
    evaluation.write_numbers(folder, folder / "plots", figures, frame, predicted, low, high)
    splits = frame[["item"]].assign(label=[f"{value:g}" for value in values] if labels is None else labels)
    splits = splits.assign(split="test", fingerprint=[f"{number:016x}" for number in range(len(values))])
    splits.loc[len(splits)] = ["more", "40.5", "train", "f" * 16]
    splits.to_csv(folder / "splits.csv", index=False, lineterminator="\n")
    promise = {}
    if radius is not None:
        interval = PredictionInterval(radius, 0.9, 199, "the calibration split")
        promise = {"interval": interval.facts(), "expected_coverage": interval.expected(len(values))}
        promise["about"] = [interval.sentence(), interval.beside_the_promise(figures["test"]["coverage"], len(values))]
    baselines = {name: {"rmse": rmse, "mae": 0.8 * rmse} for name, rmse in (("mean", 10.0), ("ridge", 6.0))}
    content = {"validation": {"rmse": 4.0}, **figures, "baselines": baselines, "best_epoch": 2, **promise}
    write_json(folder / "metrics.json", {**content, "time": {"training": 3.0, "total": 61.0}, **dict(metrics)})
    rows = {"train": 1200, "validation": 200, "calibration": 199, "test": len(values)}
    spread = {"mean": 50.0, "std": 10.0, "min": 12.5, "median": 49.5, "max": 90.0}
    facts = {"path": "houses.csv", "target": "number", "classes": [], "counts": {}, "content_hash": "1", "rows": rows}
    facts["values"] = {split: {"rows": count, **spread} for split, count in rows.items()}
    write_json(folder / "data.json", {**facts, "findings": [], **data})
    write_json(folder / "environment.json", {"versions": VERSIONS, "pipeline": config.as_dict(resolved)})
    (folder / "pipeline.yaml").write_text(config.to_yaml(resolved))
    history = [
        {
            "epoch": epoch,
            "loss": loss,
            "rmse": 12 * loss,
            "val_loss": loss,
            "val_rmse": 12.5 * loss,
            "learning_rate": 0.1,
        }
        for epoch, loss in enumerate((0.9, 0.4, 0.5), 1)
    ]
    pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
    times = {"started": "2020-01-01T00:00:00+00:00", "updated": "2020-01-01T00:02:00+00:00"}
    write_json(folder / "status.json", {"state": "done", "task": resolved.task, "pipeline": resolved.name, **times})
    return folder


def change(path, **entries):
    """Changes entries of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))

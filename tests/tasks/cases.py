"""A small run of each task on sample data: what the contract test, the recorded bits and the earlier runs are made
of.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import tfpipelines
from tfpipelines import metrics
from tfpipelines.core import config

from .. import pretrained
from ..conftest import ROOT, TINY


def digit_images(items):
    with np.load(ROOT / "data" / "digits" / "digits.npz") as archive:
        return archive["x"][[int(item) for item in items]]


def review_texts(items):
    table = pd.read_csv(ROOT / "data" / "reviews" / "reviews.csv")
    return table["text"].iloc[[int(item) for item in items]].tolist()


def emoji_files(items):
    return [ROOT / "data" / "emoji" / item for item in items]


def brick_files(items):
    return [ROOT / "data" / "bricks" / item for item in items]


def cell_rows(items):
    return pd.read_csv(ROOT / "data" / "cells" / "cells.csv").iloc[[int(item) for item in items]]


def penguin_rows(items):
    return pd.read_csv(ROOT / "data" / "penguins" / "penguins.csv").iloc[[int(item) for item in items]]


def pressure_windows(items):
    values = pd.read_csv(ROOT / "data" / "pressure" / "pressure_test.csv")["value"].to_numpy()
    first_and_last = [item.split(" to ") for item in items]
    return [values[int(first) : int(last) + 1] for first, last in first_and_last]


SMALL_TEXT = [
    "model.name=bilstm",
    "model.units=8",
    "model.embedding=8",
    "train.epochs=1",
    "train.batch_size=16",
    "train.warmup_epochs=0",
    "evaluation.bootstrap=50",
    "model.wide.words=2",
    "model.wide.characters=[3, 5]",
    "model.wide.min_count=1",
    "model.wide.deep_weight=0.1",
    "data.limit=64",
]
SMALL_FINETUNE = [
    "train.head_epochs=1",
    "train.epochs=1",
    "train.batch_size=8",
    "train.warmup_epochs=0",
    "model.unfreeze=2",
    "evaluation.bootstrap=50",
    "data.limit=48",
]
SMALL_ANOMALY = [
    "model.latent=4",
    "train.epochs=1",
    "evaluation.baselines=false",
    "train.batch_size=16",
    "evaluation.bootstrap=50",
    "data.limit=64",
]
FEATURE = [  # the autoencoder of features by which the pictures of bricks have long been told
    "model.name=feature",
    "model.smoothing=3",
    "model.top=0.00125",
]
SMALL_ROWS = ["model.name=vae", "model.units=16", *SMALL_ANOMALY]
SMALL_WINDOWS = [
    "model.name=conv1d",
    "model.filters=[16, 32]",
    "model.centered=true",
    "model.noise=0.05",
    "model.pooling=mean",
    "data.window=16",
    *SMALL_ANOMALY,
    "data.on_leak=warn",
]
SMALL_TABLE = [
    "model.name=mlp",
    "model.units=16",
    "model.bins=4",
    "train.epochs=1",
    "train.batch_size=16",
    "evaluation.bootstrap=50",
    "data.limit=64",
]
SMALL_GAN = [
    "model.generator_filters=4",
    "model.discriminator_filters=4",
    "train.epochs=1",
    "train.steps_per_epoch=4",
    "train.batch_size=16",
    "evaluation.samples=32",
    "evaluation.epoch_samples=32",
    "data.limit=64",
]
# task -> (pipeline, overrides that make it small, items of predictions.csv -> raw input; None for what generates
# instead)
CASES = {
    "image-cls": ("image-cls", [*TINY, "data.limit=64", "train.precision=float32"], digit_images),
    "text-cls": ("text-cls", SMALL_TEXT, review_texts),
    "finetune": ("backbone", [*SMALL_FINETUNE, "data.size=64", "data.folds=null"], emoji_files),
    "finetune-text": ("text-backbone", SMALL_FINETUNE, review_texts),
    "tabular": ("tabular", SMALL_TABLE, penguin_rows),
    "anomaly": ("anomaly", [*FEATURE, *SMALL_ANOMALY, "data.size=64", "model.units=16"], brick_files),
    "anomaly-table": ("anomaly-table", SMALL_ROWS, cell_rows),
    "anomaly-series": ("anomaly-series", SMALL_WINDOWS, pressure_windows),
    "dcgan": ("dcgan", SMALL_GAN, None),
}
# The same of detectors that are fitted, not trained: in one epoch, without curves.
FITTED = {
    name: ("anomaly-table", [f"model.name={name}", *fields, *SMALL_ANOMALY[2:]], cell_rows)
    for name, *fields in (
        ("pca",), ("gaussian",), ("knn", "model.rows=30"), ("isolation_forest", "model.n_estimators=20"),
    )
}  # fmt: skip
FITTED_TO_IMAGES = {
    name: ("anomaly", [f"model.name={name}", *fields, *SMALL_ANOMALY[2:], "data.size=32"], brick_files)
    for name, *fields in (("memory", "model.places=50"), ("padim", "model.channels=16"))
}
FITTED_TO_SERIES = {
    f"series-{name}": (
        "anomaly-series",
        [f"model.name={name}", *fields, "data.window=16", *SMALL_ANOMALY[2:-1], "data.limit=128"],
        pressure_windows,
    )
    for name, *fields in (("pca", "model.centered=true"), ("forecast",), ("matrix_profile", "model.windows=30"))
}
EVERY_FITTED = FITTED | FITTED_TO_IMAGES | FITTED_TO_SERIES
# what every run leaves
FILES = {
    "pipeline.yaml",
    "environment.json",
    "data.json",
    "splits.csv",
    "status.json",
    "history.csv",
    "model.keras",
    "metrics.json",
    "report.html",
    "README.md",
    "manifest.json",
}
# task -> the field that names a network, and the function of tests/pretrained.py (or the fixture) that makes it
NETWORKS = {
    **dict.fromkeys(("memory", "padim"), ("model.backbone", "tiny_backbone")),
    "finetune": ("model.backbone", "tiny_backbone"),
    "finetune-text": ("model.backbone", "tiny_bert"),
    "anomaly": ("model.backbone", "tiny_backbone"),
    "dcgan": ("evaluation.features", "tiny_classifier"),
}
PLACES = {"tiny_backbone": "tiny.keras", "tiny_bert": "tiny-bert", "tiny_classifier": "tiny"}


def make_network(name: str, folder: Path) -> Path:
    """Makes one of the networks of `NETWORKS` in a folder, unless it is there already."""
    path = folder / PLACES[name]
    return path if path.exists() else getattr(pretrained, name)(path)


def case_with(name: str, network: Callable[[str], Any]) -> tuple[str, list[str], Callable | None]:
    """Pipeline, overrides and the function to raw input of a task.

    Args:
        name: of the task.
        network: gives the path of a network by its name in `NETWORKS`.
    """
    pipeline, overrides, raw = (CASES | EVERY_FITTED)[name]
    if name in NETWORKS:
        field, needed = NETWORKS[name]
        overrides = [*overrides, f"{field}={network(needed)}"]
    return pipeline, overrides, raw


def answers(run, raw):
    """What a run has written of its test samples, or drawn, and what it says of them now."""
    if raw is None:
        drawn, labels = run.generate(64, run.pipeline.seed)
        table = pd.read_csv(run.folder / "samples" / "samples.csv", dtype=str)
        assert labels is None or labels == table["label"].tolist()
        written = [np.asarray(Image.open(run.folder / "samples" / name)) for name in table["image"]]
        return np.stack(written).reshape(drawn.shape), drawn
    written = pd.read_csv(run.folder / "predictions.csv", dtype={"item": str})
    predicted = run.predict(raw(written["item"]))
    scores = predicted.select_dtypes("number").columns
    assert len(scores) and len(predicted) == len(written) > 0
    return written[scores].to_numpy(), predicted[scores].to_numpy()


def check_what_is_left(run):
    """That a finished run has left every file, and figures that may be."""
    assert run.status["state"] == "done" and run.status["format"] == 1
    left = {str(path.relative_to(run.folder)) for path in run.folder.rglob("*") if path.is_file()}
    assert left >= FILES and ("plots/curves.png" in left) != config.is_fitted(run.pipeline.model)
    assert [path for path in left if path.startswith("logs/tensorboard/")] and not [
        path for path in left if ".tmp-" in path
    ]
    manifest = json.loads((run.folder / "manifest.json").read_text())["files"]
    later = {path for path in left if path.startswith("logs/")} | {"report.html", "README.md", "manifest.json", ".lock"}
    assert set(manifest) == left - later and tfpipelines.verify(run.folder).ok
    names = [{path.stem for path in (run.folder / "checkpoints").glob(f"*.{end}")} for end in ("npz", "json")]
    assert names[0] == names[1] and 1 <= len(names[0]) <= 2  # the last and the best, of one epoch the same
    figures = json.loads((run.folder / "metrics.json").read_text())
    for part in ("train", "validation", "test"):
        for name, value in figures.get(part, {}).items():
            entry = metrics.metric(name, metrics.metric(metrics.main_figure(figures[part])).kind)
            assert entry is not None and entry.what and entry.range[0] <= value <= entry.range[1], name

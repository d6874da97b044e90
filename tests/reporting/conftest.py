"""Run folders to report on: one that is real, and made-up ones."""

import json
import os

import pytest
import yaml
from PIL import Image, ImageDraw

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core.run_folder import RunFolder

from ..conftest import TINY
from ..eager import eagerly


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    """A tiny image-cls run, and what its observer was told."""
    notes = []

    class Notes(Observer):
        def note(self, text):
            notes.append(text)

    where = tmp_path_factory.mktemp("real")
    before = os.getcwd()
    os.chdir(where)
    try:
        with eagerly():
            run = tfpipelines.run("image-cls", [*TINY, "data.limit=80", "train.epochs=2"], observer=Notes())
    finally:
        os.chdir(before)
    return run, notes


@pytest.fixture
def made_up(tmp_path):
    """Makes a run folder out of the content of its files: made_up({"metrics.json": {...}}, state="done") ->
    RunFolder.
    """

    def make(files=(), name="made-up", pictures=("curves",), **status):
        folder = tmp_path / name
        (folder / "plots").mkdir(parents=True, exist_ok=True)
        content = {
            "status.json": {"state": "done", "pipeline": "image-cls", "task": "image-cls", **status},
            "pipeline.yaml": PIPELINE,
            **dict(files),
        }
        for file, what in content.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(
                what if isinstance(what, str) else yaml.safe_dump(what) if file.endswith(".yaml") else json.dumps(what)
            )
        for picture in pictures:
            image = Image.new("RGB", (300, 200), "white")
            ImageDraw.Draw(image).line((0, 0, 300, 200), fill="red")
            image.save(folder / "plots" / f"{picture}.png")
        return RunFolder.open(folder)

    return make


PIPELINE = {
    "task": "image-cls",
    "name": "image-cls",
    "seed": 0,
    "data": {"augment": {}, "class_weights": None, "oversample": False},
    "model": {"name": "cnn", "dropout": 0.3},
    "train": {"epochs": 10, "learning_rate": 0.003, "weight_decay": 0.01},
    "evaluation": {"calibrate": True},
}


def history(rows):
    """history.csv of dicts."""
    names = list(rows[0])
    return "\n".join([",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)]) + "\n"

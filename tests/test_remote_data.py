"""Runs whose data are behind URLs: each keeps to the content that it began with."""

import json
import os
import shutil
import signal

import pytest

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core.config import load
from tfpipelines.core.machine import cache_folder
from tfpipelines.core.urls import Url
from tfpipelines.errors import ConfigError, DataError, Interrupted
from tfpipelines.tasks import SCHEMAS
from tfpipelines.tuning import Plan

from .datasets.remote.conftest import served as served

FIELDS = {
    "model.name": "linear",
    "train.epochs": 1,
    "data.target_column": "species",
    "train.batch_size": 16,
    "evaluation.bootstrap": 50,
}


def rows(count):
    each = (f"{place % 7},{place % 5 + 10 * (place % 2)},{'ab'[place % 2]}" for place in range(count))
    return "\n".join(["x,y,species", *each, ""]).encode()


class Stops(Observer):
    """Stops a run once its data are read, as a signal does."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)

    def data(self, facts):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.eager
def test_a_run_keeps_to_the_content_that_it_began_with(served):
    served.files["/set.csv"] = rows(80)
    url = f"{served.url}/set.csv"
    stops = Stops()
    with pytest.raises(Interrupted):
        secret = url.replace("://", "://anna:geheim@")
        command = f"tfpipe run tabular data.path={secret}?x=1"
        tfpipelines.run("tabular", FIELDS | {"data.path": secret}, name="one", observer=stops, command=command)
    assert f"Fetching {url}, of {len(rows(80))} bytes, once, into" in stops.notes[0]
    path = load("runs/one/pipeline.yaml", schemas=SCHEMAS).pipeline.data.path
    assert path.startswith(f"{url}#sha256=")
    facts = json.loads((cache_folder().parent / "runs/one/data.json").read_text())
    assert facts["path"] == path and "copied" in [entry["code"] for entry in facts["findings"]]
    written = "".join(file.read_text(errors="replace") for file in cache_folder().parent.rglob("*") if file.is_file())
    assert "geheim" not in written and "anna" not in written and "***@127.0.0.1" in written
    served.files["/set.csv"] = rows(90)
    shutil.copytree("runs/one", "runs/two")
    asked = len(served.asked)
    run = tfpipelines.resume("runs/one", observer=Observer())
    assert run.status["state"] == "done" and len(served.asked) == asked  # nobody was asked
    shutil.rmtree(cache_folder())
    with pytest.raises(DataError, match=f"{url} has changed: its SHA-256 is .*, and {path[-64:]} is asked for"):
        tfpipelines.resume("runs/two", observer=Observer())


@pytest.mark.slow
def test_a_model_answers_for_urls(served):
    served.files["/set.csv"] = rows(80)
    url = f"{served.url}/set.csv"
    run = tfpipelines.run("tabular", FIELDS | {"data.path": url}, observer=Observer())
    served.files["/set.csv"] = rows(90)
    assert len(run.predict(url)) == 90 and run.predict(f"{served.url}/no.csv")["error"][0].startswith(served.url)
    figures = run.evaluate(url.replace("://", "://anna:geheim@"), split="all")
    assert figures["samples"] == 90 and "geheim" not in json.dumps(figures, default=str)


def test_a_check_and_a_search(served):
    served.files["/set.csv"] = rows(80)
    url = f"{served.url}/set.csv"
    report = tfpipelines.check(url, {"data.target_column": "species"}, pipeline="tabular")
    assert report.error is None and report.facts["path"].startswith(f"{url}#sha256=")
    plan = Plan.of("tabular", {**FIELDS, "data.path": url, "search.space.train.learning_rate": [0.1, 0.2]}, SCHEMAS)
    from tfpipelines.datasets.remote.pipelines import with_copies

    plan = plan.with_data(with_copies(plan.pipeline, print))
    assert plan.content["data"]["path"] == plan.pipeline.data.path == report.facts["path"]  # so for every trial


@pytest.mark.parametrize("field", ["masks", "root"])
def test_folders_beside_the_data_are_local(field, photos):
    changes = {"data.path": str(photos), f"data.{field}": "https://x.org/masks.zip"}
    with pytest.raises(ConfigError, match=f"data.{field}=https://x.org/masks.zip: files beside the data"):
        tfpipelines.run("anomaly", changes, observer=Observer())


def test_products_behind_a_url(served, photos):
    import io
    import zipfile

    from tfpipelines.tasks import new_task

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for product in ("cap", "nut"):
            for split in ("train/good", "test/good", "test/hole"):
                for path in sorted((photos / "zero").glob("*.png"))[:2]:
                    archive.write(path, f"all/{product}/{split}/{path.name}")
    served.files["/all.zip"] = stream.getvalue()
    pipeline = load("anomaly", {"data.path": f"{served.url}/all.zip"}, schemas=SCHEMAS).pipeline
    several = new_task(pipeline).products()
    paths = {name: one.data.path for name, one in several.pipelines.items()}
    assert list(paths) == ["cap", "nut"] and paths["cap"].endswith("&inside=all/cap")
    from tfpipelines.datasets.source import open_source
    from tfpipelines.datasets.source.requests import IMAGES

    assert (open_source(paths["nut"], IMAGES).path / "train" / "good").is_dir()


def test_words_of_predict_keep_their_slashes_and_show_no_secrets(served, monkeypatch, tfpipe):
    import pandas as pd

    from tfpipelines.cli import models

    class Stub:
        pipeline = None

        def predict(self, inputs, *arguments, **options):
            given.extend(inputs)
            return pd.DataFrame({"item": ["x"]})

    given: list = []
    monkeypatch.setattr(models, "opened", lambda *arguments: Stub())
    words = ["https://x.org/a?Signature=ab//cd", "HTTP://x.org/a", "ftp://anna:geheim@x.org/a", "a//b.png"]
    assert tfpipe("predict", "run", *words).code == 0
    assert [str(one) for one in given] == [*words[:3], "a/b.png"]
    assert [isinstance(one, Url) for one in given] == [True, True, True, False]


def test_the_command_of_a_run_is_masked_word_by_word(monkeypatch):
    import sys

    from tfpipelines.api import _masked_command

    monkeypatch.setattr(sys, "argv", ["tfpipe", "data.path=http://anna:ge h@eim@x.org/a?token=a'b", "c d"])
    assert _masked_command("") == "tfpipe 'data.path=http://***@x.org/a?token=***' 'c d'"
    assert _masked_command("tfpipe data.path=http://anna:ge@heim@x.org/a") == "tfpipe data.path=http://***@x.org/a"

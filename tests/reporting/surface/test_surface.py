"""Loss surfaces of real runs: what is measured, what is written, what is refused."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core.config import packaged
from tfpipelines.core.files import file_hash
from tfpipelines.errors import ConfigError, DataError
from tfpipelines.tasks import TASKS

from ...conftest import DOT, ROOT, TINY
from ...eager import eagerly
from ...tasks.cases import CASES, SMALL_ANOMALY, SMALL_ROWS
from ...tasks.test_contract import case_of

SMALL = [*TINY, "data.limit=64"]
ALL = 10**6


class Phases(Observer):
    """Remembers how many weights each phase of the training moves."""

    def __init__(self):
        self.trained = []

    def phase(self, facts):
        self.trained.append(facts["trained"])


def trained(pipeline, *overrides, **options):
    return tfpipelines.run(pipeline, list(overrides), observer=Observer(), **options)


def surface_of(run, **options):
    return tfpipelines.loss_surface(run, **{"points": 3, "samples": ALL, **options})


def kept_loss(run):
    """What Keras has measured of the validation split after the epoch that became the model."""
    history = pd.read_csv(run.folder / "history.csv")
    losses = history["val_loss"]
    return losses.iloc[-1] if run.pipeline.train.keep == "last" else losses.min()


def is_table_of(run, surface):
    table = pd.read_csv(run.folder / "loss_surface.csv")
    assert list(table) == ["alpha", "beta", "loss"]
    np.testing.assert_allclose(table["loss"], surface.losses.ravel(), rtol=1e-8)
    by_place = table.set_index(["alpha", "beta"])["loss"]
    first, last = surface.steps[0], surface.steps[-1]
    np.testing.assert_allclose(
        [by_place[0, 0], by_place[first, last]], [surface.center, surface.losses[-1, 0]], rtol=1e-8
    )
    with Image.open(run.folder / "plots" / "loss_surface.png") as image:
        assert image.width > 1000


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(TASKS) - {"dcgan"}))
@pytest.mark.pictures
def test_the_center_of_every_task_is_the_loss_that_keras_measured(name, request, monkeypatch):
    pipeline, overrides, _ = case_of(name, request)
    phases = Phases()
    with monkeypatch.context() as undrawn:
        undrawn.setattr(FigureCanvasAgg, "print_png", lambda self, path: Path(path).write_bytes(DOT))
        run = tfpipelines.run(pipeline, overrides, observer=phases)
    before = file_hash(run.folder / "model.keras"), run.model.get_weights()
    surface = surface_of(run, split="validation")
    np.testing.assert_allclose(surface.center, kept_loss(run), rtol=1e-4)
    assert surface.losses.std() > 0 and np.isfinite(surface.losses).all()
    assert not phases.trained or surface.trained == phases.trained[-1]
    is_table_of(run, surface)
    assert file_hash(run.folder / "model.keras") == before[0]
    for now, then in zip(run.model.get_weights(), before[1], strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    "pipeline, overrides",
    [
        ("image-cls", [*TINY[3:], "data.limit=64", "model.name=resnet", "model.depth=8", "train.ema=0.5"]),
        ("text-cls", [*CASES["text-cls"][1], "model.wide=null"]),
        ("text-cls", CASES["text-cls"][1]),
        ("anomaly-table", [*SMALL_ROWS, "train.epochs=3"]),
        ("anomaly-digits", [*SMALL_ANOMALY, "model.name=vae", "model.filters=[4]"]),
        ("anomaly-digits", [*SMALL_ANOMALY, "model.name=conv", "model.filters=[4]", "model.loss=ssim"]),
        ("image-cls", [*TINY[3:], "data.limit=64", "model.name=mlp", "model.units=8", "train.loss=focal"]),
    ],
    ids=["resnet", "narrow", "wide", "vae", "image_vae", "ssim", "focal"],
)
@pytest.mark.slow
def test_so_it_is_for_other_networks(pipeline, overrides):
    run = trained(pipeline, *overrides)
    np.testing.assert_allclose(surface_of(run, split="validation").center, kept_loss(run), rtol=1e-4)


@pytest.mark.slow
def test_regularization_smoothing_and_dropout_play_no_part():
    penalized = ["model.weight_decay=0.1", "train.label_smoothing=0.2", "model.dropout=0.5"]
    with eagerly():
        run = trained("image-cls", *SMALL, *penalized, "evaluation.calibrate=false")
    surface = surface_of(run, split="test")
    np.testing.assert_allclose(surface.center, run.metrics["test"]["log_loss"], rtol=1e-4)
    assert kept_loss(run) > surface.center + 0.1  # that one has the penalty


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
    with eagerly():
        return trained("image-cls", *SMALL, out=tmp_path_factory.mktemp("runs"))


@pytest.fixture
def own_copy(digits_run, tmp_path):
    return tfpipelines.load(shutil.copytree(digits_run.folder, tmp_path / "copy"))


def test_a_seed_gives_the_same_table_and_the_caller_hears_of_it(own_copy):
    heard, notes = [], []
    surface = surface_of(
        str(own_copy.folder),
        samples=20,
        seed=3,
        radius=0.5,
        progress=lambda done, total: heard.append((done, total)),
        note=notes.append,
    )
    first = (own_copy.folder / "loss_surface.csv").read_bytes()
    assert heard == [(done, 9) for done in range(1, 10)] and len(notes) == 1 and "9 points on 20 samples" in notes[0]
    facts = surface.facts()
    assert (facts["samples"], facts["seed"], facts["radius"], facts["lost"], facts["split"]) == (20, 3, 0.5, 0, "train")
    assert facts["lowest"] <= facts["center"] <= facts["highest"] and json.dumps(facts)
    surface_of(own_copy, samples=20, seed=3, radius=0.5)
    assert (own_copy.folder / "loss_surface.csv").read_bytes() == first
    surface_of(own_copy, samples=20, seed=4, radius=0.5)
    assert (own_copy.folder / "loss_surface.csv").read_bytes() != first


def test_an_interruption_leaves_everything_as_it_was(own_copy):
    before = {path: path.read_bytes() for path in own_copy.folder.rglob("*") if path.is_file()}
    weights = own_copy.model.get_weights()

    def stop(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        surface_of(own_copy, progress=stop)
    assert {path: path.read_bytes() for path in own_copy.folder.rglob("*") if path.is_file()} == before
    for now, then in zip(own_copy.model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, then)


def test_losses_far_out_may_be_infinite(own_copy):
    surface = surface_of(own_copy, radius=1e20)
    assert np.isfinite(surface.center) and surface.facts()["lost"] > 0
    table = pd.read_csv(own_copy.folder / "loss_surface.csv")
    assert len(table) == 9 and not np.isfinite(table["loss"]).all()


@pytest.mark.slow
def test_a_probe_moves_its_head_alone(request):
    _, overrides, _ = case_of("finetune", request)
    with eagerly():
        run = trained("backbone", *overrides, "model.freeze=all", "data.limit=32")
    surface = surface_of(run, split="validation")
    head = run.model.get_layer("finetuned").get_layer("logits")
    assert surface.trained == head.count_params()
    np.testing.assert_allclose(surface.center, kept_loss(run), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["text-cls", "finetune-text"])
def test_a_text_may_have_several_labels(name, tmp_path, request):
    pipeline, overrides, _ = case_of(name, request)
    reviews = pd.read_csv(packaged("samples") / "reviews" / "reviews.csv")["text"].iloc[:120]
    rows = [(text, ["long"] * (len(text) > 110) + ["film"] * ("film" in text)) for text in reviews]
    (tmp_path / "tags.jsonl").write_text(
        "".join(json.dumps({"text": text, "tags": tags}) + "\n" for text, tags in rows)
    )
    run = trained(pipeline, *overrides, "data.path=tags.jsonl")
    surface = surface_of(run, split="validation")
    assert surface.loss.startswith("binary cross-entropy")
    np.testing.assert_allclose(surface.center, kept_loss(run), rtol=1e-4)


@pytest.mark.slow
def test_a_fold_has_one_and_the_whole_has_none(photos):
    run = trained("image-cls", *TINY, f"data.path={photos}", "data.folds=2", "train.batch_size=4")
    fold = tfpipelines.load(run.folder / "fold-1")
    np.testing.assert_allclose(surface_of(fold, split="validation").center, kept_loss(fold), rtol=1e-4)
    with pytest.raises(ConfigError, match="is a cross-validation"):
        surface_of(run)


def test_data_must_be_those_of_the_run(photos):
    with eagerly():
        run = trained("image-cls", *TINY, f"data.path={photos}", "train.batch_size=16")
    lost = photos / "zero" / "000.png"
    content = lost.read_bytes()
    lost.unlink()
    with pytest.raises(ConfigError, match="The data are not those"):
        surface_of(run)
    lost.write_bytes(content)
    assert np.isfinite(surface_of(run).center)
    photos.rename(photos.with_name("elsewhere"))
    with pytest.raises(DataError, match="Bring the data of"):
        surface_of(run)
    assert not (run.folder / "splits.csv").unlink()
    with pytest.raises(ConfigError, match=r"no splits\.csv"):
        surface_of(run)


@pytest.mark.parametrize(
    "options, told",
    [
        ({"points": 4}, "an odd number from 3"),
        ({"points": 1}, "points: got 1"),
        ({"points": 203}, "points: got 203"),
        ({"radius": 0.0}, "radius: got 0"),
        ({"radius": float("nan")}, "radius: got nan"),
        ({"samples": 0}, "samples: got 0"),
        ({"seed": -1}, "seed: got -1"),
        ({"split": "all"}, "split: got 'all'"),
    ],
)
def test_wrong_arguments_are_refused(digits_run, options, told):
    with pytest.raises(ConfigError, match=told):
        surface_of(digits_run, **options)


def test_what_has_no_surface_is_refused(own_copy, tmp_path, tfpipe):
    search = tmp_path / "search"
    (search / "final" / "seed-0").mkdir(parents=True)
    (search / "final" / "seed-0" / "model.keras").touch()
    (search / "status.json").write_text(json.dumps({"kind": "search", "state": "done"}))
    with pytest.raises(ConfigError, match=r"is a search(.|\n)*final/seed-0"):
        surface_of(tfpipelines.load(search))
    gan = tmp_path / "gan"
    gan.mkdir()
    (gan / "pipeline.yaml").write_text(tfpipe("show", "dcgan").out)
    (gan / "status.json").write_text(json.dumps({"state": "done", "task": "dcgan"}))
    with pytest.raises(ConfigError, match="two networks"):
        surface_of(gan)
    with pytest.raises(ConfigError, match="is not a run folder"):
        surface_of(tmp_path)
    (own_copy.folder / "model.keras").unlink()
    (own_copy.folder / "status.json").write_text(json.dumps({"state": "failed"}))
    with pytest.raises(ConfigError, match="no model yet"):
        surface_of(own_copy)


_ON_JAX = "import sys, tfpipelines; tfpipelines.loss_surface(sys.argv[1], points=3)"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["anomaly-table", "image-cls", "text-cls"])
def test_jax_gives_the_same_surface(name):
    pytest.importorskip("jax")
    pipeline, overrides, _ = CASES[name]
    run = trained(pipeline, *overrides)
    losses = surface_of(run, samples=512).losses
    subprocess.run(
        [sys.executable, "-c", _ON_JAX, str(run.folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "jax"},
        check=True,
    )
    np.testing.assert_allclose(
        pd.read_csv(run.folder / "loss_surface.csv")["loss"], losses.ravel(), rtol=1e-3, atol=1e-5
    )

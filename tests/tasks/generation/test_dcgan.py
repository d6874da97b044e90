"""The task dcgan, on real data and small networks."""

import json
import os
import shutil
import signal

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tfpipelines
from tfpipelines import Observer
from tfpipelines.errors import ConfigError, DataError, DivergedError, Interrupted

from ...conftest import write_photos
from ..cases import SMALL_GAN, answers, check_what_is_left


@pytest.fixture
def small(tiny_classifier):
    return [*SMALL_GAN, f"evaluation.features={tiny_classifier}"]


class Notes(Observer):
    def __init__(self):
        self.notes, self.rows = [], []

    def note(self, text):
        self.notes.append(text)

    def epoch(self, row, epochs, samples):
        self.rows.append(row)


@pytest.mark.eager
@pytest.mark.pictures
def test_a_run_is_measured_seen_and_used(small, tfpipe):
    watcher = Notes()
    run = tfpipelines.run("dcgan", [*small, "train.epochs=2"], observer=watcher)
    check_what_is_left(run)
    written, drawn = answers(tfpipelines.load(run.folder), None)
    np.testing.assert_allclose(drawn, written, rtol=1e-5, atol=1e-5)
    kids = [row["val_kid"] for row in watcher.rows]
    assert all(
        {"val_fid", "val_precision", "val_recall", "val_diversity", "generator_loss", "discriminator_loss", "measuring"}
        <= set(row)
        for row in watcher.rows
    )
    metrics = run.metrics
    assert metrics["validation"]["kid"] == pytest.approx(
        min(kids)
    )  # the best epoch by the kernel distance of validation images
    assert (
        set(metrics["test"])
        == {"kid", "fid", "precision", "recall", "diversity", "nearest", "copies"}
        == set(metrics["baselines"]["real images (test)"])
    )
    assert metrics["baselines"]["real images (test)"]["kid"] < metrics["test"]["kid"]  # four steps are no digits yet
    assert metrics["intervals"]["kid"][0] < metrics["test"]["kid"] < metrics["intervals"]["kid"][1]
    assert "32 generated images (seed 1) against 32 of the test split" in metrics["about"][0]
    sheets = sorted(path.name for path in (run.folder / "progress").iterdir())
    assert sheets == ["epoch-0001.png", "epoch-0002.png"]
    for name in ("samples.png", "interpolation.png", "nearest.png", "curves.png"):
        with Image.open(run.folder / "plots" / name) as picture:
            assert np.asarray(picture.convert("L")).std() > 5
    with Image.open(run.folder / "plots" / "progress.gif") as picture:
        assert picture.n_frames == 2
    events = b"".join(path.read_bytes() for path in (run.folder / "logs" / "tensorboard" / "samples").iterdir())
    assert events.count(b"PNG") == 2 and b"generated" in events

    result = tfpipe(
        "generate",
        run.folder,
        "--count",
        5,
        "--seed",
        7,
        "--class",
        "3",
        "--truncation",
        0.8,
        "--out",
        "three",
        "--grid",
        "three.png",
    )
    assert result.code == 0, result.err
    table = pd.read_csv("three/samples.csv", dtype=str)
    assert list(table["label"]) == ["3"] * 5 and Image.open("three/00004.png").size == (28, 28)
    images, labels = run.generate(5, 7, "3", 0.8)
    assert labels == ["3"] * 5 and np.array_equal(np.asarray(Image.open("three/00002.png")), images[2, ..., 0])
    assert not np.array_equal(images, run.generate(5, 7, "3")[0]) and not np.array_equal(
        images, run.generate(5, 7, "4", 0.8)[0]
    )
    assert np.array_equal(run.generate(3, 7)[0], run.generate(9, 7)[0][:3])
    for words, code, said in (
        (["--out", "three"], 2, "not empty"),
        (["--grid", "three.jpg"], 2, "PNG"),
        ([], 2, "--out DIR"),
        (["--grid", "x.png", "--class", "33"], 2, "Did you mean '3'"),
        (["--grid", "x.png", "--truncation", "0"], 2, "above 0"),
        (["--grid", "no/such/x.png"], 2, "no folder no/such"),
    ):
        result = tfpipe("generate", run.folder, *words)
        assert result.code == code and said in result.err, result.err
    result = tfpipe("predict", run.folder, "three")
    assert result.code == 2 and "tfpipe generate" in result.err
    result = tfpipe("evaluate", run.folder, "sample:digits", "--json")
    figures = json.loads(result.out)
    assert figures["samples"] == 64 and figures["test"]["kid"] > figures["baselines"]["real images"]["kid"]


@pytest.mark.slow
@pytest.mark.eager
def test_figures_are_by_the_classifier_of_training_alone(small, tiny_classifier, tmp_path):
    shutil.copytree(tiny_classifier, tmp_path / "classifier")
    run = tfpipelines.run("dcgan", [*small, f"evaluation.features={tmp_path / 'classifier'}"], observer=Observer())
    with open(tmp_path / "classifier" / "model.keras", "ab") as file:
        file.write(b"other")
    with pytest.raises(ConfigError, match="no longer the one"):
        run.evaluate("sample:digits")


@pytest.mark.slow
def test_a_classifier_called_latest_stays_the_one_that_was_meant_and_halves_are_random(
    small, tiny_classifier, tmp_path
):
    shutil.copytree(tiny_classifier, tmp_path / "runs" / "classifier")
    (tmp_path / "runs" / "latest").symlink_to("classifier")
    run = tfpipelines.run(
        "dcgan", [*small, "evaluation.features=runs/latest"], observer=Observer()
    )  # which makes itself the latest
    assert run.pipeline.evaluation.features == str((tmp_path / "runs" / "classifier").resolve())
    levels = np.resize([40, 200], 80)[:, None, None] + np.random.default_rng(0).integers(-20, 20, (80, 28, 28))
    np.savez(tmp_path / "in_turn.npz", x=levels.astype(np.uint8))  # every other image is of another kind
    real = run.evaluate(tmp_path / "in_turn.npz")["baselines"]["real images"]
    assert real["precision"] > 0.7 and real["recall"] > 0.7


def test_another_task_generates_nothing(tiny_classifier):
    (tiny_classifier / "pipeline.yaml").write_text("task: image-cls\ndata: {path: sample:digits}\n")
    with pytest.raises(ConfigError, match="generates nothing"):
        tfpipelines.load(tiny_classifier).generate()


@pytest.mark.slow
def test_a_run_goes_on_from_both_networks_of_another(small):
    first = tfpipelines.run("dcgan", small, observer=Observer())
    watcher = Notes()
    second = tfpipelines.run(
        "dcgan", [*small, "train.learning_rate=1e-9", "train.ema=0.001"], start=first.folder, observer=watcher
    )
    assert not [note for note in watcher.notes if "start anew" in note]
    for name in ("model.keras", "discriminator.keras"):
        before, after = (
            tfpipelines.models.load_artifact(run.folder / name).model.trainable_weights for run in (first, second)
        )
        assert all(np.allclose(one, other, atol=1e-5) for one, other in zip(before, after, strict=True)), name


@pytest.mark.parametrize(
    "penalty",
    [
        ["train.r1=0"],
        ["train.r1_interval=4", "model.spectral_normalization=true"],
    ],
)
@pytest.mark.slow
def test_both_networks_optimizers_and_averages_survive_an_interruption(small, penalty):
    """In the middle of an epoch, with everything that has a state: the last checkpoint holds the same bits, and all
    figures and pictures are the same.
    """
    overrides = [
        *small,
        "train.epochs=3",
        "train.steps_per_epoch=6",
        "train.diff_augment=[color,translation]",
        *penalty,
        "train.ema=0.9",
        "train.clip_norm=1",
        "train.discriminator_learning_rate=2e-3",
        "train.schedule=plateau",
        "train.decay_epochs=1",
        "data.augment.translate=0.1",
        "train.steps_per_execution=1",
    ]

    class Stop(Observer):
        def step(self, epoch, done, total):
            if (epoch, done) == (2, 3):
                os.kill(os.getpid(), signal.SIGTERM)

    whole = tfpipelines.run("dcgan", overrides, observer=Observer())
    with pytest.raises(Interrupted):
        tfpipelines.run("dcgan", overrides, observer=Stop(), name="stopped")
    stopped = tfpipelines.resume("runs/stopped", observer=Observer())
    for one, other in zip(
        *(sorted((run.folder / "checkpoints").glob("*.npz")) for run in (whole, stopped)), strict=True
    ):
        with np.load(one) as first, np.load(other) as second:
            names = {name.split("/")[0] for name in first.files}
            assert {"model", "optimizer", "metric"} < names and any(name.startswith("callback") for name in names)
            assert (
                all(np.array_equal(first[name], second[name]) for name in first.files) and first.files == second.files
            )
    history = [
        pd.read_csv(run.folder / "history.csv").drop(columns=["seconds", "measuring"]) for run in (whole, stopped)
    ]
    pd.testing.assert_frame_equal(*history, check_exact=True)
    assert whole.metrics["test"] == stopped.metrics["test"]
    for path in (
        "progress/epoch-0003.png",
        "plots/progress.gif",
        "plots/nearest.png",
        "samples/00007.png",
        "discriminator.keras",
    ):
        one, other = (run.folder / path for run in (whole, stopped))
        assert one.is_file() and (path.endswith(".keras") or one.read_bytes() == other.read_bytes()), path


@pytest.mark.slow
def test_colour_without_labels_on_what_is_not_square(tmp_path, small):
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(120):
        Image.fromarray(rng.integers(0, 256, (30, 41, 3)).astype(np.uint8)).save(
            tmp_path / "pictures" / f"{number}.png"
        )
    watcher = Notes()
    run = tfpipelines.run(
        "dcgan",
        [
            *small,
            f"data.path={tmp_path / 'pictures'}",
            "model.conditional=false",
            "model.clusters=2",
            "data.limit=null",
            "model.generator_filters=4",
            "train.diff_augment=[color,cutout]",
            "train.r1=1",
            "train.loss=hinge",
        ],
        observer=watcher,
    )
    images, labels = run.generate(3)
    assert images.shape == (3, 28, 28, 3) and labels is None
    assert run.model.input_shape == [(None, 64), (None,)]  # the clusters are told, but not asked for
    with pytest.raises(ConfigError, match="knows no classes"):
        run.generate(3, label="0")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["data.size=30"], "multiple of 4"),
        (["data.size=[28,32]"], "square"),
        (["data.size=256"], "from 8 to 128"),
        (["train.loss=wasserstein"], "non-saturating"),
        (["train.precision=mixed_float16"], "mixed_bfloat16"),
        (["model.clusters=500"], "model.clusters"),
        (["evaluation.features=nowhere"], "no run of an image classifier"),
    ],
)
def test_settings_that_cannot_be_are_refused(overrides, said, small):
    with pytest.raises(ConfigError, match=said):
        tfpipelines.run("dcgan", [*small, *overrides], observer=Observer())


def test_labels_must_be_there_for_a_conditional_one(tmp_path, digits, small):
    flat = write_photos(tmp_path / "all", digits, {"one": 1}, 30) / "one"
    with pytest.raises(DataError) as caught:
        tfpipelines.run("dcgan", [*small, f"data.path={flat}"], observer=Observer())
    assert "model.conditional=false" in caught.value.remedy


@pytest.mark.slow
@pytest.mark.eager
def test_a_collapse_is_told_when_it_begins(tmp_path, small):
    """Real images that differ much, and a generator that has had no time to learn that."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (200, 1, 1)) * np.ones((1, 8, 8))
    np.savez(tmp_path / "levels.npz", x=levels.astype(np.uint8))
    watcher = Notes()
    run = tfpipelines.run(
        "dcgan",
        [
            *small,
            f"data.path={tmp_path / 'levels.npz'}",
            "model.conditional=false",
            "model.spectral_normalization=true",
            "train.r1_interval=4",
            "train.epochs=2",
            "data.limit=null",
        ],
        observer=watcher,
    )
    assert all(row["val_diversity"] < 0.5 for row in watcher.rows)
    assert len([note for note in watcher.notes if "collapse" in note]) == 1  # once, though it lasts
    assert any("collapsed in 2 of 2 epochs" in line for line in run.metrics["about"])


@pytest.mark.slow
def test_without_held_out_images_training_ones_are_compared_and_nothing_is_claimed(tmp_path, digits, small):
    np.savez(tmp_path / "all.npz", x=digits["x"][:80])
    watcher = Notes()
    run = tfpipelines.run(
        "dcgan",
        [
            *small,
            f"data.path={tmp_path / 'all.npz'}",
            "model.conditional=false",
            "data.validation=0",
            "data.test=0",
            "data.limit=null",
            "train.schedule=plateau",
            "train.decay_epochs=1",
            "train.early_stopping=1",
            "train.learning_rate=1e-7",
            "train.epochs=9",
            "train.ema=null",
        ],
        observer=watcher,
    )
    assert "kid" in watcher.rows[0] and "val_kid" not in watcher.rows[0]
    assert len(watcher.rows) < 9  # stopped early by the distance, which such a rate cannot lower for long
    assert set(run.metrics) >= {"train"} and "test" not in run.metrics and not run.metrics["baselines"]


@pytest.mark.slow
def test_clusters_within_classes_are_drawn_for_the_class(small):
    run = tfpipelines.run("dcgan", [*small, "model.clusters=2", "data.limit=200"], observer=Observer())
    assert run.model.input_shape[0] == (None, 64) and run.generate(6, label="4")[1] == ["4"] * 6


@pytest.mark.eager
def test_divergence_is_told(small):
    with pytest.raises(DivergedError):
        tfpipelines.run(
            "dcgan",
            [*small, "train.learning_rate=1e30", "train.schedule=constant", "train.epochs=2"],
            observer=Observer(),
        )

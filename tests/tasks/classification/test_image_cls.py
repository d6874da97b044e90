"""Image classification end to end: options of data and training, cross-validation, evaluation, the Python API."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tfpipelines
from tfpipelines import ConfigError, Observer
from tfpipelines.errors import Interrupted
from tfpipelines.runner import Runner

from ...conftest import TINY, write_photos
from ...eager import eagerly
from ...training.test_resume import SignalAt


def run(path, *overrides, **options):
    return tfpipelines.run("image-cls", [f"data.path={path}", *TINY, *overrides], **{"observer": Observer(), **options})


@pytest.fixture(scope="module")
def shared(tmp_path_factory, digits):
    """A run on photos of three digits, for tests that leave its folder as it is."""
    home = tmp_path_factory.mktemp("shared")
    photos = write_photos(home / "photos", digits, {"zero": 0, "one": 1, "two": 2}, 12)
    with eagerly():
        return run(photos, "train.epochs=2", out=home / "runs")


class StopInSecondFold(SignalAt):
    """Sends the signal in the second fold that is trained."""

    folds = 0

    def model(self, facts):
        self.folds += 1

    def step(self, epoch, done, total):
        if self.folds == 2:
            super().step(epoch, done, total)


def history(finished):
    return pd.read_csv(finished.folder / "history.csv")


# --- learning
def test_it_learns(digits):
    """A few hundred digits and six epochs are far beyond chance: the labels fit the images all the way through."""
    finished = tfpipelines.run(
        "image-cls",
        [
            "data.limit=600",
            "model.filters=[8,16]",
            "model.convolutions=1",
            "model.head=flatten",
            "train.epochs=6",
            "train.batch_size=32",
            "train.ema=0.9",
        ],
        observer=Observer(),
    )
    assert finished.metrics["test"]["accuracy"] > 0.8
    table = finished.predict(digits["x"][digits["split"] == "test"][:200])
    assert (table["predicted"] == digits["y"][digits["split"] == "test"][:200].astype(str)).mean() > 0.8
    rows = pd.read_csv(finished.folder / "predictions.csv", dtype={"label": str, "predicted": str})
    assert (rows["label"] == rows["predicted"]).mean() == pytest.approx(finished.metrics["test"]["accuracy"])


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(
            [
                "model.name=mlp",
                "model.units=[8]",
                "train.optimizer=sgd",
                "train.schedule=constant",
                "train.clip_value=0.5",
            ],
            marks=pytest.mark.eager,
        ),
        pytest.param(
            [
                "model.name=resnet",
                "model.depth=8",
                "model.width=4",
                "train.optimizer=rmsprop",
                "train.schedule=exponential",
                "train.warmup_epochs=0",
                "train.clip_norm=1",
            ],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            [
                "train.schedule=step",
                "train.decay_epochs=1",
                "train.label_smoothing=0.1",
                "train.precision=mixed_float16",
                "train.warmup_epochs=0",
            ],
            marks=pytest.mark.eager,
        ),
        pytest.param(
            [
                "train.schedule=plateau",
                "train.warmup_epochs=0",
                "train.early_stopping=1",
                "data.augment={flip: both, crop: 0.1, brightness: 0.2, contrast: 0.2, cutmix: 1}",
            ],
            marks=pytest.mark.slow,
        ),
        pytest.param(["data.class_weights=balanced", "data.cache=disk", "data.size=20"], marks=pytest.mark.eager),
        pytest.param(["data.resize=pad", "train.jit_compile=true"], marks=pytest.mark.slow),
        pytest.param(
            [
                "data.class_weights={zero: 2}",
                "data.cache=none",
                "data.size=[24,20]",
                "data.resize=crop",
                "data.channels=3",
                "evaluation.calibrate=false",
            ],
            marks=[pytest.mark.eager, pytest.mark.slow],
        ),
        pytest.param(
            ["data.oversample=true", "data.test=0", "train.steps_per_execution=2", "train.batch_size=4"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["data.validation=0", "data.augment={mixup: 0.4}", "train.checkpoint_steps=1"], marks=pytest.mark.slow
        ),
        pytest.param(
            [
                "train.optimizer=schedule_free_adamw",
                "train.loss=focal",
                "data.augment={mixup: 0.4}",
                "data.class_weights=balanced",
                "model.normalization=local_response",
            ],
            marks=[pytest.mark.eager, pytest.mark.slow],
        ),
    ],
)
def test_options_run_to_the_end(photos, overrides):
    words = [
        word
        for word in TINY
        if not (word.startswith("model.") and any(other.startswith("model.name") for other in overrides))
    ]
    finished = tfpipelines.run(
        "image-cls", [f"data.path={photos}", *words, "train.epochs=2", *overrides], observer=Observer()
    )
    assert finished.status["state"] == "done" and np.isfinite(history(finished)["loss"]).all()
    assert finished.model.input_shape[-1] == (3 if "data.channels=3" in overrides else 1)
    assert all(variable.dtype == "float32" for variable in finished.model.weights)
    assert ("test" in finished.metrics) == ("data.test=0" not in overrides)
    assert ("validation" in finished.metrics) == ("data.validation=0" not in overrides)


@pytest.mark.slow
@pytest.mark.parametrize("words", [["train.loss=asymmetric"], ["train.loss=focal", "train.focal_alpha=0.3"]])
def test_losses_of_several_labels_are_refused_for_one(photos, words):
    with pytest.raises(ConfigError, match=f"{words[-1].partition('=')[0]}.* goes with several labels a row") as caught:
        run(photos, *words)
    assert caught.value.exit_code == 2


@pytest.mark.slow
def test_caches_give_the_same_model(photos):
    weights = [
        run(photos, f"data.cache={cache}", "data.size=16", "data.augment={rotate: 0.1}").model.get_weights()
        for cache in ("memory", "disk", "none")
    ]
    assert all(np.array_equal(a, b) for other in weights[1:] for a, b in zip(weights[0], other, strict=True))


@pytest.mark.eager
def test_nothing_is_decoded_twice(photos, monkeypatch):
    from tfpipelines.datasets import image_arrays

    for path in photos.glob("*/*.png"):  # BMP goes through decode_image, where it can be counted
        Image.open(path).save(path.with_suffix(".bmp"))
        path.unlink()

    calls = []
    real = image_arrays.decode_image
    monkeypatch.setattr(image_arrays, "decode_image", lambda path, *rest: calls.append(path) or real(path, *rest))
    run(photos, "train.epochs=3", "data.cache=memory")
    assert len(calls) == 36


@pytest.mark.slow
def test_imbalance(tmp_path, digits):
    """Class weights and oversampling each make a rare class more likely."""
    write_photos(tmp_path / "few", digits, {"three": 3}, 12)
    photos = write_photos(tmp_path / "few", digits, {"eight": 8}, 120)
    strangers = digits["x"][digits["y"] == 5][:100]  # neither, so that the prior decides
    share = {}
    for name, overrides in {
        "plain": [],
        "weights": ["data.class_weights={three: 30}"],
        "oversample": ["data.oversample=true"],
    }.items():
        finished = run(
            photos,
            *overrides,
            "train.epochs=6",
            "train.learning_rate=1e-2",
            "data.validation=0",
            "train.ema=null",
            "train.warmup_epochs=0",
            "data.augment={}",
        )
        share[name] = float(finished.predict(strangers)["three"].mean())
    assert share["weights"] > share["plain"] + 0.1 and share["oversample"] > share["plain"] + 0.1


@pytest.mark.slow
@pytest.mark.eager
def test_early_stopping_and_plateau_act(photos):
    finished = run(
        photos,
        "train.epochs=30",
        "train.learning_rate=1e-9",
        "train.ema=null",
        "train.schedule=plateau",
        "train.warmup_epochs=0",
        "train.decay_epochs=1",
        "train.early_stopping=3",
    )
    rows = history(finished)
    assert len(rows) < 30 and rows["learning_rate"].iloc[-1] < 1e-9


def test_tensorboard_events_hold_the_scalars(shared):
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    finished = shared
    for part, prefix in {"train": "", "validation": "val_"}.items():
        events = EventAccumulator(str(finished.folder / "logs" / "tensorboard" / part)).Reload()
        values = [float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors("epoch/loss")]
        assert values == pytest.approx(list(history(finished)[f"{prefix}loss"]), rel=1e-4)


@pytest.mark.eager
# --- cross-validation
def test_folds_give_mean_and_spread(photos):
    finished = run(photos, "data.folds=2", "train.batch_size=8")
    metrics = finished.metrics
    accuracies = [fold["test"]["accuracy"] for fold in metrics["folds"]]
    assert len(accuracies) == 2 and metrics["test"]["accuracy"] == pytest.approx(np.mean(accuracies))
    spread = metrics["spread"]["test"]["accuracy"]
    assert (spread["min"], spread["max"], spread["std"]) == pytest.approx(
        (min(accuracies), max(accuracies), np.std(accuracies, ddof=1))
    )
    together = pd.read_csv(finished.folder / "predictions.csv")
    assert len(together) == 36 == together["item"].nunique() and sorted(together["fold"].unique()) == [0, 1]
    with pytest.raises(ConfigError, match="has a model for each fold"):
        finished.predict(photos)
    assert len(tfpipelines.load(finished.folder / "fold-1").predict(photos)) == 36


@pytest.mark.slow
def test_folds_of_a_column_keep_groups_together(photos):
    rows = [
        f"{path.relative_to(photos)},{path.parent.name},{int(path.stem) % 2}" for path in sorted(photos.glob("*/*.png"))
    ]
    (photos / "labels.csv").write_text("\n".join(["file,label,patient", *rows]))
    finished = run(photos / "labels.csv", "data.folds=patient", "train.batch_size=8")
    together = pd.read_csv(finished.folder / "predictions.csv")
    assert (together["item"].str[-5].astype(int) % 2 == together["fold"]).all()


@pytest.mark.slow
def test_interrupted_folds_go_on_where_they_were(photos):
    whole = run(photos, "data.folds=3", "train.epochs=2")

    with pytest.raises(Interrupted):
        run(photos, "data.folds=3", "train.epochs=2", name="stopped", observer=StopInSecondFold(2, 1))
    first = (tfpipelines.load("runs/stopped").folder / "fold-0" / "model.keras").stat().st_mtime_ns
    resumed = tfpipelines.resume("runs/stopped", observer=Observer())
    assert (resumed.folder / "fold-0" / "model.keras").stat().st_mtime_ns == first
    assert tfpipelines.verify(resumed.folder).ok and tfpipelines.verify(resumed.folder / "fold-0").ok
    without_time = [
        {key: value for key, value in finished.metrics.items() if key != "time"} for finished in (whole, resumed)
    ]
    assert without_time[0] == without_time[1]


@pytest.mark.eager
# --- the Python API
def test_python_api(photos, capfd):
    finished = tfpipelines.run(
        "image-cls",
        {
            "data.path": photos,
            "data.augment": {"flip": "horizontal"},
            "train.epochs": 1,
            "train.batch_size": 8,
            "model.filters": [4],
            "model.convolutions": 1,
            "evaluation.bootstrap": 20,
        },
    )
    assert "epoch" in capfd.readouterr().err  # without an observer it prints as it goes
    assert finished.metrics["test"].keys() >= {
        "accuracy",
        "balanced_accuracy",
        "f1_macro",
        "top_5",
        "log_loss",
        "ece",
    } - {"top_5"}
    assert set(finished.metrics["intervals"]["accuracy"]) and finished.folder.name == "image-cls-1"
    loaded = tfpipelines.load(finished.folder)
    files = sorted(str(path) for path in (photos / "one").iterdir())
    from_files, from_list, from_path = (
        loaded.predict(photos / "one"),
        loaded.predict(files),
        loaded.predict(photos / "one" / "000.png"),
    )
    pixels = np.stack([tfpipelines.decode_image(path, 1) for path in files])
    from_array = loaded.predict(pixels)
    scores = ["one", "two", "zero"]
    for other in (from_list, from_array):
        assert np.allclose(from_files[scores], other[scores], atol=1e-6)
    assert len(from_path) == 1
    assert np.allclose(loaded.model.predict(pixels, verbose=0), from_files[scores], atol=1e-5)
    np.savez("some.npz", x=pixels[..., 0])
    assert np.allclose(loaded.predict("some.npz")[scores], from_files[scores], atol=1e-6)
    report = tfpipelines.check(photos)
    assert report.error is None and report.facts["classes"] == scores
    assert "image-cls" in {entry["name"] for entry in tfpipelines.list_pipelines()}


def test_batches_of_a_prediction_do_not_change_it(shared, photos):
    one, many = shared.predict(photos, batch_size=1), shared.predict(photos, batch_size=64)
    assert list(one["item"]) == list(many["item"])
    np.testing.assert_allclose(one[["one", "two", "zero"]], many[["one", "two", "zero"]], atol=1e-6)


def test_the_artifact_says_what_it_is(shared):
    with zipfile.ZipFile(shared.folder / "model.keras") as archive:
        facts = json.loads(archive.read("metadata.json"))["tfpipelines"]
    assert facts["classes"] == ["one", "two", "zero"] and facts["temperature"] == pytest.approx(
        shared.metrics["temperature"]
    )


def test_colour_and_grey_arrays_are_converted_as_files_are(shared, photos):
    grey = np.stack([tfpipelines.decode_image(path, 1) for path in sorted(photos.glob("*/*.png"))])
    scores = ["one", "two", "zero"]
    assert np.allclose(shared.predict(np.repeat(grey, 3, -1))[scores], shared.predict(grey)[scores])


@pytest.mark.slow
def test_cross_validation_from_a_run_resumes_from_its_weights(photos):
    start = run(photos, "train.epochs=2").folder
    options = ["data.folds=3", "train.epochs=2", "train.learning_rate=1e-9"]
    whole = run(photos, *options, start=start)

    with pytest.raises(Interrupted):
        run(photos, *options, start=start, name="stopped", observer=StopInSecondFold(1, 1))
    with pytest.raises(ConfigError, match="one fold of a cross-validation"):
        tfpipelines.resume("runs/stopped/fold-1", observer=Observer())
    resumed = tfpipelines.resume("runs/stopped", observer=Observer())
    assert [fold["test"] for fold in resumed.metrics["folds"]] == [fold["test"] for fold in whole.metrics["folds"]]


@pytest.mark.eager
def test_evaluation_reads_what_the_run_has_read(photos):
    rows = [f"{path.relative_to(photos)},{path.parent.name}" for path in sorted(photos.glob("*/*.png"))]
    (photos / "own.csv").write_text("\n".join(["foto,klasse", *rows]))
    finished = run(photos / "own.csv", "data.item_column=foto", "data.label_column=klasse")
    assert finished.evaluate(photos / "own.csv")["samples"] == 36 == finished.evaluate(photos)["samples"]
    assert len(finished.predict(photos / "own.csv")) == 36
    (photos / "one" / "bad.png").write_bytes(b"")
    with pytest.raises(tfpipelines.DataError):
        finished.evaluate(photos)
    assert finished.evaluate(photos, overrides=["data.on_bad=skip"])["samples"] == 36
    for override in ("train.epochs=3", "data.size=9", "data.path=elsewhere"):
        with pytest.raises(ConfigError, match="cannot be changed"):
            finished.evaluate(photos, overrides=[override])
    shutil.copy(photos / "own.csv", "own.csv")
    assert finished.evaluate("own.csv", overrides={"data.root": str(photos)})["samples"] == 36
    with pytest.raises(ConfigError, match="is a run folder"):
        finished.evaluate(photos, out=finished.folder)


@pytest.mark.parametrize("inputs", [None, 3, [3.5], {"a": 1}])
def test_inputs_of_no_sense_are_refused(shared, inputs):
    with pytest.raises(tfpipelines.DataError):
        table = shared.predict(inputs)
        if "error" in table:
            raise tfpipelines.DataError(table["error"].iat[0])


@pytest.mark.slow
def test_uncached_files_that_only_pillow_reads_can_be_trained_on(photos):
    path = photos / "one" / "000.png"
    path.write_bytes(path.read_bytes()[:-12])  # without its end mark
    assert run(photos, "data.cache=none").status["state"] == "done"


@pytest.mark.eager
def test_networks_of_convolutions_are_explained_and_dense_ones_are_not(shared, photos, tmp_path):
    table = shared.predict([photos / "one", photos / "none.png"], explain=True)
    assert table["explanation"].iat[-1] is None and table["explanation"].iat[0]["class"] == table["predicted"].iat[0]
    shared.draw_explanations(table, tmp_path / "why.html")
    assert (tmp_path / "why.html").read_text().count("<figure>") == 12
    dense = tfpipelines.run(
        "image-cls",
        [
            f"data.path={photos}",
            "model.name=mlp",
            "model.units=[8]",
            "train.epochs=1",
            "train.batch_size=16",
            "train.warmup_epochs=0",
        ],
        observer=Observer(),
    )
    with pytest.raises(ConfigError, match="cannot explain its predictions: the network has no feature map"):
        dense.predict([photos], explain=True)
    assert not (dense.folder / "plots" / "grad_cam.png").exists()


@pytest.mark.slow
@pytest.mark.eager
def test_a_run_that_goes_on_keeps_its_facts_while_data_are_read(photos, monkeypatch):
    """Whatever there is to say of the data: what the run began with is compared with them afterwards."""
    (photos / "zero" / "bad.png").write_bytes(b"no picture")  # of which reading tells, before splits are known
    with pytest.raises(Interrupted):
        run(photos, "train.epochs=2", "data.on_bad=skip", observer=SignalAt(1, 1), name="stopped")
    before = json.loads(Path("runs/stopped/data.json").read_text())
    assert before["findings"] and before["content_hash"]
    seen = []
    splits = Runner.splits

    def look(runner, *arguments):
        seen.append(json.loads((runner.folder / "data.json").read_text()))
        return splits(runner, *arguments)

    monkeypatch.setattr(Runner, "splits", look)
    assert tfpipelines.resume("runs/stopped", observer=Observer()).status["state"] == "done"
    assert seen == [before]

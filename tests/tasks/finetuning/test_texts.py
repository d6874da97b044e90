"""Fine-tuning of text backbones, and presets of KerasHub from a local folder."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines import Observer, models
from tfpipelines.errors import ArtifactError, ConfigError, ResourceError
from tfpipelines.networks import backbones

from ...conftest import ROOT

keras_hub = pytest.importorskip("keras_hub")
SMALL = [
    "train.head_epochs=2",
    "train.epochs=1",
    "train.batch_size=8",
    "train.warmup_epochs=0",
    "evaluation.bootstrap=20",
]


def finetune(backbone, *overrides, **options):
    return tfpipelines.run(
        "text-backbone", [f"model.backbone={backbone}", *SMALL, *overrides], observer=Observer(), **options
    )


@pytest.fixture
def table(tmp_path):
    """48 reviews in a table without splits."""
    rows = pd.read_csv(ROOT / "data" / "reviews" / "reviews.csv").groupby("label").head(24)
    rows[["text", "label"]].to_csv(tmp_path / "mine.csv", index=False)
    return tmp_path / "mine.csv"


@pytest.mark.eager
def test_predict_and_the_saved_model_on_strings_say_the_same(tiny_bert, table):
    run = finetune(tiny_bert, f"data.path={table}", "train.batch_size=16", "train.head_epochs=1")
    texts = ["A gripping, moving film", "far too long", "?"]
    predicted = run.predict(texts).select_dtypes("number").to_numpy()
    saved = run.model.predict(np.array(texts, object), verbose=0)
    np.testing.assert_allclose(saved, predicted, atol=1e-5)
    facts = json.loads((run.folder / "data.json").read_text())
    assert facts["backbone"]["blocks"] == 4 and facts["max_length"] <= 64
    assert any(line.startswith("backbone: ") for line in facts["about"])


@pytest.mark.slow
def test_pooling_changes_the_features_and_a_probe_leaves_the_backbone_alone(tiny_bert, table):
    before = backbones.load_text_preset(str(tiny_bert), "tiny").backbone.model.get_weights()
    runs = [
        finetune(tiny_bert, f"data.path={table}", "model.freeze=all", f"model.pooling={pooling}")
        for pooling in ("mean", "first")
    ]
    for run in runs:
        for mine, old in zip(backbones.backbone_of(models.network_of(run.model)).get_weights(), before, strict=True):
            np.testing.assert_array_equal(mine, old)
    scores = [run.predict(["A gripping film"]).select_dtypes("number").to_numpy() for run in runs]
    assert np.abs(scores[0] - scores[1]).max() > 1e-4


@pytest.mark.slow
def test_padding_does_not_change_what_is_said_of_a_text(tiny_bert, table):
    run = finetune(tiny_bert, f"data.path={table}")
    scores = lambda texts: run.predict(texts).select_dtypes("number").to_numpy()
    np.testing.assert_allclose(
        scores(["short", "a far longer text than the other one " * 3])[0], scores(["short"])[0], atol=1e-5
    )


@pytest.mark.slow
def test_several_labels_and_explanations(tiny_bert, tmp_path):
    rows = [
        {"text": f"{word} number {number}", "label": label}
        for number in range(12)
        for word, label in (("good", "a"), ("bad", "b"), ("good bad", "a|b"))
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "several.csv", index=False)
    run = finetune(tiny_bert, f"data.path={tmp_path / 'several.csv'}")
    assert "per_label" in run.metrics or "f1_macro" in run.metrics["test"]
    (baseline,) = run.metrics["baselines"].values()
    assert baseline.keys() == run.metrics["test"].keys()
    (row,) = run.predict(["good bad"], explain=True).to_dict("records")
    assert [word["word"] for word in row["explanation"]["words"]] == ["good", "bad"]


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ("efficientnet-lite0", "is no text backbone"),
        ("package:json/nothing", "has no preset in nothing"),
        ("no_such_preset_en", "there is no backbone 'no_such_preset_en'"),
    ],
)
def test_what_is_no_text_backbone_is_refused_before_anything_is_made(backbone, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        finetune(backbone)
    assert not (tmp_path / "runs").exists()


def test_a_damaged_preset_is_told(tiny_bert, table, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "damaged")
    (tmp_path / "damaged" / "model.weights.h5").write_bytes(b"nothing")
    with pytest.raises(ArtifactError, match="not a file of Keras weights"):
        finetune(tmp_path / "damaged", f"data.path={table}")


def test_without_a_network_one_sentence_says_so(table, monkeypatch):
    def fail(*arguments, **options):
        raise OSError("Max retries exceeded with url: /v1/models")

    monkeypatch.setattr(keras_hub.models.Backbone, "from_preset", fail)
    with pytest.raises(
        ResourceError,
        match="The preset bert_tiny_en_uncased could not be fetched: there is no internet connection",
    ):
        finetune("bert_tiny_en_uncased", f"data.path={table}")


def test_too_long_for_the_backbone(tiny_bert, table):
    with pytest.raises(ConfigError, match="reads 64 tokens at most"):
        finetune(tiny_bert, f"data.path={table}", "data.max_length=65")


@pytest.mark.slow
def test_an_image_preset_in_a_folder(tmp_path):
    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        use_pre_activation=False,
    )
    backbone.save_to_preset(str(tmp_path / "preset"))
    keras_hub.layers.ImageConverter(image_size=(48, 48), scale=1 / 127.5, offset=-1.0).save_to_preset(
        str(tmp_path / "preset")
    )
    source = ROOT / "data" / "emoji"
    small = ["data.folds=null", "data.size=48", "data.limit=64", f"data.path={source / 'folds.csv'}", *SMALL]
    run = tfpipelines.run("backbone", [f"model.backbone={tmp_path / 'preset'}", *small], observer=Observer())
    network = models.network_of(run.model)
    np.testing.assert_allclose(network.get_layer("scale").scale, 1 / 127.5)
    assert (
        run.metrics["test"]["accuracy"] >= 0.0
        and backbones.backbone_of(network).count_params() == backbone.count_params()
    )

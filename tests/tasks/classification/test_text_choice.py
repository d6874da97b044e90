"""The default of text-cls: linear models and a trained network, blended by cross-validation."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core import config
from tfpipelines.networks.texts.linear_models import fitting
from tfpipelines.tasks import SCHEMAS
from tfpipelines.tasks.classification.linear import LinearFits, Rows
from tfpipelines.tasks.trainable import Trained

from ... import warm
from ...conftest import ROOT, some
from ...eager import eagerly

FEW = ["train.epochs=1", "train.batch_size=32", "evaluation.bootstrap=20", "evaluation.baselines=false"]
LINEAR = "scale: idf, weight_decay: 0.003"  # so that there is little to choose
CANDIDATES = (
    f"model.candidates=[{{name: wide, {LINEAR}}}, {{name: wide, {LINEAR}, vectors: true}}, "
    "{name: features, weight_decay: 0.003}, {name: bow, embedding: 4, buckets: 32}]"
)


@pytest.fixture(scope="module", autouse=True)
def _one_draw():
    """Folds are drawn once, where few rows would have more: test_linear_models.py has those."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "_REPEATS", ())
        yield


@pytest.fixture(scope="module")
def reviews():
    table = pd.read_csv(ROOT / "data" / "reviews" / "reviews.csv")
    some = [table[table["split"] == split].head(count) for split, count in (("train", 260), ("validation", 60))]
    return pd.concat([*some, table[table["split"] == "test"].head(60)])


@pytest.fixture(scope="module")
def chosen(tmp_path_factory, reviews):
    folder = tmp_path_factory.mktemp("chosen")
    reviews[["text", "label", "split"]].to_csv(folder / "reviews.csv", index=False)
    words = [f"data.path={folder / 'reviews.csv'}", *FEW, "model.name=auto", CANDIDATES]
    with eagerly():
        return tfpipelines.run("text-cls", words, out=folder / "runs", observer=Observer())


def test_the_weights_of_the_blend_are_told(chosen):
    *alone, last = chosen.metrics["candidates"]
    assert [entry["name"] for entry in alone] == ["wide", "wide", "features", "bow"] and last["name"] == "text-blend"
    assert last["chosen"] and len(last["fields"]) == 4
    assert last["fields"]["bow"] == 0  # one epoch of a tiny network helps nobody
    assert sum(weight > 0 for weight in last["fields"].values()) > 1
    assert chosen.metrics["test"]["accuracy"] > 0.55
    assert any("fitted again" in line for line in chosen.metrics["about"])
    assert "bow=0" in (chosen.folder / "report.html").read_text()


def test_its_model_says_what_predict_says_without_this_package(chosen, tmp_path):
    texts = ["A gripping film with a moving story", "dull, dull, dull", "", "Zyzzyva xylophones !!"]
    table = chosen.predict([text or "." for text in texts])
    code = """
import sys, json, numpy as np, keras, tensorflow as tf
model = keras.saving.load_model(sys.argv[1])
print(json.dumps(model.predict(tf.constant(json.loads(sys.argv[2])), verbose=0).tolist()))
assert not any(name.startswith("tfpipelines") for name in sys.modules)
"""
    command = [
        sys.executable,
        "-c",
        code,
        str(chosen.folder / "model.keras"),
        json.dumps([text or "." for text in texts]),
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with warm.Process(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""}, **pipes) as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    told = np.array(json.loads(out.strip().splitlines()[-1]))
    expected = table[["negative", "positive"]].to_numpy()
    np.testing.assert_allclose(told[[0, 1, 3]], expected[[0, 1, 3]], atol=1e-5)


def test_predictions_of_the_test_split_come_again(chosen):
    predictions = pd.read_csv(chosen.folder / "predictions.csv")
    texts = pd.read_csv(chosen.pipeline.data.path)["text"][predictions["item"]]
    again = tfpipelines.load(chosen.folder).predict(texts.tolist())
    np.testing.assert_allclose(again[["negative", "positive"]], predictions[["negative", "positive"]], atol=1e-5)


def test_explanations_add_up_and_the_strongest_ngrams_are_told(chosen):
    texts = ["A gripping, moving film!", "dull  -- and boring"]
    told = chosen.predict(texts, explain=True)["explanation"]
    empty = chosen.predict(["\u2603"])[["negative", "positive"]].to_numpy()[0]  # no n-gram is known
    for text, one in zip(texts, told):
        assert [word["word"] for word in one["words"]] == text.split()
        rest = (1 if one["class"] == "positive" else -1) * float(np.log(empty[1] / empty[0]))
        assert one["log_odds"] == pytest.approx(rest + sum(word["weight"] for word in one["words"]), abs=2e-3)
    ngrams = pd.read_csv(chosen.folder / "ngrams.csv")
    assert set(ngrams["class"]) == {"negative", "positive"} and (ngrams["weight"] > 0).all()


@pytest.mark.slow  # those of tests/test_choosing.py and of detectors are not
@pytest.mark.eager
def test_a_resumed_choice_is_the_same(chosen, tmp_path):
    folder = tmp_path / "resumed"
    shutil.copytree(chosen.folder, folder)
    (folder / "metrics.json").unlink()  # as if it had stopped before all was measured
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps({**status, "state": "interrupted"}))
    last = folder / "candidates" / "3-bow"
    shutil.rmtree(last)
    for number in range(3):
        place = next((folder / "candidates").glob(f"{number}-*"))
        (place / "result.json").unlink()
    again = tfpipelines.resume(folder, observer=Observer())
    assert (folder / "predictions.csv").read_bytes() == (chosen.folder / "predictions.csv").read_bytes()
    for one, other in zip(again.model.get_weights(), chosen.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.eager
@pytest.mark.parametrize("target", ["labels", "number"])
def test_several_labels_and_numbers(target, reviews, tmp_path):
    table = reviews.head(120).copy()
    if target == "labels":
        table["label"] = [
            f"{label}|film" if "film" in text else label for label, text in zip(table["label"], table["text"])
        ]
    else:
        table["label"] = [len(text) / 100 + ("dull" in text) for text in table["text"]]
    table[["text", "label"]].to_csv(tmp_path / "table.csv", index=False)
    words = [f"data.path={tmp_path / 'table.csv'}", f"data.target={target}", *FEW, "model.name=auto"]
    made = tfpipelines.run(
        "text-cls",
        [*words, f"model.candidates=[{{name: wide, {LINEAR}}}, {{name: features, weight_decay: 0.003}}]"],
        observer=Observer(),
    )
    assert made.metrics["candidates"][0]["validation"] and made.status["state"] == "done"
    answers = made.predict(table["text"].head(3).tolist())
    assert len(answers) == 3 and answers["predicted"].notna().all()


def test_a_loss_that_linear_models_lack_is_told(reviews, tmp_path):
    table = reviews.head(60)
    table.assign(label=[len(text) for text in table["text"]])[["text", "label"]].to_csv(
        tmp_path / "numbers.csv", index=False
    )
    words = [f"data.path={tmp_path / 'numbers.csv'}", "data.target=number", "train.batch_size=16", "train.loss=mae"]
    with pytest.raises(tfpipelines.ConfigError, match="fitted by least squares, not by mae"):
        tfpipelines.run("text-cls", ["train.label_smoothing=0", *words], observer=Observer())


def fits(helps: bool):
    """Linear models of 400 rows of which two thirds speak for their class, and a network's outputs that help or not."""
    random = np.random.default_rng(0)
    targets = random.integers(0, 2, 400)
    rows = np.arange(400)
    flat = np.where(random.random(400) < 0.7, targets, 1 - targets).astype(np.int32) + 2
    splits = np.arange(401)

    class Store:
        inputs = {"words_1_1": type("Ids", (), {"flat": flat, "splits": splits})}

    train, validation = (Rows(some, targets[some], None, some) for some in (rows[:300], rows[300:]))
    made = LinearFits(Store, {}, {"words_1_1": 2}, {}, train, validation, 2, 0)
    sure = 2.0 * (2 * targets[300:] - 1) * (random.random(100) < 0.8) if helps else random.normal(size=100)
    return made, np.stack([-sure, sure], 1).astype(np.float32)


@pytest.mark.parametrize("helps", [True, False])
def test_a_trained_network_belongs_to_the_blend_only_where_it_helps(helps, monkeypatch):
    made, outputs = fits(helps)
    words = ["model.name=wide", "model.words=1", "model.characters=[]"]
    pipeline = config.load("text-cls", words, schemas=SCHEMAS).pipeline
    monkeypatch.setattr("tfpipelines.tasks.classification.linear.blended", lambda name, *rest: name)
    trained = [Trained("wide", pipeline, None), Trained("net", pipeline, None)]
    found = made.combine(trained, [True, False], {1: outputs}, "blend")
    assert found.decides and (found.fields["net"] > 0) == helps and found.fields["wide"] > 0
    assert (found.network, found.sole) == (("blend", None) if helps else (None, 0))


@pytest.mark.parametrize("kind", some(["onnx", "litert", "saved_model"], ("litert",)))
def test_exports_are_proven_and_say_how_texts_are_cut(kind, chosen, tmp_path):
    pytest.importorskip({"onnx": "tf2onnx", "litert": "ai_edge_litert"}.get(kind, "tensorflow"))
    folder, manifest = tfpipelines.export(chosen.folder, kind, out=tmp_path / "export", samples=30)
    assert manifest["proof"]["samples"] == 30
    if kind != "saved_model":
        told = json.loads((folder / "vocabulary.json").read_text())
        assert "ids" not in told or told["ids"]["tokens"][:2] == ["[PAD]", "[UNK]"]
        assert told["words_1_3"]["parts"][0]["ngrams"] == [1, 2, 3] and len(told["examples"][0]["words_1_3"]) > 0


def test_where_nothing_helps_one_linear_model_is_left():
    made, _ = fits(True)
    random = np.random.default_rng(1)
    told = random.normal(size=(400, 1)) * np.array([[-1, 1]])
    wrong = np.where((made.both.targets == 1)[:, None], -np.abs(told) * [-1, 1], np.abs(told) * [-1, 1])

    class Fitted:
        out_of_fold = wrong.astype(np.float32)

    made.of_both = lambda network: Fitted
    pipeline = config.load("text-cls", ["model.name=wide"], schemas=SCHEMAS).pipeline
    found = made.combine([Trained("wide", pipeline, None)], [True], {}, "blend")
    assert found.sole == 0 and found.network is None and found.fields == {"wide": 1.0}


@pytest.mark.slow
@pytest.mark.eager
def test_texts_without_long_ngrams_and_an_own_network(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(
        "import keras\n\n\ndef net(vocabulary, classes):\n"
        "    words = keras.Input((None,), dtype='int32')\n"
        "    x = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(vocabulary, 4)(words))\n"
        "    return keras.Model(words, keras.layers.Dense(classes)(x))\n"
    )
    random = np.random.default_rng(0)
    rows = [(" ".join(random.choice(list(words), 6)), label) for words, label in (("abc", "yes"), ("xyz", "no")) * 60]
    pd.DataFrame(rows, columns=["text", "label"]).to_csv(tmp_path / "short.csv", index=False)
    words = [f"data.path={tmp_path / 'short.csv'}", "data.on_leak=warn", *FEW]
    monkeypatch.setattr(LinearFits, "_with_networks", lambda fits, base, outputs: (1.0, dict.fromkeys(outputs, 0.1)))
    choice = ["model.name=auto", f"model.candidates=[wide, '{tmp_path / 'net.py'}:net']"]
    made = tfpipelines.run("text-cls", [*words, *choice], observer=Observer())
    blend = made.metrics["candidates"][-1]
    assert 0.1 in blend["fields"].values() and blend["chosen"]
    assert made.metrics["test"]["accuracy"] == 1 and made.predict(["a b", "x y"])["predicted"].tolist() == ["yes", "no"]

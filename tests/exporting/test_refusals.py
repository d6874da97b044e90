"""What an export refuses, and what it then leaves behind: nothing."""

import json
import os
import re
import shutil
import signal
import string
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tfpipelines
from tfpipelines import ArtifactError, ConfigError, DataError, ExportError, Observer, ResourceError
from tfpipelines.exporting.formats.litert import LiteRT
from tfpipelines.exporting.formats.saved_model import SavedModel
from tfpipelines.exporting.numbered_folders import NewVersion

from ..conftest import ROOT, TINY, write_photos
from ..eager import eagerly
from ..tasks.cases import SMALL_TEXT

CONVOLUTIONS = ["model.name=cnn", "model.filters=8"]


@pytest.fixture(scope="module")
def digit_run(tmp_path_factory):
    """A run of image-cls on 300 digits."""
    words = [*TINY, "data.limit=300", "train.epochs=2", "train.batch_size=32", "train.learning_rate=1e-2"]
    with eagerly():
        return tfpipelines.run("image-cls", words, out=tmp_path_factory.mktemp("digits"), observer=Observer())


@pytest.fixture(scope="module")
def text_run(tmp_path_factory):
    """A run of text-cls with a wide part, several labels a row, and letters that Unicode writes in two ways."""
    folder = tmp_path_factory.mktemp("texts")
    table = pd.read_csv(ROOT / "data" / "reviews" / "reviews.csv")[["text", "label"]].head(200)
    labels = [f"{label}|long" if len(text) > 100 else label for text, label in zip(table["text"], table["label"])]
    table["text"] = [f"{text} d\u00e9j\u00e0 vu" if row % 2 else text for row, text in enumerate(table["text"])]
    table.assign(label=labels).to_csv(folder / "texts.csv", index=False)
    words = [*SMALL_TEXT[2:-1], f"data.path={folder / 'texts.csv'}", "data.target=labels", "train.batch_size=64"]
    with eagerly():
        return tfpipelines.run("text-cls", [*words, *CONVOLUTIONS], out=folder, observer=Observer())


@pytest.fixture
def copy(digit_run, tmp_path):
    """A copy of the run's folder, to be damaged."""
    return Path(shutil.copytree(digit_run.folder, tmp_path / "copy"))


def spoilt(way, monkeypatch):
    """Makes a format write a model whose last layer has other weights."""
    write = way.write

    def wrong(self, served, folder, *rest):
        layer = next(layer for layer in served.input.model._flatten_layers() if layer.name == "logits")
        kept = layer.get_weights()
        layer.set_weights([np.roll(array, 1, -1) for array in kept])
        try:
            write(self, served, folder, *rest)
        finally:
            layer.set_weights(kept)

    monkeypatch.setattr(way, "write", wrong)


@pytest.mark.parametrize("way", [SavedModel, pytest.param(LiteRT, marks=pytest.mark.slow)])
def test_a_model_that_answers_differently_is_not_exported(way, digit_run, tmp_path, monkeypatch, tfpipe):
    spoilt(way, monkeypatch)
    name = way.name
    before = sorted(digit_run.folder.rglob("*"))
    result = tfpipe("export", digit_run.folder, "--format", name, "--out", tmp_path / "deep" / "down", "--json")
    error = json.loads(result.out)["error"]
    assert result.code == error["exit_code"] == 5
    assert "answers differently" in json.dumps(error) and "flipped" in json.dumps(error)
    assert not (tmp_path / "deep").exists() and sorted(digit_run.folder.rglob("*")) == before


@pytest.mark.parametrize("wrong", ["classes", "p_value"])
def test_what_is_said_beside_the_answer_is_proven_too(wrong, digit_run, tmp_path, monkeypatch):
    import tensorflow as tf

    from tfpipelines.models import ServedClasses, ServedScores

    run, kind = digit_run, ServedClasses
    if wrong == "p_value":
        earlier = ROOT / "tests" / "runs_of_earlier_versions" / "0.1.0" / "anomaly-table"
        run, kind = shutil.copytree(earlier, tmp_path / "run"), ServedScores
    words = kind.with_words
    monkeypatch.setattr(
        kind,
        "with_words",
        lambda self, outputs: {
            **(said := words(self, outputs)),
            wrong: said[wrong][..., ::-1] if wrong == "classes" else tf.zeros_like(said[wrong]),
        },
    )
    with pytest.raises(ExportError, match=f"says a wrong {wrong}"):
        tfpipelines.export(run, out=tmp_path / "export", samples=20)


def test_a_signal_leaves_nothing(digit_run, tmp_path, tfpipe, monkeypatch):
    write = SavedModel.write

    def stopped(self, served, folder, *rest):
        os.kill(os.getpid(), signal.SIGTERM)
        write(self, served, folder, *rest)

    monkeypatch.setattr(SavedModel, "write", stopped)
    result = tfpipe("export", digit_run.folder, "--out", tmp_path / "out")
    assert result.code == 143 and "converting" in result.err and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_signal_from_outside_leaves_nothing(digit_run, tmp_path, start):
    process = start("export", digit_run.folder, "--out", tmp_path / "out")
    for line in process.stderr:
        if line.startswith("converting"):
            process.send_signal(signal.SIGTERM)
            break
    process.communicate()
    assert process.returncode == 143 and not (tmp_path / "out").exists()


def test_whole_numbers_that_cost_too_much_are_refused(digit_run, tmp_path, monkeypatch):
    spoilt(LiteRT, monkeypatch)
    with pytest.raises(ExportError, match="accuracy falls from"):
        tfpipelines.export(digit_run, "litert", "int8", out=tmp_path / "int8")
    assert not (tmp_path / "int8").exists()


def test_what_cannot_be_asked_for(digit_run, monkeypatch, tfpipe):
    for format, quantize, message in (
        ("torch", None, "format: got 'torch'"),
        ("onnx", "int8", "quantize: got 'int8' with onnx"),
        ("litert", "int4", "quantize: got 'int4'"),
    ):
        with pytest.raises(ConfigError, match=message):
            tfpipelines.export(digit_run, format, quantize)
    with pytest.raises(ConfigError, match="train.epochs cannot be changed"):
        tfpipelines.export(digit_run, overrides=["train.epochs=1"])
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    with pytest.raises(ConfigError, match="KERAS_BACKEND=tensorflow"):
        tfpipelines.export(digit_run)
    assert tfpipe("export", "nowhere").code == 2


def test_damaged_runs(copy):
    table = pd.read_csv(copy / "predictions.csv", dtype={"item": str})
    table.loc[0, "0"] = 0.9999
    table.to_csv(copy / "predictions.csv", index=False)
    with pytest.raises(ExportError, match="no longer reproduces the run's predictions.csv"):
        tfpipelines.export(copy)
    table.drop(columns="0").to_csv(copy / "predictions.csv", index=False)
    with pytest.raises(ArtifactError, match="predictions.csv is damaged"):
        tfpipelines.export(copy)
    (copy / "splits.csv").unlink()
    with pytest.raises(ArtifactError, match="splits.csv is missing"):
        tfpipelines.export(copy)
    with open(copy / "model.keras", "ab") as file:
        file.write(b"x")
    with pytest.raises(ArtifactError, match="not the file that the run has written"):
        tfpipelines.export(copy)
    assert not (copy / "export").exists()


@pytest.mark.slow
def test_data_that_moved_or_changed(digits, tmp_path, tfpipe):
    photos = write_photos(tmp_path / "photos", digits, {"zero": 0, "one": 1}, 30)
    with eagerly():
        run = tfpipelines.run("image-cls", [*TINY, f"data.path={photos}"], observer=Observer())
    photos.rename(tmp_path / "elsewhere")
    result = tfpipe("export", run.folder)
    assert result.code == 3 and "photos does not exist" in result.err and "data.path" in result.err
    assert tfpipelines.export(run, overrides=[f"data.path={tmp_path / 'elsewhere'}"]).manifest["proof"]["flips"] == 0
    splits = pd.read_csv(run.folder / "splits.csv")
    lost, held_out = splits[splits["split"] == "test"]["item"].iloc[:2]
    (tmp_path / "elsewhere" / lost).rename(tmp_path / "lost.png")
    assert tfpipelines.export(run, overrides=[f"data.path={tmp_path / 'elsewhere'}"]).manifest["proof"]["missing"] == 1
    Image.fromarray(255 - np.asarray(Image.open(tmp_path / "elsewhere" / held_out))).save(
        tmp_path / "elsewhere" / held_out
    )
    with pytest.raises(DataError, match="no longer what they were") as caught:
        tfpipelines.export(run, overrides=[f"data.path={tmp_path / 'elsewhere'}"])
    assert held_out in str(caught.value)


def test_a_disk_that_is_full_leaves_nothing(digit_run, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SavedModel, "write", full)
    with pytest.raises(ResourceError, match="disk is full"):
        tfpipelines.export(digit_run, out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_numbered_folders_appear_whole(tmp_path):
    for number in (1, 2):
        with NewVersion(tmp_path / "a" / "b") as version:
            (version.path / "file").write_text("text")
            assert not version.path.name.isdecimal()
        assert version.final == tmp_path / "a" / "b" / str(number) and (version.final / "file").read_text() == "text"
    with pytest.raises(ValueError), NewVersion(tmp_path / "a" / "b"):
        raise ValueError
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["1", "2"]
    with NewVersion(tmp_path / "c") as one, NewVersion(tmp_path / "c") as other:  # of one process
        (one.path / "file").write_text("one")
        (other.path / "file").write_text("other")
    assert sorted((path.name, (path / "file").read_text()) for path in (tmp_path / "c").iterdir()) == [
        ("1", "other"),
        ("2", "one"),
    ]
    (tmp_path / "taken").write_text("")
    with pytest.raises(ResourceError, match="cannot be made"), NewVersion(tmp_path / "taken" / "x"):
        pass


def test_what_a_killed_export_has_left_is_removed_by_the_next(tmp_path):
    code = f"""
import os, signal, time
from pathlib import Path
from tfpipelines.exporting.numbered_folders import NewVersion
with NewVersion(Path({str(tmp_path)!r})) as version:
    (version.path / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    (left,) = tmp_path.iterdir()
    assert (left / "half").exists()
    other = tmp_path / f".tmp-{os.getpid()}@elsewhere-x"  # of another host, where such a process may be
    foreign = tmp_path / ".tmp-notes"
    for folder in (other, foreign):
        folder.mkdir()
    with NewVersion(tmp_path) as version, NewVersion(tmp_path) as second:
        assert not left.exists() and version.path.is_dir() and second.path.is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {"1", "2", other.name, foreign.name}


@pytest.mark.slow
def test_pictures_of_every_kind_go_through_as_files(tmp_path, digits):
    """The proof begins with the bytes of files: turned by EXIF, of 16 bits, with a palette or alpha, of several
    sizes.
    """
    photos = write_photos(tmp_path / "photos", digits, {"zero": 0, "one": 1}, 24)
    for number, path in enumerate(sorted(photos.rglob("*.png"))):
        image = Image.open(path).resize((28 + number % 5, 28 + number % 3))
        if number % 4 == 0:
            exif = Image.Exif()
            exif[0x0112] = 6
            image.save(path.with_suffix(".jpg"), exif=exif)
            path.unlink()
        else:
            (
                image.convert("P")
                if number % 4 == 1
                else image.convert("RGBA")
                if number % 4 == 2
                else Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
            ).save(path)
    with eagerly():
        run = tfpipelines.run(
            "image-cls", [*TINY, f"data.path={photos}", "data.size=20", "data.resize=crop"], observer=Observer()
        )
    for format in ("saved_model", "onnx"):
        assert tfpipelines.export(run, format).manifest["proof"]["largest_difference"] < 1e-5


@pytest.mark.slow
def test_texts_go_through_as_strings_of_one_form(text_run, tmp_path, monkeypatch):
    """The proof replays decomposed characters, as some systems write them: the manifest says what is done with them."""
    composed = "a fine film, d\u00e9j\u00e0 vu"
    decomposed = unicodedata.normalize("NFD", composed).replace(" ", "\u00a0")
    said = text_run.predict([composed, decomposed]).drop(columns=["item", "text"])
    assert said.iloc[0].equals(said.iloc[1])
    manifest = tfpipelines.export(text_run, out=tmp_path / "texts", samples=30).manifest
    proof = manifest["proof"]
    assert proof["samples"] == 30 and proof["largest_difference"] <= 1e-4 and proof["flips"] == 0
    assert "NFC" in manifest["preprocessing"][0]
    monkeypatch.setattr(
        "tfpipelines.models.serving.ServedTexts._formed", lambda self, text: text
    )  # a client that does not do it
    with pytest.raises(ExportError, match="no longer reproduces"):
        tfpipelines.export(text_run, out=tmp_path / "others", samples=30)


@pytest.mark.slow
def test_a_saved_model_needs_tensorflow_alone(digit_run, text_run, tmp_path):
    """In a process without this package: any size of picture, strings, names of classes, several labels."""
    pictures, texts = (
        tfpipelines.export(run, out=tmp_path / name).folder
        for name, run in (("pictures", digit_run), ("texts", text_run))
    )
    code = f"""
import json, sys
import numpy as np, tensorflow as tf
pictures, texts = (tf.saved_model.load(path) for path in ({str(pictures)!r}, {str(texts)!r}))
one = pictures.signatures["serving_default"](image=tf.zeros([2, 40, 31, 1], tf.uint8))
two = texts.signatures["serving_default"](text=tf.constant(["a film", "", "of unknown wrdz"]))
pairs = [*sorted(one.items()), *sorted(two.items())]
print(json.dumps([[key, value.numpy().astype(str).tolist()] for key, value in pairs]))
print(sorted(name for name in sys.modules if name.split(".")[0] == "tfpipelines"))
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
    )
    answers, modules = result.stdout.splitlines()[-2:]
    assert modules == "[]"
    (_, names), (_, predicted), (_, _), (_, labels), (_, several), (_, probabilities) = json.loads(answers)
    assert names == [list("0123456789")] * 2 and set(predicted) <= set("0123456789")
    assert labels == [["long", "negative", "positive"]] * 3
    said = text_run.predict(["a film", "of unknown wrdz"])
    assert [several[0], several[2]] == said["predicted"].tolist()
    np.testing.assert_allclose(
        np.array(probabilities, float)[[0, 2]], said[["long", "negative", "positive"]], atol=1e-5
    )


@pytest.mark.slow
def test_the_vocabulary_file_is_all_that_ids_need(text_run, tmp_path):
    """Somebody else's few lines of Python, written after vocabulary.json alone, and ONNX Runtime say what the run
    says.
    """
    import onnxruntime

    folder, manifest = tfpipelines.export(text_run, "onnx", out=tmp_path / "onnx")
    assert any("int32 ids" in line for line in manifest["preprocessing"])
    tables = json.loads((folder / "vocabulary.json").read_text())

    def cut(text, settings):
        if settings["standardize"] == "lower_and_strip_punctuation":
            text = re.sub(
                f"[{re.escape(string.punctuation)}]",
                "",
                "".join(sign.lower() if sign in string.ascii_uppercase else sign for sign in text),
            )
        pieces = text.split() if settings["split"] == "whitespace" else list(text)
        lengths = settings["ngrams"] or [1]
        return [
            " ".join(pieces[start : start + length]) for length in lengths for start in range(len(pieces) - length + 1)
        ]

    def ids(text):
        words = {name: number for number, name in enumerate(tables["ids"]["tokens"])}
        return [words.get(name, 1) for name in cut(text, tables["ids"])][: tables["ids"]["max_length"]] or [1]

    def ngrams(text):
        found = []
        for part in tables["ngrams"]["parts"]:
            places = {name: number for number, name in enumerate(part["tokens"], part["first"])}
            found += [places.get(name, 0) for name in cut(text, part)][: part["max_length"]]
        return [*found, 0]

    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    texts = ["A gorgeous, witty film - and it's long.", "dull", "Wrdz nobody knwz!"]
    said = text_run.predict(texts)[["long", "negative", "positive"]].to_numpy()
    for text, expected in zip(texts, said):
        (probabilities,) = session.run(
            ["probabilities"], {"ids": np.array([ids(text)], np.int32), "ngrams": np.array([ngrams(text)], np.int32)}
        )
        np.testing.assert_allclose(probabilities[0], expected, atol=1e-5)
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == ["long", "negative", "positive"]


@pytest.mark.slow
def test_the_command_prints_what_was_proven(digit_run, tmp_path, tfpipe):
    result = tfpipe("export", digit_run.folder, "--format", "litert", "--out", tmp_path / "out", "--samples", "20")
    assert (
        result.code == 0
        and "20 held-out samples" in result.out
        and "flipped answers" in result.out
        and "out/1: model.tflite" in result.out
    )
    result = tfpipe(
        "export", digit_run.folder, "--format", "litert", "--out", tmp_path / "out", "--samples", "20", "--json"
    )
    assert json.loads(result.out)["folder"] == str(tmp_path / "out" / "2")

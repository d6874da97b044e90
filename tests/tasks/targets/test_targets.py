"""Targets end to end: numbers and several labels of images and texts."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tfpipelines
from tfpipelines import ConfigError, DataError, Observer

from ...conftest import TINY
from ...eager import eagerly

TINY_TEXT = ["model.name=bow", "model.embedding=4", "train.epochs=1", "train.batch_size=16", "evaluation.bootstrap=20"]


def write_squares(folder, count: int = 90) -> pd.DataFrame:
    """Pictures with a red and a blue square, or one, or none: files, labels, one-hot columns and a number."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        picture, red, blue = np.full((12, 12, 3), 255, np.uint8), number % 2, int(number % 3 == 0)
        if red:
            picture[1:5, 1:5] = [200, 30, 30]
        if blue:
            picture[6:11, 6:11] = [30, 30, 200]
        noisy = (picture + random.normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number}.png")
        names = [name for name, there in (("red", red), ("blue", blue)) if there]
        value = 100 + 10 * red + 20 * blue + random.normal()
        rows.append((f"{number}.png", "|".join(names) or "|", red, blue, round(value, 3)))
    return pd.DataFrame(rows, columns=["file", "label", "red", "blue", "price"])


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """A folder of pictures, and its table."""
    folder = tmp_path_factory.mktemp("squares")
    return folder, write_squares(folder)


def run(folder, table: pd.DataFrame, *words, task="image-cls", small=TINY):
    table.to_csv(folder / "table.csv", index=False)
    given = [f"data.path={folder / 'table.csv'}", *small, *words]
    return tfpipelines.run(task, given, observer=Observer(), out=folder / "runs")


@pytest.fixture(scope="module")
def priced(squares):
    """A run that predicts numbers."""
    folder, table = squares
    with eagerly():
        return run(folder, table[["file", "price"]], "data.label_column=price", "train.epochs=2")


def test_numbers_of_images(priced, squares):
    folder, table = squares
    data, metrics = (json.loads((priced.folder / f"{name}.json").read_text()) for name in ("data", "metrics"))
    assert data["target"] == "number" and data["classes"] == [] and set(data["values"]) == set(data["rows"])
    assert set(data["rows"]) == {"train", "validation", "calibration", "test"}
    assert {"number_target"} <= {finding["code"] for finding in data["findings"]}
    test = metrics["test"]
    assert {"rmse", "mae", "median_error", "r2", "spearman", "coverage", "width"} == set(test)
    assert set(metrics["baselines"]) >= {"mean", "ridge"} and metrics["interval"]["coverage"] == 0.9
    predictions = pd.read_csv(priced.folder / "predictions.csv")
    assert list(predictions.columns) == ["item", "label", "predicted", "low", "high"]
    error = np.sqrt(np.mean((predictions["label"] - predictions["predicted"]) ** 2))
    assert test["rmse"] == pytest.approx(error, rel=1e-5)
    inside = (predictions["low"] <= predictions["label"]) & (predictions["label"] <= predictions["high"])
    assert test["coverage"] == pytest.approx(inside.mean())
    again = priced.predict([folder / name for name in predictions["item"]])
    for column in ("predicted", "low", "high"):
        np.testing.assert_allclose(again[column], predictions[column], rtol=1e-5)
    history = pd.read_csv(priced.folder / "history.csv")
    assert {"rmse", "val_rmse"} <= set(history.columns)
    assert metrics["validation"]["rmse"] == pytest.approx(history["val_rmse"].min(), rel=1e-4)


def test_a_model_file_tells_numbers_in_their_unit(priced, squares):
    import keras

    folder, _ = squares
    model = keras.models.load_model(priced.folder / "model.keras", compile=False)
    picture = np.asarray(Image.open(folder / "3.png"))[None]
    told = priced.predict([folder / "3.png"])["predicted"].iloc[0]
    assert float(np.squeeze(model.predict(picture, verbose=0))) == pytest.approx(told, rel=1e-5)


def test_numbers_on_a_terminal_have_six_digits(priced, squares, tfpipe, monkeypatch):
    picture = squares[0] / "3.png"
    piped = tfpipe("predict", priced.folder, picture).out
    with monkeypatch.context() as patch:
        patch.setattr(sys.stdout, "isatty", lambda: True)
        shown = tfpipe("predict", priced.folder, picture).out
    (full, short) = ([float(cell) for cell in text.splitlines()[1].split(",")[1:]] for text in (piped, shown))
    assert short == [float(f"{number:.6g}") for number in full] != full


def test_numbers_of_other_data(priced, squares):
    folder, table = squares
    some = table[["file", "price"]].iloc[:20]
    some.to_csv(folder / "other.csv", index=False)
    figures = priced.evaluate(folder / "other.csv")
    assert figures["samples"] == 20 and figures["test"]["rmse"] > 0 and len(figures["expected_coverage"]) == 2
    some.assign(price="many").to_csv(folder / "words.csv", index=False)
    with pytest.raises(DataError, match="20 rows whose target is no finite number"):
        priced.evaluate(folder / "words.csv")


def test_an_export_of_numbers_is_verified(priced):
    with eagerly():
        pytest.importorskip("ai_edge_litert")
        folder = tfpipelines.export(priced, "litert").folder
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["target"] == "number" and manifest["proof"]["largest_difference"] < 1e-2
    outputs = {output["name"] for output in manifest["signature"]["outputs"]}
    assert outputs == {"value", "low", "high"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data.class_weights=balanced"], "data.class_weights goes with classes, and these data have numbers"),
        (["data.oversample=true"], "data.oversample goes with classes"),
        (["train.loss=focal"], "train.loss=focal goes with one label a row, and these data have numbers"),
    ],
)
def test_fields_of_classes_are_refused_for_numbers(squares, words, said):
    folder, table = squares
    with pytest.raises(ConfigError, match=said):
        run(folder, table[["file", "price"]], "data.label_column=price", *words)


def test_losses_of_numbers_are_refused_for_classes(squares):
    folder, table = squares
    with pytest.raises(ConfigError, match="train.loss=mse goes with numbers, and these data have several"):
        run(folder, table[["file", "label"]], "train.loss=mse")
    with pytest.raises(ConfigError, match="data.target_scale is for numbers"):
        run(folder, table[["file", "label"]], "data.target_scale=log")


def test_what_is_wrong_with_numbers(squares):
    folder, table = squares
    numbers = table[["file", "price"]].rename(columns={"price": "label"})
    flat = numbers.assign(label=7.5)
    with pytest.raises(DataError, match="all have the target 7.5"):
        run(folder, flat, "data.target=number")
    odd = numbers.assign(label=[*numbers["label"].iloc[:-2].astype(str), "inf", "n.n."])
    with pytest.raises(DataError, match="2 rows whose target is no finite number") as error:
        run(folder, odd, "data.target=number")
    assert any("line 90" in line and "'inf'" in line for line in error.value.details)
    below = numbers.assign(label=numbers["label"] - 200)
    with pytest.raises(DataError, match="90 rows whose target is not above 0"):
        run(folder, below, "data.target=number", "data.target_scale=log")


@pytest.mark.eager
@pytest.mark.parametrize(
    "words",
    [
        ["train.loss=huber", "data.target_scale=log"],
        pytest.param(["train.loss=quantile", "data.folds=2"], marks=pytest.mark.slow),
    ],
)
def test_ways_to_learn_numbers(squares, words, tmp_path):
    folder, table = squares
    finished = run(folder, table[["file", "price"]], "data.label_column=price", "evaluation.coverage=0.8", *words)
    figures = finished.metrics
    if "data.folds=2" in words:
        assert [set(fold["test"]) for fold in figures["folds"]] and "rmse" in figures["test"]
        return
    told = finished.predict([folder / "1.png"]).iloc[0]
    assert told["high"] / told["predicted"] == pytest.approx(told["predicted"] / told["low"], rel=1e-5)
    table[["file", "price"]].head(12).assign(price=[0.0, *table["price"][1:12]]).to_csv(
        folder / "zero.csv", index=False
    )
    assert finished.evaluate(folder / "zero.csv")["samples"] == 12  # a value of 0 can be missed, if not learned


@pytest.fixture(scope="module")
def tagged(squares):
    """A run that predicts several labels, from one-hot columns, with all that goes with them."""
    folder, table = squares
    words = ["data.class_weights=balanced", "data.oversample=true", "data.augment.mixup=0.2", "train.epochs=2"]
    with eagerly():
        return run(folder, table[["file", "red", "blue"]], *words)


def test_several_labels_of_images(tagged, squares):
    folder, table = squares
    data, metrics = (json.loads((tagged.folder / f"{name}.json").read_text()) for name in ("data", "metrics"))
    assert data["target"] == "labels" and data["classes"] == ["blue", "red"]
    assert data["read_columns"]["label"] == ["red", "blue"]
    assert "average_precision" in metrics["test"] and set(metrics["thresholds"]) == {"blue", "red"}
    assert all("threshold" in row for row in metrics["per_class"].values())
    predictions = pd.read_csv(tagged.folder / "predictions.csv", keep_default_na=False)
    for row in predictions.to_dict("records"):
        chosen = [name for name in ("blue", "red") if row[name] >= metrics["thresholds"][name] - 1e-6]
        assert row["predicted"] == "|".join(chosen)
    again = tagged.predict([folder / name for name in predictions["item"]])
    assert list(again["predicted"]) == list(predictions["predicted"])
    figures = tagged.evaluate(folder / "table.csv") if (folder / "table.csv").exists() else None
    assert figures is None or figures["samples"] > 0


def test_several_labels_are_compared_by_their_thresholds(tagged, tmp_path):
    copy = shutil.copytree(tagged.folder, tmp_path / "copy")
    result = tfpipelines.compare([tagged.folder, copy])  # refuses predictions that do not give the recorded metrics
    assert result


@pytest.mark.eager
@pytest.mark.slow
@pytest.mark.parametrize("scale", ["idf", "ratios"])
def test_numbers_of_texts(tmp_path, scale):
    random = np.random.default_rng(0)
    words = {"dull": -2.0, "fine": 1.0, "great": 3.0, "film": 0.0, "plot": 0.0}
    texts = [" ".join(random.choice(list(words), 6)) for _ in range(120)]
    values = [sum(words[word] for word in text.split()) + 0.1 * random.normal() for text in texts]
    table = pd.DataFrame({"text": texts, "score": np.round(values, 3)})
    given = ["data.label_column=score", f"model.wide={{words: 1, min_count: 1, scale: {scale}}}"]
    finished = run(tmp_path, table, *given, task="text-cls", small=TINY_TEXT)
    figures = finished.metrics
    assert figures["test"]["rmse"] < 0.8 * figures["baselines"]["mean"]["rmse"]  # the linear part alone is far better
    ngrams = pd.read_csv(finished.folder / "ngrams.csv")
    assert ngrams[ngrams["class"] == "higher"]["ngram"].iloc[0] == "great"
    assert ngrams[ngrams["class"] == "lower"]["ngram"].iloc[0] == "dull"
    told = finished.predict(["great great film", "dull dull film"], explain=True)
    assert told["predicted"].iloc[0] > told["predicted"].iloc[1]
    great = next(word for word in told["explanation"].iloc[0]["words"] if word["word"] == "great")
    assert great["weight"] > 0

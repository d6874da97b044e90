"""Text classification, end to end, on small real and on troublesome data."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines import ConfigError, DataError, Observer
from tfpipelines.networks.word_vectors import vectors_of
from tfpipelines.output.printing import print_metrics

from ...conftest import ROOT

SMALL = [
    "model.name=bilstm",
    "model.units=8",
    "model.embedding=8",
    "train.batch_size=16",
    "train.warmup_epochs=0",
    "evaluation.bootstrap=20",
    "model.wide.words=1",
    "model.wide.characters=[]",
]


@pytest.fixture(scope="session")
def reviews():
    return pd.read_csv(ROOT / "data" / "reviews" / "reviews.csv")


def run(path, *overrides, **options):
    """One epoch of a small network, of `model.name` where that is among the overrides."""
    small = [
        override
        for override in SMALL
        if not (override.startswith(("model.name", "model.units")) and any("model.name" in word for word in overrides))
    ]
    return tfpipelines.run(
        "text-cls", [f"data.path={path}", *small, "train.epochs=1", *overrides], observer=Observer(), **options
    )


@pytest.fixture
def table(tmp_path, reviews):
    """A CSV of 90 reviews without splits."""
    reviews[["text", "label"]].iloc[:90].to_csv(tmp_path / "reviews.csv", index=False)
    return tmp_path / "reviews.csv"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, reviews):
    """A run whose model knows good from bad, of a network that is soon traced."""
    folder = tmp_path_factory.mktemp("trained")
    rows = reviews.sample(frac=1, random_state=0)
    rows = pd.concat(
        [rows[rows["split"] == split].head(n) for split, n in (("train", 1600), ("validation", 200), ("test", 300))]
    )
    rows[["text", "label", "split"]].to_csv(folder / "reviews.csv", index=False)
    overrides = [
        f"data.path={folder / 'reviews.csv'}",
        "data.limit=1500",
        "model.name=cnn",
        "model.filters=16",
        "model.embedding=16",
        "model.word_dropout=0.3",
        "model.spatial_dropout=0.5",
        "model.pooling=mean",
        "model.wide={words: 2, characters: [3, 5], min_count: 1, deep_weight: 0.1}",
        "train.epochs=2",
        "evaluation.bootstrap=20",
    ]
    return tfpipelines.run("text-cls", overrides, out=folder / "runs", observer=Observer())


def test_learns_and_leaves_its_files(trained):
    assert trained.metrics["test"]["accuracy"] > 0.7
    left = {str(path.relative_to(trained.folder)) for path in trained.folder.rglob("*")}
    assert left >= {
        "vocabulary.txt",
        "ngrams.csv",
        "mistakes.csv",
        "plots/mistakes.html",
        "plots/confusion_matrix.png",
        "plots/reliability.png",
    }
    vocabulary = (trained.folder / "vocabulary.txt").read_text().splitlines()
    assert vocabulary[:2] == ["[PAD]", "[UNK]"] and "film" in vocabulary
    grams = pd.read_csv(trained.folder / "ngrams.csv")
    assert "dull" in set(grams[grams["class"] == "negative"]["ngram"]) and (grams["weight"] > 0).all()
    mistakes = pd.read_csv(trained.folder / "mistakes.csv")
    assert (mistakes["label"] != mistakes["predicted"]).all() and (
        mistakes[["negative", "positive"]].max(axis=1).diff().dropna() <= 1e-6
    ).all()


def test_a_baseline_stands_beside_every_result(trained, capsys):
    metrics = trained.metrics
    ((name, figures),) = metrics["baselines"].items()
    told = metrics["baseline_differences"][name]
    assert figures.keys() == metrics["test"].keys() and figures["accuracy"] > 0.6
    assert told["difference"] == pytest.approx(figures["accuracy"] - metrics["test"]["accuracy"])
    assert told["low"] <= told["difference"] <= told["high"] and metrics["time"]["baselines"] > 0
    print_metrics(metrics)
    pages = [capsys.readouterr().out, *((trained.folder / page).read_text() for page in ("report.html", "README.md"))]
    wins = any(line.startswith(f"{name} has the higher accuracy") for line in metrics.get("about", []))
    assert wins == (told["difference"] > 0)
    for page in pages:
        assert name in page and ("has the higher accuracy" in page) == wins


def test_vocabulary_is_of_the_training_rows_alone(trained):
    splits = pd.read_csv(trained.folder / "splits.csv")
    texts = pd.read_csv(trained.pipeline.data.path)["text"]
    words = set(" ".join(texts[splits["item"][splits["split"] == "train"]]).lower().split())
    assert set((trained.folder / "vocabulary.txt").read_text().splitlines()[2:]) <= {
        word.translate(str.maketrans("", "", "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'")) for word in words
    }


def test_model_on_strings_says_what_predict_says(trained):
    import tensorflow as tf

    texts = ["A gripping, moving film.", "Dull and far too long", "Хорошо 日本 !", "Zzyzx"] + [
        " ".join(["fine"] * 3000)
    ]
    expected = trained.predict(texts)[["negative", "positive"]].to_numpy()
    assert np.allclose(trained.model(tf.constant(texts)), expected, atol=1e-5)
    assert np.allclose(trained.model.predict(np.array(texts, object), verbose=0), expected, atol=1e-5)
    for text, row in zip(texts, expected):  # one by one: neighbours change nothing
        assert np.allclose(trained.model(tf.constant([text])), row, atol=1e-5)
    assert trained.model(tf.constant(["", "?!"])).shape == (2, 2)
    assert expected[0, 1] > 0.5 > expected[1, 1]


@pytest.mark.eager
def test_predict_takes_texts_files_and_tables(trained, tfpipe, tmp_path):
    (tmp_path / "one.txt").write_text("A gripping, moving film")
    pd.DataFrame({"review": ["dull", "moving"], "other": [1, 2]}).to_csv(tmp_path / "new.csv", index=False)
    result = tfpipe(
        "predict", trained.folder, "one.txt", "new.csv", "none.txt", "--text", "dull and boring", "--text", " "
    )
    assert result.code == 3 and "none.txt: no such file" in result.err and "there is no text in it" in result.err
    lines = result.out.splitlines()
    assert lines[0] == "item,text,predicted,negative,positive,error" and len(lines) == 7
    assert lines[1].startswith('one.txt,"A gripping, moving film",positive') and lines[5].startswith(
        "4,dull and boring,negative"
    )
    assert tfpipe("predict", trained.folder).code == 2
    result = tfpipe("predict", trained.folder, "new.csv", "data.text_column=other")
    assert result.code == 0 and [line.split(",")[1] for line in result.out.splitlines()[1:]] == ["1", "2"]
    result = tfpipe("predict", trained.folder, "new.csv", "data.text_column=none")
    assert result.code == 0  # named for other tables: the usual names count


@pytest.mark.eager
def test_predict_reads_lines_from_stdin(trained, monkeypatch):
    from click.testing import CliRunner

    from tfpipelines.cli.group import cli

    result = CliRunner().invoke(cli, ["predict", str(trained.folder), "-", "--json"], input="a dull film\n\nmoving\n")
    assert result.exit_code == 3  # every line has its row
    assert [row["text"] for row in json.loads(result.stdout)["result"]] == ["a dull film", "", "moving"]
    for table in ('{"text": "a dull film"}\n{"text": "moving"}\n', 'id,text\n1,a dull film\n2,"moving"\n'):
        result = CliRunner().invoke(cli, ["predict", str(trained.folder), "-", "--json"], input=table)
        assert [row["text"] for row in json.loads(result.stdout)] == ["a dull film", "moving"]
    result = CliRunner().invoke(cli, ["predict", str(trained.folder), "-", "--json"], input="well, text\nfine, really")
    assert len(json.loads(result.stdout)) == 2  # no header


def test_lines_of_stdin_that_look_like_a_header_are_texts(trained, tmp_path):
    from tfpipelines.cli.models import _header

    task = trained.own_task(())
    takes = lambda text: task.takes_table(*_header(text)[1:])
    assert takes("id,text\n1,a\n") and takes('{"text": "a"}\n') and takes("text;label\n")
    assert not takes("Question, how do I reset it?\nit is broken\n") and not takes("text,text\n")
    assert _header("x" * 140_000 + ",text")[1] == [] and _header("{" * 100_000)[1] == []


@pytest.mark.eager
def test_the_columns_of_its_own_table_are_looked_for_first(trained, tfpipe, tmp_path):
    facts = json.loads((trained.folder / "data.json").read_text())
    assert facts["read_columns"] == {"text": "text", "label": "label", "split": "split"}
    frame = pd.DataFrame({"headline": ["x", "y"], "text": ["a dull film", "moving"], "sentiment": ["n", "p"]})
    frame["label"] = ["negative", "positive"]
    frame.to_csv("new.csv", index=False)
    assert trained.predict(Path("new.csv"))["text"].tolist() == ["a dull film", "moving"]
    assert trained.predict(frame)["text"].tolist() == ["a dull film", "moving"]
    assert trained.evaluate("new.csv")["samples"] == 2
    named = trained.predict(frame, overrides=["data.text_column=headline"])
    assert named["text"].tolist() == ["x", "y"]
    renamed = frame.rename(columns={"text": "body", "label": "class"}).drop(columns=["headline", "sentiment"])
    assert trained.predict(renamed)["text"].tolist() == ["a dull film", "moving"]
    assert tfpipe("check", "new.csv", "--pipeline", "text-cls").code == 3  # what training asks


@pytest.mark.eager
def test_columns_of_the_table_are_kept(trained, tfpipe):
    frame = pd.DataFrame({"id": [70, 80], "text": ["a dull film", "moving"], "price": ["1.50", "2"], "error": "e"})
    frame.to_csv("new.csv", index=False)
    named = trained.predict(Path("new.csv"))
    assert list(named.columns)[:3] == ["item", "id", "text"] and named["id"].tolist() == ["70", "80"]
    kept = tfpipe("predict", trained.folder, "new.csv", "--keep-columns").out.splitlines()
    assert kept[0] == "item,id,input_text,price,input_error,text,predicted,negative,positive"
    assert kept[1].startswith("0,70,a dull film,1.50,e,a dull film,negative,")
    tfpipe("predict", trained.folder, "new.csv", "--keep-columns", "--out", "out.json")
    first = json.loads(Path("out.json").read_text())[0]
    assert (first["id"], first["price"], first["input_error"]) == ("70", "1.50", "e") and set(first["scores"]) == {
        "negative",
        "positive",
    }
    told = trained.predict(["moving", frame, pd.NA], keep_columns=True)
    assert told["id"].tolist() == [None, 70, 80, None] and told["error"].tolist()[3] == "no text"
    assert told["predicted"].tolist()[:3] == ["positive", "negative", "positive"]
    assert list(trained.predict(frame.assign(id=1)).columns) == ["item", "text", "predicted", "negative", "positive"]


@pytest.mark.eager
def test_explanations_as_json_and_as_a_page(trained, tfpipe, tmp_path):
    result = tfpipe(
        "predict",
        trained.folder,
        "--text",
        "A dull, dull film",
        "--text",
        " ",
        "--explain",
        "--out",
        tmp_path / "out.json",
    )
    assert result.code == 3
    good, bad = json.loads((tmp_path / "out.json").read_text())
    words = good["explanation"]["words"]
    assert [word["word"] for word in words] == ["A", "dull,", "dull", "film"] and good["explanation"]["class"] == good[
        "predicted"
    ] == "negative"
    assert max(words, key=lambda word: word["weight"])["word"].startswith("dull")
    assert bad["explanation"] is None and bad["error"]
    assert "<mark" in (tmp_path / "out.html").read_text()
    assert (
        "dull"
        in tfpipe("predict", trained.folder, "--text", "A dull film", "--explain").out.splitlines()[1].split('"')[1]
    )


@pytest.mark.eager
def test_evaluate_on_new_data(trained, tfpipe, tmp_path, reviews):
    part = reviews[reviews["split"] == "validation"].head(40).rename(columns={"text": "quote", "label": "verdict"})
    part[["quote", "verdict"]].to_csv(tmp_path / "new.csv", index=False)
    result = tfpipe(
        "evaluate",
        trained.folder,
        "new.csv",
        "data.text_column=quote",
        "data.label_column=verdict",
        "--out",
        "plots",
        "--json",
    )
    assert result.code == 0, result.err
    assert json.loads(result.out)["samples"] == 40 and {"mistakes.html", "mistakes.csv", "metrics.json"} <= {
        path.name for path in (tmp_path / "plots").iterdir()
    }
    assert not (tmp_path / "mistakes.csv").exists()
    assert tfpipe("evaluate", trained.folder, "new.csv", "data.vocabulary=5").code == 2
    result = tfpipe("evaluate", trained.folder, trained.pipeline.data.path, "--split", "train")
    assert "1500 of 1600 samples have been trained on" in result.err
    part.assign(verdict="other")[["quote", "verdict"]].to_csv(tmp_path / "odd.csv", index=False)
    result = tfpipe("evaluate", trained.folder, "odd.csv", "data.text_column=quote", "data.label_column=verdict")
    assert result.code == 3 and "unknown to the model" in result.err


@pytest.mark.eager
@pytest.mark.slow
@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "bilstm", "cnn", "transformer", "bow"])
def test_every_network_trains_and_comes_back(table, name):
    small = {
        "cnn": ["model.filters=4"],
        "transformer": ["model.heads=2", "model.layers=1"],
        "bow": ["model.buckets=64"],
    }.get(name, ["model.units=4"])
    finished = run(table, *small, f"model.name={name}")
    assert finished.status["state"] == "done" and finished.model.get_layer("temperature")
    written = pd.read_csv(finished.folder / "predictions.csv")
    predicted = tfpipelines.load(finished.folder).predict(written["text"])
    assert np.allclose(predicted[["negative", "positive"]], written[["negative", "positive"]], atol=1e-5)


@pytest.mark.slow
def test_several_labels_end_to_end(tmp_path, reviews):
    rows = [(text, ["long"] * (len(text) > 110) + ["film"] * ("film" in text)) for text in reviews["text"].iloc[:300]]
    (tmp_path / "tags.jsonl").write_text(
        "".join(json.dumps({"text": text, "tags": tags}) + "\n" for text, tags in rows)
    )
    finished = run("tags.jsonl", "train.epochs=3")
    history = pd.read_csv(finished.folder / "history.csv")
    assert (history["accuracy"] > 0.3).all()  # of whole rows, though targets are smoothed
    assert finished.metrics["test"].keys() >= {"accuracy", "hamming_loss", "f1_macro", "average_precision"}
    assert all(figures.keys() == finished.metrics["test"].keys() for figures in finished.metrics["baselines"].values())
    assert (
        set(finished.metrics["per_class"]) == {"film", "long"}
        and (finished.folder / "plots" / "per_label.png").is_file()
    )
    written = pd.read_csv(finished.folder / "predictions.csv", keep_default_na=False)
    predicted = tfpipelines.load(finished.folder).predict(list(written["text"]))
    assert list(predicted["predicted"]) == list(written["predicted"]) and set(written["label"]) <= {
        "",
        "film",
        "long",
        "film|long",
    }
    assert np.allclose(predicted[["film", "long"]], written[["film", "long"]], atol=1e-5)
    figures = tfpipelines.load(finished.folder).evaluate("tags.jsonl", split="all")
    assert figures["samples"] == 300 and "f1_micro" in figures["test"]
    others = run("tags.jsonl", "train.epochs=2", "train.loss=asymmetric", "train.optimizer=muon")
    assert np.isfinite(others.metrics["test"]["log_loss"])


@pytest.mark.eager
def test_explanations_add_up_to_the_probabilities(trained):
    row = trained.predict(["A dull film"], explain=True).iloc[0]
    share = row[row["predicted"]]
    assert np.isclose(row["explanation"]["log_odds"], np.log(share / (1 - share)), atol=1e-3)


@pytest.mark.eager
def test_the_wide_part_can_be_left_out(table):
    finished = run(table, "model.name=cnn", "model.filters=4", "model.wide=null", "evaluation.baselines=false")
    assert (
        not {"baselines", "baseline_differences"} & set(finished.metrics)
        and "baselines" not in finished.metrics["time"]
    )
    assert not (finished.folder / "ngrams.csv").exists() and len(finished.model.get_layer("cnn").inputs) == 1


@pytest.mark.slow
def test_characters_of_a_script_without_spaces(tmp_path):
    good, bad = (
        ["这部电影很好看", "非常精彩的故事", "演员都很出色"],
        ["这部电影很无聊", "故事太长没意思", "演员都很糟糕"],
    )
    pd.DataFrame(
        {
            "text": [f"{text}{number}" for number in range(8) for text in (*good, *bad)],
            "label": ["good"] * 3 + ["bad"] * 3 + (["good"] * 3 + ["bad"] * 3) * 7,
        }
    ).to_csv(tmp_path / "zh.csv", index=False)
    findings = json.loads((run("zh.csv").folder / "data.json").read_text())["findings"]
    (warning,) = [finding for finding in findings if finding["code"] == "unspaced"]
    assert warning["severity"] == "warning" and "data.level=char" in warning["remedy"]
    finished = run("zh.csv", "data.level=char", "train.epochs=8", "train.learning_rate=0.02", "train.ema=null")
    assert "好" in (finished.folder / "vocabulary.txt").read_text().splitlines()
    assert not [
        finding
        for finding in json.loads((finished.folder / "data.json").read_text())["findings"]
        if finding["code"] == "unspaced"
    ]
    explained = finished.predict(["演员都很出色"], explain=True)["explanation"].iloc[0]
    assert [word["word"] for word in explained["words"]] == list("演员都很出色")


@pytest.mark.slow
@pytest.mark.eager
def test_level_ngram_and_other_ways_to_cut(table):
    finished = run(
        table,
        "data.level=ngram",
        "data.standardize=none",
        "data.vocabulary=50",
        "model.name=bow",
        "model.buckets=32",
        "data.max_length=20",
        "data.on_bad=skip",
    )
    vocabulary = (finished.folder / "vocabulary.txt").read_text().splitlines()
    assert (
        len(vocabulary) == 52
        and any(" " in name for name in vocabulary)
        and any(name != name.lower() for name in vocabulary)
    )
    facts = json.loads((finished.folder / "data.json").read_text())
    assert facts["max_length"] == 20 and any(finding["code"] == "cut" for finding in facts["findings"])


def test_a_vocabulary_without_words_is_an_error(table):
    with pytest.raises(DataError, match="No token occurs 9999 times"):
        run(table, "data.min_count=9999")


@pytest.mark.eager
def test_word_vectors_are_read_and_may_stay(table, tmp_path):
    (tmp_path / "v.txt").write_text("the 1 2 3 4\nfilm 5 6 7 8\n")
    finished = run(table, "data.vectors=v.txt", "model.freeze_embedding=true", "model.name=cnn", "model.filters=4")
    embedding = finished.model.get_layer("cnn").get_layer("embedding").get_weights()[0]
    vocabulary = (finished.folder / "vocabulary.txt").read_text().splitlines()
    assert embedding[vocabulary.index("film")].tolist() == [5, 6, 7, 8]
    assert any(
        "word vectors: 4 numbers each, for 2" in line
        for line in json.loads((finished.folder / "data.json").read_text())["about"]
    )
    assert tfpipelines.load(finished.folder).pipeline.data.vectors == str(tmp_path / "v.txt")
    with pytest.raises(DataError, match="does not exist"):
        run(table, "data.vectors=none.txt")
    with pytest.raises(ConfigError, match="model.heads=3"):
        run(table, "data.vectors=v.txt", "model.name=transformer", "model.heads=3", "model.embedding=6")


@pytest.mark.slow
@pytest.mark.eager
def test_word_vectors_of_the_package(table):
    overrides = ["data.vectors=bundled", "data.level=ngram", "model.freeze_embedding=true", "model.name=bow"]
    finished = run(table, *overrides, "model.buckets=32")
    embedding = finished.model.get_layer("bow").get_layer("embedding").get_weights()[0]
    vocabulary = (finished.folder / "vocabulary.txt").read_text().splitlines()
    names = ["film", next(name for name in vocabulary if " " in name)]
    expected = vectors_of(names).vectors
    assert np.array_equal(embedding[[vocabulary.index(name) for name in names]], expected)
    (told,) = (line for line in json.loads((finished.folder / "data.json").read_text())["about"] if "vectors" in line)
    assert told.startswith("word vectors: 256 numbers each, for ")
    assert tfpipelines.load(finished.folder).pipeline.data.vectors == "bundled"
    with pytest.raises(ConfigError, match="model.heads=3"):
        run(table, "data.vectors=bundled", "model.name=transformer", "model.heads=3", "model.embedding=6")


@pytest.mark.slow
def test_folds(table):
    finished = run(table, "data.folds=2", "data.validation=0.2")
    assert len(finished.metrics["folds"]) == 2 and (finished.folder / "fold-1" / "vocabulary.txt").is_file()
    assert len(pd.read_csv(finished.folder / "predictions.csv")) == 90


@pytest.mark.slow
def test_start_from_an_earlier_run(table):
    first = run(table)
    again = run(table, "train.learning_rate=1e-9", start=first.folder)
    for mine, theirs in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        assert np.allclose(mine, theirs, atol=1e-5)


@pytest.mark.slow
@pytest.mark.eager
def test_start_from_other_words_and_classes(table, tmp_path, reviews):
    first = run(table, "model.name=bow", "model.buckets=32", "data.vocabulary=100")
    other = reviews.sample(90, random_state=0).assign(
        label=lambda rows: rows["label"].replace({"positive": "up", "negative": "down"})
    )
    other[["text", "label"]].to_csv(tmp_path / "other.csv", index=False)
    notes = []

    class Notes(Observer):
        def note(self, text):
            notes.append(text)

    small = [word for word in SMALL if not word.startswith(("model.name", "model.units"))]
    again = tfpipelines.run(
        "text-cls",
        [
            "data.path=other.csv",
            *small,
            "model.name=bow",
            "model.buckets=32",
            "data.vocabulary=100",
            "train.epochs=1",
            "train.learning_rate=1e-9",
        ],
        start=first.folder,
        observer=Notes(),
    )
    words = [(finished.folder / "vocabulary.txt").read_text().splitlines() for finished in (first, again)]
    tables = [finished.model.get_layer("bow").get_layer("embedding").get_weights()[0] for finished in (first, again)]
    shared = set(words[0]) & set(words[1])
    assert words[0] != words[1] and len(shared) > 20
    for word in shared:
        assert np.allclose(tables[0][words[0].index(word)], tables[1][words[1].index(word)], atol=1e-5)
    (note,) = [note for note in notes if "start anew" in note]
    assert "logits" in note and "ngram_embedding" in note and " embedding" not in note


@pytest.mark.slow
def test_imbalance(table):
    for override in ("data.class_weights=balanced", "data.oversample=true"):
        assert run(table, override).status["state"] == "done"


# --- FAULTS.md


def test_10_leaks_and_conflicts_between_texts(table, tmp_path, tfpipe, reviews):
    part = reviews[["text", "label", "split"]].iloc[:200]
    train, test = part[part["split"] == "train"].iloc[0], part[part["split"] == "test"].iloc[[0]]
    leaked = pd.concat([part, test.assign(text=f"  {train['text'].upper()} ", label=train["label"])])
    leaked.to_csv(tmp_path / "leak.csv", index=False)
    result = tfpipe("check", "leak.csv", "--pipeline", "text-cls")
    assert result.code == 0 and "1 sample in more than one split" in result.out
    assert tfpipe("check", "leak.csv", "--pipeline", "text-cls", "data.on_leak=error").code == 3


def test_11_too_few_texts_of_a_class(tmp_path, tfpipe):
    pd.DataFrame({"text": ["a b", "c d", "e f", "g h"], "label": ["x", "x", "x", "y"]}).to_csv(
        tmp_path / "few.csv", index=False
    )
    result = tfpipe("run", "text-cls", "data.path=few.csv")
    assert result.code == 3 and "Class 'y' has 1 sample" in result.err and "at least 3" in result.err


@pytest.mark.parametrize(
    ("change", "code", "parts"),
    [
        (lambda rows: rows.assign(label=[""] + rows["label"].tolist()[1:]), 3, ["1 row without a label", "line 2"]),
        (
            lambda rows: rows.assign(text=["", " \u3000", *rows["text"].tolist()[2:]]),
            3,
            ["2 rows without any text", "line 2", "line 3", "data.on_bad=skip"],
        ),
        (lambda rows: rows.rename(columns={"text": "words"}), 3, ["words, label", "data.text_column"]),
        (lambda rows: rows.assign(review=rows["text"]), 3, ["text, review", "data.text_column"]),
        (lambda rows: rows.assign(label="one"), 3, ["all of one class, 'one'"]),
    ],
)
def test_12_13_14_wrong_tables(table, tfpipe, change, code, parts):
    change(pd.read_csv(table)).to_csv(table, index=False)
    result = tfpipe("run", "text-cls", f"data.path={table}", *SMALL)
    assert result.code == code and all(part in result.err for part in parts), result.err


def test_14_unknown_words_and_skipped_rows_crash_no_batch(tmp_path, reviews):
    part = reviews[["text", "label", "split"]].iloc[:150].reset_index(drop=True)
    tests = part.index[part["split"] == "test"]
    part.loc[tests[0], "text"] = "Zzyzx qwrtz"
    part.loc[tests[1], "text"] = "\u3000"
    part.loc[part.index[part["split"] == "train"][0], "text"] = "Hapax legomenon"
    part.to_csv(tmp_path / "odd.csv", index=False)
    part.drop(index=tests[1]).to_csv(tmp_path / "unknown.csv", index=False)
    with pytest.raises(DataError) as error:
        run("unknown.csv", "data.min_count=2", "data.on_bad=error")
    assert (
        "training text" in str(error.value) and "line " in str(error.value) and "data.on_bad=skip" in str(error.value)
    )
    finished = run("odd.csv", "data.on_bad=skip", "data.min_count=2", "model.name=gru", "model.units=4")
    findings = {
        finding["code"]: finding
        for finding in json.loads((finished.folder / "data.json").read_text())["findings"]
        if finding["code"] != "unknown_text"
    }
    unknown = [
        finding
        for finding in json.loads((finished.folder / "data.json").read_text())["findings"]
        if finding["code"] == "unknown_text"
    ]
    assert findings["empty_text"]["items"] == [f"line {tests[1] + 2}"]
    assert any("left out" in finding["message"] for finding in unknown) and any(
        f"line {tests[0] + 2}" in finding["items"] for finding in unknown
    )
    assert len(pd.read_csv(finished.folder / "predictions.csv")) == len(tests) - 1


def test_14_a_class_of_unknown_words_alone_is_an_error(tmp_path, reviews):
    part = reviews[["text", "label", "split"]].iloc[:200]
    odd = [
        {"text": f"zz{number} qq{number}", "label": "odd", "split": split}
        for number, split in enumerate(("train", "train", "test"))
    ]
    pd.concat([part, pd.DataFrame(odd)]).to_csv(tmp_path / "odd.csv", index=False)
    with pytest.raises(DataError, match="class 'odd' have unknown words"):
        run("odd.csv", "data.on_bad=skip", "data.min_count=2")


@pytest.mark.slow
@pytest.mark.eager
def test_a_run_of_an_earlier_version_goes_on_with_texts_as_they_are_written(tmp_path, reviews, monkeypatch):
    from tfpipelines.tasks.supervised_texts import SupervisedTexts

    class Stop(Observer):
        def epoch(self, row, epochs, samples):
            os.kill(os.getpid(), signal.SIGTERM)

    part = reviews[["text", "label", "split"]].iloc[:120]
    part = part.assign(text=[f"{text} de\u0301ja\u0300" for text in part["text"]])
    part.to_csv(tmp_path / "texts.csv", index=False)
    words = [*SMALL[2:], "data.path=texts.csv", "train.epochs=2", "model.name=cnn", "model.filters=4"]
    with monkeypatch.context() as patch:
        patch.setattr(SupervisedTexts, "_normal", False)
        with pytest.raises(tfpipelines.Interrupted):
            tfpipelines.run("text-cls", words, observer=Stop(), name="earlier")
    assert "text_form" not in json.loads(Path("runs/earlier/data.json").read_text())
    resumed = tfpipelines.resume("runs/earlier", observer=Observer())
    assert resumed.status["state"] == "done" and "de\u0301ja\u0300" in Path("runs/earlier/vocabulary.txt").read_text()


EMOTICON_ROWS = [
    *((f"@ann{i} so good {i} :) http://a.b/{i}", "", "good") for i in range(30)),
    *((f"@bob{i} so bad {i}", f"no {i} :(", "bad") for i in range(30)),
    (":-) ", "", "good"),
    (":-(", "", "bad"),
]


@pytest.mark.slow
@pytest.mark.eager
def test_words_that_stand_for_others_and_several_columns(tmp_path, tfpipe):
    frame = pd.DataFrame(EMOTICON_ROWS, columns=["title", "body", "label"])
    frame["split"] = [("train", "train", "validation", "test")[i % 4] for i in range(60)] + ["train"] * 2
    frame.to_csv("tweets.csv", index=False)
    words = ["data.text_column=[title,body]", "data.replace=[emoticons,users,urls,numbers]", "model.name=bow"]
    made = run("tweets.csv", *words, "model.buckets=32", name="tweets")
    facts = json.loads((made.folder / "data.json").read_text())
    assert facts["rows"]["train"] == 32 and facts["read_columns"]["text"] == ["title", "body"]
    assert facts["replaced"] == ["urls", "users", "emoticons", "numbers"] and facts["text_form"] == "NFC"
    vocabulary = (made.folder / "vocabulary.txt").read_text().split()
    assert {*vocabulary[2:]} == {
        *("numbertoken", "usertoken", "urltoken", "emoticonsmile", "emoticonsad"),
        *("so", "bad", "no", "good"),
    }
    told = made.predict(frame[["title", "body"]])
    assert told["text"][30] == "usertoken so bad numbertoken \nno numbertoken emoticonsad"
    raw = made.predict(["@x so bad 9\nno 1 =("])  # other words of the same kinds
    assert np.allclose(raw[["bad", "good"]], told[["bad", "good"]].iloc[30], atol=1e-6)
    assert made.evaluate("tweets.csv", split="test")["samples"] == 15
    result = tfpipe("predict", made.folder, "--text", ":)", "--json")
    assert json.loads(result.out)[0]["text"] == "emoticonsmile"
    result = tfpipe("predict", made.folder, "tweets.csv", "data.replace=[]")
    assert result.code == 2 and "data.replace cannot be changed once a model is trained" in result.err
    card = tfpipelines.report(made.folder).card.read_text()
    assert "URLs are read as urltoken" in card and "the columns title, body joined" in card
    served = made.own_task(()).served(made.model).input
    assert "urltoken" in served.words(whole=True)[1]
    assert served.feed("@y :)", whole=True)["text"].tolist() == ["usertoken emoticonsmile"]
    words = [*words[:1], "data.replace=urls", *words[2:]]
    with pytest.raises(DataError, match=r"(?s)2 of them nothing but punctuation.*data.replace=\[emoticons\]"):
        run("tweets.csv", *words, "model.buckets=32", "data.on_bad=error")


@pytest.mark.slow
@pytest.mark.eager
def test_long_texts_in_chunks(tmp_path, tfpipe):
    filler = " ".join(["and so on"] * 10)
    rows = [(f"{i} {filler} {word}", label) for i in range(24) for word, label in (("fine", "good"), ("dull", "bad"))]
    frame = pd.DataFrame(rows, columns=["text", "label"]).assign(split=["train", "train", "validation", "test"] * 12)
    frame.to_csv("long.csv", index=False)
    words = ["model.name=bow", "model.buckets=32", "data.max_length=8", "model.wide.words=0"]
    cut = run("long.csv", *words, name="cut")
    data = lambda one: json.loads((one.folder / "data.json").read_text())
    (finding,) = [entry for entry in data(cut)["findings"] if entry["code"] == "cut"]
    assert finding["message"] == "48 of 48 texts are longer than 8 tokens, and cut"
    assert "data.long=chunks" in finding["remedy"]
    made = run("long.csv", *words, "data.long=chunks", name="chunks")
    assert "cut" not in {entry["code"] for entry in data(made)["findings"]} and data(made)["max_length"] == 8 * 32
    assert any(line.endswith("are read, in chunks of 8") for line in data(made)["about"])
    same = lambda told: np.allclose(told[["bad", "good"]].iloc[0], told[["bad", "good"]].iloc[1], atol=1e-6)
    pair = [f"{filler} fine", f"{filler} dull"]
    network = lambda one: one.model.layers[[layer.name for layer in one.model.layers].index("bow")]
    assert same(cut.predict(pair)) and network(cut).count_params() == network(made).count_params()
    told = made.predict([*pair, "dull"])
    assert not same(told) and len(told) == 3
    import tensorflow as tf

    assert np.allclose(made.model(tf.constant([*pair, "dull"])), told[["bad", "good"]], atol=1e-5)
    assert np.allclose(made.model(tf.constant(["dull"])), told[["bad", "good"]].iloc[2:], atol=1e-5)
    assert len(pd.read_csv(made.folder / "predictions.csv")) == 12  # one row a text
    result = tfpipe("run", "text-backbone", "data.path=long.csv", "data.long=chunks")
    assert result.code == 2 and "reads texts in one piece" in result.err


@pytest.mark.eager
def test_24_resume_after_a_text_has_changed(table, tfpipe):
    run(table, "model.name=bow", "model.buckets=32", name="changed")
    folder = table.parent / "runs" / "changed"
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps({**status, "state": "interrupted"}))
    rows = pd.read_csv(table)
    rows["text"] = rows["text"].str.upper()  # what no copy is told by
    rows.to_csv(table, index=False)
    result = tfpipe("resume", folder)
    assert result.code == 2 and "not those that" in result.err
    shutil.rmtree(folder)

"""Occlusion finds the words that count, and the page shows texts as data."""

import json

import numpy as np
import pytest

from tfpipelines.evaluation.occlusion import explain_texts, strongest, strongest_ngrams
from tfpipelines.evaluation.word_pages import pieces, write_words, write_words_data

WEIGHTS = {"good": 2.0, "bad": -3.0, "<b>very</b>": 0.5}


def score(texts):
    """Logits of (no, yes): 0 and the sum of the words' weights."""
    return np.array([[0.0, sum(WEIGHTS.get(word, 0.0) for word in text.split())] for text in texts])


def test_weights_are_what_the_words_add():
    up, down = explain_texts(["a good <b>very</b> film", "good  bad"], score, ["no", "yes"])
    assert up["class"] == "yes" and {word["word"]: word["weight"] for word in up["words"]} == pytest.approx(
        {"a": 0, "good": 2, "<b>very</b>": 0.5, "film": 0}
    )
    assert down["class"] == "no" and [word["weight"] for word in down["words"]] == pytest.approx([-2, 3])
    assert all("good  bad"[word["start"] : word["end"]] == word["word"] for word in down["words"])
    assert strongest(up, 2) == "good +2.00, <b>very</b> +0.50"


def test_many_texts_and_characters_and_labels():
    many = explain_texts(["good film"] * 150, score, ["no", "yes"])
    assert len(many) == 150 and all(entry == many[0] for entry in many)
    (characters,) = explain_texts(
        ["好x"], lambda texts: np.array([[0.0, float("好" in text)] for text in texts]), ["no", "yes"], characters=True
    )
    assert [(word["word"], word["weight"]) for word in characters["words"]] == [("好", 1.0), ("x", 0.0)]
    (several,) = explain_texts(
        ["good"],
        lambda texts: np.array([[5.0, 2.0 * ("good" in text)] for text in texts]),
        ["no", "yes"],
        multi_label=True,
    )
    assert several["class"] == "no" and several["log_odds"] == 5.0 and several["words"][0]["weight"] == 0


def test_effort_is_bounded_in_long_texts():
    seen = []

    def counting(texts):
        seen.append(sum(map(len, texts)))
        return score(texts)

    long = " ".join(["plain"] * 3000 + ["good"] + ["plain"] * 3000)
    first, _, last = explain_texts([long, "bad", "x" * 200_000], counting, ["no", "yes"])
    assert sum(seen) < 3_000_000 and len(last["words"]) == 1
    best = max(first["words"], key=lambda word: word["weight"])
    assert "good" in best["word"] and best["weight"] == pytest.approx(2) and len(first["words"]) < 50
    assert long[best["start"] : best["end"]] == best["word"]


def test_page_shows_texts_as_data(tmp_path):
    texts = ["a good <script>alert(1)</script> film", "bad\nجميل"]
    entries = [
        {"item": "0", "text": text, "label": "no", "predicted": entry["class"], "confidence": 0.9, "explanation": entry}
        for text, entry in zip(texts, explain_texts(texts, score, ["no", "yes"]))
    ]
    write_words(tmp_path / "words.html", "A <title>", entries)
    page = (tmp_path / "words.html").read_text()
    assert "<script>" not in page and "&lt;script&gt;" in page and "A &lt;title&gt;" in page and "جميل" in page
    assert '<mark title="+2.000"' in page and "http" not in page and page.count("<article>") == 2
    write_words_data(tmp_path / "words.json", "A <title>", entries)
    data = json.loads((tmp_path / "words.json").read_text())
    assert (
        data["title"] == "A <title>"
        and [entry["text"] for entry in data["entries"]] == texts
        and data["entries"][0]["explanation"] == entries[0]["explanation"]
    )
    assert [piece["text"] for piece in pieces(texts[0], entries[0]["explanation"], 8)] == ["a", " ", "good", " <…"]
    write_words(tmp_path / "none.html", "None", [])
    assert "There are none" in (tmp_path / "none.html").read_text()


def test_strongest_ngrams():
    table = strongest_ngrams(["x", "y", "z"], np.array([[1.0, -1.0], [2.0, -2.0], [-1.0, 1.0]]), ["a", "b"], 1)
    assert table.to_numpy().tolist() == [["a", "y", 2.0], ["b", "z", 1.0]]

"""Which n-grams linear models of texts take, and when they are counted."""

import itertools

import pandas as pd
import pytest

import tfpipelines
from tfpipelines.tasks.classification import ngrams

from ...conftest import ROOT


def test_character_ngrams_span_no_two_words():
    for length in range(1, 6):
        for characters in itertools.product("aé ", repeat=length):
            inside = " " in characters[1:-1]
            assert ngrams._is_within_words(" ".join(characters).encode()) is not inside, characters


def test_a_check_counts_no_ngrams_that_only_training_needs(tmp_path, monkeypatch):
    reviews = pd.read_csv(ROOT / "data" / "reviews" / "reviews.csv")[["text", "label"]].iloc[:90]
    reviews.to_csv(tmp_path / "reviews.csv", index=False)

    def counted(*given):
        raise MemoryError("n-grams are counted")

    monkeypatch.setattr(ngrams.NGrams, "vocabulary", counted)
    report = tfpipelines.check(tmp_path / "reviews.csv", pipeline="text-cls")
    assert report.error is None and report.facts["vocabulary"] > 100
    with pytest.raises(tfpipelines.ResourceError):
        tfpipelines.run("text-cls", [f"data.path={tmp_path / 'reviews.csv'}"], observer=tfpipelines.Observer())

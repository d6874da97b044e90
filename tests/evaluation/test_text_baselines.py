"""Baselines of classes of texts: features, the choice of C, bounds, and what is said where the baseline wins."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from tfpipelines.evaluation import compared, text_baseline, text_baselines, tfidf, tfidf_features
from tfpipelines.metrics import classifier_metrics

TOPICS = (["river", "bank", "water", "boat"], ["goal", "match", "team", "ball"], ["stock", "price", "fund", "loan"])
NAME = text_baselines.NAME


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def written(count: int, topics: int = 3, seed: int = 0) -> tuple[pd.Series, np.ndarray]:
    """Texts of three words of their topic and three of any, and the numbers of their topics."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, topics, count)
    other = [word for topic in TOPICS for word in topic]
    texts = [" ".join([*random.choice(TOPICS[label], 3), *random.choice(other, 3)]) for label in labels]
    return pd.Series(texts, range(5, 5 + count), dtype=object), labels


@pytest.mark.parametrize("most", [200_000, 12])
def test_features_are_those_of_scikit_learn(monkeypatch, most):
    monkeypatch.setattr(tfidf, "_MOST", most)
    train = pd.Series(["A film, a FILM!", "so\tlong  and\nslow", "日本語の文章です", "a so İstanbul", "film film slow"])
    others = ["slow films of a", "  ", "日本の文"]
    found = tfidf_features(train, others)
    kinds = [{"token_pattern": r"(?u)\S+", "ngram_range": (1, 2)}, {"analyzer": "char_wb", "ngram_range": (3, 5)}]
    vectors = [TfidfVectorizer(max_features=most, **kind) for kind in kinds]
    wanted = sparse.hstack([one.fit_transform(train) for one in vectors])
    assert found[0].shape == wanted.shape and found[0].shape[1] == found[1].shape[1]
    if most > 12:  # which of equally frequent ones are kept is another matter
        np.testing.assert_allclose(found[0].toarray(), wanted.toarray(), atol=1e-12)
        wanted = sparse.hstack([one.transform(others) for one in vectors])
        np.testing.assert_allclose(found[1].toarray(), wanted.toarray(), atol=1e-12)
    assert tfidf_features(train, [" "])[1].nnz == 0


@pytest.mark.parametrize("topics", [2, 3])
def test_it_learns_and_is_the_same_each_time(topics):
    texts, labels = written(120, topics)
    others, truth = written(60, topics, seed=1)
    found = text_baseline(texts, labels, others, topics, 0)
    again = text_baseline(texts, labels, others, topics, 0)
    assert found.probabilities.shape == (60, topics) and found.thresholds is None and found.notes == []
    np.testing.assert_allclose(found.probabilities.sum(1), 1, rtol=1e-5)
    assert np.array_equal(found.probabilities, again.probabilities)
    assert classifier_metrics(truth, found.probabilities)["accuracy"] > 0.9


def test_the_penalty_is_chosen_by_the_loss_on_other_folds():
    texts, labels = written(150, 2)
    features, _ = tfidf_features(texts, texts)
    generator = np.random.default_rng(0)
    strength, answers = text_baselines._chosen(features, labels, 2, 0, generator)
    noise = generator.permutation(labels)
    assert strength > text_baselines._chosen(features, noise, 2, 0, generator)[0] == min(text_baselines._STRENGTHS)
    assert classifier_metrics(labels, answers)["accuracy"] > 0.9


def test_several_labels_have_thresholds():
    texts, first = written(150, 2)
    labels = np.stack([first == 0, first == 1, np.arange(150) % 15 == 0, np.zeros(150)], 1).astype(np.float32)
    found = text_baseline(texts, labels, texts, 4, 0)
    assert found.probabilities.shape == (150, 4) and found.thresholds.shape == (4,)
    assert found.probabilities[:, 3].max() < 0.01  # no text has it
    figures = classifier_metrics(labels[:, :2], found.probabilities[:, :2], found.thresholds[:2])
    assert figures["f1_micro"] > 0.9
    given = text_baseline(texts, labels, texts, 4, 0, threshold=0.3)
    assert (given.thresholds == 0.3).all() and np.array_equal(given.probabilities, found.probabilities)


def test_few_rows_and_classes_of_one_row():
    texts, labels = written(12, 2)
    (note,) = text_baseline(texts, labels, ["river boat"], 2, 0).notes
    assert note == f"{NAME} has C = 1: 12 texts are too few to choose it"
    texts, labels = written(30, 2)
    labels[3] = 2
    found = text_baseline(texts, labels, ["river boat", "match ball"], 4, 0)  # of the last class no text at all
    assert found.notes == [] and [*found.probabilities.argmax(1)] == [0, 1]
    assert text_baseline(texts[:1], np.array([0]), ["river"], 2, 0).probabilities[0, 0] > 0.5


def test_work_is_bounded_and_that_is_told(monkeypatch):
    texts, labels = written(200, 3)
    monkeypatch.setattr(text_baselines, "_MOST_CHARACTERS", texts.str.len().sum() // 2)
    found = text_baseline(texts, labels, texts, 3, 0)
    (note,) = found.notes
    assert "of 200 texts, drawn at random" in note and classifier_metrics(labels, found.probabilities)["accuracy"] > 0.9
    features = tfidf_features(texts, texts)[0]
    monkeypatch.setattr(text_baselines, "_MOST_CHARACTERS", 10**9)
    monkeypatch.setattr(text_baselines, "_MOST_TRIED", features.nnz * 3 // 4 + 1)
    assert text_baseline(texts, labels, texts, 3, 0).notes == [
        f"C of {NAME} was chosen on 50 of its texts, drawn at random"
    ]
    monkeypatch.setattr(text_baselines, "_MOST_FITTED", 1)
    assert (
        text_baseline(texts, labels, texts, 3, 0).notes[0] == f"{NAME} was fitted to 20 of 200 texts, drawn at random"
    )


def answers(right: np.ndarray, labels: np.ndarray) -> np.ndarray:
    told = np.where(right, labels, 1 - labels)
    return (np.eye(2) * 0.6 + 0.2)[told].astype(np.float32)


@pytest.mark.parametrize(
    ("own", "others", "said"),
    [(250, 280, ""), (278, 280, ", so this may be chance"), (280, 280, None), (285, 280, None)],
)
def test_where_it_wins_one_sentence_says_so(own, others, said):
    labels = np.arange(300) % 2
    first, second = (np.arange(300) < right for right in (own, others))
    if said:
        first = np.roll(first, 10)
    baseline = text_baselines.TextBaseline(answers(second, labels), None, ["a note"])
    found = compared(labels, answers(first, labels), None, baseline, 500, 0)
    assert found["baselines"] == {NAME: classifier_metrics(labels, baseline.probabilities)}
    told = found["baseline_differences"][NAME]
    assert told["difference"] == pytest.approx((others - own) / 300)
    assert told["low"] <= told["difference"] <= told["high"]
    if said is None:
        assert found["about"] == ["a note"]
        return
    sentence, _ = found["about"]
    assert sentence.startswith(f"{NAME} has the higher accuracy on the test rows: 0.9333 against {own / 300:.4f} of")
    assert sentence.endswith(f"paired 95% interval {told['low']:.4f} to {told['high']:.4f}{said})")


def test_without_resamples_there_is_no_interval():
    labels = np.arange(20) % 2
    baseline = text_baselines.TextBaseline(answers(labels >= 0, labels), None, [])
    found = compared(labels, answers(labels > 0, labels), None, baseline, 0, 0)
    assert found["baseline_differences"] == {NAME: {"difference": 0.5}}
    assert found["about"][0].endswith("(difference 0.5000)")

"""Tokens, vocabularies, ids, log-count ratios."""

from collections import Counter

import numpy as np
import pytest

from tfpipelines.datasets.tokens import Sequences, Tokens, log_count_ratios

TEXTS = [["a", "b", "a"], [], ["c"], ["b", "[UNK]", "a", "é"]]
PIECES = [
    (np.array([word.encode() for text in part for word in text], object), np.array([len(text) for text in part]))
    for part in (TEXTS[:2], TEXTS[2:])
]


@pytest.fixture
def tokens():
    return Tokens.of(PIECES)


def test_vocabulary_is_that_of_the_rows_asked_for(tokens):
    everything = np.arange(4)
    assert tokens.vocabulary(everything) == [
        "a",
        "b",
        "c",
        "é",
    ]  # by frequency, then code point; never Keras' own token
    assert tokens.vocabulary(np.array([2])) == ["c"]
    assert tokens.vocabulary(everything, size=2) == ["a", "b"] == tokens.vocabulary(everything, min_count=2)
    assert list(tokens.lengths) == [3, 0, 1, 4]


def test_the_most_frequent_names_of_many_of_equal_frequency():
    draw = np.random.default_rng(0)
    alphabet = ["a", "z", "é", "\uffe6", "\U0001f600"]  # of one to four bytes, in the order of code points
    names = ["".join(word) for word in draw.choice(alphabet, (400, 3))]
    flat = np.array([name.encode() for name in names], object)
    some, rows = Tokens.of([(flat, np.full(100, 4))]), np.arange(0, 100, 2)
    counts = Counter(name for row in rows for name in names[4 * row : 4 * row + 4])
    expected = sorted(counts, key=lambda name: (-counts[name], name))
    assert some.vocabulary(rows) == expected and len(expected) > 60
    for size in (1, 20, 40, 60, 1000):
        assert some.vocabulary(rows, size) == expected[:size]
    kept = [name for name in expected if "z" not in name and counts[name] > 1]
    assert some.vocabulary(rows, 5, 2, lambda name: b"z" not in name) == kept[:5]
    assert some.vocabulary(rows, 5, 999) == []


def test_sequences(tokens):
    ids = tokens.sequences(["b", "a"])
    assert ids.at(np.array([3, 0])).tolist() == [2, 1, 3, 1, 3, 2, 3]
    known = ids.known()
    assert known.lengths.tolist() == [3, 0, 0, 2] and known.at(np.array([3])).tolist() == [2, 3]
    short = ids.cut(2)
    assert short.ragged().to_list() == [[3, 2], [1], [1], [2, 1]]  # no row is empty
    assert ids.cut(9).ragged().to_list() == [[3, 2, 3], [1], [1], [2, 1, 3, 1]]
    both = known.beside(short.shifted(10))
    assert both.ragged().to_list() == [[3, 2, 3, 13, 12], [11], [11], [2, 3, 12, 11]]


@pytest.mark.parametrize("multi_label", [False, True])
def test_log_count_ratios(tokens, multi_label):
    ids, rows, labels = tokens.sequences(["a", "b", "c"]).known(), np.array([0, 2, 3]), np.array([0, 1, 1])
    targets = np.eye(2, dtype=np.float32)[labels] if multi_label else labels
    ratios = log_count_ratios(ids, rows, targets, 2, 5)
    inside, outside = np.array([2, 1, 0]) + 1.0, np.array([1, 1, 1]) + 1.0
    expected = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    assert np.allclose(ratios[2:, 0], expected) and np.allclose(ratios[2:, 1], -expected) and not ratios[:2].any()


def test_nothing_is_a_list_of_texts_too():
    empty = Sequences(np.zeros(0, np.int32), np.zeros(1, np.int64))
    assert empty.cut(3).lengths.tolist() == [] and empty.known().lengths.tolist() == []


def test_texts_in_blocks_count_as_all_at_once(monkeypatch):
    from tfpipelines.datasets import tokens

    draw = np.random.default_rng(0)
    lengths = draw.integers(0, 5, 60)
    flat = draw.integers(0, 12, lengths.sum()).astype(np.int32)
    sequences, rows = tokens.Sequences.of(flat, lengths), draw.permutation(60)[:45]
    some = tokens.Tokens(np.array([bytes([code]) for code in b"abcdefghijkl"], object), flat, sequences.splits)
    labels = draw.integers(0, 3, 45)
    told = lambda: (
        sequences.at(rows).tolist(),
        some.vocabulary(rows, 9, 2),
        tokens.log_count_ratios(sequences, rows, labels, 3, 12).tolist(),
    )
    whole = told()
    assert whole[0] == [number for row in rows for number in flat[sequences.splits[row] : sequences.splits[row + 1]]]
    monkeypatch.setattr(tokens, "_BLOCK", 7)
    assert told() == whole
    known = sequences.known()
    assert [list(known.at(np.array([row]))) for row in range(60)] == [
        [number for number in sequences.at(np.array([row])) if number > 1] for row in range(60)
    ]


def test_known_ids_are_the_same_some_texts_at_a_time(monkeypatch):
    draw = np.random.default_rng(0)
    lengths = draw.integers(0, 9, 50)
    flat = np.array([name.encode() for name in draw.choice(list("abcdef"), lengths.sum())], object)
    some = Tokens.of([(flat, lengths)])
    everything = some.sequences(["c", "a"])
    keep, texts = everything.flat >= 2, np.repeat(np.arange(50), lengths)
    for block in (7, 25, 8192):
        monkeypatch.setattr("tfpipelines.datasets.tokens._BLOCK", block)
        known = everything.known()
        assert known.flat.tolist() == everything.flat[keep].tolist()
        assert known.lengths.tolist() == np.bincount(texts[keep], minlength=50).tolist()
        for most in (3, 100):
            expected, found = everything.first(most).known(), some.known(["c", "a"], most)
            assert found.flat.dtype == np.int32 and found.flat.tolist() == expected.flat.tolist()
            assert found.splits.tolist() == expected.splits.tolist()
    assert Tokens.of([]).known(["a"], 3).splits.tolist() == [0]

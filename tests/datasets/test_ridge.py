"""The linear model of n-grams for numbers."""

import numpy as np
import pytest

from tfpipelines.datasets.ridge import _Texts, ridge_table
from tfpipelines.datasets.tokens import FIRST, Sequences, log_count_ratios


@pytest.mark.parametrize("ratios", [False, True])
def test_ridge_of_ngrams(ratios):
    random = np.random.default_rng(0)
    counts = random.integers(2, 12, (300, 5))  # ids of ten features, five a text
    effects = np.array([0, 0, *random.normal(size=10)])
    sequences = Sequences.of(counts.reshape(-1).astype(np.int32), np.full(300, 5))
    values = effects[counts].sum(1)
    values = values - values.mean()
    table = ridge_table(sequences, np.arange(200), values[:200], [6, 4], 0, ratios)
    assert table.shape == (12, 4) and not table[:2].any() and not table[2:8, 1].any() and not table[8:, 0].any()
    sums = table[counts].sum(1)
    told = (sums[:, :2] / np.sqrt(np.maximum(sums[:, 2:], 1e-12))).sum(1)
    assert np.corrcoef(told[200:], values[200:])[0, 1] > 0.97


def rare_words(random) -> tuple[Sequences, np.ndarray]:
    """400 texts of ten words, two of which raise or lower the number, and eight of 3,000 that say nothing."""
    sides = random.integers(0, 2, (400, 2))
    telling = FIRST + 2 * random.integers(0, 30, (400, 2)) + sides  # 60 words: odd ones raise, even ones lower
    ids = np.concatenate([telling, FIRST + 60 + random.integers(0, 3000, (400, 8))], 1)
    values = (2.0 * sides - 1).sum(1) + 0.3 * random.normal(size=400)
    return Sequences.of(ids.reshape(-1).astype(np.int32), np.full(400, 10)), values - values.mean()


def told_by(table: np.ndarray, sequences: Sequences, rows: np.ndarray) -> np.ndarray:
    sums = table[sequences.at(rows).reshape(len(rows), -1)].sum(1)
    kinds = table.shape[1] // 2
    return (sums[:, :kinds] / np.sqrt(np.maximum(sums[:, kinds:], 1e-12))).sum(1)


def test_ratios_make_words_louder_that_go_with_one_side():
    sequences, values = rare_words(np.random.default_rng(0))
    train, rest = np.arange(300), np.arange(300, 400)
    plain, scaled = (ridge_table(sequences, train, values[train], [3060], 0, ratios) for ratios in (False, True))
    errors = [np.square(told_by(table, sequences, rest) - values[rest]).mean() for table in (plain, scaled)]
    assert errors[1] < 0.8 * errors[0]
    scales = np.sqrt(scaled[FIRST:, 1] / plain[FIRST:, 1])
    ratios = log_count_ratios(sequences, train, (values[train] > 0).astype(np.float32)[:, None], 1, 3062)
    assert np.allclose(scales, 0.5 + np.abs(ratios[FIRST:, 0]), rtol=1e-4)


def test_the_penalty_is_chosen_without_the_ratios_of_texts_that_choose_it():
    sequences, values = rare_words(np.random.default_rng(0))
    known = np.arange(400) < 300
    texts = [_Texts(sequences, np.arange(400), some, [3060], True) for some in (values, np.where(known, values, 9.0))]
    assert np.array_equal(*(one.scale(known) for one in texts))
    assert not np.array_equal(*(one.scale(np.ones(400, bool)) for one in texts))

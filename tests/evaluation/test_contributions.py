"""Words of a text add up to what a linear model of n-grams tells of it."""

import numpy as np
import pytest

from tfpipelines.evaluation import GramTable, explain_linear_texts, ngrams_of_tables
from tfpipelines.models import STRIPPED, Cutter

TEXTS = ["A gripping, moving film!", "dull  -- DULL 'n' dull", "\u00c4rger\tund Wut", "...", "a b c d e f"]
WORDS = Cutter("whitespace", "lower_and_strip_punctuation", (1, 2))
LETTERS = Cutter("character", "lower_and_strip_punctuation", (2, 3))


def table_of(cutter, outputs, seed=0, most=10**6):
    names = sorted({name.decode() for flat, _ in cutter.cut(TEXTS) for name in flat})[::2]  # others are unknown
    numbers = np.random.default_rng(seed).normal(size=(len(names), outputs + 1))
    numbers[:, -1] **= 2
    return GramTable(names, numbers, cutter.split == "character", cutter.ngrams, True, STRIPPED, most, share=0.7)


def told(table, cutter, text):
    """The outputs by the cutter's own n-grams."""
    (flat, _), *_ = cutter.cut([text])
    rows = [table.places[name.decode()] for name in flat[: table.most] if name.decode() in table.places]
    sums = table.table[rows].sum(0)
    return table.share * sums[:-1] / np.sqrt(max(sums[-1], 1e-12))


@pytest.mark.parametrize("outputs", [2, 3])
@pytest.mark.parametrize("most", [3, 10**6])
def test_words_add_up(outputs, most):
    tables = [table_of(WORDS, outputs, 1, most), table_of(LETTERS, outputs, 2, most)]
    logits = np.array([sum(told(one, cut, text) for one, cut in zip(tables, (WORDS, LETTERS))) for text in TEXTS])
    classes = [f"c{number}" for number in range(outputs)]
    for text, row, entry in zip(TEXTS, logits, explain_linear_texts(TEXTS, logits, tables, classes, temperature=2.0)):
        chosen = int(row.argmax())
        margin = row[chosen] - np.delete(row, chosen).mean()
        assert entry["class"] == classes[chosen]
        assert sum(word["weight"] for word in entry["words"]) == pytest.approx(margin / 2, abs=1e-3)
        assert [text[word["start"] : word["end"]] for word in entry["words"]] == text.split()


def test_numbers_and_several_labels():
    table = table_of(WORDS, 1)
    logits = np.array([told(table, WORDS, text) for text in TEXTS])
    for row, number, label in zip(
        logits,
        explain_linear_texts(TEXTS, logits, [table], []),
        explain_linear_texts(TEXTS, logits, [table], ["one"], multi_label=True),
    ):
        assert number["value"] == pytest.approx(row[0], rel=1e-5) and label["log_odds"] == pytest.approx(
            row[0], abs=1e-4
        )
        assert sum(word["weight"] for word in number["words"]) == pytest.approx(row[0], abs=1e-3)


def test_the_strongest_of_all_kinds():
    tables = [table_of(WORDS, 2), table_of(LETTERS, 2)]
    found = ngrams_of_tables(tables, ["bad", "good"], 3)
    assert len(found) == 6 and (found["weight"] > 0).all() and set(found["class"]) == {"bad", "good"}
    assert any(name.startswith("'") for name in ngrams_of_tables(tables, ["bad", "good"], 40)["ngram"])

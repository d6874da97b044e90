"""Text to ids: what training sees is what the artifact's layers give, in any language."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpipelines.datasets.tokens import Tokens
from tfpipelines.models import Cutter, TextPreprocessor

TEXTS = [
    "A fine, FINE film -- really!", "", "...", "  spaced \t out\n",
    "don't (stop) [now] {please} ~`^_|\\ \"quoted\" <b>x</b>",
    "Ärger über Öl", "Хорошо, очень хорошо", "これは良い映画です。", "这部电影很好看", "فيلم جميل",
    "😀 fine 👨‍👩‍👧", "e\u0301tude é",
    "[UNK] fine",
    "one", "a b c d e f g h",
]  # fmt: skip
CUTTERS = [
    Cutter(), Cutter(standardize="lower"), Cutter(standardize="strip_punctuation"), Cutter(standardize=None),
    Cutter("character"),
    Cutter(ngrams=(1, 2)), Cutter("character", ngrams=(3, 4, 5)),
]  # fmt: skip


@pytest.mark.parametrize("cutter", CUTTERS, ids=str)
def test_cutter_cuts_as_the_layer_does(cutter):
    tokens = Tokens.of(cutter.cut(TEXTS))
    vocabulary = tokens.vocabulary(np.arange(10))
    layer = cutter.layer(vocabulary, "tokens")
    ids = tokens.sequences(vocabulary).ragged().to_tensor().numpy()
    given = np.asarray(layer(tf.constant(TEXTS)))
    assert np.array_equal(ids, given) and given.max() == len(vocabulary) + 1
    assert Cutter.of(layer) == cutter


@pytest.fixture(scope="module")
def preprocessor():
    parts = (Cutter(ngrams=(1, 2)), Cutter("character", ngrams=(3, 4)))
    return TextPreprocessor(
        Cutter(),
        Tokens.of(Cutter().cut(TEXTS)).vocabulary(np.arange(8)),
        5,
        tuple((part, Tokens.of(part.cut(TEXTS)).vocabulary(np.arange(8), min_count=1)) for part in parts),
    )


def test_layers_give_what_sequences_give(preprocessor):
    raw = preprocessor.input()
    ids, grams = keras.Model(raw, preprocessor.symbolic(raw))(tf.constant(TEXTS))
    expected = (
        Tokens.of(preprocessor.cutter.cut(TEXTS)).sequences(preprocessor.vocabulary).cut(5).ragged().to_tensor().numpy()
    )
    assert np.array_equal(ids, expected) and ids.dtype == "int32" and np.asarray(ids).shape[1] == 5
    wide, before = None, 0
    for cutter, names in preprocessor.wide:
        part = Tokens.of(cutter.cut(TEXTS)).sequences(names).known().shifted(before)
        wide, before = part if wide is None else wide.beside(part), before + len(names)
    for row, mine in zip(np.asarray(grams), wide.ragged().to_list()):
        assert row[row > 0].tolist() == mine
    assert preprocessor.wide_size == before + 2 and np.asarray(grams).max() < preprocessor.wide_size


@pytest.mark.parametrize("texts", [[""], ["", ""], ["..."], ["never seen words"], ["", "fine"]])
def test_no_text_becomes_a_masked_row(preprocessor, texts):
    raw = preprocessor.input()
    ids, _ = keras.Model(raw, preprocessor.symbolic(raw))(tf.constant(texts))
    ids = np.asarray(ids)
    assert (ids[:, 0] > 0).all()
    present = ids > 0
    assert (np.diff(present.astype(int), axis=1) <= 0).all()  # padding is at the end alone


def test_front_is_found_again_in_a_model(preprocessor, tmp_path):
    raw = preprocessor.input()
    model = keras.Model(raw, preprocessor.symbolic(raw))
    model.save(tmp_path / "front.keras")
    again = TextPreprocessor.of(keras.saving.load_model(tmp_path / "front.keras"), 5)
    assert (again.cutter, again.vocabulary, again.wide) == (
        preprocessor.cutter,
        preprocessor.vocabulary,
        preprocessor.wide,
    )

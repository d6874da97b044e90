"""Long texts in chunks: the mean of what a network makes of each, whatever stands beside a text in its batch."""

import keras
import numpy as np
import pytest

from tfpipelines.core.config.kinds import TEXTS
from tfpipelines.networks import chunks

from ..conftest import some
from .test_text_networks import VOCABULARY, build

LENGTH = 4
LINEAR = ("features", "wide")  # read no ids of tokens, or make one vector of a whole text
TEXTS_OF = [[5, 6, 7], [3, 4, 5, 6], [2, 3, 4, 5, 6, 7, 8, 9, 3], [7], [2] * 12]
RATIOS = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)


def padded(texts, length=None):
    length = length or max(map(len, texts))
    return np.array([text + [0] * (length - len(text)) for text in texts], np.int32)


def expected(network, texts=TEXTS_OF):
    """Each chunk by itself, then the mean by tokens."""
    parts = [[text[start : start + LENGTH] for start in range(0, len(text), LENGTH)] for text in texts]
    answer = lambda part: np.asarray(network(padded([part])))[0]
    return np.array([np.average([answer(part) for part in row], 0, [*map(len, row)]) for row in parts])


@pytest.mark.parametrize("name", some([name for name in TEXTS.names if name not in LINEAR], ("bow",)))
def test_a_text_is_the_mean_of_its_chunks(name, tmp_path):
    whole, in_chunks = build(name), build(name, chunk=LENGTH)
    in_chunks.set_weights(whole.get_weights())
    wanted = expected(whole)
    assert np.allclose(in_chunks(padded(TEXTS_OF)), wanted, atol=1e-5)
    assert np.allclose(in_chunks(padded(TEXTS_OF, 31)), wanted, atol=1e-5)  # more padding
    assert np.allclose(in_chunks(padded(TEXTS_OF[:1])), wanted[:1], atol=1e-5)
    in_chunks.save(tmp_path / "a.keras")
    assert np.allclose(keras.saving.load_model(tmp_path / "a.keras")(padded(TEXTS_OF)), wanted, atol=1e-5)


def test_ngrams_vote_for_the_whole_text():
    fields = {"ratios": RATIOS, "wide": {"dropout": 0.0}}
    whole, in_chunks = build("bow", **fields), build("bow", chunk=LENGTH, **fields)
    in_chunks.set_weights(whole.get_weights())
    ids, grams = padded(TEXTS_OF[:2]), np.array([[2, 3], [4, 0]], np.int32)
    assert np.allclose(in_chunks([ids, grams]), whole([ids, grams]), atol=1e-5)


def test_any_network_of_ids_is_read_in_chunks():
    whole = build("bow")
    network = chunks.chunked(whole, LENGTH)
    assert np.allclose(network(padded(TEXTS_OF)), expected(whole), atol=1e-5)
    assert network.name == "bow_chunks" and VOCABULARY > max(map(max, TEXTS_OF))


@pytest.mark.parametrize("length", [1, 3, 100])
def test_every_token_is_in_one_chunk(length):
    ids = padded(TEXTS_OF)
    parts, shares = map(np.asarray, chunks.split(ids, length))
    assert shares.shape[0] == len(ids) and parts.shape == (shares.size, length) and np.allclose(shares.sum(1), 1)
    rows = parts.reshape(len(ids), -1)
    assert (rows[:, : ids.shape[1]][ids > 0] == ids[ids > 0]).all() and (parts[:, 0] > 0).all()
    assert (shares > 0).sum(1).tolist() == [-(-len(text) // length) for text in TEXTS_OF]

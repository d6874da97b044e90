"""The word vectors that come with the package."""

import subprocess
import sys
import time

import numpy as np

from tfpipelines.networks.word_vectors import WIDTH, pieces_of, vectors_of, whole_words


def test_the_file(file, known):
    assert len(known) == 29_523 == len(file["vectors"]) == len(file["scales"]) == len(file["weights"])
    assert file["vectors"].dtype == np.int8 and file["vectors"].shape[1] == WIDTH
    assert (np.abs(file["vectors"].astype(int)).max(1) == 127).all()  # the whole range is used
    weights = file["weights"]
    assert (weights > 0).all() and (weights <= 1).all()
    assert weights[known["the"]] == weights[known[","]] == weights.min() < 0.01
    assert weights[known["the"]] < weights[known["film"]] < weights[known["parisian"]] > 0.9
    assert not any(word.startswith("[unused") or word in ("[UNK]", "[CLS]") for word in known)


def test_words_have_their_own_vectors_and_others_those_of_their_pieces(file, known):
    row = lambda word: file["vectors"][known[word]] * file["scales"][known[word]]
    weight = lambda word: file["weights"][known[word]]
    found = vectors_of(["film", "FILM", "Beyoncé", "☃", "the film", "films-☃", "", "unfilmable"])
    assert found.vectors.dtype == found.weights.dtype == np.float32
    assert found.found.tolist() == [True, True, True, False, True, True, False, True]
    assert np.array_equal(found.vectors[0], row("film")) and np.array_equal(found.vectors[1], row("film"))
    assert not found.vectors[[3, 6]].any() and not found.weights[[3, 6]].any()
    both = (weight("the") * row("the") + weight("film") * row("film")) / (weight("the") + weight("film"))
    assert np.allclose(found.vectors[4], both, atol=1e-6) and found.weights[4] == weight("film")
    dashed = (weight("films") * row("films") + weight("-") * row("-")) / (weight("films") + weight("-"))
    assert np.allclose(found.vectors[5], dashed, atol=1e-6)
    assert np.array_equal(vectors_of(["beyonce"]).vectors[0], found.vectors[2])
    pieces = pieces_of("unfilmable", known)
    assert len(pieces) > 1 and "".join(pieces).replace("##", "") == "unfilmable"
    total = sum(weight(piece) for piece in pieces)
    assert np.allclose(found.vectors[7], sum(weight(piece) * row(piece) for piece in pieces) / total, atol=1e-6)


def test_a_continuation_is_no_word(known):
    assert "##ing" in known and "##ing" not in whole_words()[0]
    assert np.array_equal(vectors_of(["##ing"]).vectors, vectors_of(["# # ing"]).vectors)


def test_neighbours_mean_nearly_the_same():
    words, vectors, weights = whole_words()
    assert len(words) == len(vectors) == len(weights) > 20_000 and all(map(str.isalpha, words))
    assert np.array_equal(vectors_of(words[::500]).vectors, vectors[::500])
    assert np.array_equal(vectors_of(words[::500]).weights, weights[::500])
    scaled = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = lambda word: {words[place] for place in np.argsort(-(scaled @ scaled[words.index(word)]))[:6]}
    assert {"horrible", "awful"} < nearest("terrible") and {"movie", "films"} < nearest("film")


def test_no_words():
    found = vectors_of([])
    assert found.vectors.shape == (0, WIDTH) and found.weights.shape == found.found.shape == (0,)


def test_a_vocabulary_is_read_in_no_time():
    words = [f"{first}{second}" for first in whole_words()[0][1000:1200] for second in "abcdefghijklmnopqrstuvwxyzäöüß"]
    start = time.process_time()
    assert vectors_of(words).found.all()
    assert time.process_time() - start < 1  # 6,000 words take 0.1 s where nothing else runs


def test_tensorflow_is_not_needed():
    code = "import sys; from tfpipelines.networks.word_vectors import vectors_of; vectors_of(['a'])\n"
    code += "assert not {'tensorflow', 'keras', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

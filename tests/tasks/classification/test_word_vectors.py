"""Word vectors from local files, and those of the package."""

import numpy as np
import pytest

from tfpipelines import DataError
from tfpipelines.networks.word_vectors import WIDTH, vectors_of
from tfpipelines.tasks.classification.word_vectors import (
    read_vectors,
    vector_width,
    vectors_of_words,
    words_with_vectors,
)


def test_word_vectors(tmp_path):
    (tmp_path / "a.txt").write_text("a 1 2 3\nzzz 9 9 9\né 4 5 6\n")
    (tmp_path / "a.vec").write_text("3 3\na 1 2 3 \nzzz 9 9 9 \né 4 5 6 \n")
    np.savez(tmp_path / "a.npz", words=np.array(["a", "zzz", "é"]), vectors=np.array([[1, 2, 3], [9, 9, 9], [4, 5, 6]]))
    read = [read_vectors(str(tmp_path / f"a.{kind}"), ["é", "b", "a"], 0) for kind in ("txt", "vec", "npz")]
    for matrix, found, left_out in read:
        assert found == 2 and not left_out and matrix.shape == (5, 3) and matrix.dtype == np.float32
        assert matrix[2].tolist() == [4, 5, 6] and matrix[4].tolist() == [1, 2, 3] and not matrix[0].any()
        assert np.array_equal(matrix, read[0][0])


@pytest.mark.parametrize("start", ["3 2\n", "a 1 2\n"])
def test_tokens_that_hold_spaces_are_left_out_and_counted(tmp_path, start):
    (tmp_path / "a.vec").write_text(f"{start}. . 5 6\nat name@domain.com 7 8\nb 3 4\n")
    matrix, found, left_out = read_vectors(str(tmp_path / "a.vec"), ["b"], 0)
    assert matrix[2].tolist() == [3, 4] and (found, left_out) == (1, 2)
    assert vector_width(str(tmp_path / "a.vec")) == 2


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("a.txt", "a 1 2\nb 1\n", "line 2: 1 numbers"),
        ("a.txt", "a 1 x\n", "line 1: not a number"),
        ("a.txt", "zz 1 2\n", "a vector for none of the 1 tokens"),
        ("a.vec", "a nan 1\n", "not finite"),
        ("a.npz", "no archive", "cannot be read as vectors"),
        ("a.bin", "", "extension is unknown"),
    ],
)
def test_broken_word_vectors(tmp_path, name, content, part):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=part):
        read_vectors(str(tmp_path / name), ["a"], 0)
    with pytest.raises(DataError, match="does not exist"):
        read_vectors(str(tmp_path / "none.txt"), ["a"], 0)


def test_bundled_vectors():
    matrix, found, left_out = read_vectors("bundled", ["film", "☃", "unfilmable", "good film"], 0)
    assert (found, left_out) == (3, 0) and matrix.shape == (6, WIDTH) and matrix.dtype == np.float32
    assert vector_width("bundled") == WIDTH and not matrix[0].any()
    assert np.array_equal(matrix[[2, 4, 5]], vectors_of(["film", "unfilmable", "good film"]).vectors)
    assert 0.2 < matrix[[1, 3]].std() < 0.8  # unknown tokens, as wide as the others
    again, _, _ = read_vectors("bundled", ["film", "☃", "unfilmable", "good film"], 0)
    assert np.array_equal(matrix, again)
    with pytest.raises(DataError, match="none of the 1 tokens"):
        read_vectors("bundled", ["☃"], 0)


def test_a_file_may_be_called_bundled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="./bundled does not exist"):
        read_vectors("./bundled", ["a"], 0)


def test_vectors_of_a_file_are_those_of_linear_models_too(tmp_path):
    (tmp_path / "v.txt").write_text("the 3 4\nfilm 0 2\n")
    words = ["the", "a", "film"]
    assert words_with_vectors(str(tmp_path / "v.txt"), words) == words
    vectors, weights = vectors_of_words(str(tmp_path / "v.txt"), words)
    assert np.allclose(vectors, [[0.6, 0.8], [0, 0], [0, 1]]) and weights[1] == 0 < weights[0] < weights[2] < 1
    with pytest.raises(DataError, match="none of the 1 tokens"):
        vectors_of_words(str(tmp_path / "v.txt"), ["other"])


def test_words_of_the_package_that_training_lacks_are_known():
    known = words_with_vectors(None, ["zyzzyvas", "film"])
    assert known[:2] == ["zyzzyvas", "film"] and "gripping" in known and len(known) == len(set(known)) > 20_000
    vectors, weights = vectors_of_words(None, known[:2])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1) and weights[0] > weights[1] > 0

"""Texts that are nearly equal: they share words and pairs of neighbouring words, the rarer the weightier."""

import re
from array import array

import numpy as np
from scipy import sparse

from .text_table import UNSPACED

_SURE = 0.8  # similarity from which two texts are near-copies, however short they are
_SIMILAR = 0.4  # the same for texts of _LONG words that are alike to few others
_CONTAINED = 0.9  # share of a text of _LONG words that is found in a longer one
_SHORT, _LONG = 5, 12  # words; what is shorter than short has no near-copies but texts of equal words
_FEW = 3  # training texts that are about as similar as the most similar one
_ABOUT = 0.7
_PECULIAR = 5  # texts that have a shingle which tells them from those of one template
_END = 2000  # characters read at each end of a long text
_COMMON = 100  # texts from which a shingle leads to no candidates
_SKETCH = 64  # shingles of a text that lead to candidates
_PRODUCTS = 10_000_000  # pairs that are looked at for candidates
_EACH = 10  # candidates of a text
_BLOCK = 1000  # texts whose candidates are compared at once
_WORDS = re.compile(rf"{UNSPACED}|(?:(?!{UNSPACED})\w)+")


def near_texts(texts: list[str], train: int) -> tuple[np.ndarray, bool]:
    """The training text that each other text is nearly equal to.

    Candidates share rare shingles of their MinHash sketches (Broder 1997: the smallest hashes of a text's shingles); an
    index finds them. Of these the weighted Jaccard similarity of all shingles is computed. Shingles are words and pairs
    of neighbouring words, without case and punctuation; each weighs log(texts / texts that have it), so that texts of
    one template are not near-copies.

    Args:
        texts: those to train on first.
        train: how many these are.

    Returns:
        For each other text the number of the most similar training text, int64, -1 where none is similar enough; and
        whether all candidates were looked at.
    """
    found = np.full(len(texts) - train, -1, np.int64)
    if not (train and len(found)):
        return found, True
    shingles, words = _shingles(texts)
    count = np.bincount(shingles.indices, minlength=shingles.shape[1])
    weights = np.log(shingles.shape[0] / count) + 1e-6  # so that equal texts of common words are similar, too
    candidates, complete = _candidates(shingles, count, train)
    for start in range(0, len(found), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(found)))
        found[rows] = _most_similar(shingles, words, count, weights, train + rows, candidates[rows])
    return found, complete


def _most_similar(
    shingles: sparse.csr_matrix,
    words: np.ndarray,
    count: np.ndarray,
    weights: np.ndarray,
    rows: np.ndarray,
    candidates: np.ndarray,
) -> np.ndarray:
    """The candidate that the text of each of `rows` is a near-copy of, int64 (rows,), or -1.

    Args:
        shingles, words: of each text: its shingles, and how many words it has.
        count, weights: of each shingle: how many texts have it, and its weight.
        candidates: see `_candidates`.
    """
    at = np.nonzero(candidates >= 0)
    ones, twos = candidates[at], rows[at[0]]
    both, length = shingles[ones].multiply(shingles[twos]), np.minimum(words[ones], words[twos])
    shared, left, right = both @ weights, shingles[ones] @ weights, shingles[twos] @ weights
    slope = (_SURE - _SIMILAR) * (length - _LONG / 2) / (_LONG / 2)
    least = np.where(length < _SHORT, 1 - 1e-9, np.clip(_SURE - slope, _SIMILAR, _SURE))
    similarity, enough = np.full((2, *candidates.shape), -1.0)
    similarity[at], enough[at] = shared / (left + right - shared), least
    peculiar, whole = np.zeros((2, *candidates.shape), bool)
    peculiar[at] = both @ (count <= _PECULIAR) >= 2
    whole[at] = (shared >= _CONTAINED * np.minimum(left, right)) & (length >= _LONG)
    few = (similarity >= _ABOUT * np.abs(similarity.max(1, keepdims=True))).sum(1, keepdims=True) <= _FEW
    near = similarity >= np.where(few & peculiar, enough, np.maximum(enough, _SURE))
    near |= whole & few & peculiar
    near &= candidates >= 0
    best = np.where(near, similarity, -1).argmax(1)
    return np.where(near.any(1), np.take_along_axis(candidates, best[:, None], 1)[:, 0], -1)


def _shingles(texts: list[str]) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Which text has which shingle, 0 or 1 (texts, shingles), and how many words each text has."""
    known: dict[str, int] = {}
    found, counts = array("i"), array("q")  # an array for each of many texts would take more than its words
    for text in texts:
        ids = [known.setdefault(word, len(known)) for word in _WORDS.findall(_ends(text).casefold())]
        found.extend(ids)
        counts.append(len(ids))
    lengths = np.frombuffer(counts, np.int64)
    words, rows = np.frombuffer(found, np.int32), np.repeat(np.arange(len(texts), dtype=np.int32), lengths)
    inside = rows[1:] == rows[:-1]
    pairs = (words[:-1] + np.int64(1))[inside] * len(known) + words[1:][inside]
    distinct, pairs = np.unique(pairs, return_inverse=True)
    shingle = np.concatenate([words, (len(known) + pairs).astype(np.int32)])
    rows = np.concatenate([rows, rows[1:][inside]])
    shape = len(texts), len(known) + len(distinct)
    matrix = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, shingle)), shape)
    matrix.data[:] = 1  # a shingle that a text has twice counts once
    return matrix, lengths


def _ends(text: str) -> str:
    """The text, or of a long one its beginning and its end."""
    return text if len(text) <= 2 * _END else f"{text[:_END]} {text[-_END:]}"


def _candidates(shingles: sparse.csr_matrix, count: np.ndarray, train: int) -> tuple[np.ndarray, bool]:
    """The training texts that share the most rare shingles with each other text, int64 (others, candidates), -1 for
    none; and whether no shingle was left out for want of time.

    Args:
        shingles, count: which text has which shingle, training texts first; in how many texts each is.
        train: how many training texts there are.
    """
    of_train = np.bincount(shingles.indices[: shingles.indptr[train]], minlength=shingles.shape[1])
    products = of_train * (count - of_train)
    useful = np.flatnonzero((products > 0) & (count <= _COMMON))
    useful = useful[np.argsort(products[useful], kind="stable")]
    kept = useful[np.cumsum(products[useful]) <= _PRODUCTS]
    hashed = np.random.default_rng(0).permutation(len(kept))
    index = _sketch(shingles[:, kept[hashed]])
    shared = (index[train:] @ index[:train].T).tocoo()
    enough = shared.data >= np.minimum(2, np.diff(index.indptr)[train:][shared.row])
    others, ones, alike = shared.row[enough], shared.col[enough], shared.data[enough]
    order = np.lexsort((ones, -alike, others))
    others, ones = others[order], ones[order]
    rank = np.arange(len(others)) - np.searchsorted(others, others)
    candidates = np.full((shingles.shape[0] - train, _EACH), -1, np.int64)
    best = rank < _EACH
    candidates[others[best], rank[best]] = ones[best]
    return candidates, len(kept) == len(useful)


def _sketch(shingles: sparse.csr_matrix) -> sparse.csr_matrix:
    """The first shingles of each text alone."""
    shingles.sort_indices()
    rank = np.arange(shingles.nnz) - np.repeat(shingles.indptr[:-1], np.diff(shingles.indptr))
    shingles.data[rank >= _SKETCH] = 0
    shingles.eliminate_zeros()
    return shingles

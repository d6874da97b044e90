"""TF-IDF vectors of texts: simple features, for baselines."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer

_MOST = 200_000  # features of each kind, the most frequent ones
_WORD = r"(?u)\S+"


def tfidf_features(train: Sequence[str], texts: Sequence[str]) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """TF-IDF of words and pairs of words, and of 3 to 5 characters within words and their edges, of each kind at most
    200,000.

    Args:
        train: what n-grams and their weights are counted in; case does not count.
        texts: others.

    Returns:
        For `train` and for `texts` float64 (texts, n-grams); each text has length 1 in either kind.
    """
    words = TfidfVectorizer(max_features=_MOST, token_pattern=_WORD, ngram_range=(1, 2))
    kinds = (words.fit_transform(train), words.transform(texts)), _characters(train, texts)
    train_features, features = (sparse.hstack(parts).tocsr() for parts in zip(*kinds))
    return train_features, features


def _characters(train: Sequence[str], texts: Sequence[str]) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """As `TfidfVectorizer` with the analyzer `char_wb` gives them; each distinct word is cut once, which is 4 times as
    fast for sentences, and more for longer texts.
    """
    cutter = CountVectorizer(analyzer="char_wb", ngram_range=(3, 5), lowercase=False)
    counts, words = _words(train)
    grams = (counts @ cutter.fit_transform(words)).tocsr()
    if grams.shape[1] > _MOST:
        frequent = np.sort(np.argsort(-np.asarray(grams.sum(0)).ravel(), kind="stable")[:_MOST])
        grams = grams[:, frequent]
    else:
        frequent = np.arange(grams.shape[1])
    weights = TfidfTransformer()
    counts, words = _words([*texts, words[0]])  # a word at least, in case these have none
    others = (counts[:-1] @ cutter.transform(words)).tocsr()[:, frequent]
    return weights.fit_transform(grams), weights.transform(others)


def _words(texts: Sequence[str]) -> tuple[sparse.csr_matrix, np.ndarray]:
    """How often each text has each word, and the words."""
    counter = CountVectorizer(token_pattern=_WORD)
    return counter.fit_transform(texts), counter.get_feature_names_out()

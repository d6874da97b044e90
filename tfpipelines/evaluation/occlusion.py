"""Which words moved a prediction: by how much its log-odds fall when a word is left out (occlusion; Li et al. 2016)."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

Score = Callable[[list[str]], np.ndarray]  # of raw texts: their logits, float (texts, classes)
_LONGEST = 50_000  # characters of a text that are looked at
_EFFORT = 500_000  # characters of all variants of one text
_GROUP = 2_000_000  # characters of variants that are scored together


def explain_texts(
    texts: list[str], score: Score, classes: list[str], characters: bool = False, multi_label: bool = False
) -> list[dict[str, Any]]:
    """What each word says for or against the most probable class of its text.

    In a long text neighbouring words are left out together, so that the effort does not grow with the square of its
    length; of a text beyond 50,000 characters the first ones are looked at.

    Args:
        texts: not empty.
        score: function of raw texts to logits.
        classes: their names.
        characters: look at characters instead of words, for scripts without spaces.
        multi_label: whether classes do not exclude each other.

    Returns:
        For each text {`class`, `log_odds`, `words`: [{`word`, `start`, `end`, `weight`}]}; start and end are places in
        the text, weight is the class' log-odds with the word less those without it: above 0 it speaks for the class.
    """
    results = []
    for some, spans, outputs in _groups(texts, lambda texts: score(texts).astype(np.float64), characters):
        chosen = outputs[: len(some)].argmax(1)
        owners = np.concatenate([chosen, np.repeat(chosen, [len(places) for places in spans])])
        odds = _log_odds(outputs, owners, multi_label)
        for number, full, words in zip(chosen, odds, _weights(some, spans, odds)):
            results.append({"class": classes[number], "log_odds": round(float(full), 4), "words": words})
    return results


def explain_numbers(
    texts: list[str], score: Callable[[list[str]], np.ndarray], characters: bool = False
) -> list[dict[str, Any]]:
    """What each word adds to the number that a text is given, see `explain_texts`.

    Args:
        texts: not empty.
        score: function of raw texts to numbers, float (texts,).
        characters: look at characters instead of words.

    Returns:
        For each text {`value`, `words`: [{`word`, `start`, `end`, `weight`}]}; weight is the number with the word less
        that without it.
    """
    results = []
    for some, spans, values in _groups(texts, score, characters):
        for full, words in zip(values, _weights(some, spans, values)):
            results.append({"value": float(f"{full:.6g}"), "words": words})
    return results


def strongest(explanation: dict[str, Any], count: int = 5) -> str:
    """The words that moved a prediction most, in one line: `brilliant +1.20, dull -0.80`."""
    words = sorted(explanation["words"], key=lambda word: -abs(word["weight"]))[:count]
    return ", ".join(f"{word['word']} {word['weight']:+.2f}" for word in words)


def strongest_ngrams(names: list[str], weights: np.ndarray, classes: list[str], count: int) -> pd.DataFrame:
    """The n-grams that speak loudest for each class: `class`, `ngram`, `weight` (what one of them adds to the logit).

    Args:
        weights: float (n-grams, classes).
        count: rows of each class.
    """
    rows = []
    for number, name in enumerate(classes):
        best = np.argsort(-weights[:, number], kind="stable")[:count]
        rows += [(name, names[place], float(weights[place, number])) for place in best if weights[place, number] > 0]
    return pd.DataFrame(rows, columns=["class", "ngram", "weight"])


def _spans(text: str, unit: str) -> list[tuple[int, int]]:
    """Where the words are, or runs of them in a long text."""
    words = [match.span() for match in re.finditer(unit, text)]
    run = -(-len(words) // max(10, _EFFORT // max(len(text), 1)))
    if run == 1:
        return words
    return [(words[first][0], words[min(first + run, len(words)) - 1][1]) for first in range(0, len(words), run)]


def _groups(
    texts: list[str], score: Callable[[list[str]], np.ndarray], characters: bool
) -> Iterator[tuple[list[str], list[list[tuple[int, int]]], np.ndarray]]:
    """Some of the texts at a time, where their words are, and what is said of them and, behind that, of each of them
    without each of its words.
    """
    gap, texts = "" if characters else " ", [text[:_LONGEST] for text in texts]
    spans = [_spans(text, r"\S" if characters else r"\S+") for text in texts]
    groups = np.cumsum([len(text) * len(places) for text, places in zip(texts, spans)]) // _GROUP
    less = lambda text, start, end: f"{text[:start].rstrip()}{gap}{text[end:].lstrip()}"
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        some, places = [texts[row] for row in rows], [spans[row] for row in rows]
        variants = [less(text, *place) for text, found in zip(some, places) for place in found]
        yield some, places, score([*some, *variants])


def _weights(texts: list[str], spans: list[list[tuple[int, int]]], values: np.ndarray) -> list[list[dict[str, Any]]]:
    """The words of each text with what they add; values as `_groups` has them."""
    without, found = iter(values[len(texts) :]), []
    for text, places, full in zip(texts, spans, values):
        words = ((text[start:end], start, end, round(float(full - next(without)), 4)) for start, end in places)
        found.append([dict(zip(("word", "start", "end", "weight"), word)) for word in words])
    return found


def _log_odds(logits: np.ndarray, numbers: np.ndarray, multi_label: bool) -> np.ndarray:
    from scipy.special import logsumexp  # not at the top: most predictions are made without SciPy

    rows = np.arange(len(logits))
    own = logits[rows, numbers]
    if multi_label or logits.shape[1] == 1:
        return own
    others = logits.copy()
    others[rows, numbers] = -np.inf
    return own - logsumexp(others, axis=1)

"""Which words moved a prediction: by how much its log-odds fall when a word is left out (occlusion; Li et al. 2016)."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logsumexp

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
    texts = [text[:_LONGEST] for text in texts]
    spans = [_spans(text, r"\S" if characters else r"\S+") for text in texts]
    groups = np.cumsum([len(text) * len(places) for text, places in zip(texts, spans)]) // _GROUP
    results: list[dict[str, Any]] = []
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        some, places = [texts[row] for row in rows], [spans[row] for row in rows]
        results += _explain_group(some, places, score, classes, multi_label, "" if characters else " ")
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


def _explain_group(
    texts: list[str], spans: list[list[tuple[int, int]]], score, classes: list[str], multi_label: bool, gap: str
) -> list[dict[str, Any]]:
    less = lambda text, start, end: f"{text[:start].rstrip()}{gap}{text[end:].lstrip()}"
    variants = [less(text, *place) for text, places in zip(texts, spans) for place in places]
    logits = score([*texts, *variants]).astype(np.float64)
    chosen = logits[: len(texts)].argmax(1)
    owners = np.concatenate([chosen, np.repeat(chosen, [len(places) for places in spans])])
    odds = _log_odds(logits, owners, multi_label)
    without = iter(odds[len(texts) :])
    results = []
    for text, places, number, full in zip(texts, spans, chosen, odds):
        words = [
            {"word": text[start:end], "start": start, "end": end, "weight": round(float(full - next(without)), 4)}
            for start, end in places
        ]
        results.append({"class": classes[number], "log_odds": round(float(full), 4), "words": words})
    return results


def _log_odds(logits: np.ndarray, numbers: np.ndarray, multi_label: bool) -> np.ndarray:
    rows = np.arange(len(logits))
    own = logits[rows, numbers]
    if multi_label or logits.shape[1] == 1:
        return own
    others = logits.copy()
    others[rows, numbers] = -np.inf
    return own - logsumexp(others, axis=1)

"""What a classifier of texts has to beat: logistic regression on TF-IDF vectors of the same texts."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from ..core.words import count, extremes, fixed
from ..metrics import classifier_metrics, fit_thresholds, right_rows
from ..metrics.paired import difference_of_shares
from .tfidf import tfidf_features

NAME = "TF-IDF + logistic regression"
_STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)  # C among which one is chosen
_USUAL = 1.0  # where there are too few rows to choose
_FOLDS = 3
_FEWEST = 20  # rows to choose from
_FEWEST_RESAMPLED = 10  # rows, for an interval
_MOST_CHARACTERS = 20_000_000  # of the texts that it learns from: about 1.5 GB
_MOST_FITTED, _MOST_TRIED = 2 * 10**8, 10**7  # numbers other than 0, times logits: about 20 s, and 10 s for the choice
_TOLERANCE, _MOST_STEPS = 1e-2, 100  # its answers hardly change below it


class TextBaseline(NamedTuple):
    """What the baseline says of some texts.

    Args:
        probabilities: float32 (texts, classes).
        thresholds: of several labels, float64 (classes,); None: 0.5.
        notes: what to know of how it was fitted, sentences.
    """

    probabilities: np.ndarray
    thresholds: np.ndarray | None
    notes: list[str]


def text_baseline(
    texts: pd.Series, labels: np.ndarray, others: Sequence[str], classes: int, seed: int,
    threshold: float | Literal["auto"] = "auto",
) -> TextBaseline:  # fmt: skip
    """Logistic regression on TF-IDF vectors (`tfidf_features`), of more than two classes each against the rest.

    Its C is that of the lowest log loss in a cross-validation with 3 folds. Of very many or long texts, or classes, a
    random share is taken; a note says so.

    Args:
        texts, labels: that it learns from: class numbers, int (texts,), or 1 for each label that a text has,
            (texts, classes).
        others: what it is asked about.
        seed: of the folds, the solver and the choice of some texts.
        threshold: of several labels, from where on each is predicted; auto: by the answers to the folds, see
            `metrics.fit_thresholds`.
    """
    generator, total = np.random.default_rng([seed, 5]), len(texts)
    outputs = 1 if labels.ndim == 1 and classes == 2 else classes
    order = generator.permutation(total)
    order = order[: max(1, int((texts.str.len().to_numpy()[order].cumsum() <= _MOST_CHARACTERS).sum()))]
    kept = np.sort(order)
    train, features = tfidf_features(list(texts.iloc[kept]), others)
    kept = kept[fitted := _within(train.nnz * outputs, _MOST_FITTED, len(kept), generator)]
    train, known, notes = train[fitted], labels[kept], []
    if len(kept) < total:
        notes.append(f"{NAME} was fitted to {count(len(kept))} of {count(total)} texts, drawn at random")
    strength, thresholds = _USUAL, None
    if len(kept) < _FEWEST:
        notes.append(f"{NAME} has C = {_USUAL:g}: {len(kept)} texts are too few to choose it")
    else:
        tried = _within(train.nnz * outputs, _MOST_TRIED, len(kept), generator)
        if len(tried) < len(kept):
            notes.append(f"C of {NAME} was chosen on {count(len(tried))} of its texts, drawn at random")
        strength, answers = _chosen(train[tried], known[tried], classes, seed, generator)
        if labels.ndim == 2:
            thresholds = fit_thresholds(known[tried], answers)
    if labels.ndim == 2 and threshold != "auto":
        thresholds = np.full(classes, threshold)
    answers = _answers(train, known, features, classes, strength, seed)
    return TextBaseline(answers.astype(np.float32), thresholds, notes)


def compared(
    labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray | None, baseline: TextBaseline,
    resamples: int, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """The metrics of the baseline, and how much its accuracy differs from the model's on the same rows.

    Args:
        labels: as in `text_baseline`, of the rows that both have answered.
        probabilities, thresholds: the model's.
        resamples: for the paired interval of the difference; 0: none.
        seed: of the resampling.

    Returns:
        {`baselines`: {name: {metric: value}}, `baseline_differences`: {name: {`difference` (baseline less model),
        `low`, `high` (95%)}}, `about`: sentences, one of them where the baseline has the higher accuracy}.
    """
    figures = classifier_metrics(labels, baseline.probabilities, baseline.thresholds)
    right = [
        right_rows(labels, probabilities, thresholds),
        right_rows(labels, baseline.probabilities, baseline.thresholds),
    ]
    own, others = (float(rows.mean()) for rows in right)
    told = {"difference": others - own}
    if resamples and len(labels) >= _FEWEST_RESAMPLED:
        told["low"], told["high"] = difference_of_shares(right[0], right[1], seed)["interval"]
    about = list(baseline.notes)
    if others > own:
        sure = ""
        if "low" in told:
            sure = f", paired 95% interval {extremes((told['low'], told['high']))}"
            sure += "" if told["low"] > 0 else ", so this may be chance"
        higher = f"{NAME} has the higher accuracy on the test rows: {fixed(others)} against {fixed(own)} of the model"
        about.insert(0, f"{higher} (difference {fixed(others - own)}{sure})")
    return {"baselines": {NAME: figures}, "baseline_differences": {NAME: told}, "about": about}


def _within(cost: int, most: int, rows: int, generator: np.random.Generator) -> np.ndarray:
    """Places of all rows, or of as many random ones as keep the cost below `most`."""
    some = rows if cost <= most else min(rows, max(_FEWEST, int(rows * most / cost)))
    return np.arange(rows) if some == rows else np.sort(generator.choice(rows, some, replace=False))


def _chosen(
    features: sparse.csr_matrix, labels: np.ndarray, classes: int, seed: int, generator: np.random.Generator
) -> tuple[float, np.ndarray]:
    """C of the lowest log loss, and the answers with it to the rows of each fold by what was fitted to the others."""
    answers = np.empty((len(_STRENGTHS), features.shape[0], classes))
    for fold in np.array_split(generator.permutation(features.shape[0]), _FOLDS):
        rest = np.setdiff1d(np.arange(features.shape[0]), fold)
        given, known, held = features[rest], labels[rest], features[fold]
        for place, strength in enumerate(_STRENGTHS):
            answers[place, fold] = _answers(given, known, held, classes, strength, seed)
    best = min(range(len(_STRENGTHS)), key=lambda place: _log_loss(labels, answers[place]))
    return _STRENGTHS[best], answers[best]


def _answers(
    features: sparse.csr_matrix, labels: np.ndarray, others: sparse.csr_matrix, classes: int, strength: float,
    seed: int,
) -> np.ndarray:  # fmt: skip
    """Probabilities of other rows, float64 (rows, classes)."""
    answers = np.empty((others.shape[0], classes))
    binary = labels.ndim == 1 and classes == 2
    for number in (1,) if binary else range(classes):
        has = labels == number if labels.ndim == 1 else labels[:, number] > 0.5
        if has.any() and not has.all():
            learner = LogisticRegression(
                C=strength, solver="liblinear", dual=True, tol=_TOLERANCE, max_iter=_MOST_STEPS, random_state=seed
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                answers[:, number] = learner.fit(features, has).predict_proba(others)[:, 1]
        else:
            answers[:, number] = (has.sum() + 0.5) / (len(has) + 1)
    if binary:
        answers[:, 0] = 1 - answers[:, 1]
    return answers if labels.ndim == 2 else answers / answers.sum(1, keepdims=True)


def _log_loss(labels: np.ndarray, answers: np.ndarray) -> float:
    kept = np.clip(answers, 1e-7, 1 - 1e-7)
    true = kept[np.arange(len(labels)), labels] if labels.ndim == 1 else np.where(labels > 0.5, kept, 1 - kept)
    return float(-np.log(true).mean())

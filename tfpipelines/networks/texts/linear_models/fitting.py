"""Fits linear models of texts; strength and scaling are chosen by cross-validation."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .features import Features, Kind

STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # C of logistic regression, 1 / (2 alpha) of ridge
_FIRST = (3.0, 30.0)  # those that scalings are tried with
SCALES = ("idf", "ratios")
_FEW = 2000  # rows below which there are five folds, else three
_FOLDS = (5, 3)
_REPEATS = ((500, 5), (2000, 2))  # rows below which there are other folds so many times
_WORK = 6e7  # numbers of the vectors, times outputs, that strengths are tried with
_LEAST = 1000  # rows that they are tried with, whatever that takes
_ITERATIONS = 1000
_STREAM = 3  # of random numbers


@dataclass(frozen=True, eq=False)
class LinearTexts:
    """A linear model of texts.

    Args:
        tables: for each kind of n-grams float32 (n-grams, outputs + 1), for vectors float32 (numbers, outputs), see
            `Features.tables`.
        intercept: float32 (outputs,).
        scale: idf or ratios.
        weight_decay: that was chosen or given.
        out_of_fold: what models of the other folds tell of each row, float32 (rows, outputs); None where it was not
            asked for, or there are too few rows.
    """

    tables: list[np.ndarray]
    intercept: np.ndarray
    scale: str
    weight_decay: float
    out_of_fold: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Labelled:
    """Texts with their targets.

    Args:
        kinds: n-grams, or vectors, of all texts there are.
        rows: numbers of the texts that count.
        targets: of these: (rows,) of whole numbers: classes; (rows,) of floats: numbers of mean 0; (rows, labels) of 0
            and 1.
        outputs: classes, labels, or 1: a number.
        weights: of each row, float (rows,) or (rows, labels); None: all are equal.
        groups: rows of one group are in one fold, (rows,).
    """

    kinds: Sequence[Kind]
    rows: np.ndarray
    targets: np.ndarray
    outputs: int
    weights: np.ndarray | None
    groups: np.ndarray

    def only(self, chosen: np.ndarray) -> "Labelled":
        """Some of the rows."""
        weights = None if self.weights is None else self.weights[chosen]
        given = self.rows[chosen], self.targets[chosen], self.outputs, weights, self.groups[chosen]
        return Labelled(self.kinds, *given)

    def folds(self, seed: int) -> np.ndarray:
        """The fold of each row, int (repeats, rows), several times for few rows; all 0 where there are too few."""
        from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

        count, different = _FOLDS[0] if len(self.rows) < _FEW else _FOLDS[1], len(np.unique(self.groups))
        classes = self.targets.ndim == 1 and not np.issubdtype(self.targets.dtype, np.floating)
        count = min(count, different, int(np.bincount(self.targets).max()) if classes else different)
        repeats = next((times for rows, times in _REPEATS if len(self.rows) < rows), 1)
        found = np.zeros((repeats if count > 1 else 1, len(self.rows)), int)
        if count < 2:
            return found
        alone = different == len(self.rows)  # then there are faster ways to the same
        kind = (StratifiedKFold, KFold) if alone else (StratifiedGroupKFold, GroupKFold)
        states = np.random.default_rng([seed, _STREAM]).integers(2**31, size=len(found))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes with fewer rows than folds
            for of_row, state in zip(found, states.tolist()):
                split: Any = kind[0 if classes else 1](count, shuffle=True, random_state=state)
                for number, (_, held_out) in enumerate(split.split(self.rows, self.targets, self.groups)):
                    of_row[held_out] = number
        return found


def fit_texts(
    texts: Labelled, *, seed: int, scale: str = "auto", weight_decay: float | None = None, out_of_fold: bool = False
) -> LinearTexts:
    """Fits logistic regression to classes (one against the rest) and labels, ridge regression to numbers.

    Args:
        texts: that it is fitted to.
        scale: idf, ratios, or auto: the better one by cross-validation.
        weight_decay: the penalty on the squared weights, beside the mean loss of the rows, as that of Keras' L2; None:
            the best one by cross-validation.
        out_of_fold: whether to tell what models of the other folds tell of each row.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of solvers that stop after all iterations
        scales: tuple[str, ...] = SCALES if scale == "auto" else (scale,)
        if all(kind.dense for kind in texts.kinds):
            scales = ("idf",)  # it is not used
        strengths = STRENGTHS if weight_decay is None else (1 / max(2 * weight_decay * len(texts.rows), 1e-12),)
        needs_folds = out_of_fold or len(scales) * len(strengths) > 1
        folds = texts.folds(seed) if needs_folds else np.zeros((1, len(texts.rows)), int)
        scale, strength, told = _chosen(texts, folds, scales, strengths, seed)
        if out_of_fold and told is None and folds.any():
            told = _told(texts, folds, scale, (strength,))[strength]
        features = Features(texts.kinds, texts.rows, texts.targets, scale == "ratios")
        weights, intercept = _fit(features.vectors(texts.rows), texts, strength)
    tables, offset = features.tables(weights)
    decay = 1 / (2 * strength * max(len(texts.rows), 1)) if weight_decay is None else weight_decay
    single = [table.astype(np.float32) for table in tables]
    kept = told.astype(np.float32) if out_of_fold and told is not None else None
    return LinearTexts(single, (intercept + offset).astype(np.float32), scale, decay, kept)


def _chosen(
    texts: Labelled, folds: np.ndarray, scales: Sequence[str], strengths: Sequence[float], seed: int
) -> tuple[str, float, np.ndarray | None]:
    """Scaling and strength of the least loss of rows told by models of the other folds; and what these tell, where
    that is of all rows.
    """
    if len(scales) * len(strengths) == 1:
        return scales[0], strengths[0], None
    if not folds.any():
        return scales[0], 1.0 if 1.0 in strengths else strengths[0], None
    tried, of_tried = texts, folds
    size = sum(kind.size(texts.rows) for kind in texts.kinds)
    bound = max(_LEAST, int(_WORK / max(size * texts.outputs / len(texts.rows), 1)))
    if len(texts.rows) > bound:
        some = np.sort(np.random.default_rng([seed, _STREAM, 1]).permutation(len(texts.rows))[:bound])
        tried, of_tried = texts.only(some), folds[:, some]
        if len(np.unique(of_tried[0])) < 2:
            return scales[0], 1.0, None
    best, least, kept = (scales[0], strengths[0]), np.inf, None

    def compare(scale: str, some: Sequence[float]) -> None:
        nonlocal best, least, kept
        for strength, told in _told(tried, of_tried, scale, some).items():
            mean = loss_of(told, tried.targets, tried.weights)
            if mean < least:
                best, least, kept = (scale, strength), mean, told

    first = [strength for strength in strengths if strength in _FIRST] or list(strengths)
    sparse = [kind for kind in tried.kinds if not kind.dense]
    if len(scales) > 1 and len(sparse) < len(tried.kinds):  # vectors have no scale, and make all fits slower
        scales = (_chosen(replace(tried, kinds=sparse), of_tried, scales, first, seed)[0],)
    for scale in scales:
        compare(scale, first)
    # The loss has one valley, more or less: strengths are tried outwards until the best one is between worse ones.
    known = set(first)
    while beside := [one for one in _beside(best[1], strengths) if one not in known]:
        compare(best[0], beside)
        known.update(beside)
    return *best, kept if tried is texts else None


def _beside(strength: float, strengths: Sequence[float]) -> list[float]:
    """The next weaker and the next stronger one."""
    place = strengths.index(strength)
    return [strengths[other] for other in (place - 1, place + 1) if 0 <= other < len(strengths)]


def _told(texts: Labelled, folds: np.ndarray, scale: str, strengths: Sequence[float]) -> dict[float, np.ndarray]:
    """What models of the other folds tell of each row, (rows, outputs), by strength."""
    told = {strength: np.zeros((len(texts.rows), texts.outputs)) for strength in strengths}
    for held_out in (of_row == fold for of_row in folds for fold in np.unique(of_row)):
        known = texts.only(~held_out)
        features = Features(texts.kinds, known.rows, known.targets, scale == "ratios")
        vectors, others = features.vectors(known.rows), features.vectors(texts.rows[held_out])
        for strength in strengths:
            weights, intercept = _fit(vectors, known, strength)
            told[strength][held_out] += (others @ weights + intercept) / len(folds)
    return told


def loss_of(outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Mean loss of outputs (rows, outputs), see `losses_of`.

    Args:
        targets, weights: see `Labelled`.
    """
    if weights is not None and weights.ndim == 2:
        return float(np.average(_of_labels(outputs, targets), weights=weights))
    return float(np.average(losses_of(outputs, targets), weights=weights))


def losses_of(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The loss of each row, float64 (rows,): cross-entropy of the softmax, of several labels the mean of the sigmoids';
    of numbers the squared error.

    Args:
        outputs: float (rows, outputs).
        targets: see `Labelled`.
    """
    if targets.ndim == 2:
        return _of_labels(outputs, targets).mean(1)
    if np.issubdtype(targets.dtype, np.floating):
        return np.square(outputs[:, 0] - targets)
    return np.logaddexp.reduce(outputs, axis=1) - outputs[np.arange(len(outputs)), targets]


def _of_labels(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, np.where(targets > 0.5, -outputs, outputs))


def _fit(vectors: Any, texts: Labelled, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (features, outputs) and intercept (outputs,)."""
    targets, weights, outputs = texts.targets, texts.weights, texts.outputs
    if targets.ndim == 1 and np.issubdtype(targets.dtype, np.floating):
        return _number(vectors, targets, weights, strength)
    if targets.ndim == 2:
        of_label = lambda label: weights[:, label] if weights is not None and weights.ndim == 2 else weights
        pairs = [_binary(vectors, targets[:, label] > 0.5, of_label(label), strength) for label in range(outputs)]
    elif outputs == 2:
        weight, intercept = _binary(vectors, targets == 1, weights, strength)
        pairs = [(-weight / 2, -intercept / 2), (weight / 2, intercept / 2)]
    else:
        pairs = [_binary(vectors, targets == number, weights, strength) for number in range(outputs)]
    return np.stack([weight for weight, _ in pairs], axis=1), np.array([intercept for _, intercept in pairs])


def _binary(vectors: Any, member: np.ndarray, weights: np.ndarray | None, strength: float) -> tuple[np.ndarray, float]:
    """Of rows that belong to a class or not; where all do or none does, the log odds of half a row."""
    from sklearn.linear_model import LogisticRegression

    count, inside = len(member), int(member.sum())
    if inside in (0, count):
        return np.zeros(vectors.shape[1]), float(np.log((inside + 0.5) / (count - inside + 0.5)))
    dense = isinstance(vectors, np.ndarray)
    how: dict[str, Any] = {"solver": "newton-cholesky"} if dense else {"solver": "liblinear", "dual": True, "tol": 1e-2}
    model = LogisticRegression(C=strength, max_iter=_ITERATIONS, random_state=0, **how)
    model.fit(vectors, member, weights)
    return model.coef_[0], float(model.intercept_[0])


def _number(
    vectors: Any, values: np.ndarray, weights: np.ndarray | None, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import Ridge

    solver = "cholesky" if isinstance(vectors, np.ndarray) else "sparse_cg"
    model = Ridge(alpha=1 / (2 * strength), solver=solver, tol=1e-6).fit(vectors, values, weights)
    return model.coef_[:, None], np.array([model.intercept_])

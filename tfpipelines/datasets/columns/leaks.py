"""Columns that tell the target, or repeat each other."""

import numpy as np

from ...core.words import listed
from ..findings import Findings
from .encoder import Columns, Encoded
from .types import SHOWN

_TELLS = 0.99  # area under the ROC curve, balanced accuracy or R2 of one column on held-out rows
_LEAST = 40  # rows; below they tell nothing
_LOOKED_AT = 4000  # rows, the first ones of a seeded order
_LEAVES = 64
_MISSING = -1e30
_MOST_LABELS = 20  # that are looked at, where a row may have several
_MOST_TOLD = 3  # of the labels that one column tells
_LEAST_OF_LABEL = 5  # rows of each half that have a label, and that lack it; below, chance tells it


def look_for_leaks(
    encoded: Encoded,
    columns: Columns,
    targets: np.ndarray,
    train: np.ndarray,
    findings: Findings,
    classes: list[str] | None = None,
) -> None:
    """Adds a warning for columns each of which predicts the target, or one of several labels, on its own.

    A decision tree of each column is fitted to one half of the training rows and tried with the other.

    Args:
        targets: of the training rows, as `datasets.encode_labels` gives them; where a row may have several labels, each
            of them is looked at, of many the most frequent ones.
        train: numbers of the training rows.
        classes: what the columns of `targets` are labels of; needed where a row may have several.
    """
    order = np.random.default_rng(0).permutation(len(train))[:_LOOKED_AT]
    rows, targets = train[order], targets[order]
    if len(rows) < _LEAST:
        return
    several, wanted = targets.ndim > 1, _told_apart(targets, classes or [])
    found: dict[str, dict[str, float]] = {}  # column -> label -> score
    for column, values in _by_column(encoded, columns):
        for label, target in wanted.items():
            if (score := _score(values[rows], target)) > _TELLS:
                known = found.setdefault(column, {})
                known[label] = max(score, known.get(label, 0.0))
    if found:
        told = [f"{name} ({listed(_scores(of_labels), _MOST_TOLD)})" for name, of_labels in found.items()]
        measure = "R2" if targets.dtype.kind == "f" and not several else "area under the ROC curve or balanced accuracy"
        one = len(found) == 1
        what = f"{'One column tells' if one else f'{len(found)} columns tell'} {'a label' if several else 'the target'}"
        what = f"{what} alone: {listed(told, SHOWN)}"
        unknown = f"{'it' if one else 'they'} may not be known when the model is used"
        message = f"{what}. That is the {measure} on held-out rows; {unknown}"
        remedy = f"Leave out what is not known then: data.exclude=[{','.join(found)}]"
        findings.add("target_leak", "warning", message, remedy, told)


def _scores(of_labels: dict[str, float]) -> list[str]:
    """`1.000`, or of labels `sick 1.000`, the best told first."""
    best = sorted(of_labels.items(), key=lambda entry: -entry[1])
    return [f"{label} {score:.3f}".lstrip() for label, score in best]


def _told_apart(targets: np.ndarray, classes: list[str]) -> dict[str, np.ndarray]:
    """The targets that a column may tell: themselves, by the name "", or 0 and 1 for each label that both halves of
    the rows know.
    """
    if targets.ndim == 1:
        return {"": targets}
    marks = (targets > 0.5).astype(np.int64)
    middle = len(marks) // 2
    rarer = np.minimum(*[np.minimum(half.sum(0), len(half) - half.sum(0)) for half in (marks[:middle], marks[middle:])])
    labels = np.argsort(-rarer, kind="stable")[:_MOST_LABELS]
    return {classes[label]: marks[:, label] for label in labels if rarer[label] >= _LEAST_OF_LABEL}


def look_for_copies(encoded: Encoded, columns: Columns, train: np.ndarray, findings: Findings) -> None:
    """Adds a note for columns that are equal in all training rows."""
    first: dict[bytes, str] = {}
    copies = []
    for name, values in _by_column(encoded, columns):
        if name in first.values():
            continue
        content = np.ascontiguousarray(values[train]).tobytes()
        if content in first:
            copies.append(f"{name} equals {first[content]}")
        else:
            first[content] = name
    if copies:
        message = f"Columns that are equal in all training rows: {listed(copies, SHOWN)}"
        findings.add("equal_columns", "note", message, "Leave out all but one of them with data.exclude", copies)


def _by_column(encoded: Encoded, columns: Columns) -> list[tuple[str, np.ndarray]]:
    """(column of the table, one of the columns that it becomes)."""
    names = [column.name for column in columns.columns for _ in column.features]
    numbers = list(zip(names, encoded.numbers.T))
    return [*numbers, *((column.name, codes) for column, codes in zip(columns.categories, encoded.codes.T))]


def _score(values: np.ndarray, targets: np.ndarray) -> float:
    """How well one column predicts the targets of the second half of the rows, from those of the first."""
    from sklearn.metrics import balanced_accuracy_score, r2_score, roc_auc_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    middle = len(values) // 2
    values = np.where(np.isnan(values), np.float32(_MISSING), values)[:, None]
    (fit, held), (told, true) = (values[:middle], values[middle:]), (targets[:middle], targets[middle:])
    if targets.dtype.kind == "f":
        tree = DecisionTreeRegressor(max_leaf_nodes=_LEAVES, random_state=0).fit(fit, told)
        known = held[:, 0] > _MISSING
        line = _finite(lambda one, other: np.corrcoef(one, other)[0, 1] ** 2, true, held[:, 0]) if known.all() else 0.0
        return max(line, _finite(r2_score, true, tree.predict(held)))
    model = DecisionTreeClassifier(max_leaf_nodes=_LEAVES, random_state=0).fit(fit, told)
    if len(np.unique(targets)) == 2 and len(np.unique(true)) == 2 and len(model.classes_) == 2:
        return _finite(roc_auc_score, true, model.predict_proba(held)[:, 1])
    return _finite(balanced_accuracy_score, true, model.predict(held)) if len(np.unique(true)) > 1 else 0.0


def _finite(measure, true: np.ndarray, predicted: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        value = float(measure(true, predicted))
    return value if np.isfinite(value) else 0.0

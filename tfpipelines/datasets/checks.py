"""Checks on the sample table that do not depend on where it came from."""

import hashlib
from collections.abc import Callable

import numpy as np
import pandas as pd

from ..core.splits import SPLITS
from ..core.words import counted, nearest
from ..errors import ConfigError
from .findings import Findings
from .label_advice import NUMBER_REMEDY, number_reason
from .sample_table import class_order, is_multi_label, label_counts, places, target_of
from .text_table import without_form

_ROWS = 50_000  # that are hashed at once
_OUTSIDE = 0.1  # share of a split's numbers outside of the range of training that is worth a warning


def check_classes(frame: pd.DataFrame, findings: Findings) -> list[str]:
    """Whether the training rows can teach what the other rows ask; the classes: those of the training rows, in order.

    Args:
        frame: rows with `label` and `split`.
    """
    of = lambda split: class_order(label_counts(frame[frame["split"] == split]))
    present = {split: of(split) for split in SPLITS}
    classes = present["train"]
    train = frame[frame["split"] == "train"]
    if not len(train) and findings.of("error"):
        pass  # which says why there are none
    elif not len(train):
        findings.add("no_samples", "error", "There are no training samples", "Check data.path.")
    elif len(classes) < (1 if is_multi_label(frame) else 2):
        message = "No training sample has any label"
        if classes:
            message = f"The training samples are all of one class, {classes[0]!r}"
        findings.add("one_class", "error", message, "A classifier needs two classes at least.")
    if alike := _alike(classes):
        message = f"{counted(len(alike), 'group')} of classes that differ only in case or spaces"
        findings.add("alike_classes", "warning", message, "Use one spelling if they are one class", alike)
    if len(train) and not (frame["split"] == "test").any():
        findings.add("no_test", "note", "There is no test split, so metrics will be of the validation split only")
    for split in [name for name in SPLITS[1:] if present[name]]:
        strangers = [name for name in present[split] if name not in classes]
        if strangers and classes:
            message = f"{counted(len(strangers), 'class', 'classes')} in {split} that training lacks"
            remedy = "Add training samples of them, or remove them."
            if number_reason(frame["label"].dropna()):
                remedy = NUMBER_REMEDY
            findings.add("unseen_class", "error", message, remedy, strangers)
        absent = [name for name in classes if name not in present[split]]
        if absent:
            what = counted(len(absent), "class", "classes")
            message = f"{what} missing from {split}, whose metrics do not cover it"
            findings.add("absent_class", "warning", message, "", absent)
    return classes


def check_values(frame: pd.DataFrame, findings: Findings) -> None:
    """Whether the training rows can teach numbers, and whether those of the other rows are within their range.

    Args:
        frame: rows with `value` and `split`.
    """
    train = frame.loc[frame["split"] == "train", "value"]
    if not len(train) and findings.of("error"):
        return  # which says why there are none
    if not len(train):
        findings.add("no_samples", "error", "There are no training samples", "Check data.path.")
        return
    low, high = float(train.min()), float(train.max())
    if low == high:
        message = f"The training samples all have the target {low:g}"
        findings.add("one_value", "error", message, "A regression needs different values.")
    if not (frame["split"] == "test").any():
        findings.add("no_test", "note", "There is no test split, so metrics will be of the validation split only")
    for split in SPLITS[1:]:
        values = frame.loc[frame["split"] == split, "value"]
        outside = int(((values < low) | (values > high)).sum())
        if outside > _OUTSIDE * len(values):
            what = f"{outside} of {counted(len(values), f'{split} sample')} have targets outside of the training range"
            remedy = "Shuffle the rows before splitting them, unless they are split by time"
            findings.add("outside_range", "warning", f"{what}, {low:g} to {high:g}", remedy)


def _alike(classes: list[str]) -> list[str]:
    """The names of classes, joined, that are one but for case and the number of spaces."""
    groups: dict[str, list[str]] = {}
    for name in classes:
        groups.setdefault(without_form(name), []).append(name)
    return [", ".join(map(repr, names)) for names in groups.values() if len(names) > 1]


def check_duplicates(frame: pd.DataFrame, fingerprints: pd.Series, on_leak: str, findings: Findings) -> None:
    """Finds samples of equal content: across splits (leaks), with different labels, and within a split.

    Args:
        frame: rows with `item`, `label`, `split`.
        fingerprints: content hash of each row, same index.
        on_leak: `warn` or `error`.
    """
    repeated = frame[fingerprints.duplicated(keep=False)]
    if repeated.empty:
        return
    names = dict(zip(repeated.index, places(repeated)))
    leaks, conflicts, copies = [], [], 0
    for _, group in repeated.groupby(fingerprints[repeated.index], sort=False):
        copies += len(group) - 1
        first = group.iloc[0]
        for row, other in group.iloc[1:].iterrows():
            if other["split"] != first["split"]:
                leaks.append(f"{names[group.index[0]]} ({first['split']}) = {names[row]} ({other['split']})")
            if other["label"] != first["label"]:
                conflicts.append(f"{names[group.index[0]]} ({first['label']}) = {names[row]} ({other['label']})")
    if leaks:
        message = f"{counted(len(leaks), 'sample')} in more than one split: test metrics will be too optimistic"
        findings.add("leak", "error" if on_leak == "error" else "warning", message, "Remove the copies.", leaks)
    if conflicts and target_of(frame) == "number":  # such as two measurements of one thing
        message = f"{counted(len(conflicts), 'pair')} of equal samples with different values of the target"
        findings.add("conflict", "note", message, "No model can be right about both", conflicts)
    elif conflicts:
        message = f"{counted(len(conflicts), 'pair')} of equal samples with different labels"
        findings.add("conflict", "warning", message, "Decide on one label", conflicts)
    if copies > len(leaks):
        message = f"{counted(copies - len(leaks), 'copy', 'copies')} of samples within a split"
        findings.add("duplicates", "note", message)


def check_near_copies(
    frame: pd.DataFrame,
    fingerprints: pd.Series,
    search: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, bool]],
    on_leak: str,
    findings: Findings,
) -> None:
    """Finds samples of validation and test that are nearly equal to one of training; exact copies are left out.

    Args:
        frame, fingerprints, on_leak: see `check_duplicates`.
        search: see `Samples.near_copies`.
    """
    training = frame["split"] == "train"
    train = frame.index[training].to_numpy(np.int64)
    others = frame.index[~training & ~fingerprints.isin(fingerprints[training])].to_numpy(np.int64)
    if not (len(train) and len(others)):
        return
    found, complete = search(train, others)
    copies, originals = others[found >= 0], found[found >= 0]
    if len(copies):
        names = zip(places(frame.loc[originals]), places(frame.loc[copies]), frame.loc[copies, "split"])
        items = [f"{original} (train) ~ {copy} ({split})" for original, copy, split in names]
        message = f"{counted(len(copies), 'sample')} nearly equal to a training sample: metrics will be too optimistic"
        remedy = "Look at the pairs, and keep each in one split."
        findings.add("near_leak", "error" if on_leak == "error" else "warning", message, remedy, items)
    if not complete:
        message = "Too many samples to look for near-copies among all of them: some pairs were not compared"
        findings.add("near_leak_part", "note", message)


def content_hash(frame: pd.DataFrame, fingerprints: pd.Series) -> str:
    """One hash of what the samples are, how they are labelled and split; the order of rows does not matter."""
    hashes = fingerprints[frame.index].to_numpy(np.uint64)
    labels, splits = (frame[name].astype(str).to_numpy(object) for name in ("label", "split"))
    ranks = [np.unique(words, return_inverse=True)[1] for words in (splits, labels)]
    order = np.lexsort((*ranks, hashes))  # the last of them counts first
    total = hashlib.sha256()
    for start in range(0, len(order), _ROWS):
        some = order[start : start + _ROWS]
        rows = zip(map("{:016x}".format, hashes[some].tolist()), labels[some], splits[some])
        total.update(("\n" * bool(start) + "\n".join("\t".join(row) for row in rows)).encode())
    return total.hexdigest()


def class_weights(labels: np.ndarray, classes: list[str], setting) -> np.ndarray | None:
    """The weight of each class in the loss, float32 (classes,), or None.

    Args:
        labels: class numbers of the training rows.
        setting: `balanced` (rows / (classes * rows of the class)), {class: weight} (1 for others) or None.

    Raises:
        ConfigError: if a class named does not exist.
    """
    if setting is None:
        return None
    if setting == "balanced":
        counts = np.maximum(np.bincount(labels, minlength=len(classes)), 1)
        return (len(labels) / (len(classes) * counts)).astype(np.float32)
    unknown = [name for name in setting if name not in classes]
    if unknown:
        guess = nearest(unknown[0], classes)
        message = f"data.class_weights: there is no class {unknown[0]!r}."
        raise ConfigError(message, f"Did you mean {guess!r}?" if guess else f"Classes: {', '.join(classes[:20])}.")
    return np.array([setting.get(name, 1.0) for name in classes], np.float32)


def oversampled(labels: np.ndarray) -> np.ndarray:
    """Positions in `labels`, those of rare classes repeated in turn until every class has as many as the largest."""
    largest = np.bincount(labels).max()
    return np.concatenate([np.resize(np.flatnonzero(labels == number), largest) for number in np.unique(labels)])


def label_weights(targets: np.ndarray, labels: list[str], setting) -> np.ndarray | None:
    """What the loss of each label is multiplied by where it is present, and where it is absent, float32 (2, labels).

    Args:
        targets: of the training rows, 1 for each label that a row has, (rows, labels).
        setting: `balanced` (rows / (2 * rows with the label), and the same of those without), {label: weight where it
            is present} (1 for others) or None.

    Returns:
        The weights, None without a setting.

    Raises:
        ConfigError: if a label named does not exist.
    """
    if setting is None:
        return None
    if setting == "balanced":
        having = targets.sum(0)
        counts = np.maximum(np.stack([having, len(targets) - having]), 1)
        return (len(targets) / (2 * counts)).astype(np.float32)
    present = class_weights(np.zeros(0, int), labels, setting)
    return np.stack([np.ones(len(labels), np.float32) if weights is None else weights for weights in (present, None)])


def repeated_labels(targets: np.ndarray) -> np.ndarray:
    """Positions in `targets`, rows of rare labels repeated: each as often as the square root of the frequency of the
    most frequent label over that of its rarest one says, rounded (repeat-factor sampling; Gupta et al. 2019).

    Args:
        targets: 1 for each label that a row has, (rows, labels).
    """
    counts = np.maximum(targets.sum(0), 1)
    factors = np.sqrt(counts.max() / counts)
    times = np.where(targets > 0.5, factors, 1.0).max(1)
    return np.repeat(np.arange(len(targets)), times.round().astype(int))

"""Which samples are normal, and how they are parted: training and threshold see none of the others."""

import numpy as np
import pandas as pd

from ...core.words import counted, nearest
from ...datasets.checks import check_duplicates
from ...datasets.findings import Findings
from ...datasets.sample_table import class_order, given_splits, places
from ...datasets.samples import Samples, describe
from ...errors import ConfigError, DataError

NORMAL, UNKNOWN = "normal", "unlabelled"  # what samples without a label are called
_KNOWN = {
    *("good", "normal", "ok", "okay", "healthy", "benign", "negative", "no", "false", "0", "0.0"),
    *("inlier", "pass", "passed", "accepted", "legit", "legitimate", "genuine", "n"),
}


def normal_labels(
    labels, given: tuple[str, ...] | None, training=(), usual: tuple[str, ...] = (), unlabelled: bool = False
) -> list[str]:
    """The labels that mean normal.

    Args:
        labels: of all samples, without missing ones.
        given: what the user says.
        training: labels of a given training split.
        usual: the normal labels of the data that a model was trained on: here they mean the same, and others are
            anomalies.
        unlabelled: whether there are samples without a label: labels may then mark the anomalies alone.

    Raises:
        ConfigError: if a label that the user names does not occur.
        DataError: if nothing tells which are normal.
    """
    names = class_order(labels)
    if given is not None:
        return [_same_label(name, names) for name in given]
    known = [name for name in names if means_normal(name)]
    if usual:
        return [name for name in names if name in usual] or (known if all(map(means_normal, usual)) else [])
    if known:
        return known
    taught = class_order(training)
    if taught and len(taught) < len(names):
        return taught
    if unlabelled:
        return []
    message = f"It is unclear which label means normal: {', '.join(names[:20])}."
    remedy = "Set data.normal=LABEL; where all of them mark anomalies, leave normal samples without a label."
    raise DataError(message, remedy)


def means_normal(name: str) -> bool:
    return name.strip().casefold() in _KNOWN


def means_normal_in(cells: pd.Series) -> bool:
    """Whether a column holds few different words, and one of them means normal."""
    names = cells.dropna().unique()
    return len(names) <= 10 and any(means_normal(str(name)) for name in names)


def _same_label(name: str, names: list[str]) -> str:
    """The label that occurs and is written so, or is the same number."""
    if name in names:
        return name
    try:
        return next(other for other in names if float(other) == float(name))
    except (ValueError, StopIteration):
        guess = nearest(name, names)
        remedy = f"Did you mean {guess!r}?" if guess else f"Labels: {', '.join(names[:20])}."
        raise ConfigError(f"data.normal: no sample has the label {name!r}.", remedy) from None


def label_anomalies(
    frame: pd.DataFrame, normal: tuple[str, ...] | None, usual: tuple[str, ...] = (), trusted: bool = True
) -> pd.DataFrame:
    """The frame with columns `anomalous` and `known`, bool: what is odd, and of what that is known at all.

    Args:
        frame: with `label` (None where there is none) and `split`.
        normal: the labels that the user calls normal.
        usual: see `normal_labels`.
        trusted: samples without a label are normal, but for those of a given test split, of which nothing is known;
            False: nothing is known of any of them.

    Raises:
        ConfigError: if the user names normal labels, and there are no labels.
    """
    labels = frame["label"].dropna()
    if not len(labels) and normal is not None:
        remedy = "Name the column of labels by data.label_column, or put images into a folder for each label."
        raise ConfigError(f"data.normal={','.join(normal)}: but the samples have no labels.", remedy)
    training = labels[frame.loc[labels.index, "split"] == "train"]
    unlabelled = frame["label"].isna()
    names = normal_labels(labels, normal, training, usual, bool(unlabelled.any())) if len(labels) else []
    odd = labels.index[~labels.isin(names).to_numpy(bool)]
    known = ~unlabelled | (trusted & (frame["split"] != "test"))
    label = frame["label"].where(~unlabelled, np.where(known, NORMAL, UNKNOWN))
    return frame.assign(label=label, anomalous=frame.index.isin(odd), known=known.to_numpy(bool))


def handle_unlabelled(
    frame: pd.DataFrame, normal: tuple[str, ...] | None, usual: tuple[str, ...], on_bad: str, findings: Findings
) -> np.ndarray:
    """What becomes of samples without a label where others of their split have one.

    Where labels tell normal samples too, one that is missing is bad. Where they mark anomalies alone, it means normal:
    `label` is then changed in place.

    Args:
        frame: with `label` and `split`.
        normal, usual: see `normal_labels`.

    Returns:
        Mask of the samples that can be used, bool (samples,).
    """
    test = (frame["split"] == "test").to_numpy()
    missing = frame["label"].isna().to_numpy()
    partly = missing & np.where(test, not missing[test].all(), not missing[~test].all())
    if not partly.any():
        return ~partly
    message = f"{counted(partly.sum(), 'sample')} without a label"
    if normal_labels(frame["label"].dropna(), normal, usual=usual, unlabelled=True):
        findings.bad("no_label", on_bad, message, "Label them.", places(frame[partly]), given_splits(frame), partly)
        return ~partly
    findings.add("unlabelled", "note", f"{message} count as normal, since the given labels mark only anomalies")
    frame.loc[partly, "label"] = NORMAL
    return np.ones(len(frame), bool)


def require_groups(frame: pd.DataFrame, by: str | None, training: bool, findings: Findings) -> None:
    """Looks for the groups that have thresholds of their own, column `by` of the frame; of other data than those of
    training it may be absent: a finding says what that means.

    Args:
        by: the column of the table.

    Raises:
        DataError: if there are none in training.
    """
    if by is None or "by" in frame:
        return
    if training:
        cause = f"evaluation.threshold_by={by}: the data have no such column."
        raise DataError(cause, "Name a column of the table, or leave evaluation.threshold_by out.")
    frame["by"] = pd.Series(None, frame.index, dtype=object)
    message = f"The data have no column {by!r}, by which thresholds are chosen: the common threshold applies"
    findings.add("no_groups", "warning", message, "Add the column, as the training data have it")


def check_normals(samples: Samples, least: int, rate: float, unit: str, on_leak: str, findings: Findings) -> list[str]:
    """Raises DataError unless the splits have enough normal samples for training and for the threshold.

    Args:
        least: normal samples needed for the threshold.
        rate: the false-alarm rate that needs them.
        unit: what a sample is called: image, row, window.

    Returns:
        The labels, the normal ones first.
    """
    frame = samples.frame
    anomalous = frame["anomalous"].to_numpy(bool)
    split = frame["split"].to_numpy(object)
    train, held_out = int((split == "train").sum()), int((split == samples.calibrating).sum())
    if not train:
        message = f"There is no normal {unit} to train on"
        findings.add("no_samples", "error", message, "Check data.path and data.normal.")
    if held_out < least:
        possible = np.ceil(100 / (held_out + 1)) / 100
        ways = ["Add some", f"raise data.{samples.calibrating}"]
        if unit == "window":
            ways.append("shorten data.window")
        if held_out and possible <= 0.5:
            ways.append(f"set evaluation.false_alarm_rate={possible:g}")
        remedy = f"{', '.join(ways[:-1])}, or {ways[-1]}."
        what = f"A false-alarm rate of {rate:g} needs at least {least} normal {unit}s held out for the threshold"
        message = f"{what}, and there {'is' if held_out == 1 else 'are'} {held_out}"
        findings.add("too_few_normals", "error", message, remedy)
    elif train and not (split == "validation").any():
        message = f"There is no normal {unit} to measure each epoch by"
        findings.add("no_validation", "error", message, "Add some, or raise data.validation.")
    test = split == "test"
    if train and not test.any():
        what = "There is no test split, so nothing is measured"
        message = f"{what}; the threshold still keeps its false-alarm rate on similar normal data"
        findings.add("no_test", "note", message)
    elif train and not frame["known"].to_numpy()[test].any():
        message = f"No {unit} of the test split is labelled: only the share of alarms is measured"
        findings.add("unlabelled_test", "note", message)
    elif train and not anomalous[test].any():
        message = f"No {unit} of the test is known to be an anomaly: only the false-alarm rate is measured"
        findings.add("no_anomalies", "note", message)
    elif train and anomalous[test & frame["known"].to_numpy()].all():
        message = f"Every {unit} of the test is an anomaly: neither false alarms nor curves can be measured"
        findings.add("no_normal_test", "warning", message, f"Add normal {unit}s to the test")
    if train and "fingerprint" in frame:
        check_duplicates(frame, frame["fingerprint"], on_leak, findings)
    normal = normal_of(frame)
    return [*normal, *(name for name in class_order(frame["label"]) if name not in normal)]


def normal_of(frame: pd.DataFrame) -> list[str]:
    """The labels that occur and are normal."""
    return class_order(frame["label"][frame["known"] & ~frame["anomalous"]])


def describe_normals(samples: Samples, labels: list[str], findings: Findings) -> dict:
    """The content of data.json: that of a classifier's, and which labels are normal."""
    frame = samples.frame
    if "anomalous" not in frame:
        return {"findings": findings.as_list()}
    return describe(samples, labels, findings) | {"normal": normal_of(frame)}

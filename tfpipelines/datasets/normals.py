"""Which samples are normal, and how they are parted: training and threshold see none of the others."""

import numpy as np
import pandas as pd

from ..errors import ConfigError, DataError, nearest
from .checks import check_duplicates
from .findings import Findings
from .samples import Samples, describe
from .splits import limit_rows
from .table import class_order

NORMAL = "normal"  # the label of samples without one, where none has one
_KNOWN = {"good", "normal", "ok", "okay", "healthy", "benign", "negative", "no", "false", "0", "0.0", "none", "inlier"}
_SHARE = 0.2


def normal_labels(labels, given: tuple[str, ...] | None, training=(), usual: tuple[str, ...] = ()) -> list[str]:
    """The labels that mean normal.

    Args:
        labels: of all samples, without missing ones.
        given: what the user says.
        training: labels of a given training part.
        usual: the normal labels of other data, which mean the same here where they occur.

    Raises:
        ConfigError: if a label that the user names does not occur.
        DataError: if nothing tells which are normal.
    """
    names = class_order(labels)
    if given is not None:
        for name in given:
            if name not in names:
                guess = nearest(name, names)
                raise ConfigError(f"data.normal: no sample has the label {name!r}.", f"Did you mean {guess!r}?" if guess else f"Labels: {', '.join(names[:20])}.")
        return list(given)
    if set(usual) & set(names):
        return [name for name in names if name in usual]
    known = [name for name in names if name.strip().casefold() in _KNOWN]
    if known:
        return known
    taught = class_order(training)
    if taught:
        return taught
    raise DataError(f"Nothing tells which of the labels means normal: {', '.join(names[:20])}.", f"Set data.normal={names[0]}, or [{', '.join(names[:2])}].")


def mark(frame: pd.DataFrame, normal: tuple[str, ...] | None, usual: tuple[str, ...] = ()) -> pd.DataFrame:
    """The frame with a column `anomalous`, bool. What has no label is normal, and is labelled so."""
    labels = frame["label"].dropna()
    if not len(labels):
        return frame.assign(label=NORMAL, anomalous=False)
    training = labels[frame.loc[labels.index, "split"] == "train"]
    anomalous = labels.index[~labels.isin(normal_labels(labels, normal, training, usual))]
    return frame.assign(label=frame["label"].where(frame["label"].notna(), NORMAL), anomalous=frame.index.isin(anomalous))


def split_normals(frame: pd.DataFrame, *, validation: float | str, test: float | str, least: int, limit: int | None, seed: int, findings: Findings) -> np.ndarray:
    """Parts the samples, in the column `split`.

    Given splits stay; anomalies in training and validation are left out. A missing validation part is cut from the normal
    training samples; where no split is given at all, all anomalies go to the test.

    Args:
        frame: with `split` and `anomalous`; `split` is changed in place.
        validation, test: shares of the normal samples, or `auto`.
        least: normal validation samples that the threshold needs; `auto` gives as many, but no more than half.
        limit: most samples of each part.

    Returns:
        Mask of the samples in use, bool (samples,).
    """
    anomalous = frame["anomalous"].to_numpy(bool)
    given = frame["split"].notna().to_numpy()
    keep = np.ones(len(frame), bool)
    split = frame["split"].to_numpy(object).copy()
    if given.any():
        keep = ~(anomalous & (split != "test"))
        if not keep.all():
            counts = pd.Series(split[~keep]).value_counts().to_dict()
            where = " and ".join(f"{count} of {name}" for name, count in counts.items())
            findings.add("left_out", "note", f"Samples that are not normal are left out of training and threshold: {where}")
        if not (split == "validation").any():
            rows = np.flatnonzero(split == "train")
            rows = rows[~anomalous[rows]]
            order = np.random.default_rng([seed, 0]).permutation(rows)
            split[order[: _held_out(len(rows), validation, least)]] = "validation"
    else:
        split[:] = "test"
        order = np.random.default_rng([seed, 0]).permutation(np.flatnonzero(~anomalous))
        share = (_SHARE if anomalous.any() else 0.0) if test == "auto" else test
        tested = round(share * len(order))
        held_out = _held_out(len(order) - tested, validation, least) if validation == "auto" else min(round(validation * len(order)), len(order) - tested)
        split[order[tested : tested + held_out]] = "validation"
        split[order[tested + held_out :]] = "train"
    frame["split"] = split
    keep[keep] = limit_rows(frame[keep].reset_index(drop=True), limit, seed)
    return keep


def _held_out(count: int, validation: float | str, least: int) -> int:
    if validation == "auto":
        return min(max(round(_SHARE * count), least), count // 2)
    return round(validation * count)


def check_normals(samples: Samples, least: int, rate: float, unit: str, on_leak: str, findings: Findings) -> list[str]:
    """Whether the parts can teach what is normal, and how far from it is too far.

    Args:
        least: normal validation samples needed.
        rate: the false-alarm rate that needs them.
        unit: what a sample is called: image, row, window.

    Returns:
        The labels, the normal ones first.
    """
    frame = samples.frame
    anomalous = frame["anomalous"].to_numpy(bool)
    part = frame["split"].to_numpy(object)
    train, held_out = int((part == "train").sum()), int((part == "validation").sum())
    if not train:
        findings.add("no_samples", "error", f"There is no normal {unit} to train on", "Check data.path and data.normal.")
    if held_out < least:
        possible = np.ceil(100 / (held_out + 1)) / 100
        ways = ["Add some", "raise data.validation", *(["shorten data.window"] if unit == "window" else []), *([f"set evaluation.false_alarm_rate={possible:g}"] if held_out and possible <= 0.5 else [])]
        remedy = f"{', '.join(ways[:-1])}, or {ways[-1]}."
        findings.add("too_few_normals", "error", f"A false-alarm rate of {rate:g} needs at least {least} normal {unit}s held out for the threshold, and there {'is' if held_out == 1 else 'are'} {held_out}", remedy)
    test = part == "test"
    if train and not test.any():
        findings.add("no_test", "note", "There is no test part, so nothing is measured; the threshold keeps its rate nevertheless, on data like the normal ones")
    elif train and not anomalous[test].any():
        findings.add("no_anomalies", "note", f"No {unit} of the test is known to be an anomaly: only the false-alarm rate is measured")
    elif train and anomalous[test].all():
        findings.add("no_normal_test", "warning", f"Every {unit} of the test is an anomaly: neither false alarms nor curves can be measured", f"Add normal {unit}s to the test")
    if train and "fingerprint" in frame:
        check_duplicates(frame, frame["fingerprint"], on_leak, findings)
    return ordered_labels(frame)


def ordered_labels(frame: pd.DataFrame) -> list[str]:
    """The labels that occur, the normal ones first."""
    normal = class_order(frame["label"][~frame["anomalous"]])
    return [*normal, *(name for name in class_order(frame["label"][frame["anomalous"]]) if name not in normal)]


def describe_normals(samples: Samples, labels: list[str], findings: Findings) -> dict:
    """The content of data.json: that of a classifier's, and which labels are normal."""
    frame = samples.frame
    if "anomalous" not in frame:
        return {"findings": findings.as_list()}
    return describe(samples, labels, findings) | {"normal": class_order(frame["label"][~frame["anomalous"]])}

"""What the labels of a table are to teach: one class of each sample, several labels, or a number."""

import math

import numpy as np

from ..core.config.data import TargetData
from ..core.words import counted, listed
from ..errors import ConfigError
from .label_advice import class_numbers, number_reason, several_labels, warn_decimal_labels
from .sample_table import SEPARATOR, given_splits, make_multi_label, places
from .source.base import SampleTable

AS_CLASS = "data.target=class takes each different label for a class"


def settle_target(table: SampleTable, data: TargetData, unit: str) -> SampleTable:
    """The table with its labels as what they are to teach: see `sample_table.target_of`. Findings say what
    `data.target=auto` took and why, and which rows have no number.

    Args:
        table: whose rows have a label.
        data: whose `target`, `target_scale` and `on_bad` count.
        unit: what a sample is called.
    """
    wanted = data.target
    labels = list(table.frame["label"])
    target = _found(labels, table, unit) if wanted == "auto" else wanted
    if target == "labels":
        table.frame = make_multi_label(table.frame)
        message = "Rows may have several labels, or none: each label is predicted independently"
        remedy = "" if wanted == "labels" else "With data.target=class each label text is one class"
        table.findings.add("multi_label", "note", message, remedy)
    if target == "number":
        return _with_values(table, data)
    if data.target_scale != "linear":
        raise ConfigError("data.target_scale is for numbers, and these data have classes.", "Leave it out.")
    return table


def _found(labels: list[str], table: SampleTable, unit: str) -> str:
    """The target that labels look like."""
    findings = table.findings
    if any(SEPARATOR in label for label in labels):
        return "labels"
    if reason := number_reason(labels):
        findings.add("number_target", "note", f"{reason}: they are predicted as numbers (regression)", AS_CLASS)
        return "number"
    if found := several_labels(labels):
        separator, names = found
        look = "looks" if len(names) == 1 else "look"
        what = f"{counted(len(names), 'label')} {look} like several labels joined by {separator!r}"
        message = f"{what}: each {unit} has one label here, so every combination is a class of its own"
        remedy = f"Join the labels of each {unit} by | instead, such as a|b, to have each of them predicted"
        items = [f"{name!r}: {listed(names[name])}" for name in names]
        findings.add("several_labels", "warning", message, remedy, items)
    elif told := class_numbers(labels):
        findings.add("number_classes", "warning", told, "Set data.target=number to predict them as numbers")
    else:
        warn_decimal_labels(labels, findings)
    return "class"


def _with_values(table: SampleTable, data: TargetData) -> SampleTable:
    """The table with a column `value`, float64, without the rows whose label is no finite number."""
    values = np.array([number_of(label) for label in table.frame["label"]], np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        rows = table.frame[bad]
        items = [f"{place}: {label!r}" for place, label in zip(places(rows), rows["label"])]
        message = f"{counted(int(bad.sum()), 'row')} whose target is no finite number"
        remedy = "Write a number there."
        if bad.mean() > 0.5:
            key = "data.target_column" if hasattr(data, "target_column") else "data.label_column"
            remedy = f"Name the column of numbers by {key}, or predict classes by data.target=class."
        table.findings.bad("no_number", data.on_bad, message, remedy, items, given_splits(table.frame), bad)
    table.frame["value"] = values
    table = table.keep(~bad)
    low = table.frame["value"] <= 0
    if data.target_scale == "log" and low.any():
        rows = table.frame[low]
        items = [f"{place}: {label}" for place, label in zip(places(rows), rows["label"])]
        message = f"{counted(int(low.sum()), 'row')} whose target is not above 0, and data.target_scale is log"
        table.findings.add("no_logarithm", "error", message, "Set data.target_scale=linear.", items)
    return table


def number_of(label: str) -> float:
    """A label as a number, NaN for one that is none."""
    try:
        return float(label) if "_" not in label else math.nan
    except ValueError:
        return math.nan

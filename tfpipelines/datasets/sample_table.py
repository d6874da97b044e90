"""The columns of a sample table: items, labels and splits."""

from collections import Counter
from typing import Literal

import numpy as np
import pandas as pd

from ..core.splits import SPLITS

_MOST_STRATA = 10  # of numbers
SEPARATOR = "|"  # between the names of a multi-label row
SYNONYMS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), "validation"),
    **dict.fromkeys(("calibration", "calib", "cal"), "calibration"),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "evaluation", "eval"), "test"),
}


def split_of(word: str) -> str | None:
    """The name in `SPLITS` of a usual word for one of them, in any case; None for other words."""
    return SYNONYMS.get(str(word).strip().lower())


def class_order(labels) -> list[str]:
    """Distinct class names: by number if all are whole numbers, else by code point."""
    names = sorted({str(label) for label in labels if label is not None})
    numeric = all(name.isdecimal() for name in names)
    return sorted(names, key=int) if numeric else names


def make_multi_label(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with labels such as `a|b` read as several: each becomes its names in order, `""` where there is none.

    A column `stratum` is added, by which rows are split: the rarest name of each row.
    """
    names = [
        [name.strip() for name in str(label).split(SEPARATOR) if name.strip()] for label in frame["label"].tolist()
    ]
    frequency = Counter(name for row in names for name in set(row))
    labels = [SEPARATOR.join(sorted(set(row))) for row in names]
    rarest = [min(row, key=lambda name: (frequency[name], name), default="") for row in names]
    return frame.assign(label=labels, stratum=rarest)


def target_of(frame: pd.DataFrame) -> Literal["class", "labels", "number"]:
    """What is to be learned of each row: its class; any number of labels, after `make_multi_label`; or a number, which
    stands in a column `value`.
    """
    return "number" if "value" in frame else "labels" if "stratum" in frame else "class"


def is_multi_label(frame: pd.DataFrame) -> bool:
    """Whether the frame has been through `make_multi_label`."""
    return target_of(frame) == "labels"


def label_names(frame: pd.DataFrame) -> list[list[str]]:
    """The class names of each row; [] where it has none, or its label is missing, or is a number."""
    if target_of(frame) == "number":
        return [[] for _ in range(len(frame))]
    if is_multi_label(frame):
        return [label.split(SEPARATOR) if label else [] for label in frame["label"].tolist()]
    return [[] if label is None or label != label else [label] for label in frame["label"].tolist()]


def label_counts(frame: pd.DataFrame) -> Counter[str]:
    """How many rows have each class name; empty of numbers."""
    if target_of(frame) == "class":
        return Counter({str(name): count for name, count in frame["label"].value_counts().items()})
    return Counter(name for names in label_names(frame) for name in names)


def strata(frame: pd.DataFrame, least: int) -> pd.Series:
    """The strata of a split: the label, for multi-label data its rarest name, where at least `least` rows have that
    one; rows of other names are one stratum. Numbers are divided by their quantiles, into ten strata at most, each of
    `least` rows at least.
    """
    if target_of(frame) == "number":
        count = max(1, min(_MOST_STRATA, len(frame) // max(least, 1)))
        ranks = frame["value"].rank(method="first").to_numpy() - 1
        return pd.Series((ranks * count // max(len(frame), 1)).astype(int).astype(str), frame.index, dtype=object)
    if not is_multi_label(frame):
        return frame["label"]
    sizes = frame["stratum"].map(frame["stratum"].value_counts())
    merged = frame["stratum"].where(sizes >= least, "")
    return merged if (merged == "").sum() not in range(1, least) else merged.replace("", merged.mode()[0])


def counts(frame: pd.DataFrame, classes: list[str]) -> dict[str, dict[str, int]]:
    """Rows by split and class: {split: {class: count}}; `without label` counts rows without one. {} of numbers."""
    result: dict[str, dict[str, int]] = {}
    if target_of(frame) == "number":
        return result
    splits: list[str | None] = [name for name in SPLITS if (frame["split"] == name).any()]
    for split in splits or [None]:
        rows = frame if split is None else frame[frame["split"] == split]
        by_class = label_counts(rows)
        result[split or "all"] = {name: by_class[name] for name in classes}
        none = rows["label"].isna()
        missing = int((none | (rows["label"] == "") if is_multi_label(rows) else none).sum())
        if missing:
            result[split or "all"]["without label"] = missing
    return result


def make_frame(items, labels, splits=None, folds=None, lines=None) -> pd.DataFrame:
    """The columns of a sample table from lists; missing labels and splits are None.

    `lines` are those of a table's file. `given` stays the split that the source names, whatever becomes of `split`.
    """
    frame = pd.DataFrame({"item": pd.Series(list(items), dtype=object), "label": pd.Series(list(labels), dtype=object)})
    frame["split"] = pd.Series([None] * len(frame) if splits is None else list(splits), dtype=object)
    frame["given"] = frame["split"]
    if folds is not None:
        frame["fold"] = pd.Series(list(folds), dtype=object)
    if lines is not None:
        plain = isinstance(lines, pd.Series) and lines.dtype == np.int64  # an object for each takes five times as much
        frame["line"] = lines.to_numpy() if plain else pd.Series(list(lines), dtype=object)
    return frame


def given_splits(frame: pd.DataFrame) -> pd.Series:
    """The split that the source names for each row, None where it names none."""
    return frame["given"] if "given" in frame else frame["split"]


def places(frame: pd.DataFrame) -> list[str]:
    """How messages name each row: by the line of its table, and by its item unless that is but a row number."""
    if "line" not in frame:
        return list(frame["item"])
    numbered = zip(frame["line"], frame["item"])
    return [f"line {line}" if "text" in frame else f"line {line}: {item}" for line, item in numbered]

"""Samples that can be trained on, whatever they are: their splits, folds, checks and facts."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from ..core.config.section import AutoFraction
from ..core.splits import SPLITS
from ..core.words import counted
from ..errors import DataError
from .checks import check_classes, check_duplicates, check_near_copies, check_values, content_hash
from .findings import Findings
from .group_splits import check_given, describe_split
from .sample_table import class_order, counts, is_multi_label, label_counts, label_names, target_of
from .source.base import SampleTable
from .splits import assign_fold, assign_splits, calibration_share, limit_rows, validation_share


@dataclass
class Samples:
    """Samples that can be gathered by row, and what is known of each.

    Args:
        frame: `item`, `label`, `split` and `fingerprint` of the rows in use, and `content` where samples that differ in
            form alone are to count as copies; its index is the row in the store.
        store: of what the network gets to see.
        facts: for data.json.

    Attributes:
        stand_ins: rows that stand for the test split while a run is measured, see `decisions`.
    """

    frame: pd.DataFrame
    store: Any = None
    facts: dict = field(default_factory=dict)
    stand_ins: np.ndarray | None = field(default=None, init=False, repr=False)

    def rows(self, split: str) -> np.ndarray:
        """Store rows of a split, int64, in the order of the table."""
        if split == "test" and self.stand_ins is not None:
            return self.stand_ins
        return self.frame.index[self.frame["split"] == split].to_numpy(np.int64)

    @property
    def calibrating(self) -> str:
        """The split that sets temperatures, thresholds and intervals: calibration where there is one, or validation."""
        return "calibration" if (self.frame["split"] == "calibration").any() else "validation"

    def labels(self, split: str, classes: list[str]) -> np.ndarray:
        """The labels of a split's rows, as `encode_labels` gives them."""
        return encode_labels(self.frame.loc[self.rows(split)], classes)

    def near_copies(self, train: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, bool]:
        """Which row of `train` each of `others` is nearly equal to, int64, -1 for none; whether all were compared."""
        from .near_texts import near_texts

        texts = self.frame["text"].loc[[*train, *others]].to_list()
        found, complete = near_texts(texts, len(train))
        return np.where(found < 0, -1, train[found]), complete

    def split_table(self) -> pd.DataFrame:
        """The content of splits.csv; `truth` stands there where more than the label is known of a sample, `group` and
        `time` where samples are split by them. Fingerprints, uint64, are written as 16 hexadecimal digits: as such they
        would take tenfold memory.
        """
        columns = ["item", "label", "split", *(name for name in ("truth", "group", "time") if name in self.frame)]
        hashed = "fingerprint" in self.frame  # not where no sample can be read
        return self.frame[[*columns, "fingerprint"] if hashed else columns]


def encode_labels(frame: pd.DataFrame, classes: list[str]) -> np.ndarray:
    """Class number of each row, int64 (rows,); for multi-label data 1 for each it has, float32 (rows, classes); for
    numbers themselves, float64 (rows,).
    """
    if target_of(frame) == "number":
        return frame["value"].to_numpy(np.float64)
    numbers = {name: number for number, name in enumerate(classes)}
    if not is_multi_label(frame):
        return frame["label"].map(numbers).to_numpy(np.int64)
    targets = np.zeros((len(frame), len(classes)), np.float32)
    for row, names in enumerate(label_names(frame)):
        targets[row, [numbers[name] for name in names if name in numbers]] = 1
    return targets


class Splitting(Protocol):
    """Fields of a `data` section that say how samples are split; see `config.data.LabelledData`."""

    @property
    def validation(self) -> AutoFraction: ...
    @property
    def test(self) -> float: ...
    @property
    def limit(self) -> int | None: ...
    @property
    def on_leak(self) -> str: ...


def own_calibration(frame: pd.DataFrame, data: Splitting, promised: bool) -> float:
    """The share of the calibration split: where `data.calibration` leaves it open, numbers alone have one."""
    given = frame["split"].notna().any()
    rows = int((frame["split"] == "train").sum()) if given else len(frame)
    return calibration_share(getattr(data, "calibration", 0.0), promised and "value" in frame, rows)


def split_and_limit(
    table: SampleTable, data: Splitting, seed: int, splitting: bool, findings: Findings, promised: bool = False
) -> SampleTable:
    """The table with its splits unless there are folds, at most `limit` rows of each; a failed split is a finding.

    Args:
        promised: see `calibration_share`; here it counts for numbers alone.
    """
    if not splitting or not len(table.frame):
        return table
    check_given(table.frame, data.on_leak, findings)
    if getattr(data, "folds", None) is None:
        calibration = own_calibration(table.frame, data, promised)
        try:
            validation = validation_share(data.validation)
            frame = assign_splits(table.frame, validation, data.test, seed, calibration)
            table = replace(table, frame=frame)
        except DataError as error:
            findings.add("split", "error", error.cause.rstrip("."), error.remedy, error.details)
    return table.keep(limit_rows(table.frame, data.limit, seed))


def count_folds(samples: Samples, folds: int | str) -> int:
    """How many folds there are."""
    return folds if isinstance(folds, int) else samples.frame["fold"].nunique()


def split_fold(
    samples: Samples,
    folds: int | str,
    fold: int,
    validation: float | Literal["auto"],
    seed: int,
    calibration: float = 0.0,
) -> Samples:
    """The same samples with the splits of one fold; see `assign_fold`."""
    return replace(samples, frame=assign_fold(samples.frame, folds, fold, validation, seed, calibration))


def select_split(samples: Samples, path: str, split: str | None) -> str:
    """Keeps only the samples of one split of new data.

    Args:
        path: of the data, for messages.
        split: a name of `SPLITS`, or `all`; None: test where there is one, else all.

    Returns:
        The name of the split.

    Raises:
        DataError: if there is no such split.
    """
    frame = samples.frame
    split = split or ("test" if (frame["split"] == "test").any() else "all")
    if split != "all" and not frame["split"].notna().any():
        raise DataError(f"{path} has no splits, so there is no {split} split.", "Leave --split out to use all of it.")
    samples.frame = frame if split == "all" else frame[frame["split"] == split]
    if samples.frame.empty:
        raise DataError(f"{path} has no samples in its {split} split.", "Name another split with --split.")
    return split


def warn_train_overlap(frame: pd.DataFrame, fingerprints: frozenset[str], unit: str, findings: Findings) -> None:
    """Warns of samples whose content is among the fingerprints of what a model was trained on."""
    seen = int(frame["fingerprint"].map("{:016x}".format).isin(fingerprints).sum())
    if seen:
        message = f"{seen} of {counted(len(frame), unit)} have been trained on: the metrics are too optimistic"
        findings.add("trained_on", "warning", message, "Evaluate on other samples")


def check_samples(samples: Samples, on_leak: str, findings: Findings, near: bool = True) -> list[str]:
    """The checks of labels, splits and contents, with `near` also for near-copies; the classes, in order; [] of
    numbers, and if there are errors.
    """
    if samples.frame["split"].isna().any():  # they could not be split, and a finding says why
        return []
    if target_of(samples.frame) == "number":
        classes = []
        check_values(samples.frame, findings)
    else:
        classes = check_classes(samples.frame, findings)
    if "fingerprint" in samples.frame:
        contents = samples.frame.get("content", samples.frame["fingerprint"])
        check_duplicates(samples.frame, contents, on_leak, findings)
        if near:
            check_near_copies(samples.frame, contents, samples.near_copies, on_leak, findings)
    return classes


def describe(samples: Samples, classes: list[str], findings: Findings) -> dict:
    """The content of data.json."""
    frame = samples.frame
    seen = class_order(label_counts(frame))
    known = classes or seen
    hashed = "fingerprint" in frame and frame["split"].notna().all()
    facts: dict[str, Any] = {**samples.facts, "target": target_of(frame)}
    if target_of(frame) == "number":
        facts["values"] = _values(frame)
    if "split_by" in facts:
        facts["split_by"], about = describe_split(frame, facts["split_by"])
        facts["about"] = [*facts.get("about", []), *about]
    return {
        **facts,
        "classes": classes,
        "counts": counts(frame, [*known, *(name for name in seen if name not in known)]),
        "rows": {split: int((frame["split"] == split).sum()) for split in SPLITS if (frame["split"] == split).any()},
        "content_hash": content_hash(frame, frame["fingerprint"]) if hashed else None,
        "findings": findings.as_list(),
    }


def _values(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The numbers of each split: {split: {rows, mean, std, min, median, max}}."""
    found = {}
    for split in SPLITS:
        values = frame.loc[frame["split"] == split, "value"].to_numpy()
        if len(values):
            figures = {"mean": values.mean(), "std": values.std(), "min": values.min()}
            figures |= {"median": np.median(values), "max": values.max()}
            found[split] = {"rows": len(values), **{name: float(value) for name, value in figures.items()}}
    return found

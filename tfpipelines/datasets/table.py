"""The sample table: one row per sample, whatever the source."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import DataError
from .findings import Findings

SPLITS = ("train", "validation", "test")
SYNONYMS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "evaluation", "eval"), "test"),
}


@dataclass
class SampleTable:
    """Every source becomes one of these.

    Args:
        frame: columns `item` (path below `root`, text, or row number), `label` (str or None), `split` (str or None), and
            `fold` where the source names folds.
        root: the folder that items are relative to; None where items are no files.
        array: the samples themselves where the source is an array, in row order; None else.
        findings: what reading them had to say.
    """

    frame: pd.DataFrame
    root: Path | None = None
    array: np.ndarray | None = None
    findings: Findings = field(default_factory=Findings)

    def path(self, row: int) -> Path:
        """The file of a row, by position."""
        return self.root / self.frame["item"].iat[row]

    def keep(self, mask: np.ndarray) -> "SampleTable":
        """The rows where `mask` is true; row numbers start again at 0."""
        if np.all(mask):
            return self
        array = None if self.array is None else self.array[mask]
        return SampleTable(self.frame[mask].reset_index(drop=True), self.root, array, self.findings)


def split_of(word: str) -> str | None:
    """`train`, `validation` or `test` for a usual name of one of them, in any case; None for other words."""
    return SYNONYMS.get(str(word).strip().lower())


def class_order(labels) -> list[str]:
    """Distinct class names: by number if all are whole numbers, else by code point."""
    names = sorted({str(label) for label in labels if label is not None})
    numeric = all(name.isdecimal() for name in names)
    return sorted(names, key=int) if numeric else names


def counts(frame: pd.DataFrame, classes: list[str]) -> dict[str, dict[str, int]]:
    """Rows by split and class: {split: {class: count}}; `unlabelled` counts rows without a label."""
    result: dict[str, dict[str, int]] = {}
    for split in [name for name in SPLITS if (frame["split"] == name).any()] or [None]:
        rows = frame if split is None else frame[frame["split"] == split]
        by_class = rows["label"].value_counts()
        result[split or "all"] = {name: int(by_class.get(name, 0)) for name in classes}
        missing = int(rows["label"].isna().sum())
        if missing:
            result[split or "all"]["unlabelled"] = missing
    return result


def make_frame(items, labels, splits=None, folds=None) -> pd.DataFrame:
    """The columns of a sample table from lists; missing labels and splits are None."""
    frame = pd.DataFrame({"item": pd.Series(list(items), dtype=object), "label": pd.Series(list(labels), dtype=object)})
    frame["split"] = pd.Series([None] * len(frame) if splits is None else list(splits), dtype=object)
    if folds is not None:
        frame["fold"] = pd.Series(list(folds), dtype=object)
    return frame


def require_file(path: Path, key: str) -> None:
    """Raises DataError unless `path` is there and is a regular file or a folder."""
    if not path.exists():
        guess = f" There is {path.parent.resolve()} beside it." if path.parent.is_dir() and path.parent != Path(".") else ""
        raise DataError(f"{path} does not exist.{guess}", f"Set {key} to a folder, a table, an .npz file or sample:NAME.")
    if not (path.is_dir() or path.is_file()):
        raise DataError(f"{path} is neither a folder nor a regular file.", f"Set {key} to data on a local disk.")

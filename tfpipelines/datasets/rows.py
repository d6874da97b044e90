"""Tables of numbers: which columns are looked at, and the rows as samples."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from ..errors import DataError, TfpipelinesError, counted, nearest
from .arrays import named_splits, read_archive
from .features import FeatureStore
from .findings import Findings
from .normals import NORMAL, mark, split_normals
from .samples import Samples
from .sources import locate, without_missing_labels
from .table import SampleTable, make_frame
from .tables import LINE, TABLES, clean_label, find_column, parse_splits, read_table

LABELS = ("label", "class", "target", "category", "y", "anomaly", "is_anomaly", "outlier", "is_outlier", "fault", "status")
_NO_MEASUREMENT = {"id", "index", "row", "row_id", "uuid", "time", "timestamp", "date", "datetime", "unnamed: 0", ""}
_SHOWN = 10


@dataclass
class NumberTable:
    """A table of numbers as it was read.

    Args:
        values: float64 (rows, columns), NaN where a cell is empty.
        columns: their names.
        frame: item, label, split, line of each row.
    """

    values: np.ndarray
    columns: list[str]
    frame: pd.DataFrame

    @property
    def labelled(self) -> bool:
        """Whether any row has a label."""
        return bool(self.frame["label"].notna().any())


@dataclass
class RowSamples(Samples):
    """Samples whose store holds rows of numbers.

    Args:
        columns: their names.
    """

    columns: list[str] = field(default_factory=list)


def read_rows(
    path: str,
    findings: Findings,
    *,
    test_path: str | None = None,
    columns: tuple[str, ...] | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    normal: tuple[str, ...] | None = None,
    validation: float | str = "auto",
    test: float | str = "auto",
    least: int = 1,
    limit: int | None = None,
    on_bad: str = "error",
    seed: int = 0,
    splitting: bool = True,
    usual: tuple[str, ...] = (),
) -> RowSamples:
    """Reads and parts the rows of a table.

    Args:
        least: see `split_normals`.
        usual: see `normal_labels`.
        (others): the fields of the same name in `AnomalyTableData`.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    began = time.perf_counter()
    table = read_numbers(path, findings, columns, label_column, split_column, strict=splitting)
    if test_path is not None and splitting:
        second = read_numbers(test_path, findings, tuple(table.columns), label_column, None, strict=False)
        table.frame["split"] = table.frame["split"].where(table.frame["split"].notna(), "train")
        for part in (table, second):
            if part.frame["label"].isna().all():
                part.frame["label"] = NORMAL
        table = NumberTable(np.concatenate([table.values, second.values]), table.columns, pd.concat([table.frame, second.frame.assign(split="test")], ignore_index=True))
    whole = np.isfinite(table.values).all(1)
    if not whole.all():
        lines = [f"line {line}: {', '.join(table.columns[column] for column in np.flatnonzero(~np.isfinite(row))[:5])}" for line, row in zip(table.frame["line"][~whole], table.values[~whole])]
        findings.bad("missing_value", on_bad, f"{counted(len(lines), 'row')} with empty cells, or numbers that are not finite", "Fill them.", lines)
    samples = SampleTable(table.frame, None, table.values, Findings()).keep(whole)
    if table.labelled and len(samples.frame):
        samples = without_missing_labels(samples, on_bad)
    findings.entries += samples.findings.entries
    frame = mark(samples.frame, normal, usual)
    values = samples.array.astype(np.float32)
    if splitting and len(frame):
        keep = split_normals(frame, validation=validation, test=test, least=least, limit=limit, seed=seed, findings=findings)
        frame, values = frame[keep].reset_index(drop=True), values[keep]
        constant = [name for name, spread in zip(table.columns, np.ptp(values[(frame["split"] == "train").to_numpy()], axis=0) if (frame["split"] == "train").any() else []) if spread == 0]
        if constant:
            findings.add("constant", "warning", f"{counted(len(constant), 'column')} with one value only among the training rows: any other value there will be an anomaly", "Leave them out by data.columns if that is not meant", constant)
    frame["fingerprint"] = fingerprints_of(values)
    facts = {"path": path, "columns": table.columns, "about": [f"columns: {_few(table.columns)}"], "read_seconds": round(time.perf_counter() - began, 3)}
    return RowSamples(frame, FeatureStore(values), facts, columns=table.columns)


def read_numbers(path: str, findings: Findings, columns: tuple[str, ...] | None, label_column: str | None, split_column: str | None, strict: bool = True, key: str = "data.path") -> NumberTable:
    """Reads a table, and takes the columns of numbers out of it.

    Args:
        columns: those wanted; None: all that hold nothing but numbers, besides label, split and what counts or dates rows.
        strict: False takes a label or split column that is named but absent as not named.

    Raises:
        DataError: if a column is missing, or holds anything but numbers though it is named.
    """
    located = locate(path, key)
    if located.suffix.lower() == ".npz":
        return _from_archive(located, columns)
    if located.suffix.lower() not in TABLES:
        raise DataError(f"{located} is no table that is known by its ending.", f"Give a file that ends in {', '.join(sorted(TABLES | {'.npz'}))}. For folders of images there is the pipeline anomaly.")
    rows = read_table(located)
    named = {name: name if strict or name in rows else None for name in (label_column, split_column) if name}
    label = find_column(rows, "label", named.get(label_column), "data.label_column", False, LABELS)
    split = find_column(rows, "split", named.get(split_column), "data.split_column", False)
    taken = choose_columns(rows, columns, {label, split}, findings, "data.columns")
    labels = [clean_label(value) for value in rows[label]] if label else [None] * len(rows)
    frame = make_frame(map(str, range(len(rows))), labels, parse_splits(rows, split, findings), lines=rows[LINE])
    return NumberTable(to_numbers(rows, taken), taken, frame)


def choose_columns(rows: pd.DataFrame, wanted: tuple[str, ...] | None, others: set[str | None], findings: Findings, key: str) -> list[str]:
    """The columns of numbers: those wanted, or all but `others` and those that count or date rows.

    Raises:
        DataError: if one is missing or there is none.
    """
    there = [column for column in rows.columns if column != LINE]
    if wanted is not None:
        for name in wanted:
            if name not in there:
                raise DataError(f"The table has no column {name!r}. Columns seen: {', '.join(there[:30])}.", f"Set {key}={nearest(name, there) or 'COLUMN'}.")
        return list(wanted)
    free = [column for column in there if column not in others]
    counting = [column for column in free if column.strip().lower() in _NO_MEASUREMENT]
    numbers, words = [], []
    for column in free:
        if column not in counting:
            cells = rows[column].dropna()
            (numbers if len(cells) and pd.to_numeric(cells, errors="coerce").notna().mean() > 0.5 else words).append(column)
    if counting or words:
        findings.add("columns_left_out", "note", f"Columns left out: {_few([*counting, *words])}", f"Name others by {key}")
    if not numbers:
        raise DataError(f"No column holds numbers. Columns seen: {', '.join(there[:30])}.", f"Set {key}=COLUMN. For a table of image files there is the pipeline anomaly.")
    return numbers


def to_numbers(rows: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """The cells of some columns, float64 (rows, columns), NaN where they are empty.

    Raises:
        DataError: naming line and column of a cell that is no number.
    """
    values = np.empty((len(rows), len(columns)))
    for place, column in enumerate(columns):
        numbers = pd.to_numeric(rows[column], errors="coerce").to_numpy(np.float64)
        words = rows[column].notna().to_numpy() & np.isnan(numbers) & ~rows[column].astype(str).str.strip().str.lower().isin(("nan", "na", "null", "none")).to_numpy()
        if words.any():
            lines = [f"line {line}: {cell!r}" for line, cell in zip(rows[LINE][words], rows[column][words])]
            raise DataError(f"Column {column!r} holds {counted(len(lines), 'cell')} that are no numbers.", "Mend them, or leave the column out by data.columns.", lines[:_SHOWN])
        values[:, place] = numbers
    return values


def column_statistics(values: np.ndarray, scaling: str) -> tuple[np.ndarray, np.ndarray]:
    """Center and spread of each column, float64 (columns,).

    Args:
        values: float (rows, columns).
        scaling: `standard` (mean, deviation), `robust` (median, quartile distance / 1.349, which is the deviation of normal
            numbers) or `none` (0 and 1).
    """
    if scaling == "none":
        return np.zeros(values.shape[1]), np.ones(values.shape[1])
    if scaling == "standard":
        return values.mean(0, dtype=np.float64), values.std(0, dtype=np.float64)
    low, middle, high = np.percentile(values.astype(np.float64), [25, 50, 75], axis=0)
    spread = (high - low) / 1.349
    return middle, np.where(spread > 0, spread, values.std(0, dtype=np.float64))


def fingerprints_of(values: np.ndarray) -> np.ndarray:
    """FarmHash of each sample's numbers, uint64 (samples,)."""
    if not len(values):
        return np.zeros(0, np.uint64)
    block = max(1, 2**24 // max(1, int(np.prod(values.shape[1:]))))
    pieces = [tf.raw_ops.Fingerprint(data=tf.constant(np.ascontiguousarray(values[start : start + block], np.float32)), method=b"farmhash64").numpy() for start in range(0, len(values), block)]
    return np.concatenate(pieces).view(np.uint64)[:, 0]


def raw_rows(inputs: Any, columns: list[str]) -> tuple[list[str], np.ndarray, list[str]]:
    """The rows that `inputs` mean: a table's path, a DataFrame with such columns, an array (n, columns) or (columns,), or a list of such.

    Returns:
        Items, float32 (n, columns) with 0 where there is nothing, and for each row why it cannot be read, or "".
    """
    inputs = [inputs] if isinstance(inputs, (str, Path, pd.DataFrame)) or hasattr(inputs, "__array__") else inputs
    if not isinstance(inputs, Iterable):
        raise DataError(f"The inputs are of type {type(inputs).__name__}.", "Give paths of tables, DataFrames, or arrays (n, columns).")
    pieces, errors = [], []
    for entry in inputs:
        try:
            values = _raw(entry, columns)
            reasons = ["" if np.isfinite(row).all() else "empty or infinite: " + ", ".join(columns[place] for place in np.flatnonzero(~np.isfinite(row))[:5]) for row in values]
            pieces.append(np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0))
            errors += reasons
        except TfpipelinesError as error:
            if not isinstance(entry, (str, Path)):
                raise
            pieces.append(np.zeros((1, len(columns))))
            errors.append(f"{entry}: {' '.join(str(error).split())}")
    values = np.concatenate(pieces) if pieces else np.zeros((0, len(columns)))
    return list(map(str, range(len(values)))), values.astype(np.float32), errors


def _raw(entry: Any, columns: list[str]) -> np.ndarray:
    if isinstance(entry, (str, Path)):
        return read_numbers(str(entry), Findings(), tuple(columns), None, None, strict=False, key="the input").values
    if isinstance(entry, pd.DataFrame):
        missing = [name for name in columns if name not in entry]
        if missing:
            raise DataError(f"The DataFrame has no column {missing[0]!r}.", f"Expected: {_few(columns)}.")
        return entry[columns].to_numpy(np.float64)
    values = np.atleast_2d(np.asarray(entry, np.float64))
    if values.ndim != 2 or values.shape[1] != len(columns):
        raise DataError(f"One of the inputs has the shape {np.shape(entry)}.", f"Expected: (n, {len(columns)}).")
    return values


def _from_archive(path: Path, columns: tuple[str, ...] | None) -> NumberTable:
    pieces = read_archive(path)
    values, labels, splits = (np.concatenate([piece[place] for piece in pieces]) if place == 0 else [entry for piece in pieces for entry in piece[place]] for place in range(3))
    if values.ndim != 2 or values.dtype.kind not in "iufb":
        raise DataError(f"{path}: x is {values.dtype} of the shape {values.shape}.", "Expected: numbers (n, columns). For images there is the pipeline anomaly.")
    names = [f"x{number}" for number in range(values.shape[1])]
    if columns is not None and (strangers := [name for name in columns if name not in names]):
        raise DataError(f"{path} has no column {strangers[0]!r}.", f"An array's columns are called {_few(names)}.")
    taken = list(columns or names)
    frame = make_frame(map(str, range(len(values))), labels, named_splits(path, splits), lines=range(len(values)))
    return NumberTable(values[:, [names.index(name) for name in taken]].astype(np.float64), taken, frame)


def _few(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")

"""Tables of numbers: which columns are looked at, and the rows as samples."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from ..errors import DataError, counted, nearest
from .arrays import named_splits, read_archive
from .features import FeatureStore
from .findings import Findings
from .normals import mark, means_normal_in, normal_of, settle_missing, split_normals
from .samples import Samples
from .sources import locate
from .table import SampleTable, make_frame
from .tables import LINE, TABLES, clean_label, find_column, parse_splits, read_table

LABELS = ("label", "class", "target", "anomaly", "is_anomaly", "outlier", "is_outlier", "fault")
_MOST_LABELS = 50  # different ones in a column that is only by its name taken for that of labels
_NO_MEASUREMENT = {"id", "index", "row", "row_id", "uuid", "time", "timestamp", "date", "datetime", "unnamed: 0", ""}
_SHOWN = 10


@dataclass
class NumberTable:
    """A table of numbers as it was read.

    Args:
        values: float64 (rows, columns), NaN where a cell is empty.
        columns: their names.
        frame: item, label, split, line of each row.
        label: the column of labels.
    """

    values: np.ndarray
    columns: list[str]
    frame: pd.DataFrame
    label: str | None = None


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
    alone = test_path is None or not splitting
    table = read_numbers(path, findings, columns, label_column, split_column, strict=splitting, labelled=alone)
    if not alone:
        second = read_numbers(
            test_path, findings, tuple(table.columns), label_column, None, strict=False, key="data.test_path"
        )
        if label_column and table.label is None and second.label is None:
            raise DataError(
                f"Neither {path} nor {test_path} has a column {label_column!r}.",
                "Set data.label_column to one that is there.",
            )
        table.frame["split"] = table.frame["split"].where(table.frame["split"].notna(), "train")
        table = NumberTable(
            np.concatenate([table.values, second.values]),
            table.columns,
            pd.concat([table.frame, second.frame.assign(split="test")], ignore_index=True),
            table.label or second.label,
        )
    with np.errstate(over="ignore"):
        whole = np.isfinite(table.values.astype(np.float32)).all(1)  # what the network gets to see
    if not whole.all():
        lines = [
            f"line {line}: {', '.join(table.columns[column] for column in np.flatnonzero(~np.isfinite(row))[:5])}"
            for line, row in zip(table.frame["line"][~whole], table.values[~whole])
        ]
        findings.bad(
            "missing_value",
            on_bad,
            f"{counted(len(lines), 'row')} with empty cells, or numbers that are not finite",
            "Fill them.",
            lines,
        )
    samples = SampleTable(table.frame, None, table.values, Findings()).keep(whole)
    if len(samples.frame):
        samples = samples.keep(settle_missing(samples.frame, normal, usual, on_bad, findings))
    frame = mark(samples.frame, normal, usual, trusted=splitting)
    values = samples.array.astype(np.float32)
    if splitting and len(frame):
        keep = split_normals(
            frame, validation=validation, test=test, least=least, limit=limit, seed=seed, findings=findings
        )
        frame, values = frame[keep].reset_index(drop=True), values[keep]
        _look_at_columns(samples.array[keep][(frame["split"] == "train").to_numpy()], table.columns, findings)
    frame["fingerprint"] = fingerprints_of(values)
    facts = {
        "path": path,
        "columns": table.columns,
        "about": [f"columns: {few(table.columns)}", *about_labels(table.label, frame)],
        "read_seconds": round(time.perf_counter() - began, 3),
    }
    return RowSamples(frame, FeatureStore(values), facts, columns=table.columns)


def _look_at_columns(values: np.ndarray, columns: list[str], findings: Findings) -> None:
    """Says which columns of the training rows may not be what they seem.

    Args:
        values: float64 (rows, columns).
    """
    if not len(values):
        return
    spread, steps = values.std(0), np.diff(values, axis=0)
    constant = [name for name, wide in zip(columns, np.ptp(values, axis=0)) if wide == 0]
    if constant:
        findings.add(
            "constant",
            "warning",
            f"{counted(len(constant), 'column')} with one value only among the training rows: any other "
            "value there will be an anomaly",
            "Leave them out by data.columns if that is not meant",
            constant,
        )
    counting = [
        name
        for name, column, step in zip(columns, values.T, steps.T)
        if len(values) > 20 and (step > 0).all() and (column == np.round(column)).all()
    ]
    if counting:
        findings.add(
            "counting",
            "warning",
            f"{counted(len(counting), 'column')} of whole numbers that rise from row to row, as a count or "
            "an identifier does: new rows will be anomalies by it",
            "Leave them out by data.columns",
            counting,
        )
    coarse = [
        name
        for name, column, wide in zip(columns, values.T, spread)
        if wide and np.spacing(np.float32(np.abs(column).max())) > 0.05 * wide
    ]
    if coarse:
        findings.add(
            "coarse",
            "warning",
            f"{counted(len(coarse), 'column')} whose numbers are so far from 0 that 32 bits hardly tell them apart",
            "Take a constant away from them",
            coarse,
        )


def about_labels(column: str | None, frame: pd.DataFrame) -> list[str]:
    """Which column was taken for that of labels, and which of them mean normal."""
    return [f"labels: column {column}; normal: {', '.join(normal_of(frame)) or 'none of them'}"] if column else []


def read_numbers(
    path: str,
    findings: Findings,
    columns: tuple[str, ...] | None,
    label_column: str | None,
    split_column: str | None,
    strict: bool = True,
    labelled: bool = True,
    key: str = "data.path",
) -> NumberTable:
    """Reads a table, and takes the columns of numbers out of it.

    Args:
        columns: those wanted; None: all that hold nothing but numbers, besides label, split and what counts or dates
            rows.
        strict: False takes a label or split column that is named but absent as not named, and cells that are no numbers
            as empty.
        labelled: False takes a label column that is named but absent as not named.
        key: the config field to speak of; "": none, the columns are those of a model.

    Raises:
        DataError: if a column is missing, or holds anything but numbers though it is named.
    """
    located = locate(path, key or "the input")
    if located.suffix.lower() == ".npz":
        return _from_archive(located, columns)
    if located.suffix.lower() not in TABLES:
        raise DataError(
            f"{located} is no table that is known by its ending.",
            f"Give a file that ends in {', '.join(sorted(TABLES | {'.npz'}))}. For folders of images there "
            "is the pipeline anomaly.",
        )
    rows = read_table(located)
    named = {name: name if strict or name in rows else None for name in (label_column, split_column) if name}
    if not labelled and label_column not in rows:
        named.pop(label_column, None)
    label = find_column(rows, "label", named.get(label_column), "data.label_column", False, LABELS)
    if label and not label_column and rows[label].nunique() > _MOST_LABELS:
        label = None  # a measurement by that name
    split = find_column(rows, "split", named.get(split_column), "data.split_column", False)
    taken = choose_columns(rows, columns, {label, split}, findings, "data.columns" if key else "")
    labels = [clean_label(value) for value in rows[label]] if label else [None] * len(rows)
    frame = make_frame(map(str, range(len(rows))), labels, parse_splits(rows, split, findings), lines=rows[LINE])
    return NumberTable(to_numbers(rows, taken, strict), taken, frame, label)


def choose_columns(
    rows: pd.DataFrame, wanted: tuple[str, ...] | None, others: set[str | None], findings: Findings, key: str
) -> list[str]:
    """The columns of numbers: those wanted, or all but `others` and those that count or date rows.

    Args:
        key: the config field to speak of; "": none, the columns are those of a model.

    Raises:
        DataError: if one is missing or there is none.
    """
    there = [column for column in rows.columns if column != LINE]
    if wanted is not None:
        for name in wanted:
            if name not in there:
                remedy = (
                    f"Set {key}={nearest(name, there) or 'COLUMN'}."
                    if key
                    else f"The model was trained on: {few(list(wanted))}."
                )
                raise DataError(f"The table has no column {name!r}. Columns seen: {', '.join(there[:30])}.", remedy)
        return list(wanted)
    free = [column for column in there if column not in others]
    counting = [column for column in free if column.strip().lower() in _NO_MEASUREMENT]
    numbers, words = [], []
    for column in free:
        if column not in counting:
            cells = rows[column].dropna()
            (numbers if len(cells) and pd.to_numeric(cells, errors="coerce").notna().mean() > 0.5 else words).append(
                column
            )
    if counting or words:
        findings.add(
            "columns_left_out", "note", f"Columns left out: {few([*counting, *words])}", f"Name others by {key}"
        )
    perhaps = [column for column in words if None in others and means_normal_in(rows[column])]
    if perhaps:
        findings.add(
            "perhaps_labels",
            "warning",
            f"Column {perhaps[0]} has few different words, one of which means normal: if they are labels, "
            "anomalies are being trained on",
            f"Set data.label_column={perhaps[0]}",
        )
    if not numbers:
        raise DataError(
            f"No column holds numbers. Columns seen: {', '.join(there[:30])}.",
            f"Set {key}=COLUMN. For a table of image files there is the pipeline anomaly.",
        )
    return numbers


def to_numbers(rows: pd.DataFrame, columns: list[str], strict: bool = True) -> np.ndarray:
    """The cells of some columns, float64 (rows, columns), NaN where they are empty; or where they are no numbers,
    unless `strict`.

    Raises:
        DataError: naming line and column of a cell that is no number.
    """
    values = np.empty((len(rows), len(columns)))
    for place, column in enumerate(columns):
        numbers = pd.to_numeric(rows[column], errors="coerce").to_numpy(np.float64)
        words = (
            rows[column].notna().to_numpy()
            & np.isnan(numbers)
            & ~rows[column].astype(str).str.strip().str.lower().isin(("nan", "na", "null", "none")).to_numpy()
        )
        if strict and words.any():
            lines = [f"line {line}: {cell!r}" for line, cell in zip(rows[LINE][words], rows[column][words])]
            raise DataError(
                f"Column {column!r} holds words among its numbers: {counted(len(lines), 'cell')}.",
                "Mend them, or leave the column out by data.columns.",
                lines[:_SHOWN],
            )
        values[:, place] = numbers
    return values


def column_statistics(values: np.ndarray, scaling: str) -> tuple[np.ndarray, np.ndarray]:
    """Center and spread of each column, float64 (columns,).

    Args:
        values: float (rows, columns).
        scaling: `standard` (mean, deviation), `robust` (median, quartile distance / 1.349, which is the deviation of
            normal numbers) or `none` (0 and 1).
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
    pieces = [
        tf.raw_ops.Fingerprint(
            data=tf.constant(np.ascontiguousarray(values[start : start + block], np.float32)), method=b"farmhash64"
        ).numpy()
        for start in range(0, len(values), block)
    ]
    return np.concatenate(pieces).view(np.uint64)[:, 0]


def _from_archive(path: Path, columns: tuple[str, ...] | None) -> NumberTable:
    pieces = read_archive(path)
    values, labels, splits = (
        np.concatenate([piece[place] for piece in pieces])
        if place == 0
        else [entry for piece in pieces for entry in piece[place]]
        for place in range(3)
    )
    if values.ndim != 2 or values.dtype.kind not in "iufb":
        raise DataError(
            f"{path}: x is {values.dtype} of the shape {values.shape}.",
            "Expected: numbers (n, columns). For images there is the pipeline anomaly.",
        )
    names = [f"x{number}" for number in range(values.shape[1])]
    if columns is not None and (strangers := [name for name in columns if name not in names]):
        raise DataError(f"{path} has no column {strangers[0]!r}.", f"An array's columns are called {few(names)}.")
    taken = list(columns or names)
    frame = make_frame(map(str, range(len(values))), labels, named_splits(path, splits), lines=range(len(values)))
    return NumberTable(values[:, [names.index(name) for name in taken]].astype(np.float64), taken, frame)


def few(names: list[str]) -> str:
    """The first ten names, and how many there are beyond them."""
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")

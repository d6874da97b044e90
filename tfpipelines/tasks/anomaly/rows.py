"""Tables of numbers: which columns are looked at, and the rows as samples."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import tensorflow as tf

from ...core.words import counted, nearest
from ...datasets.feature_cache import FeatureStore
from ...datasets.findings import Findings
from ...datasets.samples import Samples
from ...datasets.source import open_source
from ...datasets.source.base import SampleTable
from ...datasets.source.requests import ROWS, Request
from ...datasets.table_files import LINE
from ...errors import DataError
from .config import AnomalyTableData
from .normal_samples import handle_unlabelled, label_anomalies, means_normal_in, normal_of, split_normals

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
    data: AnomalyTableData,
    findings: Findings,
    *,
    least: int = 1,
    seed: int = 0,
    splitting: bool = True,
    usual: tuple[str, ...] = (),
) -> RowSamples:
    """Reads and parts the rows of a table.

    Args:
        least: see `split_normals`.
        usual: see `normal_labels`.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    test_path = data.test_path if splitting else None
    request = Request.of(ROWS, data, training=splitting)
    source = open_source(data.path, ROWS)
    first = source.read(request if test_path is None else replace(request, optional=("label",)))
    table = take_numbers(first, findings, data.columns, data.label_column, strict=splitting)
    if test_path is not None:
        later = replace(request, columns={**request.columns, "split": None}, optional=tuple(request.columns))
        tested = open_source(test_path, ROWS, "data.test_path").read(later)
        second = take_numbers(tested, findings, tuple(table.columns), data.label_column, strict=False)
        if data.label_column and table.label is None and second.label is None:
            message = f"Neither {data.path} nor {test_path} has a column {data.label_column!r}."
            raise DataError(message, "Set data.label_column to one that is there.")
        table.frame["split"] = table.frame["given"] = table.frame["split"].where(table.frame["split"].notna(), "train")
        values = np.concatenate([table.values, second.values])
        frame = pd.concat([table.frame, second.frame.assign(split="test", given="test")], ignore_index=True)
        table = NumberTable(values, table.columns, frame, table.label or second.label)
    with np.errstate(over="ignore"):
        whole = np.all(np.isfinite(table.values.astype(np.float32)), 1)  # what the network gets to see
    if not whole.all():
        names = np.array(table.columns)
        empty = zip(table.frame["line"][~whole], ~np.isfinite(table.values[~whole]))
        lines = [f"line {line}: {', '.join(names[cells][:5])}" for line, cells in empty]
        message = f"{counted(len(lines), 'row')} with empty cells, or numbers that are not finite"
        findings.bad("missing_value", data.on_bad, message, "Fill them.", lines, table.frame["given"], ~whole)
    frame, values = table.frame[whole].reset_index(drop=True), table.values[whole]
    if len(frame):
        kept = handle_unlabelled(frame, data.normal, usual, data.on_bad, findings)
        frame, values = frame[kept].reset_index(drop=True), values[kept]
    frame = label_anomalies(frame, data.normal, usual, trusted=splitting)
    if splitting and len(frame):
        keep = split_normals(frame, data, least, seed, findings)
        frame, values = frame[keep].reset_index(drop=True), values[keep]
        _look_at_columns(values[(frame["split"] == "train").to_numpy()], table.columns, findings)
    values = values.astype(np.float32)
    frame["fingerprint"] = fingerprints_of(values)
    about = [f"columns: {few(table.columns)}"]
    if table.label:
        about.append(f"labels: column {table.label}; normal: {', '.join(normal_of(frame)) or 'none of them'}")
    facts = {"path": data.path, "columns": table.columns, "about": about, "read_seconds": source.seconds}
    return RowSamples(frame, FeatureStore(values), facts, columns=table.columns)


def _look_at_columns(values: np.ndarray, columns: list[str], findings: Findings) -> None:
    """Says which columns of the training rows, float64 (rows, columns), may not be what they seem."""
    if not len(values):
        return
    constant = [name for name, wide in zip(columns, np.ptp(values, axis=0)) if wide == 0]
    if constant:
        what = f"{counted(len(constant), 'column')} with one value only among the training rows"
        message = f"{what}: any other value there will be an anomaly"
        findings.add("constant", "warning", message, "Leave them out by data.columns if that is not meant", constant)
    rising = (np.diff(values, axis=0) > 0).all(0) & (values == np.round(values)).all(0)
    counting = [name for name, rises in zip(columns, rising) if rises and len(values) > 20]
    if counting:
        what = f"{counted(len(counting), 'column')} of whole numbers that rise from row to row"
        message = f"{what}, like a counter or an identifier: new rows would be anomalies"
        findings.add("counting", "warning", message, "Leave them out by data.columns", counting)
    spread, finest = values.std(0), np.spacing(np.abs(values).max(0).astype(np.float32))
    coarse = [name for name, wide, step in zip(columns, spread, finest) if wide and step > 0.05 * wide]
    if coarse:
        what = counted(len(coarse), "column")
        message = f"{what} whose numbers are so far from 0 that float32 can hardly distinguish them"
        findings.add("coarse", "warning", message, "Subtract a constant from them", coarse)


def take_numbers(
    table: SampleTable,
    findings: Findings,
    columns: tuple[str, ...] | None,
    label_column: str | None = None,
    strict: bool = True,
    key: str = "data.columns",
) -> NumberTable:
    """Takes the columns of numbers out of a table.

    Args:
        columns: those wanted; None: all that hold nothing but numbers, besides label, split and what counts or dates
            rows.
        label_column: what the user has named, if anything.
        strict: False takes cells that are no numbers as empty.
        key: the config field to speak of; "": none, the columns are those of a model.

    Raises:
        DataError: if a column is missing, or holds anything but numbers though it is named.
    """
    findings.extend(table.findings)
    if table.array is not None:
        return _columns_of_array(table.array, table, columns)
    cells, frame, label = table.cells, table.frame, table.columns["label"]
    if label and not label_column and cells[label].nunique() > _MOST_LABELS:  # a measurement by that name
        label, frame = None, frame.assign(label=pd.Series([None] * len(frame), dtype=object))
    taken = choose_columns(cells, columns, {label, table.columns["split"]}, findings, key)
    return NumberTable(to_numbers(cells, taken, strict), taken, frame, label)


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
                remedy = f"The model was trained on: {few(list(wanted))}."
                if key:
                    remedy = f"Set {key}={nearest(name, there) or 'COLUMN'}."
                raise DataError(f"The table has no column {name!r}. Columns seen: {', '.join(there[:30])}.", remedy)
        return list(wanted)
    free = [column for column in there if column not in others]
    counting = [column for column in free if column.strip().lower() in _NO_MEASUREMENT]
    numbers = [column for column in free if column not in counting and is_numeric(rows[column].dropna())]
    words = [column for column in free if column not in counting and column not in numbers]
    if counting or words:
        message = f"Columns left out: {few([*counting, *words])}"
        findings.add("columns_left_out", "note", message, f"Name others by {key}")
    perhaps = [column for column in words if None in others and means_normal_in(rows[column])]
    if perhaps:
        what = f"Column {perhaps[0]} has few different words, one of which means normal"
        message = f"{what}: if they are labels, anomalies are being trained on"
        findings.add("perhaps_labels", "warning", message, f"Set data.label_column={perhaps[0]}")
    if not numbers:
        message = f"No column holds numbers. Columns seen: {', '.join(there[:30])}."
        raise DataError(message, f"Set {key}=COLUMN. For a table of image files there is the pipeline anomaly.")
    return numbers


def is_numeric(cells: pd.Series) -> bool:
    """Whether most cells are numbers."""
    return bool(pd.to_numeric(cells, errors="coerce").notna().mean() > 0.5)


def to_numbers(rows: pd.DataFrame, columns: list[str], strict: bool = True) -> np.ndarray:
    """The cells of some columns, float64 (rows, columns), NaN where they are empty; or where they are no numbers,
    unless `strict`.

    Raises:
        DataError: naming line and column of a cell that is no number.
    """
    values = np.empty((len(rows), len(columns)))
    for place, column in enumerate(columns):
        cells = rows[column]
        numbers = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
        missing = cells.astype(str).str.strip().str.lower().isin(("nan", "na", "null", "none")).to_numpy()
        words = cells.notna().to_numpy() & np.isnan(numbers) & ~missing
        if strict and words.any():
            lines = [f"line {line}: {cell!r}" for line, cell in zip(rows[LINE][words], cells[words])]
            message = f"Column {column!r} holds words among its numbers: {counted(len(lines), 'cell')}."
            raise DataError(message, "Fix them, or leave the column out with data.columns.", lines[:_SHOWN])
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
    blocks = [values[start : start + block] for start in range(0, len(values), block)]
    tensors = [tf.constant(np.ascontiguousarray(some, np.float32)) for some in blocks]
    pieces = [tf.raw_ops.Fingerprint(data=some, method=b"farmhash64").numpy() for some in tensors]
    return np.concatenate(pieces).view(np.uint64)[:, 0]


def _columns_of_array(values: np.ndarray, table: SampleTable, columns: tuple[str, ...] | None) -> NumberTable:
    path = table.source.path
    if values.ndim != 2 or values.dtype.kind not in "iufb":
        message = f"{path}: x is {values.dtype} of the shape {values.shape}."
        raise DataError(message, "Expected: numbers (n, columns). For images there is the pipeline anomaly.")
    names = [f"x{number}" for number in range(values.shape[1])]
    if columns is not None and (strangers := [name for name in columns if name not in names]):
        raise DataError(f"{path} has no column {strangers[0]!r}.", f"An array's columns are called {few(names)}.")
    taken = list(columns or names)
    frame = table.frame.assign(line=pd.Series(range(len(values)), dtype=object))
    return NumberTable(values[:, [names.index(name) for name in taken]].astype(np.float64), taken, frame)


def few(names: list[str]) -> str:
    """The first ten names, and how many there are beyond them."""
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")

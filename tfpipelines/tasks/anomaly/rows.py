"""Tables of numbers: which columns are looked at, and the rows as samples."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import tensorflow as tf

from ...core.words import counted, listed, percent
from ...datasets.cells import SHOWN, to_numbers, with_decimal_points
from ...datasets.feature_cache import FeatureStore
from ...datasets.findings import Findings
from ...datasets.sample_table import given_splits
from ...datasets.samples import Samples
from ...datasets.source import open_source, settle_groups
from ...datasets.source.base import SampleTable
from ...datasets.source.requests import ROWS, SPLITTING, Request
from ...errors import DataError
from .column_checks import look_at_columns, look_for_extremes
from .columns import choose_columns, settle_label
from .config import AnomalyTableData
from .normal_samples import handle_unlabelled, label_anomalies, normal_of
from .normal_splits import split_normals


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
    first = settle_groups(first, request)
    table = take_numbers(first, findings, data.columns, data.label_column, data.exclude, strict=splitting)
    if test_path is not None:
        columns = {role: name for role, name in request.columns.items() if role not in SPLITTING}
        later = replace(request, columns={**columns, "split": None}, optional=tuple(columns))
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
        shares = enumerate((~np.isfinite(table.values)).mean(0))
        told = listed([f"{names[place]} {percent(share)}" for place, share in shares if share], SHOWN)
        remedy = "Fill them, or leave out columns that are mostly empty with data.exclude."
        told_of = f"{message} ({told})" if told else message
        findings.bad("missing_value", data.on_bad, told_of, remedy, lines, given_splits(table.frame), ~whole)
    frame, values = table.frame[whole].reset_index(drop=True), table.values[whole]
    if len(frame):
        kept = handle_unlabelled(frame, data.normal, usual, data.on_bad, findings)
        frame, values = frame[kept].reset_index(drop=True), values[kept]
    frame = label_anomalies(frame, data.normal, usual, trusted=splitting)
    if splitting and len(frame):
        keep = split_normals(frame, data, least, seed, findings)
        frame, values = frame[keep].reset_index(drop=True), values[keep]
        used = (frame["split"] != "test").to_numpy()
        look_at_columns(values[(frame["split"] == "train").to_numpy()], table.columns, findings)
        look_for_extremes(values[used], table.columns, [f"line {line}" for line in frame["line"][used]], findings)
    values = values.astype(np.float32)
    frame["fingerprint"] = fingerprints_of(values)
    about = [f"columns: {listed(table.columns, SHOWN)}"]
    if table.label:
        about.append(f"labels: column {table.label}; normal: {', '.join(normal_of(frame)) or 'none of them'}")
    facts: dict = {"path": data.path, "columns": table.columns, "about": about, "read_seconds": source.seconds}
    facts |= {"split_by": first.split_by} if first.split_by else {}
    return RowSamples(frame, FeatureStore(values), facts, columns=table.columns)


def take_numbers(
    table: SampleTable,
    findings: Findings,
    columns: tuple[str, ...] | None,
    label_column: str | None = None,
    excluded: tuple[str, ...] | None = None,
    strict: bool = True,
    key: str = "data.columns",
) -> NumberTable:
    """Takes the columns of numbers out of a table.

    Args:
        columns: those wanted; None: all that hold nothing but numbers, besides label, split and what counts or dates
            rows.
        label_column: what the user has named, if anything.
        excluded: columns that are left out.
        strict: False takes cells that are no numbers as empty.
        key: the config field to speak of; "": none, the columns are those of a model.

    Raises:
        DataError: if a column is missing, or holds anything but numbers though it is named.
    """
    findings.extend(table.findings)
    if table.array is not None:
        return _columns_of_array(table.array, table, columns, excluded)
    label = settle_label(table, label_column, columns, excluded, findings)
    others = {label, *(table.columns.get(role) for role in ("split", *SPLITTING))}
    cells = with_decimal_points(table.cells, others, findings)
    taken = choose_columns(cells, columns, others, findings, key, excluded, labelled=label is not None)
    return NumberTable(to_numbers(cells, taken, strict), taken, table.frame, label)


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


def _columns_of_array(
    values: np.ndarray, table: SampleTable, columns: tuple[str, ...] | None, excluded: tuple[str, ...] | None
) -> NumberTable:
    path = table.source.path
    if values.ndim != 2 or values.dtype.kind not in "iufb":
        message = f"{path}: x is {values.dtype} of the shape {values.shape}."
        raise DataError(message, "Expected: numbers (n, columns). For images there is the pipeline anomaly.")
    names = [f"x{number}" for number in range(values.shape[1])]
    if strangers := [name for name in (*(columns or ()), *(excluded or ())) if name not in names]:
        raise DataError(
            f"{path} has no column {strangers[0]!r}.", f"An array's columns are called {listed(names, SHOWN)}."
        )
    taken = [name for name in columns or names if name not in (excluded or ())]
    frame = table.frame.assign(line=pd.Series(range(len(values)), dtype=object))
    return NumberTable(values[:, [names.index(name) for name in taken]].astype(np.float64), taken, frame)

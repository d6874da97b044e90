"""Tables: which columns are looked at, and the rows as samples."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from ...core.words import counted, listed, percent
from ...datasets.cells import SHOWN, to_numbers, with_decimal_points
from ...datasets.columns.column import Column
from ...datasets.columns.encoder import Columns, tell_unseen
from ...datasets.columns.types import WITH_COMMAS, Kind
from ...datasets.feature_cache import FeatureStore
from ...datasets.findings import Findings
from ...datasets.sample_table import given_splits
from ...datasets.samples import Samples
from ...datasets.source import open_source, settle_groups
from ...datasets.source.base import SampleTable
from ...datasets.source.requests import ROWS, SPLITTING, Request
from ...datasets.table_cells import LINE, cells_of, in_words
from ...errors import DataError
from .column_checks import look_at_columns, look_for_extremes
from .columns import choose_columns, settle_label
from .config import AnomalyTableData
from .features import features, missing
from .normal_samples import handle_unlabelled, label_anomalies, normal_of, require_groups
from .normal_splits import split_normals

_SPOILED = 5.0  # deviations, as the quartiles tell them, from which on extreme values make the deviation


@dataclass
class RowSamples(Samples):
    """Samples whose store holds what a detector sees of rows, see `features`.

    Args:
        columns: those of the table that count.
        encoder: how they are encoded.
        odd: anomalies of a given validation split, float32 (rows, features), which are none of the samples: they may
            choose a detector, and nothing else.
    """

    columns: list[str] = field(default_factory=list)
    encoder: Columns = field(default_factory=lambda: Columns([]))
    odd: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))


def read_rows(
    data: AnomalyTableData,
    findings: Findings,
    *,
    least: int = 1,
    seed: int = 0,
    splitting: bool = True,
    usual: tuple[str, ...] = (),
    columns: Columns | None = None,
    numbers_only: bool = False,
    by: str | None = None,
) -> RowSamples:
    """Reads and parts the rows of a table.

    Args:
        least: see `split_normals`.
        usual: see `normal_labels`.
        columns: those of a model that the rows are for; None: the table tells what counts.
        numbers_only: whether columns of words are left out, as runs of earlier versions do.
        by: column of groups that have thresholds of their own.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    test_path = data.test_path if splitting else None
    request = replace(Request.of(ROWS, data, training=splitting), by=by)
    source = open_source(data.path, ROWS)
    first = source.read(request if test_path is None else replace(request, optional=("label",)))
    first = settle_groups(first, request)
    cells, kinds, label = _taken(first, data, findings, columns, splitting, numbers_only)
    frame = first.frame
    require_groups(frame, by, splitting, findings)
    if test_path is not None:
        roles = {role: name for role, name in request.columns.items() if role not in SPLITTING}
        later = replace(request, columns={**roles, "split": None}, optional=tuple(roles))
        tested = open_source(test_path, ROWS, "data.test_path").read(later)
        require_groups(tested.frame, by, False, findings)
        frame, cells, of_test = _with_test(tested, data, frame, cells, kinds, findings)
        if data.label_column and label is None and of_test is None:
            message = f"Neither {data.path} nor {test_path} has a column {data.label_column!r}."
            raise DataError(message, "Set data.label_column to one that is there.")
        label = label or of_test
    settings = {"min_count": data.min_count, "most": data.categories}
    every = columns or Columns.fit(cells, kinds, np.ones(len(cells), bool), **settings)
    if not (data.impute and columns is None):
        frame, cells = _some(_whole(every, frame, cells, data.on_bad, findings), frame, cells)
    if len(frame):
        frame, cells = _some(handle_unlabelled(frame, data.normal, usual, data.on_bad, findings), frame, cells)
    frame = label_anomalies(frame, data.normal, usual, trusted=splitting)
    odd = cells.iloc[:0]
    if splitting and len(frame):
        kept = split_normals(frame, data, least, seed, findings)
        known = (frame["anomalous"] & (frame["split"] == "validation")).to_numpy(bool) & ~kept
        odd = _some(known, frame, cells)[1]
        frame, cells = _some(kept, frame, cells)
    train = (frame["split"] == "train").to_numpy()
    if splitting and len(frame):
        columns = Columns.fit(cells, kinds, train, **settings)
        columns = columns.filled(columns.transform(cells[train]).numbers) if data.impute else columns
        numbers = [name for name, kind in kinds.items() if kind == "number"]
        values, used = cells[numbers].to_numpy(np.float64), (frame["split"] != "test").to_numpy()
        words = [one.name for one in columns.categories if cells[one.name][train].nunique(dropna=False) == 1]
        look_at_columns(values[train], numbers, findings, words)
        whole = train & np.isfinite(values).all(1)
        tell_scaling(values[whole], numbers, data.scaling, findings)
        look_for_extremes(values[used], numbers, [f"line {line}" for line in cells[LINE][used]], findings)
    columns = columns or every
    encoded = columns.transform(cells)
    tell_unseen(encoded, "other rows" if splitting else "these rows", findings, train if splitting else None)
    values = features(encoded, columns)
    frame["fingerprint"] = fingerprints_of(values)
    about = [f"columns: {listed(columns.names, SHOWN)}" if columns.plain else columns.about()]
    if label:
        about.append(f"labels: column {label}; normal: {', '.join(normal_of(frame)) or 'none of them'}")
    facts: dict = {"path": data.path, "columns": columns.names, "encoder": columns.facts()}
    facts |= {"about": about, "read_seconds": source.seconds}
    facts |= {"split_by": first.split_by} if first.split_by else {}
    known_odd = features(columns.transform(odd), columns) if len(odd) else values[:0]
    return RowSamples(frame, FeatureStore(values), facts, columns=columns.names, encoder=columns, odd=known_odd)


def _taken(
    table: SampleTable,
    data: AnomalyTableData,
    findings: Findings,
    known: Columns | None,
    strict: bool = False,
    numbers_only: bool = False,
) -> tuple[pd.DataFrame, dict[str, Kind], str | None]:
    """The cells of the columns that count, numbers as such; what the columns hold; the column of labels.

    Args:
        known: columns that are taken; None: the table tells.
        strict: whether a word among numbers is refused; else it counts as missing.
        numbers_only: see `choose_columns`.

    Raises:
        DataError: if a column is missing, or holds words among its numbers.
    """
    findings.extend(table.findings)
    names, array = None if known is None else tuple(known.names), table.array
    if array is not None:
        given = data.types if known is None else {column.name: column.kind for column in known.columns}
        wordy = {name for name, kind in given.items() if kind != "number"}
        table.cells, label = _cells_of_array(array, table.source.path, wordy), None
    else:
        label = settle_label(table, data.label_column, names or data.columns, data.exclude, findings)
    cells, others = table.cells, {label, *(table.columns.get(role) for role in ("split", *SPLITTING))}
    if known is not None:
        known.require(cells)
        cells, kinds = known.with_commas_read(cells, findings), {column.name: column.kind for column in known.columns}
    else:
        words = {name for name, kind in data.types.items() if kind not in WITH_COMMAS}
        cells = with_decimal_points(cells, others | words, findings)
        kinds = choose_columns(
            cells, data.columns, others, findings, excluded=data.exclude, types=data.types,
            time_format=data.time_format, labelled=label is not None, numbers_only=numbers_only,
        )  # fmt: skip
    numbers = [name for name, kind in kinds.items() if kind == "number"]
    attrs = {**cells.attrs, "commas": cells.attrs.get("commas", {}), "time_format": data.time_format}
    values = to_numbers(cells, numbers, strict)
    cells = cells[[*kinds, LINE]].assign(**dict(zip(numbers, values.T)))
    cells.attrs = attrs
    return cells, kinds, label


def _with_test(
    tested: SampleTable,
    data: AnomalyTableData,
    frame: pd.DataFrame,
    cells: pd.DataFrame,
    kinds: dict[str, Kind],
    findings: Findings,
) -> tuple[pd.DataFrame, pd.DataFrame, str | None]:
    """The frame and the cells with those of a second table, which is the test; its column of labels.

    Args:
        kinds: what the columns of the first table hold.

    Raises:
        DataError: if the second one lacks some of them.
    """
    attrs = cells.attrs
    known = Columns([Column(name, kind, commas=attrs["commas"].get(name, "")) for name, kind in kinds.items()])
    more, _, label = _taken(tested, data, findings, known)
    frame["split"] = frame["given"] = frame["split"].where(frame["split"].notna(), "train")
    frame = pd.concat([frame, tested.frame.assign(split="test", given="test")], ignore_index=True)
    cells = pd.concat([cells, more], ignore_index=True)
    cells.attrs = attrs
    return frame, cells, label


def _whole(columns: Columns, frame: pd.DataFrame, cells: pd.DataFrame, on_bad: str, findings: Findings) -> np.ndarray:
    """Which rows have all the numbers that are needed, bool (rows,); the others are told."""
    needed = missing(columns.transform(cells), columns)
    gaps = needed.to_numpy()
    whole = np.asarray(~gaps.any(axis=1))
    if not whole.all():
        lines = [f"line {line}: {', '.join(needed.columns[row][:5])}"
                 for line, row in zip(cells[LINE][~whole], gaps[~whole])]  # fmt: skip
        message = f"{counted(len(lines), 'row')} with empty cells, or numbers that are not finite"
        told = listed([f"{name} {percent(share)}" for name, share in needed.mean().items() if share], SHOWN)
        remedy = "Fill them, set data.impute=true, or leave out columns that are mostly empty with data.exclude."
        findings.bad("missing_value", on_bad, f"{message} ({told})", remedy, lines, given_splits(frame), ~whole)
    return whole


def _some(kept: np.ndarray, *tables: pd.DataFrame) -> list[pd.DataFrame]:
    """Some rows of tables."""
    return [table if kept.all() else table[kept].reset_index(drop=True) for table in tables]


def _cells_of_array(values: np.ndarray, path: Path, wordy: Collection[str]) -> pd.DataFrame:
    """An array as a table.

    Args:
        wordy: columns whose numbers are taken for words, as prediction does.

    Raises:
        DataError: if the array has no columns of numbers.
    """
    if values.ndim != 2 or values.dtype.kind not in "iufb":
        message = f"{path}: x is {values.dtype} of the shape {values.shape}."
        raise DataError(message, "Expected: numbers (n, columns). For images there is the pipeline anomaly.")
    names = [f"x{number}" for number in range(values.shape[1])]
    table = pd.DataFrame(values.astype(np.float64), columns=names)
    some = [name for name in names if name in wordy]
    if some and len(table):
        words = in_words(cells_of(pd.DataFrame(values, columns=names)[some], path))
        table = table.assign(**{name: words[name] for name in some})
    return table.assign(**{LINE: range(len(values))})


def column_statistics(values: np.ndarray, scaling: str) -> tuple[np.ndarray, np.ndarray]:
    """Center and spread of each column, float64 (columns,).

    Args:
        values: float (rows, columns).
        scaling: `standard` (mean, deviation), `robust` (median, quartile distance / 1.349, which is the deviation of
            normal numbers), `auto` (robust where `has_extremes` says so, else standard) or `none` (0 and 1).
    """
    if scaling == "none":
        return np.zeros(values.shape[1]), np.ones(values.shape[1])
    if scaling == "standard":
        return values.mean(0, dtype=np.float64), values.std(0, dtype=np.float64)
    middle, spread = _by_quartiles(values)
    if scaling == "robust":
        return middle, np.where(spread > 0, spread, values.std(0, dtype=np.float64))
    mean, deviation = column_statistics(values, "standard")
    robust = has_extremes(values)
    return np.where(robust, middle, mean), np.where(robust, spread, deviation)


def has_extremes(values: np.ndarray) -> np.ndarray:
    """Which columns have a deviation much larger than their quartiles tell, bool (columns,)."""
    spread = _by_quartiles(values)[1]
    return (spread > 0) & (values.std(0, dtype=np.float64) > _SPOILED * spread)


def tell_scaling(values: np.ndarray, columns: list[str], scaling: str, findings: Findings) -> None:
    """Says which columns `data.scaling=auto` scales by their quartiles.

    Args:
        values: of the training rows, float (rows, columns).
    """
    if scaling != "auto" or not len(values):
        return
    robust = [name for name, extreme in zip(columns, has_extremes(values)) if extreme]
    if robust:
        what = f"{counted(len(robust), 'column')} with a few extreme values among the training rows"
        message = f"data.scaling=auto: {what}: scaled by median and quartiles"
        message += ", unless train.contamination leaves those out"
        findings.add("scaling", "note", message, "Set data.scaling=standard to scale them as the others", robust)


def _by_quartiles(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median, and the deviation of normal numbers of such quartiles, float64 (columns,)."""
    low, middle, high = np.percentile(values.astype(np.float64), [25, 50, 75], axis=0)
    return middle, (high - low) / 1.349


def fingerprints_of(values: np.ndarray) -> np.ndarray:
    """FarmHash of each sample's numbers, uint64 (samples,)."""
    if not len(values):
        return np.zeros(0, np.uint64)
    block = max(1, 2**24 // max(1, int(np.prod(values.shape[1:]))))
    blocks = [values[start : start + block] for start in range(0, len(values), block)]
    tensors = [tf.constant(np.ascontiguousarray(some, np.float32)) for some in blocks]
    pieces = [tf.raw_ops.Fingerprint(data=some, method=b"farmhash64").numpy() for some in tensors]
    return np.concatenate(pieces).view(np.uint64)[:, 0]

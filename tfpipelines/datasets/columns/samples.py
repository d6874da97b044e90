"""From a table to samples that can be trained on: read, checked, split; and the rows that predictions are made for."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...core.config.tables import TableData
from ...core.machine import release_memory
from ...core.words import counted, listed
from ...errors import DataError
from ..cells import floats_of, is_missing_word, tell_of_commas, uses_of_commas, with_commas_read, with_decimal_points
from ..findings import Findings
from ..input_columns import Origin
from ..raw_inputs import is_array, walk_inputs
from ..samples import Samples, split_and_limit
from ..source import open_source, settle_labels
from ..source.base import SampleTable
from ..source.requests import FEATURES, Request
from ..source.requests import Kind as RequestKind
from ..source.table import Frame
from ..source.table_labels import clean_label
from ..table_cells import LINE, cells_of, in_words
from ..table_files import PLAIN, TableForm
from ..targets import settle_target
from .encoder import Columns
from .types import SHOWN, WITH_COMMAS, WORDS_AMONG_NUMBERS, Kind, choose_columns

_ROWS = 50_000  # whose cells are hashed at once
_EXPECTED = "Give paths of tables, DataFrames, or arrays (n, columns)."


@dataclass
class TableSamples(Samples):
    """Samples that are rows of a table.

    Args:
        cells: of the columns that count, by row of the store.
        kinds: what those columns hold; {} where a model knows.
    """

    cells: pd.DataFrame = field(default_factory=pd.DataFrame)
    kinds: dict[str, Kind] = field(default_factory=dict)

    def near_copies(self, train: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, bool]:
        """Rows of numbers that are nearly equal are no copies."""
        return np.full(len(others), -1, np.int64), True


def read_table_samples(
    data: TableData,
    findings: Findings,
    *,
    seed: int = 0,
    splitting: bool = True,
    promised: bool = False,
    columns: Columns | None = None,
) -> TableSamples:
    """Reads and splits a table. The store is left to whoever fits the encoder.

    Args:
        seed: of the splits.
        splitting: with False rows keep the splits they were given, if any.
        promised: see `split_and_limit`.
        columns: those of a model that the rows are for; None: the table tells what counts.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    request = Request.of(FEATURES, data, training=splitting)
    source = open_source(data.path, FEATURES)
    table = _with_cells(source.read(request))
    _read_commas_of_target(table)
    table = settle_target(settle_labels(table, request), data, "row")
    findings.extend(table.findings)
    table = split_and_limit(table, data, seed, splitting, findings, promised)
    if not len(table.frame):
        findings.raise_errors()
    others = _named(table.columns)
    if columns is None:
        cells, kinds = _chosen_and_read(table.cells, others, data, findings)
        kept = cells[[*kinds, LINE]]
        kept.attrs = dict(cells.attrs)
    else:
        columns.require(table.cells)
        if message := _left_out(table.cells.columns, columns, others):
            findings.add("unknown_columns", "note", message)
        kinds, kept = {}, columns.with_commas_read(table.cells[[*columns.names, LINE]], findings)
    hashes = _fingerprints(
        kept
    ).tolist()  # pandas rounds those of a list to 53 bits, as splits.csv of all runs has them
    frame = table.frame.assign(fingerprint=pd.array(hashes, "uint64"))
    del hashes
    release_memory()
    facts = {"path": data.path, "read_seconds": source.seconds}
    facts |= {"read_columns": table.read_columns} if table.read_columns else {}
    facts |= {"split_by": table.split_by} if table.split_by else {}
    return TableSamples(frame, None, facts, cells=kept, kinds=kinds)


def _chosen_and_read(
    cells: pd.DataFrame, others: Collection[str], data: TableData, findings: Findings
) -> tuple[pd.DataFrame, dict[str, Kind]]:
    """What columns hold, and the cells with commas read in the columns of numbers alone.

    Args:
        cells: as they are written, and `LINE`.
        others: columns of another role, such as the target.

    Raises:
        DataError: as `choose_columns`.
    """
    passed = {*others, *(data.exclude or ()), *(name for name, kind in data.types.items() if kind not in WITH_COMMAS)}
    uses = uses_of_commas(cells, passed, words=WORDS_AMONG_NUMBERS)
    for name, use in uses.items():
        if use == "either" and data.types.get(name) == "number":
            uses[name] = "thousands"
    kinds = choose_columns(
        with_commas_read(cells, uses), others,
        columns=data.columns, excluded=data.exclude, types=data.types, time_format=data.time_format,
        findings=findings,
    )  # fmt: skip
    uses = {name: use for name, use in uses.items() if use == "either" or kinds.get(name) in WITH_COMMAS}
    tell_of_commas(uses, cells, findings, "set data.types={NAME: number} where they separate thousands")
    cells = with_commas_read(cells, uses)
    cells.attrs["time_format"] = data.time_format
    return cells, kinds


def raw_table_rows(
    inputs: Any, columns: Columns, roles: Mapping[str, Any], kind: RequestKind = FEATURES, form: TableForm = PLAIN
) -> tuple[list[str], pd.DataFrame, list[str], list[Origin | None]]:
    """The rows that `inputs` mean: a table's path or a glob pattern, a DataFrame with such columns, a row of one, an
    array (n, columns) or (columns,), or a list of such.

    Args:
        roles: role -> the columns of the training table that played it, such as the target.
        kind: of the request for tables.
        form: how these are written.

    Returns:
        Items (the number of the row, with the table's path where there are several inputs), the cells of the model's
        columns, commas in numbers read by table, for each row why it cannot be read, or "", and the row of a table that
        it is. The cells have a sentence in `attrs["unused"]` that names the columns which the model does not take, or
        "".

    Raises:
        DataError: if a table lacks columns; of several files, the others are answered.
    """
    found = list(walk_inputs(inputs, Request.to_predict(kind, {}, form=form), _EXPECTED))
    items: list[str] = []
    errors: list[str] = []
    origins: list[Origin | None] = []
    pieces: list[pd.DataFrame] = []
    given: dict[str, None] = {}
    for entry in found:
        table, error = None, entry.error
        try:
            if not error:
                table = _with_cells(entry.table) if entry.table is not None else _in_memory(entry.value, columns)
                columns.require(table.cells)
        except DataError as reason:
            if not (entry.name and len(found) > 1):
                raise
            error = " ".join(str(reason).split())
        if error or table is None:
            items, errors, origins = [*items, entry.name], [*errors, error], [*origins, None]
            pieces.append(_empty(columns))
            continue
        given |= dict.fromkeys(table.cells.columns)
        several, count = entry.name and len(found) > 1, len(table.cells)
        items += [f"{entry.name}:{row}" if several else str(len(items) + row) for row in range(count)]
        errors += [""] * count
        origins += [None if table.given is None else Origin(table.given, row) for row in range(count)]
        pieces.append(columns.with_commas_read(table.cells[columns.names], Findings()))
    cells = pd.concat(pieces, ignore_index=True) if pieces else _empty(columns).iloc[:0]
    cells = cells.assign(**{LINE: range(1, len(cells) + 1)})
    cells.attrs = {"commas": {}, "unused": _left_out(given, columns, _named(roles))}  # commas are read
    return items, cells, errors, origins


def _named(roles: Mapping[str, Any]) -> set[str]:
    """The columns of all roles."""
    found = [name for name in roles.values() if name]
    return {name for role in found for name in ((role,) if isinstance(role, str) else role)}


def _left_out(names: Iterable[str], columns: Columns, others: set[str]) -> str:
    """A sentence that names the columns of a table which a model does not take, "" where there are none.

    Args:
        others: that play a role.
    """
    strangers = [name for name in names if name not in {*columns.names, *others, LINE}]
    what = counted(len(strangers), "column")
    return f"{what} that the model does not know, left out: {listed(strangers, SHOWN)}" if strangers else ""


def _empty(columns: Columns) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series([None], dtype=object) for name in columns.names})


def _in_memory(value: Any, columns: Columns) -> SampleTable:
    """A value as a table."""
    if isinstance(value, pd.Series) and set(columns.names) <= set(value.index):  # a row of a DataFrame
        value = value.to_frame().T
    if isinstance(value, dict):
        value = pd.DataFrame([value])
    if not isinstance(value, pd.DataFrame):
        array = _array_of(value) if is_array(value) or isinstance(value, (list, tuple)) else None
        if array is None or array.ndim != 2 or array.shape[1] != len(columns.names):
            expected = f"Expected: (n, {len(columns.names)}), the columns {listed(columns.names, SHOWN)}."
            raise DataError(f"One of the inputs has the shape {np.shape(value)}.", expected)
        value = pd.DataFrame(array, columns=columns.names)
    if not len(value):
        cells = pd.DataFrame({str(name): pd.Series([], dtype=object) for name in value.columns})
        return SampleTable(pd.DataFrame(), Frame(value), cells=cells)
    for name, kind in value.dtypes.items():
        if kind.kind == "c":
            raise DataError(f"Column {str(name)!r} of one of the inputs holds complex numbers.", "Give real numbers.")
    source = Frame(value)
    numeric = all(map(pd.api.types.is_numeric_dtype, value.dtypes)) and value.columns.is_unique
    if numeric and columns.plain:
        cells = value.set_axis([str(name) for name in value.columns], axis=1).reset_index(drop=True)
        return SampleTable(pd.DataFrame(), source, cells=cells.astype(np.float64), given=source.given)
    return SampleTable(pd.DataFrame(), source, cells=in_words(cells_of(value, source.path)), given=source.given)


def _array_of(value: Any) -> np.ndarray:
    """A value as an array (rows, columns).

    Raises:
        DataError: if its rows are of different lengths, or its values are no cells.
    """
    try:
        array = np.atleast_2d(np.asarray(value))
    except (TypeError, ValueError) as error:
        raise DataError("The rows of one of the inputs have different lengths.", _EXPECTED) from error
    if array.dtype.kind not in "iufbUSOM":
        raise DataError(f"One of the inputs is an array of {array.dtype}, which no column of a table is.", _EXPECTED)
    return array


def _with_cells(table: SampleTable) -> SampleTable:
    """The table with cells, where its source is an array.

    Raises:
        DataError: if the array has no columns of numbers.
    """
    values = table.array
    if values is None:
        return table
    if values.ndim != 2 or values.dtype.kind not in "iufbUSO":
        message = f"{table.source.path}: x is {values.dtype} of the shape {values.shape}."
        raise DataError(message, "Expected: (n, columns). For images there is the pipeline image-cls.")
    frame = pd.DataFrame(values, columns=[f"x{number}" for number in range(values.shape[1])])
    table.cells, table.array = in_words(cells_of(frame, table.source.path)), None
    table.columns = {**table.columns}
    return table


def _read_commas_of_target(table: SampleTable) -> None:
    """Numbers with a decimal comma in the column of targets, as Python writes them."""
    column = table.columns.get("label")
    if isinstance(column, str):
        cells = table.cells[[column, LINE]].copy()
        cells[column] = cells[column].mask(is_missing_word(cells[column]), None)
        read = with_decimal_points(cells, set(), table.findings)
        if read.attrs.get("commas"):
            table.frame["label"] = pd.Series([clean_label(cell) for cell in read[column]], dtype=object)


def _fingerprints(cells: pd.DataFrame) -> np.ndarray:
    """64-bit hash of the cells of each row, however its numbers are written, uint64 (rows,)."""
    names = [name for name in sorted(cells.columns) if name != LINE]
    numbers = {name: floats_of(cells[name]) for name in names}
    found, told = np.zeros(len(cells), np.uint64), lambda row: "\0".join(row).encode("utf-8", "surrogatepass")
    for start in range(0, len(cells), _ROWS):
        some = slice(start, start + _ROWS)
        part = cells.iloc[some]
        columns = [_plain(part[name], numbers[name][some]) for name in names]
        hashes = (hashlib.blake2b(told(row), digest_size=8).digest() for row in zip(*columns))
        found[some] = np.frombuffer(b"".join(hashes), ">u8") if columns else found[some]
    return found


def _plain(cells: pd.Series, numbers: np.ndarray) -> list[str]:
    """Cells as text, numbers in one form, "" for what is missing.

    Args:
        numbers: the cells as `floats_of` gives them.
    """
    words = list(map(repr, numbers.tolist()))
    others = np.flatnonzero(np.isnan(numbers))
    missing = is_missing_word(cells.iloc[others])
    for place, value, empty in zip(others.tolist(), cells.to_numpy(object)[others].tolist(), missing.tolist()):
        words[place] = "" if empty else str(value).strip()
    return words

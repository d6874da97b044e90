"""Tables: CSV, TSV, JSON, Parquet and sheets of workbooks, and DataFrames; which of their columns plays which role."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from ...core.words import counted, listed
from ...errors import DataError
from ..findings import Findings
from ..label_advice import note_times, warn_groups
from ..sample_table import make_frame
from ..table_cells import LINE, Listed, cells_of, in_words
from ..table_files import ENDINGS, TableForm, read_cells
from ..times import TimeFormat, times_of_rows
from .base import SampleTable, Source
from .embedded_files import take_contents
from .list_columns import spread_lists
from .named_files import NamedFiles
from .requests import FEATURES, SPLITTING, Column, Request
from .table_columns import find_column, usual_columns
from .table_labels import clean_label, labels_of, labels_of_marks, parse_splits


class Table(Source):
    """A table with a row for each sample: it names a file, holds a text, or is the numbers of the sample itself."""

    kinds: ClassVar[tuple[str, ...]] = ("images", "texts", "rows", "series")
    endings = ENDINGS

    def __init__(self, path: Path, named: str):
        super().__init__(path, named)
        self._contents: dict[str, bytes | np.ndarray] = {}  # of files that are in the table

    def read(self, request: Request) -> SampleTable:
        findings = Findings()
        files = "image" in request.kind.roles
        if files:
            self.root = root = Path(request.root).expanduser() if request.root else self.folder
            if not root.is_dir():
                message = f"The folder of images {root} does not exist."
                raise DataError(message, "Set data.root to the folder that the table's paths are relative to.")
        written = self.written(request.form)
        contents: dict[str, dict[str, bytes | np.ndarray]] = {}
        if files:
            given = request.columns.get("image")
            usual = usual_columns(written.columns, "image", request)
            contents = self.contents(written, [name for name in ([given] if given else usual) if name in written])
        cells = in_words(written)
        column = {role: find_column(cells, role, request) for role in (*request.kind.roles, *SPLITTING)}
        if request.kind.name == "rows":
            cells = spread_lists(cells, _flat(column), findings)
        label, fold = column.get("label"), _one(column["fold"])
        _require_other_columns(column, request)
        if request.training and request.labelled and (request.kind.files or request.kind is FEATURES):
            _advise_on_splits(cells, column, findings)
        items: Iterable[str | None] = map(str, range(len(cells)))
        faults: list[tuple[str, str] | None] = []
        if files and (held := contents.get(str(column["image"]))) is not None:
            self.root, self._contents = None, held
            items, faults = _held(cells[_one(column["image"])], cells[LINE], findings)
        elif files:
            named = NamedFiles(root, request.follow_links, findings)
            items, faults = named.resolve(cells[_one(column["image"])], cells[LINE]), named.faults
        labels: list[str | None] = [None] * len(cells)
        if isinstance(label, tuple):
            labels = labels_of_marks(cells, label, request, findings)
        elif label:
            labels = labels_of(cells, label, findings)
        splits = parse_splits(cells, _one(column.get("split")), findings)
        frame = make_frame(items, labels, splits, cells[fold] if fold else None, cells[LINE])
        if group := column["group"]:
            frame["group"] = pd.Series([clean_label(value) for value in cells[group]], dtype=object)
        if request.by in cells:
            frame["by"] = pd.Series([clean_label(value) for value in cells[request.by]], dtype=object)
        if stamps := tuple(name for role in ("time", "clock") if (name := column[role])):
            frame["time"] = times_of_rows(cells, stamps, TimeFormat(request.time_format), findings)
        if "text" in column:
            frame["text"] = _texts_of(cells, column["text"])
        if told := cells.attrs.get("as"):
            findings.add("table_form", "note", f"{self.path.name} is read with {' and '.join(told)}")
        if files or "text" in column:
            _tell_unused(cells, column, request, findings)
        kept = pd.DataFrame() if request.kind.files else cells
        table = SampleTable(frame, self, findings=findings, cells=kept, columns=column)
        if request.whole:
            table.given = written.drop(columns=LINE)
            if files:
                frame["fault"] = pd.Series(faults, dtype=object)
            return table
        return table.keep(frame["item"].notna().to_numpy())

    def open(self, item: str) -> bytes | np.ndarray:
        return self._contents[item] if self.root is None else super().open(item)

    @property
    def folder(self) -> Path:
        """That names of files start from."""
        return self.path.parent

    def written(self, form: TableForm) -> pd.DataFrame:
        """Every cell of the table, as `read_cells` gives them."""
        return read_cells(self.path, form)

    def contents(self, written: pd.DataFrame, columns: list[str]) -> dict[str, dict[str, bytes | np.ndarray]]:
        """Columns that hold the content of files; see `take_contents`."""
        return take_contents(written, columns)


class Frame(Table):
    """A DataFrame in memory."""

    kinds = ()

    def __init__(self, frame: pd.DataFrame):
        super().__init__(Path("the DataFrame"), "")
        self._frame = frame

    def read(self, request: Request) -> SampleTable:
        table = super().read(request)
        if request.whole:
            table.given = self.given
        return table

    @property
    def given(self) -> pd.DataFrame:
        """What it holds, with row numbers for an index."""
        named = self._frame.set_axis([str(name) for name in self._frame.columns], axis=1).reset_index(drop=True)
        return named.loc[:, ~named.columns.duplicated()]

    def written(self, form: TableForm) -> pd.DataFrame:
        return cells_of(self._frame, self.path)


def _held(
    names: Iterable[str | None], lines: Iterable[int], findings: Findings
) -> tuple[list[str | None], list[tuple[str, str] | None]]:
    """Items and faults, as of `NamedFiles`, of files that are in the table itself."""
    items = list(names)
    faults = [None if item else ("absent", f"line {line}: empty") for item, line in zip(items, lines)]
    if told := [fault[1] for fault in faults if fault]:
        message = f"{counted(len(told), 'row')} without the content of an image"
        findings.add("absent", "error", message, "Fill the cells, or remove the rows.", told)
    return items, faults


def _require_other_columns(column: Mapping[str, Column], request: Request) -> None:
    """Refuses a column that is to be a part of the text and is asked for as something else, too."""
    texts = column.get("text")
    twice = [
        (name, role)
        for role, names in column.items()
        if role != "text" and isinstance(texts, tuple) and request.labelled
        for name in ((names,) if isinstance(names, str) else names or ())
        if name in texts
    ]
    if twice:
        name, role = twice[0]
        rest = [one for one in texts or () if one != name]
        left = rest[0] if len(rest) == 1 else f"[{','.join(rest)}]"
        key = request.kind.key("text")
        raise DataError(f"Column {name!r} is a part of the text and the {role} at once.", f"Set {key}={left}.")


def _one(column: Column) -> str | None:
    """The column of a role, None where it is none or several."""
    return column if isinstance(column, str) else None


def _flat(columns: Mapping[str, Column]) -> list[str]:
    """All columns that play a role."""
    return [name for column in columns.values() for name in ((column,) if isinstance(column, str) else column or ())]


def _advise_on_splits(cells: pd.DataFrame, column: dict[str, Column], findings: Findings) -> None:
    """Points out columns by which samples may have to be split, where rows are drawn at random."""
    if column.get("split") or column["fold"]:
        return
    if not column["group"]:
        warn_groups(cells, _flat(column), _one(column.get("label")), findings)
    if not column["time"]:
        note_times(cells, _flat(column), findings)


def _texts_of(cells: pd.DataFrame, column: Column) -> pd.Series:
    """The texts of a column; of several columns those that are there, with line feeds between."""
    names = (column,) if isinstance(column, str) else column or ()
    joined = ([_joined(value) for value in row] for row in zip(*(cells[name] for name in names)))
    return pd.Series(["\n".join(filter(None, row)) for row in joined], dtype=object)


def _joined(value: str | None) -> str:
    """A text, or the words of a list with spaces between."""
    return " ".join(value.items) if isinstance(value, Listed) else value or ""


def _tell_unused(cells: pd.DataFrame, column: dict[str, Column], request: Request, findings: Findings) -> None:
    """Names the columns that play no role, once."""
    unused = [name for name in cells.columns if name != LINE and name not in _flat(column)]
    if unused and request.training and request.labelled:
        told = lambda name: name if isinstance(name, str) else listed(name, 10)
        read = ", ".join(f"{told(name)} ({role})" for role, name in column.items() if name)
        message = f"{counted(len(unused), 'column')} of the table not used: {listed(unused, 10)}; used: {read}"
        findings.add("unused_columns", "note", message)

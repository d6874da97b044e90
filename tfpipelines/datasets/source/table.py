"""Tables: CSV, TSV, JSON, Parquet and sheets of workbooks, and DataFrames; which of their columns plays which role."""

import ast
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from ...core.words import counted, listed, nearest
from ...errors import DataError
from ..findings import Findings
from ..label_advice import mark_of, note_times, one_hot_columns, warn_groups
from ..sample_table import SEPARATOR, make_frame, split_of
from ..table_cells import LINE, Listed, cells_of, in_words
from ..table_files import ENDINGS, TableForm, read_cells
from ..times import TimeFormat, times_of_rows
from .base import SampleTable, Source
from .embedded_files import take_contents
from .named_files import NamedFiles
from .requests import FEATURES, SPLITTING, TEXTS, Column, Request

_LONGEST_LIST = 10_000  # characters of a list that is written as text
_LOOKED_AT = 1_000  # cells of a column, to tell what it holds
_LIKELY = {  # parts of a column's name that make it likely to play a role
    "image": ("image", "img", "file", "path", "photo", "picture"),
    "label": ("label", "class", "target", "categor", "tag", "diagnos"),
}


class Table(Source):
    """A table with a row for each sample: it names a file, holds a text, or is the numbers of the sample itself."""

    kinds: ClassVar[tuple[str, ...]] = ("images", "texts", "rows", "series")
    endings = ENDINGS

    def __init__(self, path: Path, named: str):
        super().__init__(path, named)
        self._contents: dict[str, bytes] = {}  # of files that are in the table

    def read(self, request: Request) -> SampleTable:
        findings = Findings()
        files = "image" in request.kind.roles
        if files:
            self.root = root = Path(request.root).expanduser() if request.root else self.path.parent
            if not root.is_dir():
                message = f"The folder of images {root} does not exist."
                raise DataError(message, "Set data.root to the folder that the table's paths are relative to.")
        written = self.written(request.form)
        contents: dict[str, dict[str, bytes]] = {}
        if files:
            given = request.columns.get("image")
            usual = _usual(written.columns, "image", request)
            contents = take_contents(written, [name for name in ([given] if given else usual) if name in written])
        cells = in_words(written)
        column = {role: find_column(cells, role, request) for role in (*request.kind.roles, *SPLITTING)}
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

    def written(self, form: TableForm) -> pd.DataFrame:
        """Every cell of the table, as `read_cells` gives them."""
        return read_cells(self.path, form)


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


def find_column(cells: pd.DataFrame, role: str, request: Request) -> Column:
    """The column that plays a role: the one given, or the only one with a usual name for it. Without one for labels
    those of 0 and 1, if there are several.

    Raises:
        DataError: if it is missing, or several columns could be meant; it lists the columns seen and the key to set.
    """
    columns = [column for column in cells.columns if column != LINE]
    seen = f"Columns seen: {', '.join(columns)}."
    given, key = request.columns.get(role), request.kind.key(role)
    wanted = (given,) if isinstance(given, str) else given or ()
    lost = [name for name in wanted if name not in columns]
    if wanted and not lost:
        return given
    if lost and (role not in request.optional or (role == "text" and len(lost) < len(wanted))):
        raise _absent(lost[0], wanted, columns, key)
    candidates = _usual(columns, role, request)
    if len(candidates) == 1:
        return candidates[0]
    if candidates and (request.required(role) or request.labelled):
        message = f"Several columns could be the {role}: {', '.join(candidates)}. {seen}"
        raise DataError(message, f"Set {key}={candidates[0]} or another.")
    if role == "label" and (marks := _marks(cells, request)):
        return marks
    if request.required(role):
        raise _unrecognized(cells, columns, request)
    return None


def _usual(columns: Iterable[str], role: str, request: Request) -> list[str]:
    """The columns with a usual name for a role."""
    usual = request.kind.roles.get(role, ())
    return [column for alias in usual for column in columns if column.strip().lower() == alias]


def _marks(cells: pd.DataFrame, request: Request) -> tuple[str, ...]:
    """The columns of 0 and 1 that are labels where no column has a usual name."""
    may = request.required("label") and request.kind.files and request.target != "number"
    return tuple(one_hot_columns(cells)) if may else ()


def _absent(name: str, wanted: Sequence[str], columns: list[str], key: str) -> DataError:
    """A table lacks a column that was named, perhaps among others."""
    cause = f"The table has no column {name!r}. Columns seen: {', '.join(columns)}."
    parts = [part.strip() for part in name.split(",")]
    if len(parts) > 1 and all(part in columns for part in parts):
        return DataError(cause, f"Write several columns in brackets: {key}=[{','.join(parts)}].")
    likely = [nearest(one, columns) or "COLUMN" if one not in columns else one for one in wanted]
    return DataError(cause, f"Set {key}={likely[0] if len(likely) == 1 else '[' + ','.join(likely) + ']'}.")


def _unrecognized(cells: pd.DataFrame, columns: list[str], request: Request) -> DataError:
    """No column plays a role that one must play: names all such roles, and the likeliest column of each."""
    known = {role: _known(cells, columns, role, request) for role in request.kind.roles}
    missing = [role for role in request.kind.roles if request.required(role) and not known[role]]
    if any(_is_data(name) for name in columns):
        remedy = "The first line seems to hold data: a table begins with a line of column names. Add one."
    else:
        likely = _likely(cells, columns, missing, request)
        keys = [f"{request.kind.key(role)}={likely.get(role, 'COLUMN')}" for role in missing]
        remedy = f"Set {' '.join(f'{request.kind.key(role)}=COLUMN' for role in missing)}"
        remedy += f", perhaps {' '.join(keys)}." if likely else "."
        if "image" in missing and any(column.lower() in TEXTS.roles["text"] for column in columns):
            remedy += " For texts: tfpipe run text-cls, or tfpipe check --pipeline text-cls."
    found = ", ".join(f"{listed(list(names))} ({role})" for role, names in known.items() if names)
    seen = f"Columns seen: {', '.join(columns)}.{f' Recognized: {found}.' if found else ''}"
    return DataError(f"No column of the table is recognized as {' or '.join(missing)}. {seen}", remedy)


def _known(cells: pd.DataFrame, columns: list[str], role: str, request: Request) -> Sequence[str]:
    """The columns that play a role, or could."""
    given = request.columns.get(role)
    named = [name for name in ((given,) if isinstance(given, str) else given or ()) if name in columns]
    return named or _usual(columns, role, request) or (_marks(cells, request) if role == "label" else ())


def _likely(cells: pd.DataFrame, columns: list[str], missing: list[str], request: Request) -> dict[str, str]:
    """The likeliest column of each role that none is recognized for, where one is likely by its name or its cells."""
    others = {name for role, usual in request.kind.roles.items() if role not in missing for name in usual}
    taken = {name for name in request.columns.values() if isinstance(name, str)}
    plain = lambda column: re.fullmatch(r"[\w -]+", column) and column.strip().lower() not in others
    rest = [column for column in columns if plain(column) and column not in taken]
    likely: dict[str, str] = {}
    for role in missing:  # a label is what is left beside the text
        named = [column for column in rest if any(word in column.lower() for word in _LIKELY.get(role, ()))]
        shown = [column for column in rest if _looks_like(cells[column], role)]
        for candidates in (named, shown, rest if role == "label" else []):
            if len(candidates) == 1:
                likely[role] = candidates[0]
                rest.remove(candidates[0])
                break
    return likely


def _looks_like(cells: pd.Series, role: str) -> bool:
    """Whether cells are sentences (of a text), or a few words again and again (of a label)."""
    words = [str(cell) for cell in cells[:_LOOKED_AT] if cell is not None]
    spaces = sum(word.strip().count(" ") for word in words)
    if role == "text":
        return spaces >= 2 * max(1, len(words))
    return role == "label" and len(words) >= 4 * len(set(words)) and len(set(words)) > 1


def _is_data(name: str) -> bool:
    """Whether what stands in the place of a column's name is rather the path of a file, a number or a sentence."""
    return bool(re.search(r"[/\\]|\.\w{3,4}$|^-?\d+([.,]\d+)?$", name)) or len(name.split()) > 5


def parse_splits(frame: pd.DataFrame, column: str | None, findings: Findings) -> list[str | None] | None:
    """The splits named in a column, by their usual names; None without one.

    Unknown words are an error finding with their lines.
    """
    if column is None:
        return None
    splits = [split_of(word) if word is not None else None for word in frame[column]]
    rows = zip(splits, frame[column], frame[LINE])
    unknown = [f"line {line}: {word!r}" for split, word, line in rows if split is None]
    if unknown:
        message = f"{counted(len(unknown), 'row')} with an unknown word for the split in column {column}"
        findings.add("unknown_split", "error", message, "Use train, validation or test.", unknown)
    return splits


def labels_of_marks(
    cells: pd.DataFrame, columns: tuple[str, ...], request: Request, findings: Findings
) -> list[str | None]:
    """The labels of columns of 0 and 1: the names of those that hold 1; None where a cell is empty.

    They are classes, and no several labels, if each row has one and `data.target` does not say otherwise.

    Raises:
        DataError: if a cell is neither 0 nor 1, or a row has not one label and `data.target` is class.
    """
    key, target = request.kind.key("label"), request.target
    marks = {column: [None if cell is None else mark_of(cell) for cell in cells[column]] for column in columns}
    for column, found in marks.items():
        told = zip(found, cells[column], cells[LINE])
        wrong = [f"line {line}: {cell!r}" for mark, cell, line in told if mark is None and cell is not None]
        if wrong:
            cause = f"Column {column!r} of {key} holds {counted(len(wrong), 'cell')} other than 0 and 1."
            raise DataError(cause, "Several columns are labels only if they hold 0 and 1; name one column.", wrong[:10])
    names = [clean_label(column) or column for column in columns]
    rows = list(zip(*marks.values()))
    missing = [any(mark is None for mark in row) for row in rows]
    held = [[name for name, mark in zip(names, row) if mark] for row in rows]
    single = all(len(row) == 1 for row, none in zip(held, missing) if not none)
    if target == "class" and not single:
        raise DataError(f"Some rows have not one label in {listed(list(columns))}.", "Set data.target=labels.")
    kind = "a class" if single and target != "labels" else "labels"
    message = f"Columns {listed(list(columns))} hold only 0 and 1: each row's 1 is read as {kind}"
    findings.add("one_hot", "note", message, f"Name another column by {key} if they are no labels")
    if any(SEPARATOR in name for name in names):
        findings.add("bar_in_label", "error", "A bar in the name of a column of labels", "Rename it", columns)
    several = lambda row: row[0] if kind == "a class" else str(Listed.of(row))
    return [None if none else several(row) for row, none in zip(held, missing)]


def labels_of(cells: pd.DataFrame, column: str, findings: Findings) -> list[str | None]:
    """The labels of a column: a word each, or several joined by bars where cells hold lists, or are all written as
    lists, such as `['a', 'b']`.
    """
    values = list(cells[column])
    lists = [_written_list(value) for value in values if value is not None]
    if lists and all(entry is not None for entry in lists):
        found = iter(lists)
        values = [None if value is None else next(found) for value in values]
        message = f"Column {column} holds lists written as text: each element is taken for a label"
        findings.add("written_lists", "note", message)
    bars = [
        f"line {line}: {item!r}"
        for value, line in zip(values, cells[LINE])
        if isinstance(value, Listed)
        for item in value.items
        if SEPARATOR in item
    ]
    if bars:
        message = f"{counted(len(bars), 'label')} with a bar in lists of column {column}: a bar separates labels"
        findings.add("bar_in_label", "error", message, "Rename these labels, for example with a slash.", bars)
    return [clean_label(value) for value in values]


def _written_list(value: str) -> Listed | None:
    """A cell such as `['a', "b"]` as the list it means; None for any other."""
    if isinstance(value, Listed) or not (value.startswith("[") and value.endswith("]")) or len(value) > _LONGEST_LIST:
        return None
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return Listed.of(found) if isinstance(found, list) and all(isinstance(item, (str, int)) for item in found) else None


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


def clean_label(value: str | None) -> str | None:
    """A label without surrounding space, in Unicode's composed form; None if nothing is left."""
    text = unicodedata.normalize("NFC", value).strip() if value is not None else ""
    return text or None

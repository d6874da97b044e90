"""Tables: CSV, TSV, JSONL and Parquet, and DataFrames; which of their columns plays which role."""

import ast
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import pandas as pd

from ...core.words import counted, nearest
from ...errors import DataError
from ..findings import Findings
from ..folder_walk import list_files
from ..sample_table import SEPARATOR, make_frame, split_of
from ..table_files import LINE, Listed, read_table, table_of
from .base import SampleTable, Source
from .requests import TEXTS, Request, key_of

_LONGEST_LIST = 10_000  # characters of a list that is written as text


class Table(Source):
    """A table with a row for each sample: it names a file, holds a text, or is the numbers of the sample itself."""

    kinds: ClassVar[tuple[str, ...]] = ("images", "texts", "rows", "series")
    endings = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")

    def read(self, request: Request) -> SampleTable:
        findings = Findings()
        files = "image" in request.kind.roles
        if files:
            self.root = root = Path(request.root).expanduser() if request.root else self.path.parent
            if not root.is_dir():
                message = f"The folder of images {root} does not exist."
                raise DataError(message, "Set data.root to the folder that the table's paths are relative to.")
        cells = self.cells()
        column = {role: find_column(cells, role, request) for role in (*request.kind.roles, "fold")}
        items: Iterable[str | None] = map(str, range(len(cells)))
        if files:
            items = _Resolver(root, request.follow_links, findings).resolve(cells[column["image"]], cells[LINE])
        label, fold = column.get("label"), column["fold"]
        labels = labels_of(cells, label, findings) if label else [None] * len(cells)
        splits = parse_splits(cells, column.get("split"), findings)
        frame = make_frame(items, labels, splits, cells[fold] if fold else None, cells[LINE])
        if "text" in column:
            frame["text"] = pd.Series([_joined(text) for text in cells[column["text"]]], dtype=object)
        if told := cells.attrs.get("as"):
            findings.add("table_form", "note", f"{self.path.name} is read with {' and '.join(told)}")
        if files or "text" in column:
            _tell_unused(cells, column, request, findings)
        kept = pd.DataFrame() if request.kind.files else cells
        table = SampleTable(frame, self, findings=findings, cells=kept, columns=column)
        return table.keep(frame["item"].notna().to_numpy())

    def cells(self) -> pd.DataFrame:
        """Every cell of the table, as `read_table` gives them."""
        return read_table(self.path)


class Frame(Table):
    """A DataFrame in memory."""

    kinds = ()

    def __init__(self, frame: pd.DataFrame):
        super().__init__(Path("the DataFrame"), "")
        self._frame = frame

    def cells(self) -> pd.DataFrame:
        return table_of(self._frame, self.path)


def find_column(cells: pd.DataFrame, role: str, request: Request) -> str | None:
    """The column that plays a role: the one given, or the only one with a usual name for it.

    Raises:
        DataError: if it is missing, or several columns could be meant; it lists the columns seen and the key to set.
    """
    columns = [column for column in cells.columns if column != LINE]
    seen = f"Columns seen: {', '.join(columns)}."
    given, key = request.columns.get(role), key_of(role)
    if given in columns:
        return given
    if given is not None and role not in request.optional:
        guess = nearest(given, columns)
        raise DataError(f"The table has no column {given!r}. {seen}", f"Set {key}={guess or 'COLUMN'}.")
    usual = request.kind.roles.get(role, ())
    candidates = [column for alias in usual for column in columns if column.strip().lower() == alias]
    if len(candidates) == 1:
        return candidates[0]
    if candidates and (request.required(role) or request.labelled):
        message = f"Several columns could be the {role}: {', '.join(candidates)}. {seen}"
        raise DataError(message, f"Set {key}={candidates[0]} or another.")
    if request.required(role):
        texts = role == "image" and any(column.lower() in TEXTS.roles["text"] for column in columns)
        message = f"No column of the table is recognized as {role}. {seen}"
        raise DataError(
            message,
            f"Set {key}=COLUMN."
            + (" For texts: tfpipe run text-cls, or tfpipe check --pipeline text-cls." if texts else ""),
        )
    return None


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


def _joined(value: str | None) -> str:
    """A text, or the words of a list with spaces between."""
    return " ".join(value.items) if isinstance(value, Listed) else value or ""


def _tell_unused(cells: pd.DataFrame, column: dict[str, str | None], request: Request, findings: Findings) -> None:
    """Names the columns that play no role, once."""
    unused = [name for name in cells.columns if name != LINE and name not in column.values()]
    if unused and request.training and request.labelled:
        read = ", ".join(f"{name} ({role})" for role, name in column.items() if name)
        few = ", ".join(unused[:10]) + (f" and {len(unused) - 10} more" if len(unused) > 10 else "")
        message = f"{counted(len(unused), 'column')} of the table not used: {few}; used: {read}"
        findings.add("unused_columns", "note", message)


def clean_label(value: str | None) -> str | None:
    """A label without surrounding space, in Unicode's composed form; None if nothing is left."""
    text = unicodedata.normalize("NFC", value).strip() if value is not None else ""
    return text or None


class _Resolver:
    """Finds the files that a table names, with or without their ending or folder.

    Args:
        root: the folder that the paths start from.
        follow_links: whether paths may leave it.
        findings: where missing and ambiguous rows are reported.
    """

    def __init__(self, root: Path, follow_links: bool, findings: Findings):
        self.root, self.follow_links, self.findings = root, follow_links, findings
        self._by_name: dict[str, list[str]] | None = None

    def resolve(self, names, lines) -> list[str | None]:
        """Paths relative to the root, None where there is none."""
        absent: list[str] = []
        outside: list[str] = []
        searched, items = 0, []
        for name, line in zip(names, lines):
            item, reason = self._one(name)
            items.append(item)
            searched += reason == "searched"
            if item is None:
                why = "" if reason in ("absent", "outside") else f" ({reason})"
                (outside if reason == "outside" else absent).append(f"line {line}: {name or 'empty'}{why}")
        if absent:
            what = f"{counted(len(absent), 'row')} that match no file, or several"
            message = f"{what}, below {self.root}"
            self.findings.add("absent", "error", message, "Fix the rows, or set data.root.", absent)
        if outside:
            message = f"{counted(len(outside), 'row')} with a file outside of {self.root}"
            remedy = "Set data.root to a folder that holds them all, or data.follow_links=true."
            self.findings.add("outside", "error", message, remedy, outside)
        if searched:
            message = f"{counted(searched, 'file')} found by name in the folders below {self.root}"
            self.findings.add("resolved", "note", message)
        return items

    def _one(self, name: str | None) -> tuple[str | None, str]:
        if not name or "\0" in name:
            return None, "absent"
        path = Path(os.path.normpath(self.root / name))
        inside = path.is_relative_to(os.path.normpath(self.root)) and (
            self.follow_links or path.resolve().is_relative_to(self.root.resolve())
        )
        if not inside and not self.follow_links:
            return None, "outside"
        if _is_file(path):
            return os.path.relpath(path, self.root) if inside else str(path), "given"
        candidates = self._candidates(Path(name))
        if len(candidates) == 1:
            return candidates[0], "searched"
        return None, "absent" if not candidates else f"{len(candidates)} files: {', '.join(candidates[:3])}"

    def _candidates(self, wanted: Path) -> list[str]:
        """Files in any folder that bear the wanted name, or else the wanted name with another ending or none."""
        if not wanted.name:
            return []
        for key, parts in ((wanted.name, wanted.parts), (wanted.stem, wanted.with_suffix("").parts)):
            found = [
                item
                for item in self._index()[key]
                if parts in (Path(item).parts[-len(parts) :], Path(item).with_suffix("").parts[-len(parts) :])
            ]
            if found:
                return found
        return []

    def _index(self) -> dict[str, list[str]]:
        """Files below the root by their name and by their name without ending."""
        if self._by_name is None:
            self._by_name = defaultdict(list)
            for item in list_files(self.root, self.follow_links):
                for key in {Path(item).name, Path(item).stem}:
                    self._by_name[key].append(item)
        return self._by_name


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False

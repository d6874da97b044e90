"""Shards: the parts of one large data set as TFRecord, WebDataset or Parquet, in a folder or by a pattern."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...core.words import counted
from ...errors import DataError
from ..findings import Findings
from ..parquet_shards import kinds_of_columns, open_parquet
from ..sample_table import given_splits
from ..shard_files import PARQUET, TAR, TFRECORD, find_shards
from ..shard_index import IMAGE, ShardIndex, Wanted, index_of, names_in
from ..table_cells import LINE
from ..table_files import TableForm
from .base import SampleTable
from .requests import Request
from .table import Table
from .table_columns import usual_columns

_IMAGES = {TAR: (IMAGE,), TFRECORD: ("image/encoded", "image_raw", "encoded", "image", "img", "jpeg", "jpg", "png")}
_CLASSES = {TAR: ("cls",), TFRECORD: ("image/class/text", "image/class/label")}
_CUSTOMS: dict[str, dict[str, tuple[str, ...]]] = {
    "image": _IMAGES,
    "label": _CLASSES,
    "text": {TAR: ("txt", "text")},
}  # role -> kind of shard -> columns


class Shards(Table):
    """Shards of records. Their index is kept in memory, and a content is read from its place when it is asked for."""

    kinds = ("images", "texts", "rows")
    endings = (".tfrecord",)

    def __init__(self, path: Path, named: str):
        super().__init__(path, named)
        found = find_shards(path)
        if found is None:
            raise DataError(f"{path} holds no shards.", "Expected: .tfrecord, .tar (WebDataset) or .parquet files.")
        self.shards = found
        self._index: ShardIndex | None = None

    @classmethod
    def reads(cls, path: Path) -> bool:
        return find_shards(path) is not None

    @property
    def folder(self) -> Path:
        return self.shards.folder

    @property
    def files(self) -> tuple[Path, ...]:
        return self.shards.paths

    def name(self, item: str) -> str:
        return str((self.through or self.folder) / item)

    def read(self, request: Request) -> SampleTable:
        if request.kind.files and not request.follow_links:
            self._require_inside()
        splits = self.shards.splits()
        names = names_in(self.shards)
        columns = {**request.columns, **self._columns(names, request)}
        content = self._content(names, columns.get("image"), request)
        texts = columns.get("text") or usual_columns(names, "text", request)
        wanted = Wanted(content, (texts,) if isinstance(texts, str) else tuple(texts))
        self._index = index = index_of(self.shards, wanted)
        if not index.items:
            raise DataError(f"{self.path} holds shards without any record.", "Give the shards that have some.")
        table = super().read(replace(request, columns=columns))
        index.columns = {}  # they are in the table
        what = f"{counted(len(index.items), 'record')} in {counted(len(self.files), 'shard')}"
        table.findings.add("shards", "note", f"{what} of {self.shards.kind}")
        counts = np.bincount(index.shards, minlength=len(self.files))
        if empty := [name for name, count in zip(self.shards.names(), counts) if not count]:
            message = f"{counted(len(empty), 'shard')} without any record"
            table.findings.add("empty_shard", "warning", message, "Fetch them again if they should have some", empty)
        rows = np.array([index.row(item) for item in table.frame["line"]], np.int64)
        frame = table.frame.drop(columns="line").assign(key=index.keys[rows], shard=index.shards[rows])
        if self.root is None:  # else items are files that the records name
            frame["item"] = table.frame["line"]
        if frame["split"].isna().all() and any(splits):
            frame["split"] = frame["given"] = np.array(splits, object)[index.shards[rows]]
            self._require_all_split(splits, request)
        if request.kind.files:
            frame["label"] = self._named_classes(frame["label"], request, table.findings)
        table = replace(table, frame=frame)
        return table if request.whole else self._without_faults(table, index, rows, request)

    def open(self, item: str) -> bytes | np.ndarray:
        if self.root is not None or self._index is None:
            return super().open(item)
        return self._index.read(item)

    def written(self, form: TableForm) -> pd.DataFrame:
        assert self._index is not None  # `read` makes it
        columns = {name: pd.Series(cells, dtype=object) for name, cells in self._index.columns.items()}
        if self._index.content:
            columns[self._index.content] = self._index.lines()
        return pd.DataFrame({**columns, LINE: self._index.lines()})

    def contents(self, written: pd.DataFrame, columns: list[str]) -> dict[str, dict[str, bytes | np.ndarray]]:
        assert self._index is not None
        return {self._index.content: {}} if self._index.content else super().contents(written, columns)

    def _columns(self, names: list[str], request: Request) -> dict[str, Any]:
        """The columns that play roles by the custom of the kind of shard, where none is named or has a usual name."""
        found: dict[str, Any] = {}
        for role in request.kind.roles:
            given = request.columns.get(role)
            named = (given,) if isinstance(given, str) else given or ()
            if named and (role not in request.optional or all(name in names for name in named)):
                continue
            custom = [name for name in _CUSTOMS.get(role, {}).get(self.shards.kind, ()) if name in names]
            if custom:
                found[role] = custom[0]
            elif role == "label" and _says_label(self.shards.kind, names, request):
                found[role] = "txt"
        return found

    def _content(self, names: list[str], column: str | None, request: Request) -> str:
        """The column whose content stays in the shards; "" where samples are no images, or paths name them."""
        if "image" not in request.kind.roles:
            return ""
        if self.shards.kind != PARQUET:
            return column or ""
        with open_parquet(self.shards.paths[0]) as file:
            held = [name for name, kind in kinds_of_columns(file).items() if kind.startswith("bytes")]
        likely = [name for name in usual_columns(names, "image", request) if name in held]
        wanted = [column] if column in names else likely
        return wanted[0] if len(wanted) == 1 and wanted[0] in held else ""

    def _require_inside(self) -> None:
        """Raises DataError where a shard is a link out of the folder."""
        root = self.folder.resolve()
        for path in self.files:
            if not path.resolve().is_relative_to(root):
                raise DataError(f"{path} is a link to a file outside of {root}.", "Set data.follow_links=true.")

    def _require_all_split(self, splits: list[str | None], request: Request) -> None:
        """Raises DataError where only some shards name a split."""
        unnamed = [name for name, split in zip(self.shards.names(), splits) if split is None]
        if unnamed and request.training:
            message = f"{self.path}: the shard {unnamed[0]} names no split, as others do."
            raise DataError(
                message, "Put the shards of each split into a folder of its name, such as train/.", unnamed[1:10]
            )

    def _named_classes(self, labels: pd.Series, request: Request, findings: Findings) -> pd.Series:
        """The labels, numbers of classes by their names where a file beside the shards has these."""
        names = self.shards.class_names() if request.target in ("auto", "class") else {}
        known = labels.dropna()
        if not names or not len(known) or not known.map(lambda label: label.isdecimal()).all():
            return labels
        numbers = known.map(int)
        if lost := sorted({*numbers} - {*names}):
            message = f"{self.folder}: the file of labels has no name for the class {lost[0]}."
            raise DataError(message, "Complete it, or remove it to use the numbers.")
        findings.add("class_names", "note", f"{counted(len(names), 'class', 'classes')} named by the file of labels")
        return labels.map(lambda label: names[int(label)] if isinstance(label, str) else None).astype(object)

    def _without_faults(self, table: SampleTable, index: ShardIndex, rows: np.ndarray, request: Request) -> SampleTable:
        """The table without the records that are damaged or lack a part, which are reported."""
        if not index.faults:
            return table
        bad = np.isin(rows, list(index.faults))
        items = [f"{index.items[row]}: {fault}" for row, fault in sorted(index.faults.items())]
        message = f"{len(items)} of {counted(len(bad), 'record')} damaged or incomplete"
        splits = given_splits(table.frame)
        table.findings.bad("damaged_record", request.on_bad, message, "Write them again.", items, splits, bad)
        return table.keep(~bad)


def _says_label(kind: str, names: list[str], request: Request) -> bool:
    """Whether the .txt beside an image is its label: where nothing else is."""
    images = "image" in request.kind.roles
    return images and kind == TAR and "txt" in names and not usual_columns(names, "label", request)

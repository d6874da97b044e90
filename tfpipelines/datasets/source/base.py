"""What every source of samples can do: say whether it reads a path, give its sample table, open one item."""

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ...core.words import counted
from ..compressed import ending_of
from ..findings import Findings
from ..folder_walk import Walk
from .requests import SPLITTING, Request


class Source(ABC):
    """Where samples are.

    A new member is a new file in this folder with a subclass; nothing else needs to know of it.

    Args:
        path: an existing file or folder.
        named: what the user calls it.

    Attributes:
        kinds: names of the kinds of samples that it may hold, see `requests.py`.
        endings: of the files that it reads, in small letters.
        tree: whether items are paths in folders, whose names may say something; then it has `walk`.
        root: the folder that items are files of; None where they are no local files.
        through: where an archive was unpacked, `path` as one would write it; None else.
        left_out: links, devices and pipes of that archive, which are not there.
        copied: what is to be said of the copy of a URL that it is read from; "" for what lies here.
    """

    kinds: ClassVar[tuple[str, ...]] = ()
    endings: ClassVar[tuple[str, ...]] = ()
    tree: ClassVar[bool] = False
    through: Path | None = None
    left_out: int = 0
    copied: str = ""

    def __init__(self, path: Path, named: str):
        self.path, self.named = path, named
        self.root: Path | None = None
        self._opened = time.perf_counter()

    @classmethod
    def reads(cls, path: Path) -> bool:
        """Whether this is the class for a path: by default, for files of its endings."""
        return ending_of(path.name) in cls.endings and path.is_file()

    @abstractmethod
    def read(self, request: Request) -> "SampleTable":
        """The table of all samples, without what only opening them would tell.

        Raises:
            DataError: if the source as a whole cannot be used. What is wrong with some rows is among the findings.
        """

    def open(self, item: str) -> bytes | np.ndarray:
        """What an item of the table is: the content of a file, or an array.

        Raises:
            OSError, DataError: if it cannot be read.
        """
        if self.root is None:
            raise NotImplementedError(f"{type(self).__name__} must say how an item is opened.")
        return (self.root / item).read_bytes()

    def walk(self, follow_links: bool, findings: Findings, beside: Path | None = None) -> Walk:
        """A walk through the folders of a `tree`.

        Args:
            beside: a folder that is passed by.
        """
        raise NotImplementedError(f"{type(self).__name__} has no folders.")

    def name(self, item: str) -> str:
        """What an item is called among others that do not come from this source."""
        return item

    @property
    def files(self) -> tuple[Path, ...]:
        """The files whose content the items are, where these are no files themselves."""
        return (self.path,)

    @property
    def seconds(self) -> float:
        """How long ago it was opened."""
        return round(time.perf_counter() - self._opened, 3)


@dataclass
class SampleTable:
    """Every source becomes one of these: one row per sample.

    Args:
        frame: columns `item` (what the source opens: a path, a row number), `label` (str or None), `split` (str or
            None), `fold`, `group` and `time` (datetime64 or float64) where the source is asked for them, `text` where
            samples are texts, `line` where they are lines of a file, `stratum` where a row may have several labels, and
            `by`, see `Request`.
        source: what it was read from.
        array: the samples themselves where the source is an array, in row order; None else.
        findings: what reading them had to say.
        cells: where a row of numbers is the sample, all columns as they are written, str or None, and `LINE`.
        columns: role -> the column of the table that plays it, several with a label each, or None.
        given: where a request asks for `whole` tables, all columns as the file has them.
    """

    frame: pd.DataFrame
    source: Source
    array: np.ndarray | None = None
    findings: Findings = field(default_factory=Findings)
    cells: pd.DataFrame = field(default_factory=pd.DataFrame)
    columns: dict[str, Any] = field(default_factory=dict)
    given: pd.DataFrame | None = None

    def __post_init__(self):
        copied, inside = self.source and self.source.copied, self.source and self.source.through
        if copied and not any(finding.code == "copied" for finding in self.findings.entries):
            self.findings.add("copied", "note", copied)
        if inside and not any(finding.code == "unpacked" for finding in self.findings.entries):
            self.findings.add("unpacked", "note", f"{inside} is read from {self.source.path}, where it is unpacked")
            if count := self.source.left_out:
                what = counted(count, "symbolic link, device or pipe", "symbolic links, devices or pipes")
                message = f"{what} of the archive left out"
                self.findings.add("archive_links", "warning", message, "Pack the files instead")

    @property
    def read_columns(self) -> dict[str, str | tuple[str, ...]]:
        """The columns that say where samples are and what is known of them, by role; how they are split is the run's
        own affair.
        """
        return {role: name for role, name in self.columns.items() if name and role not in SPLITTING}

    @property
    def split_by(self) -> dict[str, dict[str, str]]:
        """For data.json: the columns that keep samples together or in order when they are split, by role."""
        columns = {role: name for role, name in self.columns.items() if name and role in SPLITTING and role != "fold"}
        if clock := columns.pop("clock", None):
            columns["time"] += f" {clock}"
        return {role: {"column": name} for role, name in columns.items()}

    def content(self, row: int) -> Path | bytes | np.ndarray:
        """The sample of a row, by position: a local file, the content of one, or an array."""
        if self.array is not None:
            return self.array[row]
        return self.path(row) or self.source.open(str(self.frame["item"].iat[row]))

    def path(self, row: int) -> Path | None:
        """The file of a row, by position; None where samples are no local files."""
        return None if self.source.root is None else self.source.root / str(self.frame["item"].iat[row])

    def paths(self) -> list[Path | None]:
        """`path` of all rows, in less time."""
        root = self.source.root
        return [None if root is None else root / str(item) for item in self.frame["item"].to_list()]

    def keep(self, mask: np.ndarray) -> Self:
        """The rows where `mask` is true; row numbers start again at 0."""
        if np.all(mask):
            return self
        array = None if self.array is None else self.array[mask]
        cells = self.cells[mask].reset_index(drop=True) if len(self.cells) else self.cells
        given = None if self.given is None else self.given[mask].reset_index(drop=True)
        return replace(self, frame=self.frame[mask].reset_index(drop=True), array=array, cells=cells, given=given)

"""From the cells of a table to the numbers and codes that networks take. What is learned here, training rows tell."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ...core.words import counted, listed
from ...errors import DataError
from ..cells import tell_of_commas, uses_of_commas, with_commas_read
from ..compact_cells import forget_words
from ..findings import Findings
from ..table_cells import LINE
from . import unread
from .column import Column, codes_of, fitted, numbers_of, words_of
from .types import SHOWN, WITH_COMMAS, Kind


@dataclass(frozen=True)
class Encoded:
    """Rows as networks take them.

    Args:
        numbers: float32 (rows, columns), NaN where there is none.
        codes: int32 (rows, columns), 1 and up; 0 where a value is missing, or none of the vocabulary.
        unseen: column -> which rows have a value that the vocabulary lacks, bool (rows,); of columns that have such.
        unread: column -> its cells that are missing in `numbers` although they are not empty, such as words.
    """

    numbers: np.ndarray
    codes: np.ndarray
    unseen: Mapping[str, np.ndarray]
    unread: Mapping[str, unread.Unread]


class Columns:
    """How the columns of a table are encoded.

    Args:
        columns: in the order of the training table. Tables to be encoded may have them in any order.
    """

    def __init__(self, columns: Sequence[Column]):
        self.columns = tuple(columns)
        self.numbers = [name for column in columns for name in column.features]
        self.categories = [column for column in columns if column.kind == "category"]

    @classmethod
    def fit(
        cls, cells: pd.DataFrame, kinds: Mapping[str, Kind], train: np.ndarray, *, min_count: int = 1, most: int = 1000
    ) -> "Columns":
        """Those of a table.

        Args:
            cells: all rows; str or None, numbers with decimal points (`cells.with_commas_read`);
                `attrs["time_format"]` is that of dates, where one is given.
            kinds: of the columns that count.
            train: which are training rows, bool (rows,).
            min_count: of a category, or a word of a text: training rows that have it, at least.
            most: categories of a column, the most frequent ones; others are unknown.

        Raises:
            DataError: if the order of day and month of dates cannot be told.
        """
        commas = cells.attrs.get("commas", {})
        found = []
        for name, kind in kinds.items():
            column = Column(name, kind, commas=commas.get(name, ""))
            found.append(fitted(column, cells[name], train, min_count, most, cells.attrs.get("time_format")))
        return cls(found)

    @classmethod
    def of_numbers(cls, names: Iterable[str]) -> "Columns":
        """Numbers alone, as runs of earlier versions have them."""
        return cls([Column(name, "number") for name in names])

    @property
    def names(self) -> list[str]:
        """Of the columns of the table."""
        return [column.name for column in self.columns]

    @property
    def plain(self) -> bool:
        """Whether all are numbers, which need not be encoded nor filled."""
        return all(column.kind == "number" and not column.fill for column in self.columns)

    @property
    def cardinalities(self) -> list[int]:
        """Values of each vocabulary of categories."""
        return [len(column.vocabulary) for column in self.categories]

    def facts(self) -> list[dict[str, Any]]:
        """JSON values that `of_facts` takes."""
        usual = {name: field.default for name, field in Column.__dataclass_fields__.items()}
        of = lambda column: {name: value for name, value in asdict(column).items() if value != usual[name]}
        return [
            {name: list(value) if isinstance(value, tuple) else value for name, value in of(column).items()}
            for column in self.columns
        ]

    @classmethod
    def of_facts(cls, facts: list[dict[str, Any]]) -> "Columns":
        """Restored."""
        whole: Any = lambda value: tuple(value) if isinstance(value, list) else value
        return cls([Column(**{name: whole(value) for name, value in entry.items()}) for entry in facts])

    def filled(self, numbers: np.ndarray) -> "Columns":
        """The same with the medians of training rows, float32 (rows, columns), for what is missing."""
        usual, found, place = medians(numbers), [], 0
        for column in self.columns:
            values = usual[place : (place := place + len(column.features))]
            found.append(replace(column, fill=tuple(np.nan_to_num(values).tolist())))
        return Columns(found)

    def require(self, cells: pd.DataFrame) -> None:
        """Refuses a table that lacks columns.

        Raises:
            DataError: naming them.
        """
        self.require_names([name for name in cells.columns if name != LINE])

    def require_names(self, names: Collection[str]) -> None:
        """The same for the names of columns."""
        missing = [name for name in self.names if name not in names]
        if missing:
            seen = ", ".join(list(names)[:30])
            message = f"The table has no column {missing[0]!r}. Columns seen: {seen}."
            if len(missing) > 1:
                message = f"The table lacks {len(missing)} columns: {listed(missing, SHOWN)}. Columns seen: {seen}."
            raise DataError(message, f"The model was trained on: {listed(self.names, SHOWN)}. Empty cells are fine.")

    def transform(self, cells: pd.DataFrame, findings: Findings | None = None) -> Encoded:
        """Encodes rows; other columns are ignored.

        Args:
            cells: str or None, with columns in any order.
            findings: says what is read as something else than it may be.

        Raises:
            DataError: if a column is missing.
        """
        self.require(cells)
        findings = Findings() if findings is None else findings
        if "commas" not in cells.attrs:
            cells = self.with_commas_read(cells, findings)
        numbers, missing = [], {}
        for column in self.columns:
            if column.kind != "category":
                numbers.append(numbers_of(column, cells[column.name]))
                if words := unread.unread_of(column.name, column.kind, cells, numbers[-1]):
                    missing[column.name] = words
        unseen: dict[str, np.ndarray] = {}
        codes = []
        for column in self.categories:
            found, strangers = codes_of(column, cells[column.name])
            codes.append(found)
            if strangers.any():
                unseen[column.name] = strangers
        rows = len(cells)
        forget_words()
        return Encoded(
            np.concatenate(numbers, 1) if numbers else np.zeros((rows, 0), np.float32),
            np.stack(codes, 1) if codes else np.zeros((rows, 0), np.int32),
            unseen,
            missing,
        )

    def missing(self, encoded: Encoded) -> pd.DataFrame:
        """Which cells give no number, and are not filled, of each column that becomes numbers; bool (rows, columns)."""
        firsts, place = {}, 0
        for column in self.columns:
            if column.features and not column.fill:
                firsts[column.name] = place
            place += len(column.features)
        gaps = {name: np.isnan(encoded.numbers[:, place]) for name, place in firsts.items()}
        return pd.DataFrame(gaps, index=range(len(encoded.numbers)), dtype=bool)

    def with_commas_read(self, cells: pd.DataFrame, findings: Findings) -> pd.DataFrame:
        """The rows with commas read in the columns of numbers, as those of the training table where cells do not tell.

        Here words are no reason to leave commas: what the columns hold is known.
        """
        numbers = [column for column in self.columns if column.kind in WITH_COMMAS]
        others = set(cells.columns) - {column.name for column in numbers}
        known = {column.name: column.commas for column in numbers if column.commas}
        uses = uses_of_commas(cells, others, known, words=1.0)
        tell_of_commas(uses, cells, findings)
        return with_commas_read(cells, uses)

    def cleaned(self, cells: pd.DataFrame) -> dict[str, np.ndarray]:
        """The words of the categories as the vocabularies have them, object (rows,); "" where there is none."""
        return {column.name: words_of(cells[column.name]).to_numpy(object) for column in self.categories}

    def about(self) -> str:
        """What the rows become, in words."""
        told = [counted(len(self.numbers), "number")] if self.numbers else []
        if self.categories:
            told.append(
                f"{counted(len(self.categories), 'category', 'categories')} of {sum(self.cardinalities):,} values"
            )
        return f"columns: {listed(self.names, SHOWN)}; encoded as {' and '.join(told)}"


def medians(numbers: np.ndarray) -> np.ndarray:
    """Of columns, float32 (columns,); NaN of those without a number."""
    known = np.isfinite(numbers).any(0)
    with np.errstate(all="ignore"):
        middle = np.where(known, np.nanmedian(np.where(known, numbers, 0.0), axis=0), np.nan)
    return middle.astype(np.float32)


def tell_unseen(encoded: Encoded, what: str, findings: Findings, train: np.ndarray | None = None) -> None:
    """Adds a note of values that no training row has, and warnings of cells that count as missing though they are not
    empty.

    Args:
        what: the rows are, in the plural.
        train: which of them are training rows, bool (rows,); None: none. Of these a warning names columns whose
            vocabulary leaves out many of their own values.
    """
    if train is not None:
        unread.tell_rare({name: float(rows[train].mean()) for name, rows in encoded.unseen.items()}, findings)
    others = {name: int((rows if train is None else rows & ~train).sum()) for name, rows in encoded.unseen.items()}
    unread.tell_unseen({name: count for name, count in others.items() if count}, what, findings)
    unread.tell_unread(encoded.unread, findings)

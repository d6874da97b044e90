"""From the cells of a table to the numbers and codes that networks take. What is learned here, training rows tell."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...core.words import counted, listed
from ...errors import DataError
from ..cells import is_missing_word, tell_of_commas, to_finite, uses_of_commas, with_commas_read
from ..findings import Findings
from ..table_files import LINE
from ..times import TimeFormat, format_of_dates, read_dates
from . import unread
from .dates import PARTS, date_parts, first_day, has_clock
from .types import BOOLEANS, SHOWN, WITH_COMMAS, Kind

_WORD = re.compile(r"[^\W_]{2,}")
_MOST_WORDS = 32  # of a column of texts, each a number 0 or 1
_TRUE = {true for _, true in BOOLEANS}
_FALSE = {false for false, _ in BOOLEANS}


@dataclass(frozen=True)
class Column:
    """How a column of a table is encoded.

    Args:
        name: in the table.
        kind: what it holds, see `types.Kind`.
        vocabulary: of a category its values, whose codes begin at 1; of a text the words, whose numbers are 1 where
            they occur.
        order: of a date: `day` or `month`, whichever comes first; None where the year does.
        first: of a date: the earliest day of the training rows.
        clock: of a date: whether its hour counts.
        commas: of a number or boolean: `decimal` or `thousands`, how its commas are read; "" where it has none.
        time_format: of a date: how it is written, as for strptime; "" where that is found by what is there.
    """

    name: str
    kind: Kind
    vocabulary: tuple[str, ...] = ()
    order: str | None = None
    first: str = ""
    clock: bool = False
    commas: str = ""
    time_format: str = ""

    @property
    def features(self) -> list[str]:
        """Names of the columns of numbers that it becomes; [] of a category."""
        if self.kind == "category":
            return []
        if self.kind == "date":
            return [f"{self.name}: {part}" for part in PARTS[: 4 + self.clock]]
        return [f"{self.name}: {word}" for word in self.vocabulary] if self.kind == "text" else [self.name]


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
        fitted = []
        for name, kind in kinds.items():
            column = Column(name, kind, commas=commas.get(name, ""))
            fitted.append(_fitted(column, cells[name], train, min_count, most, cells.attrs.get("time_format")))
        return cls(fitted)

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
        """Whether all are numbers, which need not be encoded."""
        return all(column.kind == "number" for column in self.columns)

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
        return cls([Column(**{**entry, "vocabulary": tuple(entry.get("vocabulary", ()))}) for entry in facts])

    def require(self, cells: pd.DataFrame) -> None:
        """Refuses a table that lacks columns.

        Raises:
            DataError: naming them.
        """
        missing = [name for name in self.names if name not in cells]
        if missing:
            seen = ", ".join([name for name in cells.columns if name != LINE][:30])
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
                numbers.append(_numbers(column, cells[column.name]))
                if words := unread.unread_of(column.name, column.kind, cells, numbers[-1]):
                    missing[column.name] = words
        unseen: dict[str, np.ndarray] = {}
        codes = []
        for column in self.categories:
            found, strangers = _codes(column, cells[column.name])
            codes.append(found)
            if strangers.any():
                unseen[column.name] = strangers
        rows = len(cells)
        return Encoded(
            np.concatenate(numbers, 1) if numbers else np.zeros((rows, 0), np.float32),
            np.stack(codes, 1) if codes else np.zeros((rows, 0), np.int32),
            unseen,
            missing,
        )

    def missing(self, encoded: Encoded) -> pd.DataFrame:
        """Which cells give no number, of each column that becomes numbers; bool (rows, columns)."""
        firsts = {column.name: self.numbers.index(column.features[0]) for column in self.columns if column.features}
        return pd.DataFrame({name: np.isnan(encoded.numbers[:, place]) for name, place in firsts.items()})

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
        return {column.name: _words(cells[column.name]).to_numpy(object) for column in self.categories}

    def about(self) -> str:
        """What the rows become, in words."""
        told = [counted(len(self.numbers), "number")] if self.numbers else []
        if self.categories:
            told.append(
                f"{counted(len(self.categories), 'category', 'categories')} of {sum(self.cardinalities):,} values"
            )
        return f"columns: {listed(self.names, SHOWN)}; encoded as {' and '.join(told)}"


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


def _fitted(
    column: Column, cells: pd.Series, train: np.ndarray, min_count: int, most: int, time_format: str | None
) -> Column:
    """A column with what training rows tell of it."""
    facts = asdict(column)
    if column.kind == "category":
        words = _words(cells[train])
        return Column(**facts | {"vocabulary": _frequent(words[words != ""], min_count, most)})
    if column.kind == "text":
        texts = [set(_words_of(text)) for text in cells[train].dropna()]
        found = pd.Series([word for text in texts for word in sorted(text)], dtype=object)
        usual = max(min_count, 2, len(texts) // 100)
        return Column(**facts | {"vocabulary": _frequent(found, usual, _MOST_WORDS)})
    if column.kind == "date":
        how = format_of_dates(cells, time_format, f"column {column.name!r}")
        dates = read_dates(cells, how)[train]
        if not dates.notna().any():
            raise DataError(
                f"No training row has a date in column {column.name!r}.", f"Set data.exclude={column.name}."
            )
        told = {"order": how.order, "time_format": how.given or ""}
        return Column(**facts | told | {"first": first_day(dates), "clock": has_clock(dates)})
    return column


def _frequent(words: pd.Series, min_count: int, most: int) -> tuple[str, ...]:
    """The most frequent words, in their own order."""
    counts = Counter(words)
    chosen = sorted(
        (word for word, count in counts.items() if count >= min_count), key=lambda word: (-counts[word], word)
    )
    return tuple(sorted(chosen[:most]))


def _words(cells: pd.Series) -> pd.Series:
    """The values of a category: without space around them, in Unicode's composed form; "" where there is none."""
    words = cells.where(~is_missing_word(cells), "")
    clean = {word: unicodedata.normalize("NFC", str(word)).strip() for word in words.unique()}
    return words.map(clean)


def _words_of(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())


def _codes(column: Column, cells: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Codes int32 (rows,), and which values the vocabulary lacks, bool (rows,)."""
    places = {word: place for place, word in enumerate(column.vocabulary, 1)}
    words = _words(cells)
    codes = words.map(lambda word: places.get(word, 0)).to_numpy(np.int32)
    return codes, (codes == 0) & (words != "").to_numpy()


def _numbers(column: Column, cells: pd.Series) -> np.ndarray:
    """float32 (rows, features)."""
    if column.kind == "number":
        return to_finite(pd.to_numeric(cells, errors="coerce").to_numpy(np.float64))[:, None]
    if column.kind == "boolean":
        words = cells.astype(str).str.strip().str.lower()
        return np.where(words.isin(_TRUE), 1, np.where(words.isin(_FALSE), 0, np.nan)).astype(np.float32)[:, None]
    if column.kind == "date":
        how = TimeFormat(column.time_format or None, column.order)
        return date_parts(read_dates(cells, how), column.first, column.clock)
    texts = [set(_words_of(text)) if isinstance(text, str) else set() for text in cells]
    table = [[word in text for word in column.vocabulary] for text in texts]
    return np.array(table, np.float32).reshape(len(texts), len(column.vocabulary))

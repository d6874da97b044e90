"""A column of a table: what training rows tell of it, and what its cells become."""

import re
import unicodedata
from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from ...errors import DataError
from ..cells import floats_of, is_missing_word, to_finite
from ..times import TimeFormat, format_of_dates, read_dates
from .dates import PARTS, date_parts, first_day, has_clock
from .types import BOOLEANS, Kind

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
        fill: what stands for missing ones in each column of numbers that it becomes; () for nothing.
    """

    name: str
    kind: Kind
    vocabulary: tuple[str, ...] = ()
    order: str | None = None
    first: str = ""
    clock: bool = False
    commas: str = ""
    time_format: str = ""
    fill: tuple[float, ...] = ()

    @property
    def features(self) -> list[str]:
        """Names of the columns of numbers that it becomes; [] of a category."""
        if self.kind == "category":
            return []
        if self.kind == "date":
            return [f"{self.name}: {part}" for part in PARTS[: 4 + self.clock]]
        return [f"{self.name}: {word}" for word in self.vocabulary] if self.kind == "text" else [self.name]


def fitted(
    column: Column, cells: pd.Series, train: np.ndarray, min_count: int, most: int, time_format: str | None
) -> Column:
    """A column with what training rows tell of it."""
    facts = asdict(column)
    if column.kind == "category":
        words = words_of(cells[train])
        return Column(**facts | {"vocabulary": _frequent(words[words != ""], min_count, most)})
    if column.kind == "text":
        texts = [set(_found_in(text)) for text in cells[train].dropna()]
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


def words_of(cells: pd.Series) -> pd.Series:
    """The values of a category: without space around them, in Unicode's composed form; "" where there is none."""
    words = cells.where(~is_missing_word(cells), "")
    clean = {word: unicodedata.normalize("NFC", str(word)).strip() for word in words.unique()}
    return words.map(clean)


def _found_in(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())


def codes_of(column: Column, cells: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Codes int32 (rows,), and which values the vocabulary lacks, bool (rows,)."""
    places = {word: place for place, word in enumerate(column.vocabulary, 1)}
    words = words_of(cells)
    codes = words.map(lambda word: places.get(word, 0)).to_numpy(np.int32)
    return codes, (codes == 0) & (words != "").to_numpy()


def numbers_of(column: Column, cells: pd.Series) -> np.ndarray:
    """float32 (rows, features)."""
    if column.kind == "number":
        return to_finite(floats_of(cells))[:, None]
    if column.kind == "boolean":
        words = cells.astype(str).str.strip().str.lower()
        return np.where(words.isin(_TRUE), 1, np.where(words.isin(_FALSE), 0, np.nan)).astype(np.float32)[:, None]
    if column.kind == "date":
        how = TimeFormat(column.time_format or None, column.order)
        return date_parts(read_dates(cells, how), column.first, column.clock)
    texts = [set(_found_in(text)) if isinstance(text, str) else set() for text in cells]
    table = [[word in text for word in column.vocabulary] for text in texts]
    return np.array(table, np.float32).reshape(len(texts), len(column.vocabulary))

"""Tables of text in about the bytes of their files: cells of a column in one piece of UTF-8, which become words where
they are looked at.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Self, cast

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray, ExtensionDtype, take

_OBJECT: Any = object
_BLOCK = 65_536  # cells
_LOOKED_AT = 1_000  # of a block, to tell whether there are few different ones


class CompactDtype(ExtensionDtype):
    """Cells that are str or None."""

    name = "compact"
    type = str
    kind = "O"
    na_value: Any = None

    def construct_array_type(self):
        return CompactCells


class CompactCells(ExtensionArray):
    """The cells of a column, which never change.

    Args:
        content: UTF-8 of the cells.
        starts: byte where each begins, int64 (cells,); None where they follow one another.
        lengths: bytes of each, int8, int16 or int32 (cells,); -1 where there is none.
    """

    def __init__(self, content: bytes, starts: np.ndarray | None, lengths: np.ndarray):
        self._content, self._given, self._lengths = content, starts, lengths

    @property
    def _starts(self) -> np.ndarray:
        """Byte where each begins, int64 (cells,)."""
        if self._given is not None:
            return self._given
        lengths = np.maximum(self._lengths, 0)
        return np.cumsum(lengths, dtype=np.int64) - lengths

    @classmethod
    def packed(cls, cells: Iterable[str | None]) -> "CompactCells":
        """Of str and None."""
        packer = Packer()
        packer.add(list(cells))
        return packer.whole()

    def without_empty(self) -> "CompactCells":
        """The same with None for cells without a character."""
        lengths = np.where(self._lengths > 0, self._lengths, self._lengths.dtype.type(-1))
        return CompactCells(self._content, self._given, lengths)

    def words(self) -> np.ndarray:
        """str or None, object (cells,); equal ones are one object where there are few."""
        found = np.empty(len(self), object)
        known: dict[str | None, str | None] = {}
        end = 0
        for first in range(0, len(self), _BLOCK):
            some = slice(first, first + _BLOCK)
            lengths = self._lengths[some].astype(np.int64)
            if self._given is None:
                ends = end + np.cumsum(np.maximum(lengths, 0))
                starts, end = ends - np.maximum(lengths, 0), int(ends[-1])
            else:
                starts = self._given[some]
            words = self._words_of(starts, lengths)
            if len(set(words[:_LOOKED_AT])) < _LOOKED_AT // 2:
                words = [known.setdefault(word, word) for word in words]
            found[some] = words
        return found

    def _words_of(self, starts: np.ndarray, lengths: np.ndarray) -> list[str | None]:
        first, end = int(starts.min()), int((starts + lengths).max())
        content = self._content
        if end - first < 4 * int(np.maximum(lengths, 0).sum()) + _BLOCK:  # else they are far from one another
            content, starts = content[first:end], starts - first
            if content.isascii():
                text = content.decode("ascii")  # whose slices take a third of the time
                places = zip(starts.tolist(), (starts + lengths).tolist())
                return [None if end < start else text[start:end] for start, end in places]
        return [
            None if length < 0 else content[start : start + length].decode("utf-8", "surrogatepass")
            for start, length in zip(starts.tolist(), lengths.tolist())
        ]

    def _between(self, first: int, end: int) -> "CompactCells":
        """Some cells of those that follow one another."""
        if (first, end) == (0, len(self)):
            return self.copy()
        taken = lambda lengths: int(np.maximum(lengths, 0).sum(dtype=np.int64))
        start, lengths = taken(self._lengths[:first]), self._lengths[first:end]
        return CompactCells(self._content[start : start + taken(lengths)], None, lengths)

    # --- what pandas asks of an array
    @property
    def dtype(self) -> CompactDtype:
        return CompactDtype()

    @property
    def nbytes(self) -> int:
        return len(self._content) + self._lengths.nbytes + (0 if self._given is None else self._given.nbytes)

    def __len__(self) -> int:
        return len(self._lengths)

    def __getitem__(self, item: Any) -> Any:
        if not isinstance(item, (int, np.integer)):
            item = pd.api.indexers.check_array_indexer(self, item)
            if isinstance(item, slice) and self._given is None and item.indices(len(self))[2] == 1:
                return self._between(*item.indices(len(self))[:2])
            return CompactCells(self._content, self._starts[item], self._lengths[item])
        start, length = int(self._starts[item]), int(self._lengths[item])
        return None if length < 0 else self._content[start : start + length].decode("utf-8", "surrogatepass")

    def __eq__(self, other: Any) -> Any:
        return self.words() == (other.words() if isinstance(other, CompactCells) else other)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.words(), dtype)

    def isna(self) -> np.ndarray:
        return self._lengths < 0

    def copy(self) -> "CompactCells":
        return CompactCells(self._content, self._given, self._lengths)

    def take(self, indices: Any, *, allow_fill: bool = False, fill_value: Any = None) -> Self:
        starts = np.asarray(take(self._starts, indices, allow_fill=allow_fill, fill_value=0))
        lengths = np.asarray(take(self._lengths, indices, allow_fill=allow_fill, fill_value=-1))
        return type(self)(self._content, starts, lengths)

    @classmethod
    def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> "CompactCells":
        return cls.packed(None if cell is None or cell != cell else cell for cell in scalars)

    @classmethod
    def _from_factorized(cls, values: Any, original: Any) -> "CompactCells":
        return cls.packed(values)

    @classmethod
    def _concat_same_type(cls, to_concat: "Sequence[CompactCells]") -> "CompactCells":
        return cls.packed(word for part in to_concat for word in part.words())


class Packer:
    """Makes compact cells of some at a time."""

    def __init__(self) -> None:
        self._content, self._lengths = bytearray(), list[np.ndarray]()

    def add(self, cells: Sequence[str | None]) -> None:
        """Further cells."""
        try:
            text = "".join(cells)  # type: ignore[arg-type]
            if not text.isascii():
                raise TypeError
            lengths = np.fromiter(map(len, cells), np.int32, len(cells))  # type: ignore[arg-type]
            self._content += text.encode()
        except TypeError:  # some cell is None, or takes more bytes than characters
            pieces = [None if cell is None else cell.encode("utf-8", "surrogatepass") for cell in cells]
            lengths = np.array([-1 if piece is None else len(piece) for piece in pieces], np.int32)
            self._content += b"".join(filter(None, pieces))
        self._lengths.append(lengths.astype(np.min_scalar_type(-max(lengths.max(initial=0), 1) - 1)))

    def whole(self) -> CompactCells:
        """All of them, and none again."""
        lengths = np.concatenate([np.zeros(0, np.int8), *self._lengths])
        content, self._content, self._lengths = bytes(self._content), bytearray(), []
        return CompactCells(content, None, lengths)


class CompactFrame(pd.DataFrame):
    """A table with compact columns: whoever takes a column gets its words, in an array of objects."""

    @property
    def _constructor(self) -> "type[CompactFrame]":
        return CompactFrame

    def array_of(self, name: str) -> CompactCells:
        """A column as it is kept."""
        return cast(CompactCells, super().__getitem__(name).array)

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if not (isinstance(found, pd.Series) and isinstance(found.dtype, CompactDtype)):
            return found
        return pd.Series(_words_of(self.array_of(key)), index=found.index, name=found.name, dtype=_OBJECT, copy=False)


_last: list[tuple[Any, np.ndarray]] = []  # what is asked of one column, again and again


def forget_words() -> None:
    """Frees the words of the column that was asked for last."""
    _last.clear()


def _words_of(cells: CompactCells) -> np.ndarray:
    """The words of a column, those of the last one from memory."""
    asked = (cells._content, cells._given, cells._lengths)
    for of, words in _last[:1]:  # another thread may ask for another column meanwhile
        if all(one is other for one, other in zip(of, asked)):
            return words
    _last[:] = [(asked, words := cells.words())]
    return words

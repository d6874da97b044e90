"""Where each record of a set of shards is, and what it says of itself; contents stay in the shards."""

import hashlib
import json
import re
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import DataError
from .parquet_shards import Contents, cells_of_file, kinds_of_columns, open_parquet, places_of_rows
from .shard_files import PARQUET, TAR, ShardFiles
from .tfrecords import features_of, record_at, records_of
from .webdataset import IMAGE_ENDINGS, TEXT_ENDINGS, Part, part_at, samples_of

IMAGE = "image"  # the column of WebDataset's images, whatever their endings
_LONGEST = 4096  # bytes of a value that is kept beside an image
_LONGEST_JSON = 2**24  # bytes
_MOST_COLUMNS = 1000
_COUNT = re.compile(r"-of-\d{4,}")


@dataclass(frozen=True)
class Wanted:
    """What is to be read of each record.

    Args:
        content: the column whose content is left in the shard; "" for none, and then values are read however long.
        texts: columns that must be UTF-8.
    """

    content: str = ""
    texts: tuple[str, ...] = ()


class Record(NamedTuple):
    """A record: its key in the shard, the place of its content, its values by column, and what is wrong with it."""

    key: str
    place: tuple[int, int]
    values: dict[str, Any]
    fault: str = ""


@dataclass
class ShardIndex:
    """The records of all shards, in the order of the shards' names.

    Args:
        files: the shards.
        content: the column of the contents.
        items: of each record the name of its shard and its key.
        shards: of each record the number of its shard, int32 (records,).
        places: of each record where its content is, int64 (records, 2): first byte and length; of Parquet the row group
            and the row in it.
        keys: hash of what each record is known by, however many shards there are, uint64 (records,): of WebDataset its
            key; else the name of the shard, without how many there are, and its number there.
        columns: the values of the records, None where one has none.
        faults: record -> what is wrong with it.
    """

    files: ShardFiles
    content: str
    items: list[str]
    shards: np.ndarray
    places: np.ndarray
    keys: np.ndarray
    columns: dict[str, Any]
    faults: dict[int, str] = field(default_factory=dict)

    def __post_init__(self):
        self._rows: dict[str, int] = {}
        self._groups = Contents(self.content)

    def row(self, item: str) -> int:
        """The number of a record."""
        if not self._rows:
            self._rows = {item: row for row, item in enumerate(self.items)}
        return self._rows[item]

    def read(self, item: str) -> bytes:
        """The content of a record.

        Raises:
            DataError: if it is damaged, or not there any more.
            OSError: if the shard cannot be read.
        """
        row = self.row(item)
        path, (start, length) = self.files.paths[self.shards[row]], self.places[row].tolist()
        if row in self.faults:
            raise DataError(self.faults[row])
        if self.files.kind == PARQUET:
            content = self._groups.at(path, start, length)
        elif self.files.kind == TAR:
            content = part_at(path, start, length)
        else:
            content = next(iter(features_of(record_at(path, start, length)).get(self.content, ())), None)
        if not isinstance(content, bytes):
            raise DataError(f"no {self.content}")
        return content

    def lines(self) -> pd.Series:
        """What messages call each record."""
        return pd.Series(self.items, dtype=object)


def names_in(files: ShardFiles) -> list[str]:
    """The columns of the first whole record; of WebDataset its endings and fields of JSON, and `IMAGE` for an image.

    Raises:
        DataError: if there is no record, or the first shard is damaged.
    """
    for path in files.paths:
        if files.kind == PARQUET:
            with open_parquet(path) as file:
                return list(kinds_of_columns(file))
        if files.kind == TAR:
            for _, parts in samples_of(path):
                values = _values_of_parts(path, parts, Wanted(IMAGE), [])
                return [*parts, *([IMAGE] if _image_of(parts) else []), *(name for name in values if name not in parts)]
            continue
        for _, _, content in records_of(path):
            if content is not None:
                return list(features_of(content))
    raise DataError(f"{files.folder} holds shards without any whole record.", "Write them again.")


def index_of(files: ShardFiles, wanted: Wanted) -> ShardIndex:
    """Reads every shard once.

    Raises:
        DataError: if a shard is truncated or damaged as a whole, or shards do not fit together.
    """
    return _index_of_parquet(files, wanted) if files.kind == PARQUET else _index_of_records(files, wanted)


def _index_of_records(files: ShardFiles, wanted: Wanted) -> ShardIndex:
    items: list[str] = []
    shards, places, keys = array("i"), array("q"), array("Q")
    columns: dict[str, list] = {}
    faults: dict[int, str] = {}
    broken: list[DataError] = []
    known: dict[str, str] = {}  # equal words are kept once
    read = _reader(files)
    for number, (name, path) in enumerate(zip(files.names(), files.paths)):
        seen: set[str] = set()
        try:
            for record in read(path, wanted):
                key = record.key
                while key in seen:
                    key += "+"
                seen.add(key)
                if record.fault:
                    faults[len(items)] = record.fault
                for column in record.values.keys() - columns.keys():
                    if len(columns) < _MOST_COLUMNS:
                        columns[column] = [None] * len(items)
                for column, cells in columns.items():
                    value = record.values.get(column)
                    cells.append(
                        known.setdefault(value, value) if isinstance(value, str) and len(value) < 64 else value
                    )
                items.append(f"{name}/{key}")
                keys.append(_hash(key if files.kind == TAR else f"{_lasting(name)}/{key}"))
                shards.append(number)
                places.extend(record.place)
        except OSError as error:
            broken.append(DataError(f"{path} cannot be read: {error.strerror or error}.", "Check its permissions."))
        except DataError as error:
            broken.append(error)
    if broken:
        first, *others = broken
        raise DataError(first.cause, first.remedy, [*first.details, *(other.cause for other in others)][:10])
    where = np.array(places, np.int64).reshape(-1, 2)
    hashes = np.array(keys, np.uint64)
    return ShardIndex(files, wanted.content, items, np.array(shards, np.int32), where, hashes, columns, faults)


def _index_of_parquet(files: ShardFiles, wanted: Wanted) -> ShardIndex:
    pieces, places = [], []
    shards, keys, items = list[int](), list[int](), list[str]()
    first: dict[str, str] = {}
    for number, (name, path) in enumerate(zip(files.names(), files.paths)):
        with open_parquet(path) as file:
            kinds = kinds_of_columns(file)
            first = first or kinds
            _require_alike(files, path, first, kinds)
            pieces.append(cells_of_file(file, [column for column in kinds if column != wanted.content], path))
            places.append(places_of_rows(file))
        shards += [number] * len(places[-1])
        items += [f"{name}/{row}" for row in range(len(places[-1]))]
        keys += [_hash(f"{_lasting(name)}/{row}") for row in range(len(places[-1]))]
    cells = pd.concat(pieces, ignore_index=True)
    columns = {str(column): cells[column] for column in cells.columns}
    where, hashes = np.concatenate(places), np.array(keys, np.uint64)
    return ShardIndex(files, wanted.content, items, np.array(shards, np.int32), where, hashes, columns)


def _lasting(name: str) -> str:
    """The name of a shard without how many there are."""
    return _COUNT.sub("", name)


def _require_alike(files: ShardFiles, path: Path, first: dict[str, str], kinds: dict[str, str]) -> None:
    """Refuses a shard that has other columns than the first one."""
    if lost := [column for column in first if column not in kinds] or [
        column for column in kinds if column not in first
    ]:
        there = "lacks" if lost[0] in first else "has"
        cause = f"{path} {there} the column {lost[0]!r}, unlike {files.paths[0].name}."
        raise DataError(cause, "Write the shards with the same columns.")
    for column, kind in kinds.items():
        if kind != first[column] and "null" not in (kind, first[column]):
            cause = f"{path}: the column {column!r} holds {kind}, and in {files.paths[0].name} {first[column]}."
            raise DataError(cause, "Write the shards with the same types.")


def _reader(files: ShardFiles) -> Callable[[Path, Wanted], Iterator[Record]]:
    return _samples if files.kind == TAR else _examples


def _examples(path: Path, wanted: Wanted) -> Iterator[Record]:
    """The records of a TFRecord file, whose keys are their numbers, from 0."""
    for number, (offset, length, content) in enumerate(records_of(path)):
        values: dict[str, Any] = {}
        fault = "" if content is not None else "its content is damaged by its CRC"
        try:
            features = features_of(content) if content is not None else {}
        except DataError as error:
            features, fault = {}, error.cause
        if wanted.content and not fault and not features.pop(wanted.content, None):
            fault = f"no {wanted.content}"
        for name, cell in features.items():
            value, told = _value(cell, wanted)
            if value is not None:
                values[name] = value
            if told and name in wanted.texts:
                fault = f"{name}: {told}"
        yield Record(str(number), (offset, length), values, fault)


def _value(cell: list, wanted: Wanted) -> tuple[Any, str]:
    """A feature as the cell of a table, one value or several; None where it is no text or too long, and why not."""
    if wanted.content and (
        len(cell) > _LONGEST or any(isinstance(value, bytes) and len(value) > _LONGEST for value in cell)
    ):
        return None, ""
    words = []
    for value in cell:
        if isinstance(value, bytes):
            if told := _fault_of_text(value):
                return None, told
            value = value.decode("utf-8")
        words.append(value)
    return (words[0] if len(words) == 1 else words or None), ""


def _fault_of_text(content: bytes) -> str:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"byte {error.start} (0x{content[error.start]:02x}) is not UTF-8"
    return ""


def _samples(path: Path, wanted: Wanted) -> Iterator[Record]:
    """The samples of a WebDataset shard."""
    for key, parts in samples_of(path):
        faults: list[str] = []
        place = (0, 0)
        if wanted.content:
            ending = _image_of(parts) if wanted.content == IMAGE else wanted.content
            if ending in parts:
                place = parts[ending]
            else:
                what = "image" if wanted.content == IMAGE else f".{wanted.content}"
                faults.append(f"no {what} among {', '.join(f'.{name}' for name in parts)}")
        values = _values_of_parts(path, parts, wanted, faults)
        yield Record(key, place, values, faults[0] if faults else "")


def _image_of(parts: Mapping[str, Part]) -> str:
    """The ending of a sample's image, "" without one."""
    return next((ending for ending in IMAGE_ENDINGS if ending in parts), "")


def _values_of_parts(path: Path, parts: Mapping[str, Part], wanted: Wanted, faults: list[str]) -> dict[str, Any]:
    """The texts of a sample, and the fields of its JSON; `faults` is told which cannot be read."""
    values: dict[str, Any] = {}
    for ending, (offset, size) in parts.items():
        longest = _LONGEST_JSON if ending == "json" else _LONGEST if wanted.content else size
        if ending not in (*TEXT_ENDINGS, "json") or size > longest:
            continue
        content = part_at(path, offset, size)
        if told := _fault_of_text(content):
            faults += [f".{ending}: {told}"] * (ending not in TEXT_ENDINGS or ending in ("cls", *wanted.texts))
        elif ending == "json":
            values |= _fields(content, faults, wanted)
        else:
            values[ending] = content.decode("utf-8").strip() or None
    return values


def _fields(content: bytes, faults: list[str], wanted: Wanted) -> dict[str, Any]:
    """The fields of a sample's JSON that fit into cells."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        faults.append(f".json: {str(error).rstrip('.')}")
        return {}
    if not isinstance(found, dict):
        return {}
    short = lambda value: not (wanted.content and isinstance(value, str) and len(value) > _LONGEST)
    plain = lambda value: isinstance(value, (str, int, float)) and short(value)
    fits = lambda value: plain(value) or (isinstance(value, list) and all(map(plain, value)))
    return {str(name): value for name, value in found.items() if fits(value)}


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")

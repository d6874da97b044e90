"""Parquet files that are the parts of one table: their cells, and the contents of files in them by position."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DataError

_KEPT = 2**28  # bytes of row groups whose contents are kept, since rows are mostly read one after the other


def open_parquet(path: Path) -> Any:
    """The pyarrow reader of a file.

    Raises:
        DataError: if it is damaged, or pyarrow is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError:
        message = f"{path}: reading Parquet needs pyarrow."
        raise DataError(message, "Install it: pip install 'tfpipelines[parquet]'.") from None
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        told = str(error).split("\n")[0].rstrip(".")
        raise DataError(f"{path} is not a readable Parquet file: {told}.", "Fetch or write the shard again.") from error


def kinds_of_columns(file: Any) -> dict[str, str]:
    """What each column holds: `bytes`, `bytes and path` (as Hugging Face writes images), `number`, `text`, or pyarrow's
    word for it.
    """
    import pyarrow.types as types

    def kind(of: Any) -> str:
        if types.is_dictionary(of):
            return kind(of.value_type)
        if types.is_struct(of) and {of.field(place).name for place in range(of.num_fields)} == {"bytes", "path"}:
            return "bytes and path"
        if types.is_binary(of) or types.is_large_binary(of):
            return "bytes"
        if types.is_string(of) or types.is_large_string(of):
            return "text"
        if types.is_integer(of) or types.is_floating(of) or types.is_decimal(of):
            return "number"
        return str(of)

    return {field.name: kind(field.type) for field in file.schema_arrow}


def cells_of_file(file: Any, columns: list[str], path: Path) -> pd.DataFrame:
    """Cells of some columns, objects, None where there is nothing.

    Raises:
        DataError: if they are damaged.
    """
    import pyarrow

    try:
        frame = file.read(columns=columns).to_pandas(ignore_metadata=True)
    except (pyarrow.ArrowException, OSError) as error:
        told = str(error).split("\n")[0].rstrip(".")
        raise DataError(f"{path} is a damaged Parquet file: {told}.", "Fetch or write the shard again.") from error
    return frame.astype(object).where(frame.notna(), None)


def places_of_rows(file: Any) -> np.ndarray:
    """Row group of each row, and its place in that, int64 (rows, 2)."""
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
    groups = np.repeat(np.arange(len(sizes)), sizes)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if sizes else np.zeros(0)
    return np.stack([groups, np.arange(len(groups)) - starts[groups].astype(np.int64)], 1).astype(np.int64)


class Contents:
    """The contents of a column of files, read by row groups, of which the last ones stay in memory.

    Args:
        column: of bytes, or of bytes with a path.
    """

    def __init__(self, column: str):
        self.column = column
        self._groups: OrderedDict[tuple[Path, int], Any] = OrderedDict()
        self._lock = threading.Lock()

    def at(self, path: Path, group: int, place: int) -> bytes | None:
        """The content of a row; None where the cell is empty.

        Raises:
            DataError: if the shard is damaged.
            OSError: if it cannot be read.
        """
        with self._lock:
            cells = self._groups.get((path, group))
            if cells is None:
                cells = self._groups[path, group] = self._read(path, group)
                while len(self._groups) > 1 and sum(held.nbytes for held in self._groups.values()) > _KEPT:
                    self._groups.popitem(last=False)
            self._groups.move_to_end((path, group))
        value = cells[place].as_py()
        return value.get("bytes") if isinstance(value, dict) else value

    def _read(self, path: Path, group: int) -> Any:
        import pyarrow

        if not path.is_file():
            raise DataError(f"the shard {path} is not there any more")
        try:
            with open_parquet(path) as file:
                return file.read_row_group(group, columns=[self.column]).column(0)
        except (pyarrow.ArrowException, OSError, DataError) as error:
            told = str(getattr(error, "cause", error)).split("\n")[0].rstrip(".")
            raise DataError(f"the shard {path} is damaged, or has become shorter ({told})") from error

    def __getstate__(self) -> dict[str, Any]:
        return {"column": self.column}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["column"])  # type: ignore[misc]

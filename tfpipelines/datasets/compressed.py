"""Files that are compressed one by one: data.csv.gz is read as data.csv."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ..core.machine import free_memory
from ..core.words import megabytes
from ..errors import DataError, ResourceError

_OPEN: dict[str, Callable[[Any], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
COMPRESSIONS = tuple(_OPEN)
_FIRST = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ\0": ".xz"}  # bytes
_SHARE = 4  # of the free memory that the content of a file may take: a quarter
_CHUNK = 2**20
_ALWAYS = 2**26  # bytes that are read whatever is free


def ending_of(name: str) -> str:
    """The ending of a file's name in small letters, with that of its compression: .csv.gz of Data.CSV.gz."""
    parts = [part.lower() for part in Path(name).suffixes]
    return "".join(parts[-2:] if parts and parts[-1] in _OPEN else parts[-1:])


def plain_ending(ending: str) -> str:
    """An ending without that of a compression."""
    return ending.rpartition(".")[0] if ending.endswith(COMPRESSIONS) else ending


def open_packed(path: Path) -> IO[bytes]:
    """The content of a file, decompressed where its first bytes say that it is compressed."""
    with open(path, "rb") as file:
        head = file.read(max(map(len, _FIRST)))
    packed = next((ending for mark, ending in _FIRST.items() if head.startswith(mark)), None)
    return open(path, "rb") if packed is None else _OPEN[packed](path)


def content_of(path: Path) -> bytes:
    """The content of a file, decompressed where its ending says so.

    Raises:
        DataError: if it cannot be read, is damaged or ends too early.
        ResourceError: if its content takes more than a quarter of the free memory.
    """
    compression = next((ending for ending in COMPRESSIONS if path.name.lower().endswith(ending)), "")
    try:
        if not compression:
            return path.read_bytes()
        limit, pieces, size = max(free_memory() // _SHARE, _ALWAYS), [], 0
        with open(path, "rb") as raw, _OPEN[compression](raw) as stream:
            while piece := stream.read(_CHUNK):
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    cause = f"{path} holds more than {megabytes(limit)}, a quarter of the free memory."
                    raise ResourceError(cause, "Write it as Parquet, or split it into several files.")
        return b"".join(pieces)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise _damaged(path, compression, error) from error
    except OSError as error:
        if error.strerror is None:  # bz2: "Invalid data stream"
            raise _damaged(path, compression, error) from error
        raise DataError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error


def _damaged(path: Path, compression: str, error: Exception) -> DataError:
    what = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz"}[compression]
    cause = f"{path} is no whole file of {what}: {str(error).rstrip('.')}."
    return DataError(cause, "Fetch it again, or give the file that it was made of.")

"""The files of a run or search folder, read back: regular files of bounded size that hold what their names promise.

Whoever needs a file calls `read_json` or `read_table`, and a damaged one is an `ArtifactError`. Whoever shows what is
left of a folder, such as a list or a report, calls `found_json`, for which a damaged file is an empty one.
"""

import errno
import itertools
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from ..errors import ArtifactError, ResourceError
from .run_shapes import SHAPES, fault_of, kind_of

if TYPE_CHECKING:
    import pandas as pd

REMEDY = "Restore it from a copy, or train again."
_SMALL, _LARGE, LARGEST = 2**22, 2**26, 2**32  # bytes: what is short by its nature, all other JSON, CSV files
_BLOCK = 2**20  # bytes of a CSV file that are looked at at once
_LONGEST_HEADER = 2**24  # bytes of the first line of a CSV file
_DEEPEST, _MOST, _MOST_VALUES = 100, 2**19, 2**22  # levels, and number, of lists and objects; and of all values
_DIGITS = 300  # of a number: more do not fit into a float
_MISSING = (FileNotFoundError, NotADirectoryError)
KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket", stat.S_IFLNK: "a link",
}  # fmt: skip

_LIMITS = {"status.json": _SMALL, "environment.json": _SMALL, ".lock": _SMALL}


def read_json(path: Path, needed: Iterable[str] = (), shape: Any = None) -> dict[str, Any]:
    """The content of a JSON file, {} if it is missing and nothing in it is needed.

    Args:
        needed: names that must be in it; `a.b` is b in a.
        shape: what it must look like; None: by the file's name.

    Raises:
        ArtifactError: if it is no regular file, too large, no JSON object, or of another shape.
        ResourceError: if it may not be read.
    """
    try:
        content = parse_json(path, read_text(path, _LIMITS.get(path.name, _LARGE)))
    except OSError as error:
        if isinstance(error, _MISSING) and not needed:
            return {}
        raise _unread(path, error) from error
    fault = fault_of(content, SHAPES.get(path.name, dict) if shape is None else shape)
    lacking = [name for name in needed if not _says(content, name.split("."))]
    if fault or lacking:
        damaged(path, fault or f"it has no entry {lacking[0]}")
    return content


def found_json(path: Path, limit: int | None = None) -> dict[str, Any]:
    """The content of a JSON file of whatever shape inside; {} if it is missing or damaged.

    Args:
        limit: most bytes; None: as `read_json` has it.
    """
    try:
        return parse_json(path, read_text(path, limit or _LIMITS.get(path.name, _LARGE)))
    except (OSError, ArtifactError):
        return {}


def read_text(path: Path, limit: int = _LARGE) -> str:
    """The content of a regular file of at most `limit` bytes.

    Raises:
        ArtifactError: if it is none, or no UTF-8 text.
        OSError: if it is missing or may not be read.
    """
    _require_regular(path, limit)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        damaged(path, "it is no UTF-8 text", error)


def read_needed(path: Path, limit: int = _LARGE) -> str:
    """The same.

    Raises:
        ArtifactError: also if it is missing.
        ResourceError: if it may not be read.
    """
    try:
        return read_text(path, limit)
    except OSError as error:
        raise _unread(path, error) from error


def require_table(path: Path) -> None:
    """Refuses what is no CSV file by its first line, or holds zeros, of which a file may have many that was cut or
    copied badly.

    Raises:
        ArtifactError: if it is no regular file, too large, begins with no line of text, or holds zeros.
        OSError: if it is missing or may not be read.
    """
    _require_regular(path, LARGEST)
    with open(path, "rb") as file:
        head = file.readline(_LONGEST_HEADER)
        text = b"\0" not in head and not any(b"\0" in block for block in iter(lambda: file.read(_BLOCK), b""))
    try:
        good = text and len(head) < _LONGEST_HEADER and head.decode() is not None
    except UnicodeDecodeError:
        good = False
    if not good:
        damaged(path, "it is no CSV file")


def read_table(path: Path, columns: Iterable[str] = (), text: Iterable[str] | None = None, **options) -> "pd.DataFrame":
    """A CSV file of a run folder.

    Args:
        columns: that must be in it.
        text: columns that are read as text; None: all.
        options: further ones of `pandas.read_csv`.

    Raises:
        ArtifactError: if it is missing or damaged.
        ResourceError: if it may not be read.
    """
    import pandas as pd

    try:
        require_table(path)
        kinds = str if text is None else dict.fromkeys(text, str)
        read: Any = pd.read_csv  # by some options it would give parts of a table
        table: pd.DataFrame = read(path, **{"dtype": kinds, "keep_default_na": False} | options)
    except OSError as error:
        raise _unread(path, error) from error
    except ArtifactError:
        raise
    except ValueError as error:  # pandas' own errors and wrong encodings are ValueErrors
        damaged(path, str(error).splitlines()[0].rstrip("."), error)
    lacking = [name for name in columns if name not in table]
    if lacking:
        damaged(path, f"it has no column {lacking[0]!r}")
    return table


def parse_json(path: Path, text: str, deepest: int = _DEEPEST) -> dict[str, Any]:
    """The content of a JSON file.

    Args:
        path: what messages call it.
        deepest: most levels of lists and objects.

    Raises:
        ArtifactError: if it is no JSON object, too large, or nested too deeply.
    """
    if text.count("[") + text.count("{") > _MOST:
        damaged(path, f"it holds more than {_MOST:,} lists and objects")
    if text.count(",") > _MOST_VALUES:
        damaged(path, f"it holds more than {_MOST_VALUES:,} values")
    try:
        content = json.loads(text, parse_int=_whole_number, object_pairs_hook=_without_doubles)
        _require_plain(content, deepest)
    except json.JSONDecodeError as error:
        damaged(path, f"it is no JSON (line {error.lineno}, column {error.colno})", error)
    except UnicodeEncodeError as error:
        damaged(path, "it holds half of a surrogate pair", error)
    except (ValueError, RecursionError) as error:
        damaged(path, str(error) if isinstance(error, ValueError) else "it is nested too deeply", error)
    if not isinstance(content, dict):
        damaged(path, f"it is {kind_of(content)}, not an object")
    return content


def open_own(path: Path, mode: str) -> IO[Any]:
    """A file of a run folder that is written on, such as its lock or log: no link is followed, and no pipe waited for.

    Args:
        mode: of `open`, such as "ab".

    Raises:
        ArtifactError: if it is no regular file.
        OSError: if it may not be opened.
    """
    opener = lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    try:
        file = open(path, mode, encoding=None if "b" in mode else "utf-8", opener=opener)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR, None):  # None: a pipe that cannot be read from
            damaged(path, f"it is {kind_of_file(path)}, not a regular file", error)
        raise
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        damaged(path, f"it is {kind_of_file(path)}, not a regular file")
    return file


def kind_of_file(path: Path) -> str:
    """What is there instead of a regular file, in words."""
    return KINDS.get(stat.S_IFMT(os.lstat(path).st_mode), "something else")


def damaged(path: Path, what: str, error: Exception | None = None) -> NoReturn:
    """Raises the ArtifactError of a file, `what` being what is wrong with it."""
    damage = ArtifactError(f"{shown(path)} is damaged: {what}.", REMEDY)
    damage.reason = what
    raise damage from error


def shown(path: Path) -> str:
    """A path as messages have it: from the working directory on where it is inside."""
    return os.path.relpath(path) if path.is_absolute() and path.is_relative_to(Path.cwd()) else str(path)


def _unread(path: Path, error: OSError) -> ArtifactError | ResourceError:
    """That a file is missing, or may not be read."""
    if isinstance(error, _MISSING):
        return ArtifactError(f"{shown(path)} is missing.", REMEDY)
    return ResourceError(f"{shown(path)} cannot be read: {error.strerror}.", "See to it that it may be.")


def _says(content: Any, keys: list[str]) -> bool:
    return not keys or (isinstance(content, dict) and keys[0] in content and _says(content[keys[0]], keys[1:]))


def _require_regular(path: Path, limit: int) -> None:
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        damaged(path, f"it is {KINDS.get(stat.S_IFMT(found.st_mode), 'something else')}, not a regular file")
    if found.st_size > limit:
        damaged(path, f"it has {found.st_size:,} bytes, and at most {limit:,} are read")


def _whole_number(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"it holds a number of {len(text)} digits")
    return int(text)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, value in pairs:
        if name in content:
            raise ValueError(f"it has the key {name[:80]!r} twice")
        content[name] = value
    return content


def _require_plain(value: Any, levels: int) -> None:
    """Raises for what is nested too deeply, and for text that cannot be printed or written."""
    if isinstance(value, str):
        value.isascii() or value.encode()
    elif isinstance(value, (dict, list)):
        if not levels:
            raise RecursionError
        entries = itertools.chain(value, value.values()) if isinstance(value, dict) else value
        for entry in entries:
            if not isinstance(entry, (int, float)):
                _require_plain(entry, levels - 1)

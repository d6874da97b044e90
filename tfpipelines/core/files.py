"""Files written so that a reader sees the old one or the new one, whatever happens; and their hashes."""

import errno
import hashlib
import json
import math
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import ResourceError

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
TEMPORARY = ".tmp-"  # prefix of what is being written
_LONGEST_NAME = 200  # bytes of the name of a file that stand in that of its temporary one
_fences: dict[str, Callable[[], None]] = {}  # by folder that this process holds
_silent: set[str] = set()  # folders in which this process writes nothing


class _Process:
    """What tells this process from all others, also from those of other hosts with the same number."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(4)


_process = _Process()
os.register_at_fork(after_in_child=_process.__init__)  # type: ignore[misc]


def temporary_path(path: Path) -> Path:
    """Where a process writes what is to become a file: `.tmp-PID-TOKEN-NAME` beside it, a name no other process has."""
    name = os.fsdecode(os.fsencode(path.name)[-_LONGEST_NAME:])
    return path.with_name(f"{TEMPORARY}{os.getpid()}-{_process.token}-{name}")


@contextmanager
def fenced(folder: Path, require: Callable[[], None]) -> Iterator[None]:
    """Within the context, nothing below a folder is written unless a function finds that this process may do so.

    Args:
        folder: an absolute path.
        require: raises a TakenOverError, or an OSError where it cannot tell.
    """
    below = f"{folder}{os.sep}"
    before = _fences.get(below)
    _fences[below] = require
    try:
        yield
    finally:
        _fences.pop(below, None)
        if before is not None:
            _fences[below] = before


@contextmanager
def silent(folder: Path) -> Iterator[None]:
    """Within the context, this process writes nothing below a folder: another one does it, and does the same work.

    Args:
        folder: an absolute path.
    """
    below = f"{folder}{os.sep}"
    _silent.add(below)
    try:
        yield
    finally:
        _silent.discard(below)


def is_silent(path: Path) -> bool:
    """Whether this process does not write a file."""
    return any(str(path).startswith(folder) for folder in _silent)


def require_held(path: Path) -> None:
    """Raises a TakenOverError if another process has taken over a folder that a file is in.

    Raises:
        ResourceError: if that cannot be read.
    """
    for folder, require in tuple(_fences.items()):
        if str(path).startswith(folder):
            try:
                require()
            except OSError as error:
                raise resource_error(error, path) from error


def atomic_write(path: Path, content: bytes | str | Callable[[Path], Any]) -> None:
    """Writes a file so that a reader sees the old one or the new one, whatever happens in between.

    Args:
        path: the file.
        content: what it shall hold, or a function that writes it to the temporary path it is given.

    Raises:
        ResourceError: if the disk is full or the folder cannot be written; the old file stays.
        TakenOverError: if another process has taken over the folder; the old file stays, too.
    """
    if is_silent(path):
        return
    require_held(path)
    temporary = temporary_path(path)
    try:
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        require_held(path)  # it may have taken long to write
        os.replace(temporary, path)
        fsync_folder(path.parent)
    except OSError as error:
        require_held(path)  # whoever takes a folder over removes temporary files
        raise resource_error(error, path) from error
    finally:
        with suppress(OSError):  # the error that led here is the one to tell
            temporary.unlink(missing_ok=True)


def cut_name(name: str, most: int) -> str:
    """The end of the name of a file, which may have so many bytes."""
    return name.encode()[-most:].decode(errors="ignore")


def fsync_folder(folder: Path) -> None:
    """Makes sure that what has been renamed in a folder is so on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def resource_error(error: OSError, path: Path) -> ResourceError:
    """The error to be told of one that came up while writing `path`."""
    text = str(error)
    # h5py puts the number into the text
    full = error.errno in _DISK_FULL or any(f"errno = {number}," in text for number in _DISK_FULL)
    if full:
        return ResourceError(
            f"The disk is full or its quota used up while writing {path}.",
            "Free some space, then continue: `tfpipe resume` for a run or search, else the same command again.",
        )
    cause = f"{path} cannot be written: {error.strerror or text}."
    return ResourceError(cause, "Check that the folder exists and is writable.")


def write_json(path: Path, content: Any) -> None:
    """Atomically writes JSON; NaN and infinities, which JSON lacks, become null."""
    atomic_write(path, json_text(content))


def json_text(content: Any) -> str:
    """What `write_json` writes."""
    return json.dumps(plain(content), indent=1, ensure_ascii=False) + "\n"


def plain(value: Any) -> Any:
    """Nested values with numpy scalars, paths and non-finite floats turned into what JSON has."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def now() -> str:
    """The present instant, ISO 8601, UTC, in seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")

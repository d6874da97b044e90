"""Files that the user has named: nothing that is there already is harmed by writing to it."""

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import RawIOBase
from pathlib import Path

from ..errors import ConfigError, ResourceError
from .files import atomic_write, resource_error

STDOUT = "-"


def is_stream(path: str | Path) -> bool:
    """Whether a name stands for stdout, or for a device, a pipe or a socket, to which a single stream is written."""
    if str(path) == STDOUT:
        return True
    try:
        kind = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(kind) or stat.S_ISDIR(kind))


def write_output(path: str | Path, content: bytes | str) -> None:
    """Writes a file that the user has named.

    `-` is stdout. A device, pipe or socket is written to in place. Of a symbolic link, the file that it leads to is
    written, and the link stays. A regular file is replaced atomically and keeps its mode and owner; where the owner
    cannot be kept, it is written in place.

    Raises:
        ConfigError: if the path is a folder.
        ResourceError: if it cannot be written.
    """
    data = as_bytes(content) if isinstance(content, str) else content
    if str(path) == STDOUT:
        sys.stdout.flush()
        if not hasattr(sys.stdout, "buffer"):  # in a notebook
            sys.stdout.write(data.decode("utf-8", "replace"))
            return
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    path = Path(path)
    try:
        target, found = Path(os.path.realpath(path)), _stat(path)
        if found is None:
            if path.is_symlink() and not target.parent.is_dir():
                raise ResourceError(f"{path} is a link to {target}, whose folder does not exist.", "Name another file.")
            atomic_write(target, data)
            return
        if stat.S_ISDIR(found.st_mode):
            raise ConfigError(f"{path} is a folder.", "Name a file.")
        if not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if stat.S_ISREG(found.st_mode) and _can_give(found):
            atomic_write(target, lambda temporary: _write_as(temporary, data, found))
            return
        with open(target, "wb") as file:
            file.write(data)
    except OSError as error:
        raise resource_error(error, path) from error


@contextmanager
def line_output(path: str | Path | None) -> Iterator[Callable[[str], None]]:
    """Writes text as it comes: to stdout, a pipe or a device, or a new file; each piece is there at once.

    Args:
        path: `-` or None: stdout.

    Raises:
        ConfigError: if it is a file that holds something: it could not be replaced at once.
        ResourceError: if it cannot be written.
    """
    if path is None or str(path) == STDOUT:
        yield lambda text: write_output(STDOUT, text)
        return
    path = Path(path)
    found = _stat(path)
    if found is not None and (stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_size)):
        what = "is a folder" if stat.S_ISDIR(found.st_mode) else "exists already, and what comes is written by and by"
        raise ConfigError(f"{path} {what}.", "Name a new file.")
    try:
        file = open(path, "ab", buffering=0)
    except OSError as error:
        raise resource_error(error, path) from error
    with file:
        yield lambda text: _write_all(file, as_bytes(text), path)


def _write_all(file: RawIOBase, data: bytes, path: Path) -> None:
    try:
        while data:
            data = data[file.write(data) or 0 :]
    except OSError as error:
        raise resource_error(error, path) from error


def as_bytes(text: str) -> bytes:
    """UTF-8; names of files that are no UTF-8 as the bytes that they are."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair
        return text.encode("utf-8", "replace")


def _stat(path: Path) -> os.stat_result | None:
    """Of the file that a path or link leads to; None where there is none."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _can_give(found: os.stat_result) -> bool:
    """Whether a new file can have the owner of an existing one."""
    return not hasattr(os, "geteuid") or os.geteuid() in (0, found.st_uid)


def _write_as(temporary: Path, data: bytes, found: os.stat_result) -> None:
    temporary.write_bytes(data)
    with suppress(OSError, AttributeError):  # a group that is not ours; no owners on this system
        os.chown(temporary, found.st_uid, found.st_gid)
    os.chmod(temporary, stat.S_IMODE(found.st_mode))


@contextmanager
def output_folder(folder: Path, empty: bool = False) -> Iterator[Path]:
    """A folder for what a command writes, made if it is missing. If what happens inside fails, the folders that were
    made are removed, as far as they are empty.

    Args:
        empty: whether it may hold nothing before.

    Raises:
        ConfigError: if it holds anything and may not.
        ResourceError: if it cannot be made.
    """
    try:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        taken = empty and any(folder.iterdir())
    except OSError as error:
        cause = f"{folder} cannot be made: {error.strerror}."
        raise ResourceError(cause, "Name a folder you may write to with --out.") from error
    if taken:
        raise ConfigError(f"{folder} is not empty.", "Name a new folder with --out.")
    try:
        yield folder
    except BaseException:
        inside = sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True) if missing else []
        for path in (*inside, *missing):
            with suppress(OSError):  # it holds something
                path.rmdir()
        raise

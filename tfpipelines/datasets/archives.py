"""Archives of files, .zip and .tar: unpacked once into the cache folder, then read as any folder."""

import errno
import hashlib
import os
import platform
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from contextlib import closing, nullcontext
from lzma import LZMAError
from pathlib import Path, PurePosixPath

import psutil

from ..core.files import TEMPORARY, resource_error, write_json
from ..core.machine import cache_folder
from ..core.run_files import found_json
from ..core.words import counted, listed, megabytes
from ..errors import ConfigError, DataError, ResourceError
from .archive_members import Member, members_of
from .file_kinds import READABLE
from .findings import Findings
from .folder_walk import Walk
from .sample_table import split_of

_DAMAGED = (EOFError, zlib.error, LZMAError, zipfile.BadZipFile, tarfile.TarError, ValueError)
_MOST_GROWTH, _SMALL = 200, 2**30  # how much larger than the archive its files may be, where they are above 1 GiB
_CHUNK = 2**20
_BAD_NAMES = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)


def is_readable(name: str) -> bool:
    """Whether a file's name ends as that of an archive which is unpacked."""
    return name.lower().endswith(READABLE)


def within_archive(path: Path) -> Path | None:
    """The file or folder that a path through an archive means, such as photos.zip/train; None for other paths.

    Raises:
        DataError, ResourceError: see `unpacked`.
    """
    for parent in path.parents:
        if is_readable(parent.name) and parent.is_file():
            whole = unpacked(parent)
            inner = whole / os.path.normpath(f"/{path.relative_to(parent)}")[1:]
            return inner if inner.exists() else None
    return None


def folder_of(path: Path) -> tuple[Path, Path]:
    """The folder that a path means, and how one would write it: of an archive that where it was unpacked.

    Raises:
        DataError, ResourceError: see `unpacked`.
    """
    if is_readable(path.name) and path.is_file():
        whole = unpacked(path)
        inner = content_root(path, whole, (), True)
        return inner, path / inner.relative_to(whole)
    return (path if path.exists() else within_archive(path) or path), path


def unpacked(path: Path) -> Path:
    """The folder with the files of an archive; it is made where it is not there yet, or the archive has changed.

    Raises:
        DataError: if the archive is damaged, encrypted, or a path leads out of it.
        ResourceError: if its files find no room.
    """
    facts = path.stat()
    key = hashlib.sha256(f"{path.resolve()}\0{facts.st_size}\0{facts.st_mtime_ns}".encode()).hexdigest()[:16]
    folder = cache_folder() / "unpacked" / f"{path.name}-{key}"
    if _is_whole(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder.parent)
        temporary = Path(tempfile.mkdtemp(prefix=_prefix(os.getpid()), dir=folder.parent))
        temporary.chmod(0o777 & ~_umask())
    except OSError as error:
        cause = f"The cache folder {folder.parent} cannot be written: {error.strerror}."
        raise ConfigError(cause, "Name another in the environment variable TFPIPE_CACHE.") from error
    try:
        left_out = _unpack(path, temporary)
        write_json(_facts_of(folder), {"files": _count(temporary), "left_out": left_out})
        if folder.is_dir() and not _is_whole(folder):  # something has removed files of it
            shutil.rmtree(folder)
        try:
            os.replace(temporary, folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
    except OSError as error:
        if error.errno is None:  # bz2: "Invalid data stream"
            raise _damaged(path, error) from error
        raise resource_error(error, folder) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def left_out_of(folder: Path) -> int:
    """How many links, devices and pipes of an archive are not in the folder where it was unpacked."""
    return int((found_json(_facts_of(folder)) or {}).get("left_out", 0))


def _facts_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _is_whole(folder: Path) -> bool:
    """Whether an archive was unpacked there, and no file has been removed since."""
    return folder.is_dir() and (found_json(_facts_of(folder)) or {}).get("files") == _count(folder)


def _count(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def _prefix(process: int) -> str:
    return f"{TEMPORARY}{platform.node()}-{process}-"


def _remove_leftovers(folder: Path) -> None:
    """Removes what killed processes of this machine have left."""
    here = re.compile(re.escape(f"{TEMPORARY}{platform.node()}-") + r"(\d+)-")
    for path in folder.iterdir():
        if (named := here.match(path.name)) and not psutil.pid_exists(int(named[1])):
            shutil.rmtree(path, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current


def content_root(path: Path, folder: Path, endings: tuple[str, ...], trees: bool) -> Path:
    """Where the samples of an unpacked archive are: a folder, below those that hold nothing but one folder of folders;
    or its only table, where no folder is beside it.

    Args:
        path: of the archive.
        folder: with its files.
        endings: of tables.
        trees: whether samples may be the files of folders, too.

    Raises:
        DataError: if it holds several tables, or none where one is needed.
    """
    top = folder
    while True:
        folders, files = Walk(folder, False, Findings()).children(folder)
        if len(folders) == 1 and not files and split_of(folders[0].name) is None:
            inner, within = Walk(folder, False, Findings()).children(folders[0])
            if inner or any(file.name.lower().endswith(endings) for file in within):
                folder = folders[0]
                continue
        break
    tables = [file for file in files if file.name.lower().endswith(endings)]
    if len(tables) == 1 and not (folders and trees):
        return tables[0]
    if trees and (folders or not tables or len(tables) < len(files)):
        return folder
    named = f"{counted(len(tables), 'table')}: {listed([table.name for table in tables], 5)}" if tables else "no table"
    example = (tables[0] if tables else folder / "TABLE.csv").relative_to(top)
    raise DataError(f"{path} holds {named}.", f"Name one: {path}/{example}.")


def _unpack(path: Path, folder: Path) -> int:
    """Writes the regular files of an archive into an empty folder.

    Returns:
        How many links, devices and pipes are left out.
    """
    room, packed, total, left_out = shutil.disk_usage(folder).free, path.stat().st_size, 0, 0
    member = Member()
    try:
        with closing(members_of(path)) as members:
            for member in members:
                same = _target(path, folder, member.link) if member.link else None  # a hard link becomes a copy
                if member.left_out or (same and not same.is_file()):
                    left_out += 1
                    continue
                total += same.stat().st_size if same else member.size
                _require_room(path, packed, total, room)
                target = _target(path, folder, member.name)
                if target in (folder, same):  # the size of all, or a link to itself
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with open(same, "rb") if same else nullcontext(member.opened) as content, open(target, "wb") as file:
                    shutil.copyfileobj(content, file, _CHUNK)
    except OSError as error:
        if isinstance(error, (FileExistsError, NotADirectoryError, IsADirectoryError)) or error.errno in _BAD_NAMES:
            cause = f"{path} holds {member.name!r}, which cannot be a file here: {error.strerror}."
            raise DataError(cause, "Pack it again with other names; nothing of it is used.") from error
        raise
    except _DAMAGED as error:
        if isinstance(error, (DataError, ConfigError)):
            raise
        raise _damaged(path, error) from error
    except NotImplementedError as error:  # a method of compression that Python does not know
        raise DataError(f"{path} cannot be unpacked: {error}.", "Pack it again as a plain .zip or .tar.gz.") from error
    return left_out


def _require_room(path: Path, packed: int, total: int, room: int) -> None:
    if total > room:
        cause = f"{path} holds at least {megabytes(total)}, and {cache_folder()} has room for {megabytes(room)}."
        raise ResourceError(cause, "Name a folder with more room in the environment variable TFPIPE_CACHE.")
    if total > _SMALL and total > _MOST_GROWTH * packed:
        cause = f"{path} has {megabytes(packed)}, and its files {megabytes(total)} and more: it may be a zip bomb."
        raise DataError(cause, "Unpack it yourself if that is meant, and give the folder.")


def _target(path: Path, folder: Path, name: str) -> Path:
    """Where a file of an archive goes."""
    inner = PurePosixPath(name)
    if inner.is_absolute() or ".." in inner.parts or "\0" in name:
        cause = f"{path} holds a path that leads out of it: {name!r}."
        raise DataError(cause, "Do not trust this archive; nothing of it is used.")
    return folder / inner


def _damaged(path: Path, error: Exception) -> DataError:
    told = str(error).rstrip(".") or type(error).__name__
    return DataError(f"{path} is no whole archive: {told}.", "Fetch or pack it again; nothing of it is used.")

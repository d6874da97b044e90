"""Archives of files, .zip and .tar: unpacked once into the cache folder, then read as any folder."""

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from ..core.files import TEMPORARY, resource_error
from ..core.machine import cache_folder
from ..core.words import counted, listed, megabytes
from ..errors import ConfigError, DataError, ResourceError
from .compressed import open_packed
from .file_kinds import READABLE
from .findings import Findings
from .folder_walk import Walk
from .sample_table import split_of

_DAMAGED = (EOFError, zlib.error, LZMAError, zipfile.BadZipFile, tarfile.TarError, ValueError)
_MOST_GROWTH, _SMALL = 200, 2**30  # how much larger than the archive its files may be, where they are above 1 GiB
_CHUNK = 2**20
_UTF8 = 0x800  # flag of a name in a .zip


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


def unpacked(path: Path) -> Path:
    """The folder with the files of an archive; it is made where it is not there yet, or the archive has changed.

    Raises:
        DataError: if the archive is damaged, encrypted, or a path leads out of it.
        ResourceError: if its files find no room.
    """
    facts = path.stat()
    key = hashlib.sha256(f"{path.resolve()}\0{facts.st_size}\0{facts.st_mtime_ns}".encode()).hexdigest()[:16]
    folder = cache_folder() / "unpacked" / f"{path.name}-{key}"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder.parent))
    except OSError as error:
        cause = f"The cache folder {folder.parent} cannot be written: {error.strerror}."
        raise ConfigError(cause, "Name another in the environment variable TFPIPE_CACHE.") from error
    try:
        _unpack(path, temporary)
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


@dataclass(frozen=True)
class _Member:
    """A regular file of an archive."""

    name: str
    size: int
    opened: IO[bytes] | None = None


def _unpack(path: Path, folder: Path) -> None:
    """Writes the regular files of an archive into an empty folder; links and devices are left out."""
    zipped = path.name.lower().endswith(".zip")
    room, packed, total = shutil.disk_usage(folder).free, path.stat().st_size, 0
    try:
        with closing(_zip_members(path) if zipped else _tar_members(path)) as members:
            for member in members:
                target = _target(path, folder, member.name)
                total += member.size
                _require_room(path, packed, total, room)
                if member.opened is not None:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with open(target, "wb") as file:
                        shutil.copyfileobj(member.opened, file, _CHUNK)
    except _DAMAGED as error:
        if isinstance(error, (DataError, ConfigError)):
            raise
        raise _damaged(path, error) from error
    except NotImplementedError as error:  # a method of compression that Python does not know
        raise DataError(f"{path} cannot be unpacked: {error}.", "Pack it again as a plain .zip or .tar.gz.") from error


def _require_room(path: Path, packed: int, total: int, room: int) -> None:
    if total > room:
        cause = f"{path} holds at least {megabytes(total)}, and {cache_folder()} has room for {megabytes(room)}."
        raise ResourceError(cause, "Name a folder with more room in the environment variable TFPIPE_CACHE.")
    if total > _SMALL and total > _MOST_GROWTH * packed:
        cause = f"{path} has {megabytes(packed)}, and its files {megabytes(total)} and more: it may be a zip bomb."
        raise DataError(cause, "Unpack it yourself if that is meant, and give the folder.")


def _zip_members(path: Path) -> Generator[_Member]:
    """The files of a .zip; all of their sizes first, as its directory has them."""
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        if any(info.flag_bits & 1 for info in infos):
            raise DataError(f"{path} is encrypted.", "Unpack it with its password, then give the folder.")
        yield _Member("all", sum(info.file_size for info in infos))
        for info in infos:
            kind = info.external_attr >> 28  # of the file, as Unix has it
            if kind not in (0, 8):
                continue
            with archive.open(info) as stream:
                yield _Member(_zip_name(info), 0, stream)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """A name, in UTF-8 also where that is not said; with slashes where there are backslashes alone."""
    name = info.filename
    if not (info.flag_bits & _UTF8 or name.isascii()):
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return name if "/" in name else name.replace("\\", "/")


def _tar_members(path: Path) -> Generator[_Member]:
    with open_packed(path) as content:
        with tarfile.open(fileobj=content, mode="r|") as archive:
            for info in archive:
                if info.isfile():
                    yield _Member(info.name, info.size, archive.extractfile(info))
        while content.read(_CHUNK):  # to the end, where its sum is compared
            pass


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

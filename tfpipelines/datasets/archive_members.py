"""The members of archives, .zip and .tar, one after the other as they stand in the file."""

import io
import tarfile
import zipfile
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from tarfile import HeaderError, ReadError
from typing import IO, Any

from ..core.words import megabytes
from ..errors import DataError
from .compressed import open_packed

MOST_BEHIND = 2**30  # bytes behind the end of a .tar that are read to compare its sum
_CHUNK = 2**20
_LONG_HEADERS = (b"x", b"g", b"X", b"L", b"K")  # types of headers that hold names and the like
_UTF8 = 0x800  # flag of a name in a .zip


@dataclass(frozen=True)
class Member:
    """A regular file of an archive, or the size of all of them, or something that is left out.

    Args:
        name: with slashes between its folders.
        size: bytes; of a .zip those of all members come first, in one without a name.
        opened: its content, to be read before the next member is asked for.
        link: of a hard link the name of the file that it is the same as.
        left_out: whether it is a symbolic link, a device or a pipe.
    """

    name: str = ""
    size: int = 0
    opened: IO[bytes] = field(default_factory=io.BytesIO)
    link: str = ""
    left_out: bool = False


def members_of(path: Path) -> Generator[Member]:
    """The members of an archive but its folders.

    Raises:
        DataError: if it is encrypted.
        EOFError, OSError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError: if it is
            damaged.
        NotImplementedError: if it is compressed by a method that Python does not know.
    """
    return _zip_members(path) if path.name.lower().endswith(".zip") else _tar_members(path)


def _zip_members(path: Path) -> Generator[Member]:
    """The files of a .zip; all of their sizes first, as its directory has them."""
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not _zip_name(info).endswith("/")]
        if any(info.flag_bits & 1 for info in infos):
            raise DataError(f"{path} is encrypted.", "Unpack it with its password, then give the folder.")
        yield Member(size=sum(info.file_size for info in infos))
        for info in infos:
            kind = info.external_attr >> 28  # of the file, as Unix has it
            if kind not in (0, 8):
                yield Member(left_out=True)
                continue
            with archive.open(info) as stream:
                yield Member(_zip_name(info), opened=stream)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """A name, in UTF-8 also where that is not said; with slashes where there are backslashes alone."""
    name = info.filename
    if not (info.flag_bits & _UTF8 or name.isascii()):
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return name if "/" in name else name.replace("\\", "/")


def _tar_members(path: Path) -> Generator[Member]:
    with open_packed(path) as content:
        with tarfile.open(fileobj=content, mode="r|", tarinfo=StrictInfo) as archive:
            for info in archive:
                if info.isfile():
                    yield Member(info.name, info.size, archive.extractfile(info) or io.BytesIO())
                elif info.islnk():
                    yield Member(info.name, link=info.linkname)
                elif not info.isdir():
                    yield Member(left_out=True)
        behind = 0
        while piece := content.read(_CHUNK):  # to the end, where its sum is compared
            behind += len(piece)
            if behind > MOST_BEHIND:
                raise ReadError("much follows its end")


class StrictInfo(tarfile.TarInfo):
    """Headers of a .tar, which all must be whole: `tarfile` takes a damaged one for the end."""

    @classmethod
    def fromtarfile(cls, tarfile: Any) -> Any:
        try:
            return super().fromtarfile(tarfile)
        except HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":  # two blocks of zeros: the end
                raise
            raise ReadError(f"a header is damaged, or the end is missing ({error})") from error

    def _proc_member(self, tarfile: Any) -> Any:
        if self.type in _LONG_HEADERS and self.size > _CHUNK:
            raise ReadError(f"a header of {megabytes(self.size)}")
        return super()._proc_member(tarfile)  # type: ignore[misc]

"""WebDataset: .tar files whose members key.jpg, key.cls, key.json are the parts of one sample, by position."""

import tarfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path, PurePosixPath

from ..errors import DataError
from .archive_members import StrictInfo

IMAGE_ENDINGS = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm")
TEXT_ENDINGS = ("cls", "cls2", "txt", "text", "label", "caption")
_LOOKED_AT = 100  # members that tell a shard from an archive of folders
Part = tuple[int, int]  # where a member's content begins, and how many bytes it has


def samples_of(path: Path) -> Iterator[tuple[str, dict[str, Part]]]:
    """The samples of a shard: the key, and the parts by their endings in small letters, such as `jpg` or `seg.png`.

    Members of one key that follow each other are one sample; the key ends at the first dot of the member's name.

    Raises:
        DataError: if it is compressed or damaged, ends too early, or holds links, devices, or a path that leads out.
    """
    before, parts = "", dict[str, Part]()
    for info in _members(path):
        key, ending = _parted(info.name)
        if parts and (key != before or ending in parts):
            yield before, parts
            parts = {}
        before = key
        parts[ending] = (info.offset_data, info.size)
    if parts:
        yield before, parts


def looks_like_samples(path: Path) -> bool:
    """Whether the first members are parts of samples, and no files in folders of classes: some have the ending `cls`,
    or share a key that names no folder.
    """
    names = []
    with suppress(DataError):  # which reading it will raise again
        for info in islice(_members(path), _LOOKED_AT):
            names.append(_parted(info.name))
    endings = {ending for _, ending in names}
    shared = any(one[0] == other[0] and "/" not in one[0] for one, other in zip(names, names[1:]))
    return "cls" in endings or (shared and bool(endings & {*IMAGE_ENDINGS, *TEXT_ENDINGS}))


def part_at(path: Path, offset: int, size: int) -> bytes:
    """The content of a member whose place is known.

    Raises:
        DataError: if the file ends before.
        OSError: if it cannot be read.
    """
    with open(path, "rb", 0) as file:
        file.seek(offset)
        content = file.read(size)
    if len(content) < size:
        raise DataError(f"the shard {path} has become shorter, and ends before byte {offset + size}")
    return content


def _members(path: Path) -> Iterator[tarfile.TarInfo]:
    """The regular files of a shard."""
    number, name = 0, ""
    try:
        with tarfile.open(path, "r:", tarinfo=StrictInfo) as archive:
            for info in archive:
                name = info.name
                if info.isdir():
                    continue
                inner = PurePosixPath(name)
                if inner.is_absolute() or ".." in inner.parts or "\0" in name:
                    cause = f"The shard {path} holds a path that leads out of it: {name!r}."
                    raise DataError(cause, "Do not trust this shard; nothing of it is used.")
                if not info.isreg() or info.issparse():
                    cause = f"The shard {path} holds {name!r}, which is a link, a device or no whole file."
                    raise DataError(cause, "Pack the file itself; nothing of the shard is used.")
                yield info
                number += 1
                archive.members = []  # type: ignore[attr-defined]  # it keeps them all
    except (tarfile.TarError, EOFError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        behind = f" behind its member {number - 1} ({name})" if number else ""
        cause = f"{path} is truncated or damaged{behind}: {str(error).rstrip('.')}."
        raise DataError(cause, "Fetch or pack the shard again; nothing of it is used.") from error


def _parted(name: str) -> tuple[str, str]:
    """The key of a member, with its folders, and its ending."""
    folder, slash, file = name.removeprefix("./").rpartition("/")
    key, _, ending = file.partition(".")
    return folder + slash + key, ending.lower()

"""What lies in the cache folder: decoded images, features of text encoders, unpacked archives, copies of data behind
URLs. All of it is made again where it is needed and not there.
"""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import ResourceError
from .files import TEMPORARY
from .machine import cache_folder

KINDS = {  # folder -> what
    "images": "decoded images",
    "features": "features of texts",
    "unpacked": "unpacked archives",
    "fetched": "copies of data behind URLs",
}
_DAY = 86_400.0


@dataclass(frozen=True)
class Cached:
    """Something in the cache.

    Args:
        kind: the folder that it is in, one of `KINDS`.
        name: without an ending.
        paths: its files or folders.
        bytes: of all of its files.
        unused: seconds since one of them was last written or, as far as the system notes it, read.
        left: whether a process that was killed has left it half written.
    """

    kind: str
    name: str
    paths: tuple[Path, ...]
    bytes: int
    unused: float
    left: bool


def list_cache() -> list[Cached]:
    """Everything in the cache folder that holds any bytes, the largest first."""
    found = []
    for kind in KINDS:
        folder = cache_folder() / kind
        groups: dict[str, list[Path]] = {}
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            groups.setdefault(path.name if path.is_dir() else path.stem, []).append(path)
        found += [_entry(kind, name, paths) for name, paths in groups.items()]
    return sorted((entry for entry in found if entry.bytes), key=lambda entry: (-entry.bytes, entry.kind, entry.name))


def prune_cache(days: float) -> list[Cached]:
    """Removes what has not been used for so many days, and what killed processes have left for a day.

    Returns:
        What was removed.

    Raises:
        ResourceError: if something cannot be removed; the rest stays.
    """
    out = [entry for entry in list_cache() if entry.unused >= (min(days, 1.0) if entry.left else days) * _DAY]
    for path in (path for entry in out for path in entry.paths):
        try:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        except OSError as error:
            raise ResourceError(f"{path} cannot be removed: {error.strerror}.", "Check its permissions.") from error
    return out


def _entry(kind: str, name: str, paths: list[Path]) -> Cached:
    facts = [fact for path in paths for fact in _facts(path)]
    last = max((max(fact.st_mtime, fact.st_atime) for fact in facts), default=0.0)
    unused = max(0.0, time.time() - last)
    left = any(path.name.startswith(TEMPORARY) for path in paths)
    return Cached(kind, name, tuple(paths), sum(fact.st_size for fact in facts), unused, left)


def _facts(path: Path) -> Iterator[os.stat_result]:
    """Of a file, or of all files of a folder; what is removed meanwhile is passed over."""
    folders = [path] if path.is_dir() and not path.is_symlink() else []
    files = [] if folders else [path]
    for folder, _, names in (entry for top in folders for entry in os.walk(top)):
        files += [Path(folder, name) for name in names]
    for file in files:
        try:
            yield file.lstat()
        except FileNotFoundError:
            continue

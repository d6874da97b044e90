"""What a verification gathers: the files looked at, and what is wrong with them."""

import stat
from dataclasses import dataclass, field
from pathlib import Path

from ..core.files import file_hash
from ..core.manifest import Entry
from ..core.run_files import KINDS
from ..errors import ArtifactError

MISSING, CHANGED, EXTRA = "missing", "changed", "extra"


@dataclass(frozen=True)
class Problem:
    """A file that is not as it was left.

    Args:
        kind: `missing`, `changed` or `extra`.
        file: its name, from the folder verified on.
        reason: what shows it.
    """

    kind: str
    file: str
    reason: str


@dataclass
class Checked:
    """What has been looked at so far.

    Args:
        folder: that is verified.
        problems: at most one of a file.
        sizes: bytes of each file whose hash is known, by name.
        notes: what else there is to say.
    """

    folder: Path
    problems: dict[str, Problem] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _hashes: dict[Path, str] = field(default_factory=dict)

    def wrong(self, path: Path, kind: str, reason: str) -> None:
        """Records what is wrong with a file; what was found first counts."""
        name = path.relative_to(self.folder).as_posix()
        self.problems.setdefault(name, Problem(kind, name, reason))

    def entry(self, path: Path, entry: Entry, where: str) -> None:
        """Compares a file with an entry of a manifest, `where` being the manifest's name."""
        size = self._size(path)
        if size is not None and size != entry["bytes"]:
            self.wrong(path, CHANGED, f"{size:,} bytes instead of the {entry['bytes']:,} that {where} names")
        elif size is not None:
            self._compare(path, (entry["sha256"],), where)

    def hash(self, path: Path, allowed: tuple[str, ...], where: str) -> None:
        """Compares a file with the hashes that it may have, `where` being the file that names them."""
        if self._size(path) is not None:
            self._compare(path, allowed, where)

    def good(self, path: Path) -> None:
        """Counts a file that has been compared otherwise."""
        self.sizes[path.relative_to(self.folder).as_posix()] = path.stat().st_size

    def _size(self, path: Path) -> int | None:
        """Bytes of a regular file; None, with a problem, if it is none."""
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            self.wrong(path, MISSING, "there is no such file")
        except OSError as error:
            self.wrong(path, CHANGED, f"it cannot be read: {error.strerror}")
        else:
            if stat.S_ISREG(found.st_mode):
                return found.st_size
            kind = KINDS.get(stat.S_IFMT(found.st_mode), "something else")
            self.wrong(path, CHANGED, f"it is {kind}, not a regular file")
        return None

    def _compare(self, path: Path, allowed: tuple[str, ...], where: str) -> None:
        try:
            found = self._hashes.setdefault(path, "") or file_hash(path)
            self._hashes[path] = found
        except OSError as error:
            self.wrong(path, CHANGED, f"it cannot be read: {error.strerror}")
            return
        self.good(path)
        if found not in allowed:
            self.wrong(path, CHANGED, f"its SHA-256 is not the one that {where} names")

    def damage(self, path: Path, error: ArtifactError) -> None:
        """Records a file of the folder that cannot be read as what it is."""
        self.wrong(path, CHANGED, error.reason or error.cause.rstrip("."))

"""A walk through the folders of a source, in the order of names."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..core.words import counted
from ..errors import DataError
from .file_kinds import is_archive, unpacking
from .findings import Findings

# Of operating systems and storage devices, in lower case, besides names that begin with a dot
_SYSTEM = {
    "thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "system volume information", "lost+found",
    "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@tmp",
}  # fmt: skip


def list_files(root: Path, follow_links: bool) -> list[str]:
    """Every file below `root`, relative to it, in the order of names."""
    return Walk(root, follow_links, Findings()).items(root)


class Walk:
    """Walks a folder in the order of names, without leaving it through links unless told to.

    Args:
        root: where it starts.
        follow_links: whether links to folders, and links out of `root`, are followed. Loops never are.
        findings: where `report` writes what was passed over.
        beside: a folder that is passed by.
    """

    def __init__(self, root: Path, follow_links: bool, findings: Findings, beside: Path | None = None):
        self.root, self.follow_links, self.findings = root, follow_links, findings
        self.beside = beside.resolve() if beside else None
        self.real_root = root.resolve()
        self.links: list[str] = []
        self.junk: list[str] = []
        self.archives: list[str] = []
        self._seen: set[Path] = set()

    def children(self, folder: Path) -> tuple[list[Path], list[Path]]:
        """Folders and files in `folder`."""
        folders, files = [], []
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(f"{folder} cannot be read: {error.strerror}.", "Check its permissions.") from error
        for entry in entries:
            path = Path(entry.path)
            if entry.is_symlink() and not self._may_follow(path):
                self.links.append(str(path.relative_to(self.root)))
            elif entry.name.startswith(".") or entry.name.lower() in _SYSTEM:
                self.junk.append(str(path.relative_to(self.root)))
            elif entry.is_dir():
                if self.beside is None or path.resolve() != self.beside:
                    folders.append(path)
            else:
                files.append(path)
        return folders, files

    def below(self, folder: Path) -> Iterator[Path]:
        """Every file in `folder` and in the folders below it, each real folder once."""
        real = folder.resolve()
        if real in self._seen:
            self.links.append(str(folder.relative_to(self.root)))
            return
        self._seen.add(real)
        folders, files = self.children(folder)
        yield from files
        for inner in folders:
            yield from self.below(inner)

    def items(self, folder: Path) -> list[str]:
        """Every file below a folder, relative to the root."""
        return [str(path.relative_to(self.root)) for path in self.below(folder)]

    def samples(self, folder: Path) -> list[str]:
        """The same without archives."""
        return [str(path.relative_to(self.root)) for path in self.without_archives(self.below(folder))]

    def without_archives(self, files: Iterable[Path]) -> list[Path]:
        """The other files; `report` tells of the archives."""
        files = list(files)
        self.archives += [str(path.relative_to(self.root)) for path in files if is_archive(path.name)]
        return [path for path in files if not is_archive(path.name)]

    def report(self) -> None:
        """Adds what was passed over to the findings."""
        if self.links:
            what = counted(len(self.links), "symbolic link")
            message = f"{what} to folders, out of {self.root} or in a loop, not followed"
            remedy = "Set data.follow_links=true to follow those that do not loop"
            self.findings.add("links", "warning", message, remedy, self.links)
        if self.archives:
            message = f"{counted(len(self.archives), 'archive')} below {self.root} not read"
            self.findings.add("archives", "warning", message, unpacking(Path(self.archives[0])), self.archives)
        if self.junk:
            one, several = "hidden or system file or folder", "hidden or system files or folders"
            message = f"{counted(len(self.junk), one, several)} left out"
            self.findings.add("hidden", "note", message, "", self.junk)

    def _may_follow(self, link: Path) -> bool:
        try:
            target = link.resolve(strict=True)
        except (OSError, RuntimeError):  # broken, or a loop
            return False
        if link.parent.resolve().is_relative_to(target):  # leads to a folder that holds it
            return False
        if self.follow_links:
            return True
        return target.is_relative_to(self.real_root) and not target.is_dir()  # a folder is read where it is

"""Folders of files: one folder per class, with or without folders for the splits."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from ..errors import DataError, counted
from .findings import Findings
from .images import JUNK
from .table import SampleTable, make_frame, split_of


def read_folder(
    root: Path, layout: str = "auto", follow_links: bool = False, training: bool = True, kind: str = "image"
) -> SampleTable:
    """Reads `root/<class>/...` or `root/<split>/<class>/...`; files in folders further down belong to the class above.

    Args:
        root: an existing folder.
        layout: `classes`, `splits`, or `auto`: splits if a folder for training is there, or nothing but split folders.
        follow_links: follow symbolic links, also out of `root`.
        training: whether split folders must hold one for training.
        kind: what the files are, for messages.

    Raises:
        DataError: if there are no class folders, or split folders and class folders are mixed up.
    """
    findings = Findings()
    files = Walk(root, follow_links, findings)
    folders, loose = files.children(root)
    by_split = _split_folders(root, folders, layout, training)
    if by_split is None:
        items, labels = _classes(root, folders, files, findings, kind)
        splits = None
    else:
        items, labels, splits = [], [], []
        for split, folder in by_split:
            classes, unlabelled = files.children(folder)
            new_items, new_labels = _classes(root, classes, files, findings, kind, None if split == "train" else split)
            items += new_items
            labels += new_labels
            splits += [split] * len(new_items)
            _report_loose(root, unlabelled, findings, split)
        strangers = [folder for folder in folders if split_of(folder.name) is None]
        if strangers:
            names = [f"{folder.name}/" for folder in strangers]
            findings.add(
                "beside_splits",
                "warning",
                "Folders beside the split folders are not used",
                "Move them into a split folder if they are classes",
                names,
            )
    _report_loose(root, loose, findings)
    files.report()
    if not items and not any(finding.severity == "error" for finding in findings.entries):
        raise DataError(
            f"{root} holds no {kind}s in class folders.",
            "Give each class a folder of its own, or give a table (.csv) with a label column.",
        )
    return SampleTable(make_frame(items, labels, splits), root, findings=findings)


def list_files(root: Path, follow_links: bool, findings: Findings) -> list[str]:
    """Every file below `root`, relative to it, in the order of names; links and junk are reported to `findings`."""
    files = Walk(root, follow_links, findings)
    found = [str(path.relative_to(root)) for path in files.below(root)]
    files.report()
    return found


class Walk:
    """Walks a folder in the order of names, without leaving it through links unless told to.

    Args:
        root: where it starts.
        follow_links: whether links to folders, and links out of `root`, are followed. Loops never are.
        findings: where `report` writes what was passed over.
    """

    def __init__(self, root: Path, follow_links: bool, findings: Findings):
        self.root, self.follow_links, self.findings = root, follow_links, findings
        self.real_root = root.resolve()
        self.links: list[str] = []
        self.junk: list[str] = []
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
            elif entry.name.startswith(".") or entry.name.lower() in JUNK:
                self.junk.append(str(path.relative_to(self.root)))
            elif entry.is_dir():
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

    def report(self) -> None:
        """Adds what was passed over to the findings."""
        if self.links:
            message = (
                f"{counted(len(self.links), 'symbolic link')} to folders, out of {self.root} or in a loop, not followed"
            )
            self.findings.add(
                "links", "warning", message, "Set data.follow_links=true to follow those that do not loop", self.links
            )
        if self.junk:
            self.findings.add(
                "hidden",
                "note",
                f"{counted(len(self.junk), 'hidden file or folder', 'hidden files or folders')} passed over",
                "",
                self.junk,
            )

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


def _split_folders(root: Path, folders: list[Path], layout: str, training: bool) -> list[tuple[str, Path]] | None:
    """(split, folder) pairs, or None where the folders are classes."""
    named = [(split_of(folder.name), folder) for folder in folders]
    splits = [(split, folder) for split, folder in named if split]
    if layout == "classes" or (layout == "auto" and not splits):
        return None
    has_train = any(split == "train" for split, _ in splits)
    if layout == "auto" and not has_train and len(splits) < len(folders):
        names = ", ".join(f"{folder.name}/" for _, folder in splits)
        raise DataError(
            f"{root} has {names} beside other folders, and none for training: these may be splits or classes.",
            "Put the others into train/, or set data.layout=classes if they all are classes.",
        )
    if not has_train and training:
        raise DataError(f"{root} has no folder for training.", "Name it train/, beside validation/ and test/.")
    seen: dict[str, Path] = {}
    for split, folder in splits:
        if split in seen:
            raise DataError(
                f"{root} has two folders for {split}: {seen[split].name}/ and {folder.name}/.", "Keep one of them."
            )
        seen[split] = folder
    return splits


def _classes(
    root: Path, folders: list[Path], files: Walk, findings: Findings, kind: str, unlabelled_split: str | None = None
) -> tuple[list[str], list[str]]:
    """Items and labels of class folders. An empty class is an error in training and a warning elsewhere."""
    items: list[str] = []
    labels: list[str] = []
    empty = []
    for folder in folders:
        found = [str(path.relative_to(root)) for path in files.below(folder)]
        items += found
        labels += [unicodedata.normalize("NFC", folder.name)] * len(found)
        if not found:
            empty.append(f"{folder.relative_to(root)}/")
    if empty:
        severity = "error" if unlabelled_split is None else "warning"
        findings.add(
            "empty_class",
            severity,
            f"{counted(len(empty), 'class folder')} without any {kind}",
            "Add some to them or remove them.",
            empty,
        )
    return items, labels


def _report_loose(root: Path, loose: list[Path], findings: Findings, split: str | None = None) -> None:
    if loose:
        where = f"{split}/" if split else str(root)
        message = f"{counted(len(loose), 'file')} in {where} outside of any class folder, not used"
        findings.add(
            "loose",
            "warning",
            message,
            "Put them into class folders if they are samples",
            [path.relative_to(root) for path in loose],
        )

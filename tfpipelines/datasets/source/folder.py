"""Folders of files: one folder per class, with or without folders for the splits."""

import re
import unicodedata
from pathlib import Path

import pandas as pd

from ...core.words import counted, listed
from ...errors import DataError
from ..file_kinds import unpacking
from ..findings import Findings, Severity
from ..folder_walk import Walk
from ..sample_table import make_frame, split_of
from ..shard_files import find_shards
from .base import SampleTable, Source
from .requests import Request

_UNLABELLED = {"unsup", "unsupervised", "unlabeled", "unlabelled", "no_label", "nolabel"}


class Folder(Source):
    """A folder of files, in folders named after their classes or not."""

    kinds = ("images", "texts")
    tree = True

    def __init__(self, path: Path, named: str):
        super().__init__(path, named)
        self.root = path

    @classmethod
    def reads(cls, path: Path) -> bool:
        return path.is_dir() and find_shards(path) is None

    def read(self, request: Request) -> SampleTable:
        findings = Findings()
        walk = self.walk(request.follow_links, findings)
        if request.labelled:
            frame = _by_class(walk, request, findings)
        else:
            items = walk.samples(self.path) if request.training else walk.items(self.path)
            walk.report()
            frame = make_frame(items, [None] * len(items))
        return SampleTable(frame, self, findings=findings)

    def name(self, item: str) -> str:
        return str((self.through or self.path) / item)

    def walk(self, follow_links: bool, findings: Findings, beside: Path | None = None) -> Walk:
        return Walk(self.path, follow_links, findings, beside)


class File(Source):
    """A file that is a sample by itself."""

    def __init__(self, path: Path, named: str):
        super().__init__(path, named)
        self.root = path.parent

    def read(self, request: Request) -> SampleTable:
        return SampleTable(make_frame([self.path.name], [None]), self)

    def name(self, item: str) -> str:
        return self.named


def _by_class(walk: Walk, request: Request, findings: Findings) -> pd.DataFrame:
    """The files of `root/<class>/...` or `root/<split>/<class>/...`; those in folders further down belong to the class
    above.

    The layout is `classes`, `splits`, or `auto`: splits if a folder for training is there, or nothing but split
    folders.

    Raises:
        DataError: if there are no class folders, or split folders and class folders are mixed up.
    """
    root, unit = walk.root, request.kind.unit
    folders, loose = walk.children(root)
    by_split = _split_folders(root, folders, request.layout, request.training)
    if by_split is None:
        if request.training:
            _refuse_one_folder_too_many(walk, folders)
        items, labels = _classes(folders, walk, findings, unit, training=request.training)
        splits = None
    else:
        items, labels, splits = [], [], []
        for split, folder in by_split:
            classes, unlabelled = walk.children(folder)
            severity: Severity = "error" if split == "train" else "warning"
            new_items, new_labels = _classes(classes, walk, findings, unit, severity, training=request.training)
            items += new_items
            labels += new_labels
            splits += [split] * len(new_items)
            _report_loose(root, walk.without_archives(unlabelled), findings, split)
        strangers = [folder for folder in folders if split_of(folder.name) is None]
        if strangers:
            names = [f"{folder.name}/" for folder in strangers]
            message = "Folders next to the split folders are ignored"
            remedy = "Move them into a split folder if they are classes"
            findings.add("beside_splits", "warning", message, remedy, names)
    loose = walk.without_archives(loose)
    _report_loose(root, loose, findings)
    walk.report()
    if not items and walk.archives:
        held = listed(walk.archives, 5)
        raise DataError(f"{root} holds archives, which are not read: {held}.", unpacking(Path(walk.archives[0])))
    if not items and not findings.of("error"):
        message = f"{root} holds no {unit}s in class folders."
        raise DataError(message, _remedy_of_loose(loose, unit))
    return make_frame(items, labels, splits)


def _refuse_one_folder_too_many(walk: Walk, folders: list[Path]) -> None:
    """Raises DataError where the only folder holds folders alone, so that it is the root that was meant."""
    if len(folders) != 1:
        return
    inner, files = Walk(walk.root, walk.follow_links, Findings()).children(folders[0])
    if len(inner) > 1 and not files:
        names = ", ".join(f"{folder.name}/" for folder in inner[:5])
        cause = (
            f"{walk.root} holds a single folder, {folders[0].name}/, which holds {names}{' ...' * (len(inner) > 5)}."
        )
        raise DataError(cause, f"Give {folders[0]}, if its folders are the classes or splits.")


def _remedy_of_loose(loose: list[Path], unit: str) -> str:
    """What to do where there are no class folders."""
    found = [re.fullmatch(r"(\D*?)[._ -]*\d+", path.stem) for path in loose]
    names = list(dict.fromkeys(match[1] for match in found if match and match[1]))
    table = f"a table (.csv) with the columns {unit.partition(' ')[0]} and label"
    if 1 < len(names) <= len(loose) / 2:
        told = f"the names seem to begin with the class ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"
        return f"Give each class a folder of its own, or give {table}: {told}."
    return f"Give each class a folder of its own, or give {table}."


def _split_folders(root: Path, folders: list[Path], layout: str, training: bool) -> list[tuple[str, Path]] | None:
    """(split, folder) pairs, or None where the folders are classes."""
    named = [(split_of(folder.name), folder) for folder in folders]
    splits = [(split, folder) for split, folder in named if split]
    if layout == "classes" or (layout == "auto" and not splits):
        return None
    has_train = any(split == "train" for split, _ in splits)
    if layout == "auto" and not has_train and len(splits) < len(folders):
        names = ", ".join(f"{folder.name}/" for _, folder in splits)
        message = f"{root} has {names} next to other folders, and none for training: these may be splits or classes."
        raise DataError(message, "Put the others into train/, or set data.layout=classes if they all are classes.")
    if not has_train and training:
        raise DataError(f"{root} has no folder for training.", "Name it train/, next to validation/ and test/.")
    seen: dict[str, Path] = {}
    for split, folder in splits:
        if split in seen:
            names = f"{seen[split].name}/ and {folder.name}/"
            raise DataError(f"{root} has two folders for {split}: {names}.", "Keep one of them.")
        seen[split] = folder
    return splits


def _classes(
    folders: list[Path], walk: Walk, findings: Findings, unit: str, severity: Severity = "error", *, training: bool
) -> tuple[list[str], list[str]]:
    """Items and labels of class folders. An empty class is an error in training and a warning elsewhere.

    In training, folders named like samples without labels are left out; a model may have a class of that name."""
    items: list[str] = []
    labels: list[str] = []
    empty = []
    unlabelled = [folder for folder in folders if folder.name.lower() in _UNLABELLED and training]
    if len(folders) - len(unlabelled) >= 2:
        folders = [folder for folder in folders if folder not in unlabelled]
        for folder in unlabelled:
            message = f"{folder.relative_to(walk.root)}/ holds samples without labels by its name, not used"
            findings.add("unlabelled_folder", "note", message, "Give it another name if it is a class")
    for folder in folders:
        found = walk.samples(folder)
        items += found
        labels += [unicodedata.normalize("NFC", folder.name)] * len(found)
        if not found:
            empty.append(f"{folder.relative_to(walk.root)}/")
    if empty:
        message = f"{counted(len(empty), 'class folder')} without any {unit}"
        findings.add("empty_class", severity, message, "Add some to them or remove them.", empty)
    return items, labels


def _report_loose(root: Path, loose: list[Path], findings: Findings, split: str | None = None) -> None:
    if loose:
        where = f"{split}/" if split else str(root)
        message = f"{counted(len(loose), 'file')} in {where} outside of any class folder, not used"
        remedy = "Put them into class folders if they are samples"
        findings.add("loose", "warning", message, remedy, [path.relative_to(root) for path in loose])

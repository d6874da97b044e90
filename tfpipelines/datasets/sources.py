"""Any source of images -> sample table."""

import os
from collections import defaultdict
from pathlib import Path

from ..config.files import packaged, sample_names
from ..errors import ConfigError, DataError, counted, nearest
from .arrays import read_npz
from .findings import Findings
from .folders import list_files, read_folder
from .table import SampleTable, make_frame, places, require_file
from .tables import LINE, TABLES, clean_label, parse_splits, read_columns


def locate(path: str, key: str = "data.path") -> Path:
    """The local file or folder that `path` means; `sample:NAME` is data that come with the package, `sample:NAME/FILE`
    a file of them.

    Raises:
        ConfigError: for an unknown sample.
        DataError: if nothing is there.
    """
    if path.startswith("sample:"):
        name, _, file = path.removeprefix("sample:").partition("/")
        if name not in sample_names():
            guess = nearest(name, sample_names())
            raise ConfigError(
                f"{key}: there is no sample {name!r}.",
                f"Did you mean sample:{guess}?" if guess else f"There are: {', '.join(sample_names())}.",
            )
        folder = packaged("samples") / name
        if file:
            located = folder / os.path.normpath(f"/{file}")[1:]
            require_file(located, key)
            return located
        tables = [file for file in sorted(folder.iterdir()) if file.suffix in TABLES | {".npz"}]
        named = [file for file in tables if file.stem == name]
        return named[0] if named else tables[0] if len(tables) == 1 else folder
    located = Path(path).expanduser()
    require_file(located, key)
    return located


def read_image_source(
    path: str,
    *,
    layout: str = "auto",
    item_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    fold_column: str | None = None,
    root: str | None = None,
    follow_links: bool = False,
    on_bad: str = "error",
    labelled: bool = True,
    training: bool = True,
) -> SampleTable:
    """Reads the list of images and their labels, but none of the image files.

    Args:
        path: a folder, a table, an .npz file or `sample:NAME`.
        labelled: whether rows need a label; False reads a table without one, and a folder as a list of files.
        training: False for data that only a trained model is to see: then split folders need not hold one for training,
            and a column that is named but absent is looked for by its usual names.
        fold_column: a table's column to be kept as `fold`.
        (others): the fields of the same name in `ImageData`.

    Raises:
        ConfigError, DataError: if the source as a whole cannot be used.
    """
    located = locate(path)
    if located.is_dir():
        if not labelled:
            findings = Findings()
            items = list_files(located, follow_links, findings)
            table = SampleTable(make_frame(items, [None] * len(items)), located, findings=findings)
        else:
            table = read_folder(located, layout, follow_links, training)
    elif located.suffix.lower() == ".npz":
        table = read_npz(located)
    elif located.suffix.lower() in TABLES:
        columns = {"image": item_column, "label": label_column, "split": split_column, "fold": fold_column}
        table = _read_image_table(
            located,
            columns,
            Path(root).expanduser() if root else located.parent,
            follow_links,
            on_bad,
            labelled,
            training,
        )
    else:
        kinds = ", ".join(sorted(TABLES | {".npz"}))
        raise DataError(
            f"{located} is no source of images that is known by its ending.",
            f"Give a folder, or a file that ends in {kinds}.",
        )
    if fold_column and "fold" not in table.frame:
        raise DataError(
            f"{located} has no column {fold_column!r} for data.folds.",
            "Only tables can name folds; give data.folds a number instead.",
        )
    return without_missing_labels(table, on_bad) if labelled else table


def without_missing_labels(table: SampleTable, on_bad: str) -> SampleTable:
    """The rows that have a label; the others are reported.

    Raises:
        DataError: if none has.
    """
    missing = table.frame["label"].isna().to_numpy()
    if missing.all() and len(missing):
        raise DataError("The samples have no labels.", "Give labels: class folders, a label column, or an array y.")
    if missing.any():
        table.findings.bad(
            "no_label",
            on_bad,
            f"{counted(missing.sum(), 'row')} without a label",
            "Label them.",
            places(table.frame[missing]),
        )
    return table.keep(~missing)


def _read_image_table(
    path: Path,
    columns: dict[str, str | None],
    root: Path,
    follow_links: bool,
    on_bad: str,
    labelled: bool,
    required: bool,
) -> SampleTable:
    findings = Findings()
    if not root.is_dir():
        raise DataError(
            f"The folder of images {root} does not exist.",
            "Set data.root to the folder that the table's paths start from.",
        )
    keys = {
        "image": "data.item_column",
        "label": "data.label_column",
        "split": "data.split_column",
        "fold": "data.folds",
    }
    rows, column = read_columns(path, columns, keys, ("image", "label") if labelled else ("image",), required)
    items = _Resolver(root, follow_links, findings).resolve(rows[column["image"]], rows[LINE])
    labels = [clean_label(value) for value in rows[column["label"]]] if column["label"] else [None] * len(rows)
    splits = parse_splits(rows, column["split"], findings)
    frame = make_frame(items, labels, splits, rows[column["fold"]] if column["fold"] else None, rows[LINE])
    found = frame["item"].notna().to_numpy()
    return SampleTable(frame, root, findings=findings).keep(found)


class _Resolver:
    """Finds the files that a table names, with or without their ending or folder.

    Args:
        root: the folder that the paths start from.
        follow_links: whether paths may leave it.
        findings: where missing and ambiguous rows are reported.
    """

    def __init__(self, root: Path, follow_links: bool, findings: Findings):
        self.root, self.follow_links, self.findings = root, follow_links, findings
        self._by_name: dict[str, list[str]] | None = None

    def resolve(self, names, lines) -> list[str | None]:
        """Paths relative to the root, None where there is none."""
        absent, outside, searched, items = [], [], 0, []
        for name, line in zip(names, lines):
            item, reason = self._one(name)
            items.append(item)
            searched += reason == "searched"
            if item is None:
                (outside if reason == "outside" else absent).append(
                    f"line {line}: {name or 'empty'}{f' ({reason})' if reason not in ('absent', 'outside') else ''}"
                )
        if absent:
            self.findings.add(
                "absent",
                "error",
                f"{counted(len(absent), 'row')} that can be matched with no file, or with several, below {self.root}",
                "Mend the rows, or set data.root.",
                absent,
            )
        if outside:
            message = f"{counted(len(outside), 'row')} with a file outside of {self.root}"
            self.findings.add(
                "outside",
                "error",
                message,
                "Set data.root to a folder that holds them all, or data.follow_links=true.",
                outside,
            )
        if searched:
            self.findings.add(
                "resolved", "note", f"{counted(searched, 'file')} found by name in the folders below {self.root}"
            )
        return items

    def _one(self, name: str | None) -> tuple[str | None, str]:
        if not name or "\0" in name:
            return None, "absent"
        path = Path(os.path.normpath(self.root / name))
        inside = path.is_relative_to(os.path.normpath(self.root)) and (
            self.follow_links or path.resolve().is_relative_to(self.root.resolve())
        )
        if not inside and not self.follow_links:
            return None, "outside"
        if _is_file(path):
            return os.path.relpath(path, self.root) if inside else str(path), "given"
        candidates = self._candidates(Path(name))
        if len(candidates) == 1:
            return candidates[0], "searched"
        return None, "absent" if not candidates else f"{len(candidates)} files: {', '.join(candidates[:3])}"

    def _candidates(self, wanted: Path) -> list[str]:
        """Files in any folder that bear the wanted name, or else the wanted name with another ending or none."""
        if not wanted.name:
            return []
        for key, parts in ((wanted.name, wanted.parts), (wanted.stem, wanted.with_suffix("").parts)):
            found = [
                item
                for item in self._index()[key]
                if parts in (Path(item).parts[-len(parts) :], Path(item).with_suffix("").parts[-len(parts) :])
            ]
            if found:
                return found
        return []

    def _index(self) -> dict[str, list[str]]:
        """Files below the root by their name and by their name without ending."""
        if self._by_name is None:
            self._by_name = defaultdict(list)
            for item in list_files(self.root, self.follow_links, Findings()):
                for key in {Path(item).name, Path(item).stem}:
                    self._by_name[key].append(item)
        return self._by_name


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False

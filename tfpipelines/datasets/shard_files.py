"""Which files are shards: the parts of one large data set, each with many records."""

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.words import listed
from ..errors import DataError
from .sample_table import split_of

PARQUET, TAR, TFRECORD = "Parquet", "WebDataset", "TFRecord"
_ENDINGS = {".parquet": PARQUET, ".tar": TAR, ".tfrecord": TFRECORD, ".tfrecords": TFRECORD, ".tfrec": TFRECORD}
_NUMBERED = re.compile(r"-\d{4,}-of-\d{4,}$")  # train-00000-of-00040, the usual name of a TFRecord file
_BESIDE = re.compile(  # what lies beside shards and is none
    r"(readme|licen[cs]e|.*label|.*class)[^/]*\.txt|.*\.(md|json|ya?ml|idx|index|crc|py|sha256|md5)|licen[cs]e|[._].*"
)
_TRIED = 3  # shards of a folder that are looked into, since one may be damaged
_LABELS = ("labels.txt", "classes.txt", "class_names.txt")  # ends of names
_LONGEST_LABELS = 2**24  # bytes
_LINE = re.compile(r"(\d+)\s*[:,\t ]\s*(\S.*)")  # 0: cat


@dataclass(frozen=True)
class ShardFiles:
    """The shards of a data set.

    Args:
        kind: `PARQUET`, `TAR` or `TFRECORD`.
        folder: that their names are relative to.
        paths: of the shards, in the order of their names.
        named: whether names of files and folders may tell splits: not that of a single file which is given by itself.
    """

    kind: str
    folder: Path
    paths: tuple[Path, ...]
    named: bool = True

    def names(self) -> list[str]:
        """The names of the shards, with the folders below `folder`."""
        return [path.relative_to(self.folder).as_posix() for path in self.paths]

    def splits(self) -> list[str | None]:
        """The split of each shard: that of its folder, or a word of its name that is usual for one.

        Raises:
            DataError: if a name has words for several.
        """
        return [_split(name) if self.named else None for name in self.names()]

    def class_names(self) -> dict[int, str]:
        """The class of each number by the file of labels beside the shards: a name in each line, or `NUMBER: NAME`."""
        named = (path for path in _files(self.folder) if path.name.lower().endswith(_LABELS))
        found = [path for path in named if path.is_file() and path.stat().st_size <= _LONGEST_LABELS]
        if len(found) != 1:
            return {}
        lines = [line.strip() for line in found[0].read_text("utf-8", "replace").splitlines()]
        while lines and not lines[-1]:
            lines.pop()
        pairs = [_LINE.fullmatch(line) for line in lines]
        if all(pairs):
            return {int(pair[1]): pair[2].strip() for pair in pairs if pair}
        return dict(enumerate(lines))


def kind_of_shard(path: Path) -> str | None:
    """The kind of shard that a regular file is by its name; None for others."""
    name = path.name.lower()
    kind = _ENDINGS.get(path.suffix.lower())
    if kind is None and (_NUMBERED.search(name) or ".tfrecord-" in name):
        kind = TFRECORD
    return kind if kind and path.is_file() else None


def find_shards(path: Path) -> ShardFiles | None:
    """The shards that a path means: a file, a folder that holds nothing else (or folders of splits that do), or a
    pattern such as data/train-*.tar; None for other paths. Of single files only TFRecord and WebDataset are shards.
    """
    if path.is_file():
        kind = kind_of_shard(path)
        return (
            ShardFiles(kind, path.parent, (path,), False) if kind and kind != PARQUET and _is_set(kind, path) else None
        )
    if path.is_dir():
        return _in_folder(path)
    matches = (
        [Path(match) for match in sorted(glob.glob(str(path), recursive=True))] if glob.has_magic(str(path)) else []
    )
    kinds = {kind_of_shard(match) for match in matches}
    if not matches or len(kinds) > 1 or not (kind := kinds.pop()) or not _is_set(kind, matches[0]):
        return None
    folder = Path(os.path.commonpath([match.parent for match in matches]))
    return ShardFiles(kind, folder, tuple(matches))


def _in_folder(folder: Path, top: Path | None = None) -> ShardFiles | None:
    """The shards of a folder; a folder that holds nothing but one folder is passed through."""
    paths: list[Path] = []
    folders: list[Path] = []
    for path in _files(folder, folders):
        if _BESIDE.fullmatch(path.name.lower()):
            continue
        if not kind_of_shard(path):
            return None
        paths.append(path)
    if not paths and len(folders) == 1 and split_of(folders[0].name) is None:
        return _in_folder(folders[0])
    for inner in folders:
        if split_of(inner.name) is None:
            return None
        deeper: list[Path] = []
        for path in _files(inner, deeper):
            if not _BESIDE.fullmatch(path.name.lower()):
                if not kind_of_shard(path):
                    return None
                paths.append(path)
        if deeper:
            return None
    kinds = {kind_of_shard(path) for path in paths}
    if len(kinds) > 1:
        raise DataError(
            f"{folder} holds shards of several kinds: {', '.join(sorted(map(str, kinds)))}.", "Keep one kind."
        )
    if not paths or not (kind := kinds.pop()) or not any(_is_set(kind, path) for path in sorted(paths)[:_TRIED]):
        return None
    return ShardFiles(kind, folder, tuple(sorted(paths)))


def _files(folder: Path, folders: list[Path] | None = None) -> Iterator[Path]:
    """The files of a folder; its folders are appended to `folders`. What begins with a dot is passed by."""
    try:
        entries = os.scandir(folder)
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}.", "Check its permissions.") from error
    with entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not entry.is_dir():
                yield Path(entry.path)
            elif folders is not None:
                folders.append(Path(entry.path))


def _is_set(kind: str, path: Path) -> bool:
    """Whether a .tar looks like WebDataset, and no archive of folders; others are what their names say."""
    if kind != TAR:
        return True
    from .webdataset import looks_like_samples

    return looks_like_samples(path)


def _split(name: str) -> str | None:
    *folders, file = name.split("/")
    for folder in reversed(folders):
        if split := split_of(folder):
            return split
    words = [split for word in re.split(r"[^a-z]+", file.lower()) if (split := split_of(word))]
    if len({*words}) > 1:
        message = f"The name of the shard {name} has words for several splits: {listed(sorted({*words}))}."
        raise DataError(message, "Put the shards of each split into a folder of its name, such as train/.")
    return words[0] if words else None

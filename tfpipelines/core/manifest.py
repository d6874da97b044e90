"""manifest.json of a finished run or search: size and SHA-256 of the files that it has left for good.

Covered is every file of the folder but those that commands write later, and hidden files. A folder inside that has a
manifest of its own, such as a fold, is covered by the entry of that manifest.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path, PurePosixPath
from typing import Any

from .. import __version__
from .files import file_hash, now, resource_error, write_json
from .lock import waiting
from .run_files import damaged, found_json, read_json

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
STATUS = "status.json"  # it makes a folder that of a run
LATER = {"report.html", "README.md", "loss_surface.csv", "loss_surface.json", "plots/loss_surface.png"}
LATER_FOLDERS = {"logs", "export"}
_OF_SYSTEMS = {"Thumbs.db", "desktop.ini"}  # besides hidden files
_ENTRY = {"sha256": str, "bytes": int}
_SHAPE = {"files": {str: _ENTRY}}
_HASH = re.compile("[0-9a-f]{64}")

Entry = dict[str, Any]  # sha256, bytes


def write_manifest(folder: Path, kind: str, last: dict[str, bytes]) -> None:
    """Writes the manifest of a run folder in which all is written but some files.

    Args:
        kind: run or search.
        last: {name: content} of what is written after it, so that a folder without a manifest is not done.

    Raises:
        ResourceError: if it cannot be written.
    """
    files = {
        name: entry for name in covered(folder) if name not in last and (entry := _entry_if_readable(folder / name))
    }
    files |= {name: {"sha256": hashlib.sha256(text).hexdigest(), "bytes": len(text)} for name, text in last.items()}
    head = {"format": 1, "kind": kind, "created": now(), "tfpipelines": __version__}
    write_json(folder / MANIFEST, {**head, "files": dict(sorted(files.items()))})


def renew(folder: Path, names: Iterable[str]) -> bool:
    """Brings manifests up to date after a command has changed files of a finished run.

    Args:
        folder: of the run, which the caller holds; it may be part of a search or a cross-validation, which has a
            manifest of its own.
        names: of the files.

    Returns:
        Whether a signature no longer holds.
    """
    changed, signed = [folder / name for name in names], False
    for outer in (folder, *folder.parents[:2]):
        if not (outer / STATUS).is_file() or not (outer / MANIFEST).is_file():
            continue
        with nullcontext() if outer == folder else waiting(outer):  # the caller holds the run itself
            content = found_json(outer / MANIFEST)
            if not isinstance(content.get("files"), dict):
                continue
            of_outer = {path.relative_to(outer).as_posix(): path for path in changed if path.is_file()}
            content["files"] |= {name: entry_of(path) for name, path in of_outer.items()}
            write_json(outer / MANIFEST, {**content, "files": dict(sorted(content["files"].items()))})
        signed |= (outer / SIGNATURE).exists()
        changed = [outer / MANIFEST]
    return signed


def read_manifest(folder: Path) -> dict[str, Entry]:
    """{name: entry} of the manifest of a run folder or an export.

    Raises:
        ArtifactError: if it is missing or damaged, or names files outside of the folder.
    """
    path = folder / MANIFEST
    files = read_json(path, ("files",), _SHAPE)["files"]
    for name, entry in files.items():
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or parts[0] == "/" or "\0" in name:
            damaged(path, f"{name[:80]!r} is not the name of a file below the folder")
        if entry.keys() < _ENTRY.keys() or not _HASH.fullmatch(entry["sha256"]):
            damaged(path, f"{name[:80]!r} has no SHA-256 and size")
    return files


def entry_of(path: Path) -> Entry:
    """What a manifest says of a file."""
    return {"sha256": file_hash(path), "bytes": path.stat().st_size}


def _entry_if_readable(path: Path) -> Entry | None:
    """The entry of a file; None of one that has vanished or cannot be read, which is none of the run's own."""
    try:
        return entry_of(path)
    except OSError:
        return None


def covered(folder: Path, later: bool = True) -> Iterator[str]:
    """Names of the files below a folder that its manifest covers, in order.

    Args:
        later: leave out what commands write later into a run folder; False for an export.
    """
    return _below(folder, folder, later, PurePosixPath())


def _is_text(name: str) -> bool:
    """Whether the name of a file can be written into a JSON file; not all bytes can."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _below(top: Path, folder: Path, later: bool, of_run: PurePosixPath) -> Iterator[str]:
    """`of_run`: the path of `folder` inside the run folder that it belongs to."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:  # it has vanished since
        return
    except OSError as error:
        raise resource_error(error, folder) from error
    for entry in entries:
        path, place = Path(entry.path), of_run / entry.name
        if entry.name.startswith(".") or entry.name in _OF_SYSTEMS:
            continue
        if not entry.is_dir(follow_symlinks=False):
            if not entry.is_file(follow_symlinks=False) or not _is_text(entry.name):
                continue  # a link, a pipe, a name that is no text: no file of the run's own
            own = place in (PurePosixPath(MANIFEST), PurePosixPath(SIGNATURE))
            if not own and not (later and place.as_posix() in LATER):
                yield path.relative_to(top).as_posix()
        elif not (later and place.as_posix() in LATER_FOLDERS):
            inner = later and (path / STATUS).is_file()
            if inner and (path / MANIFEST).is_file():
                yield (path / MANIFEST).relative_to(top).as_posix()
            else:
                yield from _below(top, path, later, PurePosixPath() if inner else place)

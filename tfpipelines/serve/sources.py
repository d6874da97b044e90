"""What is served: a run folder, an export, or the folder of numbered exports."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from ..core.files import file_hash
from ..core.run_files import damaged, read_json
from ..errors import ArtifactError, ConfigError

MANIFEST = "manifest.json"
_REMEDY = "Name a run folder, or a folder that tfpipe export has written, such as RUN/export/onnx/1."


class Source(NamedTuple):
    """A model that can be served.

    Args:
        path: of the run folder or the export.
        name: what the model is called.
        version: the number of an export; "1" of a run.
        parent: folder of the numbered exports in which newer versions appear; None where there are none.
        exported: False: it is a run.
    """

    path: Path
    name: str
    version: str
    parent: Path | None
    exported: bool = True


def is_export(path: Path) -> bool:
    """Whether a folder is one that `tfpipe export` has written."""
    return (path / MANIFEST).is_file() and not (path / "status.json").exists()


def versions(parent: Path) -> dict[int, Path]:
    """The numbered exports of a folder, in ascending order."""
    try:
        folders = [folder for folder in parent.iterdir() if folder.name.isdecimal() and is_export(folder)]
    except OSError:
        return {}
    return {int(folder.name): folder for folder in sorted(folders, key=lambda folder: int(folder.name))}


def find(path: str | Path, name: str | None = None) -> Source:
    """What a path means: of a folder of numbered exports the one with the highest number.

    Args:
        name: what the model is to be called; None: as its run.

    Raises:
        ConfigError: if there is nothing to be served.
        ArtifactError: if a manifest is damaged.
    """
    if name is not None and (not name.strip(". ") or "/" in name or not name.isprintable()):
        raise ConfigError(f"--name {name!r} cannot be part of an address.", "Use letters, digits, - and _.")
    place = Path(path)
    if is_export(place):
        numbered = place.name.isdecimal()
        return Source(place, name or _name(place), place.name if numbered else "1", None)
    if (found := versions(place)) and not (place / "status.json").exists():
        number, folder = list(found.items())[-1]
        return Source(folder, name or _name(folder), str(number), place)
    from ..result import open_run

    try:
        run = open_run(path)
    except ConfigError as error:
        raise ConfigError(error.cause, error.remedy or _REMEDY) from error
    if not (run.folder / "model.keras").is_file():
        run._artifact  # noqa: B018 (which tells why there is none)
    return Source(run.folder, name or run.folder.resolve().name, "1", None, exported=False)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an export whose files are those that were written.

    Raises:
        ArtifactError: if it is damaged, or a file has another hash, or is missing.
    """
    manifest = read_json(folder / MANIFEST, ("format", "file", "task", "files", "proof"))
    files = manifest["files"]
    if not isinstance(files, dict) or not all(isinstance(facts, dict) for facts in files.values()):
        damaged(folder / MANIFEST, "`files` is no object of objects")
    for name, facts in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            damaged(folder / MANIFEST, f"{json.dumps(name)} is outside of the folder")
        if not path.is_file() or file_hash(path) != facts.get("sha256"):
            cause = f"{path} is not the file that was exported: " + (
                "its hash differs." if path.is_file() else "it is missing."
            )
            raise ArtifactError(cause, "Export the run again.")
    return manifest


def _name(folder: Path) -> str:
    run = read_json(folder / MANIFEST).get("run")
    return str(run["name"]) if isinstance(run, dict) and run.get("name") else folder.resolve().name

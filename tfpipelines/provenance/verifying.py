"""Whether a run, a search or an export is as it was left."""

from dataclasses import dataclass
from pathlib import Path

from ..core.manifest import MANIFEST, SIGNATURE, STATUS, covered, read_manifest
from ..core.run_files import found_json, shown
from ..core.run_folder import RunFolder
from ..errors import ArtifactError, ConfigError
from .checked import CHANGED, EXTRA, MISSING, Checked, Problem
from .keys import read_public
from .records import check_records
from .signature import Signature, read_signature

__all__ = ["Problem", "Verification", "verify"]

_UNFINISHED = ("running", "interrupted", "failed")


@dataclass(frozen=True)
class Verification:
    """What a verification has found.

    Args:
        folder: of the run, search or export.
        kind: `run`, `search` or `export`.
        problems: files that are not as they were left; [] if all is good.
        files: how many were compared with a hash.
        bytes: of these.
        signed_by: the public key whose signature the folder has, in base64; None where it has none.
        trusted: whether that signature is good and of the key that the caller gave.
        notes: what could not be checked, and why.
    """

    folder: Path
    kind: str
    problems: list[Problem]
    files: int
    bytes: int
    signed_by: str | None
    trusted: bool
    notes: list[str]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(path: str | Path, *, key: str | Path | None = None) -> Verification:
    """Compares the files of a finished run or search, or of an export, with every hash that was recorded of them.

    Covered are the files that a run has left for good. The report, the model card, logs and a loss surface, which
    commands write later, are not; exports in a run folder are, each by a manifest of its own. A run that has no
    manifest.json, because it is not finished or of an earlier version, is compared with the hashes that stand elsewhere
    in it: of its model, its checkpoints, its network's code and its data.

    Args:
        path: of the folder.
        key: file of the Ed25519 public key that must have signed the folder; None: a signature is not trusted.

    Returns:
        What was found; nothing is raised for files that are wrong.

    Raises:
        ConfigError: if the folder is neither a run nor an export, or `key` is no such key.
        ResourceError: if a file may not be read.
    """
    folder = Path(path).resolve()
    trusted_key = read_public(key) if key is not None else None
    checked = Checked(folder)
    if (folder / STATUS).is_file():
        RunFolder.open(path)  # refuses formats of later versions
        kind = "search" if found_json(folder / STATUS).get("kind") == "search" else "run"
        _check_run(folder, checked, trusted_key)
    else:
        kind = "export"
        _require_export(path)
        _check_files(folder, checked, later=False)
    signature = _check_signature(folder, checked, trusted_key)
    return Verification(
        folder,
        kind,
        sorted(checked.problems.values(), key=lambda problem: problem.file),
        len(checked.sizes),
        sum(checked.sizes.values()),
        signature.public_key if signature else None,
        bool(signature and trusted_key) and SIGNATURE not in checked.problems,
        list(dict.fromkeys(checked.notes)),
    )


def _require_export(path: str | Path) -> None:
    folder = Path(path)
    if (folder / MANIFEST).is_file():
        return
    inside = sorted(path for path in folder.glob(f"*/{MANIFEST}") if not (path.parent / STATUS).exists())
    remedy = "Name a run folder, such as runs/latest, or an export, such as runs/latest/export/onnx/1."
    if inside:
        remedy = f"Name one of the exports in it, such as {inside[-1].parent}."
    raise ConfigError(f"{path} is neither a run folder nor an export.", remedy)


def _check_run(folder: Path, checked: Checked, key: bytes | None) -> None:
    """A run folder, those inside of it, and their exports.

    Args:
        key: whose signature is asked for, so that the manifest counts in any case.
    """
    state, name = found_json(folder / STATUS).get("state"), shown(folder)
    inner = sorted(path.parent for depth in ("*", "*/*") for path in folder.glob(f"{depth}/{STATUS}"))
    if state in _UNFINISHED and key is None:
        told = "only its checkpoints, and what else has a hash so far, were checked"
        checked.notes.append(f"{name} is not finished ({state}): {told}")
    elif (folder / MANIFEST).exists() or key is not None:
        for one in [folder, *inner]:
            if (one / MANIFEST).exists() or one == folder:
                _check_files(one, checked, later=True)
    elif found_json(folder / STATUS).get("manifest"):
        checked.wrong(folder / MANIFEST, MISSING, f"{STATUS} says that the run ended with one")
    else:
        told = "only the files whose hashes stand in other files were checked"
        checked.notes.append(f"{name} has no {MANIFEST}, as runs of earlier versions: {told}")
    for one in [folder, *inner]:
        check_records(one, checked)
        for export in sorted(path.parent for path in one.glob(f"export/*/[0-9]*/{MANIFEST}")):
            _check_files(export, checked, later=False)
            if key is not None and not _signed_by(export, key):
                checked.notes.append(f"{shown(export)} is not signed by the key given: sign it, too")


def _check_files(folder: Path, checked: Checked, later: bool) -> None:
    """Compares the files of a folder with its manifest.

    Args:
        later: it is a run folder, in which commands write more later.
    """
    try:
        files = read_manifest(folder)
    except ArtifactError as error:
        checked.damage(folder / MANIFEST, error)
        return
    for name, entry in files.items():
        checked.entry(folder / name, entry, MANIFEST)
    own = {name.partition("/")[0] for name in files}  # folders beside these were made by somebody else
    guarded = tuple(name.removesuffix(MANIFEST) for name in files if name.endswith(f"/{MANIFEST}"))
    for name in covered(folder, later):
        top, _, inside = name.partition("/")
        if name in files or name.startswith(guarded):
            continue
        if later and inside and top not in own:
            checked.notes.append(f"{shown(folder / top)} has been added since, and was not checked")
        else:
            checked.wrong(folder / name, EXTRA, f"{MANIFEST} does not name it")


def _signed_by(folder: Path, key: bytes) -> bool:
    try:
        signature = read_signature(folder)
    except ArtifactError:  # none, or a damaged one
        return False
    return signature.raw_key == key and bool(signature.fits(folder))


def _check_signature(folder: Path, checked: Checked, key: bytes | None) -> Signature | None:
    """The signature of a folder, None if it has none; what is wrong with it is a problem."""
    path = folder / SIGNATURE
    if not path.exists():
        if key is not None:
            checked.wrong(path, MISSING, "nobody has signed the folder")
        return None
    try:
        signature = read_signature(folder)
    except ArtifactError as error:
        checked.damage(path, error)
        return None
    if key is not None and signature.raw_key != key:
        checked.wrong(path, CHANGED, f"it is by another key than the one given: {signature.public_key}")
    elif (good := signature.fits(folder)) is False:
        checked.wrong(path, CHANGED, f"it is not of this {MANIFEST}, which has changed since, or was not signed so")
    elif good is None:
        checked.notes.append("the signature was not checked: that needs the package cryptography")
    return signature

"""Signs a finished run or search, or an export."""

from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from ..core.manifest import MANIFEST, SIGNATURE, STATUS, write_manifest
from ..core.run_files import found_json
from ..core.run_folder import RunFolder
from ..errors import ArtifactError, ConfigError
from .keys import read_private
from .signature import write_signature
from .verifying import verify


class Signed(NamedTuple):
    """What has been signed.

    Args:
        file: manifest.sig.
        public_key: of the key that was used, the 32 bytes in base64.
        made_manifest: whether the folder had no manifest.json before.
    """

    file: Path
    public_key: str
    made_manifest: bool


def sign(path: str | Path, key: str | Path, *, passphrase: str | None = None) -> Signed:
    """Signs the manifest of a finished run or search, or of an export, once its files are verified.

    A run of an earlier version, which has no manifest.json, gets one. An earlier signature is replaced.

    Args:
        path: of the folder.
        key: file of an Ed25519 private key, PEM (`openssl genpkey -algorithm ed25519`) or OpenSSH.
        passphrase: of the key, where it is encrypted.

    Raises:
        ConfigError: if the folder is neither a run nor an export, the run is not finished, or the key is no such key.
        ArtifactError: if a file is not as it was left.
        RunInUseError: if another process works on the run.
        ResourceError: if the signature cannot be written.
    """
    private = read_private(key, passphrase)
    folder, is_run = Path(path).resolve(), (Path(path) / STATUS).is_file()
    with RunFolder.open(path).locked() if is_run else nullcontext():
        made = is_run and _make_manifest(folder, path)
        _require_good(folder, path)
        signature = write_signature(folder, private)
    return Signed(folder / SIGNATURE, signature.public_key, made)


def _make_manifest(folder: Path, path: str | Path) -> bool:
    """Gives a finished run its manifest, if it has none; whether it had none."""
    status = found_json(folder / STATUS)
    if (state := status.get("state")) != "done":
        raise ConfigError(f"{path} is not finished ({state}), so its files will change.", f"tfpipe resume {path}")
    if (folder / MANIFEST).exists():
        return False
    if "part_of" in status or "fold" in status:
        cause = f"{path} has no manifest of its own: it is part of a search or a cross-validation."
        raise ConfigError(cause, "Sign the whole folder.")
    _require_good(folder, path)
    write_manifest(folder, "search" if status.get("kind") == "search" else "run", {})
    return True


def _require_good(folder: Path, path: str | Path) -> None:
    wrong = [problem for problem in verify(folder).problems if problem.file != SIGNATURE]
    if wrong:
        cause = f"{path} is not as it was left, so it is not signed."
        details = [f"{problem.kind} {problem.file}: {problem.reason}" for problem in wrong[:10]]
        raise ArtifactError(cause, "Restore it from a copy, or train again.", details)

"""Numbered folders that appear whole or not at all."""

import errno
import glob
import os
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

from ..core.files import TEMPORARY, fsync_folder, resource_error
from ..errors import ResourceError

_TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}


class NewVersion:
    """Makes `parent/<n>`, n being one more than the largest number there: what is written into `path` is moved there in
    the end.

    On an error nothing is left behind, nor are parents that had to be made. What a killed process of this host has left
    is removed by the next.

    Args:
        parent: made with its own parents if missing.

    Attributes:
        path: of the folder while it is being filled.
        final: where it is afterwards.

    Raises:
        ResourceError: if it cannot be made, or the disk is full.
    """

    def __init__(self, parent: Path):
        self.parent, self.path, self.final = parent, parent, parent

    def __enter__(self) -> "NewVersion":
        self._made = [folder for folder in (self.parent, *self.parent.parents) if not folder.exists()]
        try:
            self.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(self.parent)
            prefix = f"{TEMPORARY}{os.getpid()}@{socket.gethostname()}-"
            self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=self.parent))
            self.path.chmod(0o777 & ~_umask())
        except OSError as error:
            self._clear()
            cause = f"{self.parent} cannot be made: {error.strerror}."
            raise ResourceError(cause, "Name a folder you may write to with --out.") from error
        return self

    def __exit__(self, kind, error, trace) -> None:
        if error is None:
            try:
                self._publish()
                return
            except OSError as caught:
                error = caught
        self._clear()
        full = OSError(28, "No space left on device")
        if isinstance(error, OSError) or str(full.strerror) in str(error):
            raise resource_error(error if isinstance(error, OSError) else full, self.parent) from error

    def _publish(self) -> None:
        for path in self.path.rglob("*"):
            if path.is_file():
                with open(path, "rb+") as file:
                    os.fsync(file.fileno())
        number = max((int(folder.name) for folder in self.parent.iterdir() if folder.name.isdecimal()), default=0)
        while True:
            number += 1
            self.final = self.parent / str(number)
            try:
                os.rename(self.path, self.final)
                break
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
        fsync_folder(self.parent)

    def _clear(self) -> None:
        if self.path != self.parent:
            shutil.rmtree(self.path, ignore_errors=True)
        for folder in self._made:
            with suppress(OSError):
                folder.rmdir()


def _remove_abandoned(parent: Path) -> None:
    """Removes the temporary folders of processes of this host that are no more."""
    for folder in parent.glob(f"{TEMPORARY}*@{glob.escape(socket.gethostname())}-*"):
        owner = folder.name.removeprefix(TEMPORARY).partition("@")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)) and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def _umask() -> int:
    """The permissions that new files do not get."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask

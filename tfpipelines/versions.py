"""Numbered folders that appear whole or not at all."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from .errors import ResourceError
from .runs import TEMPORARY, fsync_folder, resource_error


class NewVersion:
    """Makes `parent/<n>`, n being one more than the largest number there: what is written into `path` is moved there in the end.

    On an error nothing is left behind, nor are parents that had to be made.

    Args:
        parent: made with its own parents if missing.

    Attributes:
        path: of the folder while it is being filled.
        final: where it is afterwards.

    Raises:
        ResourceError: if it cannot be made, or the disk is full.
    """

    def __init__(self, parent: Path):
        self.parent, self.path, self.final = parent, parent / f"{TEMPORARY}{os.getpid()}-version", parent

    def __enter__(self) -> "NewVersion":
        self._made = [folder for folder in (self.parent, *self.parent.parents) if not folder.exists()]
        try:
            self.path.mkdir(parents=True)
        except OSError as error:
            self._clear()
            raise ResourceError(f"{self.parent} cannot be made: {error.strerror}.", "Name a folder you may write to with --out.") from error
        return self

    def __exit__(self, kind, error, trace) -> None:
        if error is None:
            try:
                self._publish()
                return
            except OSError as caught:
                error = caught
        self._clear()
        if isinstance(error, OSError) or "No space left on device" in str(error):
            raise resource_error(error if isinstance(error, OSError) else OSError(28, "No space left on device"), self.parent) from error

    def _publish(self) -> None:
        for path in self.path.rglob("*"):
            if path.is_file():
                with open(path, "rb+") as file:
                    os.fsync(file.fileno())
        number = max((int(folder.name) for folder in self.parent.iterdir() if folder.name.isdecimal()), default=0)
        while True:
            number += 1
            self.final = self.parent / str(number)
            with suppress(FileExistsError, NotADirectoryError):
                self.final.mkdir()  # nobody else takes it now; an empty folder may be replaced
                os.replace(self.path, self.final)
                break
        fsync_folder(self.parent)

    def _clear(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        for folder in self._made:
            with suppress(OSError):
                folder.rmdir()

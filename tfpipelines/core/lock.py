"""The lock of a run folder: one process works in it at a time."""

import fcntl
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from ..errors import ArtifactError, ResourceError, RunInUseError
from .files import TEMPORARY, resource_error
from .run_files import found_json, open_own, shown


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a folder for this process.

    Raises:
        RunInUseError: if another process holds it, or if a process on another host may do so.
    """
    lock = folder / ".lock"
    try:
        file = open_own(lock, "a+")
    except OSError as error:
        raise resource_error(error, lock) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held_here = False
        except BlockingIOError:
            held_here = True
        except OSError as error:
            cause = f"{lock} cannot be locked: {error.strerror}."
            raise ResourceError(cause, "Choose a folder on a file system with locks, with --out.") from error
        owner, here = found_json(lock), socket.gethostname()
        if held_here or owner.get("host", here) != here:
            who = f"process {owner.get('pid', '?')} on {owner.get('host', '?')}"
            gone = f"If nothing runs there any more, delete {lock} and try again."
            remedy = "Wait for it to end." if held_here else gone
            raise RunInUseError(f"{shown(folder)} is in use by {who}.", remedy)
        try:
            file.truncate(0)
            file.write(json.dumps({"pid": os.getpid(), "host": here}))
            file.flush()
        except OSError as error:
            raise resource_error(error, lock) from error
        _remove_leftovers(folder)
        try:
            yield
        finally:
            file.truncate(0)


@contextmanager
def waiting(folder: Path, seconds: float = 10.0) -> Iterator[None]:
    """Holds a finished folder for a moment, in which something of it is read and written anew.

    Raises:
        RunInUseError: if another process holds it for so long.
    """
    until = time.monotonic() + seconds
    with open_own(folder / ".lock", "a+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    remedy = "Wait for it to end."
                    raise RunInUseError(f"{shown(folder)} is in use by another process.", remedy) from None
                time.sleep(0.02)
        yield


def in_use(folder: Path) -> bool:
    """Whether a process of this host holds a folder at the moment."""
    try:
        with open_own(folder / ".lock", "r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (OSError, ArtifactError):  # there is no lock, or none that may be read
        return False
    return False


def _remove_leftovers(folder: Path) -> None:
    """Temporary files and folders of processes that died while writing."""
    for leftover in folder.rglob(f"{TEMPORARY}*"):
        owner = leftover.name.removeprefix(TEMPORARY).partition("-")[0]
        if owner.isdecimal() and int(owner) != os.getpid() and psutil.pid_exists(int(owner)):
            continue
        shutil.rmtree(leftover, ignore_errors=True) if leftover.is_dir() else leftover.unlink(missing_ok=True)

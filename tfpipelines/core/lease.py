"""The lease on a run folder: who may write in it, told by files that every host sees.

`.lock` holds the process, its host and a token. The time at which it was changed last is the heartbeat: both it and
the present are read from files of the same file system, so that clocks of hosts do not matter. Whoever takes a folder
over links a file of its own, whole already, to `.lock.TOKEN`, TOKEN being that of the holder before: a name that only
one process can make, on NFS too. Then it renames the file to `.lock`. So `.lock` and the claims on it are a chain, and
the file at its end is that of the holder, wherever a process may have died in between.

A holder looks before each file that it writes whether the end of the chain is still its own (fencing). Whoever takes
over removes the temporary files in the folder, so a write that was looked after and then delayed has nothing to rename.
"""

import errno
import fcntl
import json
import os
import re
import secrets
import socket
import stat
import threading
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import TakenOverError
from .files import TEMPORARY, fsync_folder
from .run_files import shown

LOCK = ".lock"
SECONDS = 60.0  # without a heartbeat, after which another host may take a folder over
BEAT = 5.0  # seconds between heartbeats
_TOKEN = re.compile("[0-9a-f]{16}")
_NOBODY = "0"  # in place of the token of a lock that is empty, damaged or of an earlier version
_MOST_BYTES, _LONGEST = 2**16, 1000  # of a lock, and files of a chain
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
_LATE = 1.0  # seconds after which a look at the lock beats, too


class Entry(NamedTuple):
    """A file of the chain.

    Args:
        path: of it.
        text: its content; of the lock b"" where it is missing.
        inode: 0 where it is missing.
        beaten: when it was changed last, in seconds by the clock of the file system.
    """

    path: Path
    text: bytes
    inode: int
    beaten: float

    @property
    def facts(self) -> dict[str, Any]:
        """`pid`, `host`, `boot` and `token` (0.1.0 wrote no `boot` and no `token`), and `within` in a folder inside of
        another; {} if nobody holds it.
        """
        try:
            content = json.loads(self.text)
        except (ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}

    @property
    def token(self) -> str:
        """That of its holder; "" if there is none."""
        token = self.facts.get("token")
        return token if isinstance(token, str) and _TOKEN.fullmatch(token) else ""

    @property
    def successor(self) -> Path:
        """The claim of whoever takes over from it."""
        claim = self.path.name.removeprefix(LOCK).removeprefix(".")
        return self.path.with_name(f"{LOCK}.{self.token or claim + _NOBODY}")

    @property
    def holder(self) -> str:
        """In words."""
        return f"process {self.facts.get('pid', '?')} on {self.facts.get('host', '?')}"

    @property
    def here(self) -> bool:
        """Whether it would be a process of this host, since it was started last."""
        facts = self.facts
        return facts.get("host", hostname()) == hostname() and facts.get("boot", boot()) == boot()


def hostname() -> str:
    """Of this host."""
    return socket.gethostname()


@lru_cache(maxsize=1)
def boot() -> str:
    """What tells this start of the system from others, of hosts of the same name as well; "" where it is not known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def chain(folder: Path) -> list[Entry]:
    """The lock of a folder and the claims on it; the last one is that of the holder, if there is one.

    Raises:
        OSError: if one cannot be read.
    """
    entries = [_entry(folder / LOCK) or Entry(folder / LOCK, b"", 0, 0.0)]
    while len(entries) < _LONGEST and (claim := _entry(entries[-1].successor)) is not None:
        entries.append(claim)
    return entries


def _entry(path: Path) -> Entry | None:
    """A file as it is now: opened, since NFS answers other questions from what it remembers."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        found = os.fstat(descriptor)
        text = os.read(descriptor, _MOST_BYTES) if stat.S_ISREG(found.st_mode) else b""
    finally:
        os.close(descriptor)
    return Entry(path, text, found.st_ino, found.st_mtime)


def clock(folder: Path) -> float:
    """The present by the clock of the file system that a folder is on, in seconds.

    Raises:
        OSError: if nothing can be written there.
    """
    path = folder / f"{TEMPORARY}{os.getpid()}-clock-{secrets.token_hex(8)}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        os.utime(descriptor)
        entry = _entry(path)
        return os.fstat(descriptor).st_mtime if entry is None else entry.beaten
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)


class Lease:
    """What a process holds of a folder, from its offer on until it is released or lost.

    Args:
        folder: of it.
        within: token of the lease on the folder around it; "" if it is its own.

    Attributes:
        token: of this lease.
        trouble: why the heartbeat failed last; "" if it did not.

    Raises:
        OSError: if a file cannot be written in the folder.
    """

    def __init__(self, folder: Path, within: str = ""):
        self.folder, self.token, self.trouble = folder, secrets.token_hex(8), ""
        self._offer = folder / f"{TEMPORARY}{os.getpid()}-lock-{self.token}"
        self._claim: Path | None = None
        self._pid = os.getpid()
        self._beaten, self._mutex = time.monotonic(), threading.Lock()
        facts = {"pid": os.getpid(), "host": hostname(), "boot": boot(), "token": self.token}
        self._text = json.dumps(facts | ({"within": within} if within else {})).encode()
        self._file: int | None = os.open(self._offer, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with suppress(OSError):  # a file system without locks: the heartbeat alone tells
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with open(self._file, "wb", closefd=False) as file:
                file.write(self._text)
            os.fsync(self._file)
        except OSError:
            self.withdraw()
            raise

    def take(self, before: list[Entry]) -> bool:
        """Takes the folder from the holder at the end of a chain.

        Returns:
            Whether it did; False if another process was faster, and this offer is to be withdrawn.
        """
        claim = before[-1].successor
        try:
            self._link(claim)
        except FileExistsError:
            return False
        self._claim = claim
        same = lambda entries: [(entry.path, entry.text, entry.inode) for entry in entries]
        after = chain(self.folder)
        if same(after[:-1]) != same(before) or after[-1].token != self.token:  # the holder has changed meanwhile
            return False
        os.rename(self._offer, self.folder / LOCK)
        fsync_folder(self.folder)
        for path in self.folder.glob(f"{LOCK}.*"):
            if path != claim:
                path.unlink(missing_ok=True)
        return True

    def _link(self, claim: Path) -> None:
        try:
            os.link(self._offer, claim)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            with open(claim, "xb") as file:  # a file system without hard links
                file.write(self._text)
                os.fsync(file.fileno())

    def withdraw(self) -> None:
        """Undoes an offer that was not taken."""
        with suppress(OSError):
            for path in (self._claim, self._offer) if self._pid == os.getpid() else ():
                if path is not None:
                    path.unlink(missing_ok=True)
        self._close()

    def require(self) -> None:
        """Raises TakenOverError if another process holds the folder now; an OSError if that cannot be read."""
        require_holder(self.folder, self.token)
        if time.monotonic() - self._beaten > _LATE:
            self.beat()

    def beat(self) -> None:
        """Says that the process lives. The file is changed by its number: what has come in its place is left alone."""
        self._beaten = time.monotonic()
        try:
            with self._mutex:
                if self._file is not None:
                    os.utime(self._file)
            self.trouble = ""
        except OSError as error:
            self.trouble = error.strerror or str(error)

    def release(self) -> None:
        """Gives the folder free, if it is still held. What was forked from the process that holds it only closes the
        file.
        """
        try:
            if self._file is not None and self._pid == os.getpid() and chain(self.folder)[-1].token == self.token:
                if self._claim is not None:
                    self._claim.unlink(missing_ok=True)
                os.ftruncate(self._file, 0)
        except OSError:  # the folder is gone or may not be written any more; the process will be, too
            pass
        finally:
            self._close()

    def _close(self) -> None:
        with self._mutex:
            file, self._file = self._file, None
            if file is not None:
                os.close(file)


def require_holder(folder: Path, token: str) -> None:
    """Refuses to go on where the lease on a folder is another one now.

    Raises:
        TakenOverError: naming its holder.
        OSError: if that cannot be read.
    """
    lock = _entry(folder / LOCK)
    if lock is not None and lock.token == token and not os.path.lexists(lock.successor):
        return
    holder = chain(folder)[-1]
    if holder.token != token and holder.inode:  # without a lock, nobody has taken it over: someone has removed it
        if not holder.token:
            cause = f"{shown(folder)} was taken over by another process, which has ended, so this process has stopped."
            raise TakenOverError(cause, "Nothing was written here since; `tfpipe list runs` shows its state.")
        cause = f"{shown(folder)} was taken over by {holder.holder}, so this process has stopped."
        raise TakenOverError(cause, "It goes on there; nothing was written here since.")

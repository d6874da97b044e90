"""The lock of a run folder: one process works in it at a time.

On one host `flock` proves whether the holder lives. Between hosts its heartbeat tells: see `lease`.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil

from ..errors import ArtifactError, RunInUseError
from .files import TEMPORARY, fenced, resource_error
from .heartbeat import Trouble, beating
from .lease import BEAT, LOCK, SECONDS, Entry, Lease, chain, clock, require_holder
from .run_files import open_own, shown
from .words import quoted

_MOMENT = 0.5  # seconds for which another process may hold a lock while it takes or renews something
_PAUSE = 0.02  # seconds
_TRIES = 20  # to take a lock before others do
_WAIT = "Wait for it to end."


@contextmanager
def locked(folder: Path, *, take_over: bool = False, within: str = "", is_run: bool = True) -> Iterator[str]:
    """Holds a folder for this process, and says so by a heartbeat. Whatever it writes there is refused once another
    process has taken the folder over.

    A folder that a process of this host held is free once that has ended; one of another host, after 60 s without a
    heartbeat.

    Args:
        folder: an absolute path.
        take_over: do not wait for the heartbeat of another host to stay away. Versions without heartbeats need it.
        within: token of the lease on the folder around it, which this process, or the one it works for, holds. A holder
            within an earlier lease may write no longer, so it is not waited for: on another host not at all, on this
            one not with `take_over`.
        is_run: whether it is a run folder, which errors say how to take over.

    Yields:
        The token of the lease.

    Raises:
        RunInUseError: if another process holds it, or if a process on another host may do so.
        ResourceError: if the lock cannot be written.
    """
    lock = folder / LOCK
    try:
        lease, before = _taken(folder, take_over, within, is_run)
    except OSError as error:
        raise resource_error(error, lock) from error
    trouble = Trouble(shown(folder))

    def require() -> None:
        trouble.look(lease)
        lease.require()

    try:
        _remove_leftovers(folder, before)
        with beating(lease), fenced(folder, require):
            yield lease.token
    finally:
        lease.release()


@contextmanager
def working_for(folder: Path, token: str) -> Iterator[None]:
    """Within the context, this process writes below a folder that another one holds, for as long as that does.

    Args:
        folder: an absolute path.
        token: of the lease on it.
    """
    with fenced(folder, lambda: require_holder(folder, token)):
        yield


def _taken(folder: Path, take_over: bool, within: str, is_run: bool) -> tuple[Lease, Entry]:
    """The lease on a folder, and the file of its holder before.

    Args:
        take_over, within, is_run: as in `locked`.

    Raises:
        RunInUseError: if it is not free.
        OSError: if the files cannot be read or written.
    """
    for _ in range(_TRIES):
        with _own(folder) as held:
            before = chain(folder)
            holder = before[-1]
            if holder.path.name != LOCK and holder.here:  # a process that died before its claim became the lock
                held = _is_locked(holder.path)
            fenced_off = bool(within) and "within" in holder.facts and holder.facts["within"] != within
            if held and holder.here and not (take_over and fenced_off):
                raise RunInUseError(f"{shown(folder)} is in use by {holder.holder}.", _WAIT)
            unproven = held is None and _may_live(holder)
            is_own = not within or holder.facts.get("within") == within  # else it is one that may write no longer
            if is_own and (unproven or not (holder.here or take_over)):
                _require_silence(folder, holder, is_run)
            offer = Lease(folder, within)
            try:
                if offer.take(before):
                    return offer, holder
            except BaseException:
                offer.withdraw()
                raise
            offer.withdraw()
    raise RunInUseError(f"{shown(folder)} is in use by {chain(folder)[-1].holder}.", _WAIT)


def _require_silence(folder: Path, holder: Entry, is_run: bool) -> None:
    """Raises RunInUseError if a holder whose end nothing here proves may be alive; `is_run`: as in `locked`."""
    cause = f"{shown(folder)} is in use by {holder.holder}"
    command = f"tfpipe resume {quoted(shown(folder))} --take-over"
    if not holder.token:
        raise RunInUseError(f"{cause}, or was so when it died.", f"If nothing runs there any more: {command}")
    silent = max(0.0, clock(folder) - holder.beaten)
    if silent <= SECONDS:
        at_once = f", or at once with: {command}" if is_run else "."
        left = f"If it is dead, the folder is free in {SECONDS - silent:.0f} s{at_once}"
        raise RunInUseError(f"{cause}, whose last heartbeat was {silent:.0f} s ago.", left)


def wait_for_silence(folder: Path, tell: Callable[[str], None]) -> None:
    """Waits until a process of another host that holds a folder has shown no heartbeat for so long that it is free, or
    has shown one. Returns at once where there is nothing to be waited for.

    Args:
        tell: is told of the wait.

    Raises:
        ResourceError: if the files cannot be read or written.
    """
    with _as_resource_error(folder):
        _wait_for_silence(folder, tell)


def _wait_for_silence(folder: Path, tell: Callable[[str], None]) -> None:
    first, told = chain(folder)[-1], False
    while first.token and not first.here and (left := SECONDS - clock(folder) + first.beaten) >= 0:
        if not told:
            told = True
            tell(f"{shown(folder)} was in use by {first.holder}: waiting at most {left:.0f} s for a sign of life of it")
        time.sleep(min(left + _PAUSE, BEAT))
        now = chain(folder)[-1]
        if (now.token, now.beaten) != (first.token, first.beaten):
            return


@contextmanager
def _as_resource_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise resource_error(error, folder / LOCK) from error


@contextmanager
def _own(folder: Path) -> Iterator[bool | None]:
    """Keeps other processes of this host from taking the lock of a folder meanwhile; whether one of them holds it, None
    where the file system cannot tell.
    """
    until, path = time.monotonic() + _MOMENT, folder / LOCK
    while True:
        with open_own(path, "a+") as file:
            got = _flock(file, fcntl.LOCK_EX)
            if got is not False and not _is_same(file, path):
                continue  # it has been replaced meanwhile
            if got is False and time.monotonic() < until and not _may_live(chain(folder)[0]):
                time.sleep(_PAUSE)  # by a process that is about to take it, or renews something
                continue
            yield None if got is None else not got
            return


def _flock(file: IO[Any], kind: int) -> bool | None:
    """Whether this process got a lock on a file; None where the file system has none."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _may_live(holder: Entry) -> bool:
    """Whether there is a process of its number."""
    pid = holder.facts.get("pid")
    return isinstance(pid, int) and 0 < pid < 2**31 and psutil.pid_exists(pid)


def _is_same(file: IO[Any], path: Path) -> bool:
    """Whether an open file is still that of its name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _is_locked(path: Path) -> bool:
    """Whether a process of this host holds a file."""
    try:
        with open_own(path, "r") as file:
            return _flock(file, fcntl.LOCK_SH) is False
    except (OSError, ArtifactError):  # there is none, or none that may be read
        return False


@contextmanager
def waiting(folder: Path, seconds: float = 10.0) -> Iterator[None]:
    """Holds a finished folder for a moment, in which something of it is read and written anew.

    Raises:
        RunInUseError: if another process holds it for so long.
    """
    until = time.monotonic() + seconds
    while True:
        with open_own(folder / LOCK, "a+") as file:
            if _flock(file, fcntl.LOCK_EX) is not False and _is_same(file, folder / LOCK):
                with _as_resource_error(folder):
                    holder = chain(folder)[-1]
                    free = not holder.token or holder.here or clock(folder) - holder.beaten > SECONDS
                if free:
                    yield
                    return
        if time.monotonic() > until:
            raise RunInUseError(f"{shown(folder)} is in use by another process.", _WAIT)
        time.sleep(_PAUSE)


def in_use(folder: Path) -> bool:
    """Whether a process may hold a folder at the moment: one of this host, or one of another host whose last heartbeat
    is not long ago by the clock of this one. Nothing is written.
    """
    return beats_elsewhere(folder) or _is_locked(folder / LOCK)


def beats_elsewhere(folder: Path) -> bool:
    """Whether a process of another host holds a folder, whose last heartbeat is less than three times the lease old by
    the clock of this host, since clocks of hosts differ.
    """
    try:
        holder = chain(folder)[-1]
    except OSError:
        return False
    return bool(holder.token) and not holder.here and time.time() - holder.beaten < 3 * SECONDS


def _remove_leftovers(folder: Path, before: Entry) -> None:
    """Temporary files and folders of processes that died while writing, or that were taken over from.

    Args:
        before: the lock of the process that held the folder before.
    """
    gone = before.facts.get("pid")
    for leftover in folder.rglob(f"{TEMPORARY}*"):
        owner = leftover.name.removeprefix(TEMPORARY).partition("-")[0]
        others = owner.isdecimal() and int(owner) not in (os.getpid(), gone) and psutil.pid_exists(int(owner))
        if others and before.here:
            continue
        shutil.rmtree(leftover, ignore_errors=True) if leftover.is_dir() else leftover.unlink(missing_ok=True)

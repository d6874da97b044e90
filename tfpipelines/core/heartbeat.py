"""The heartbeat of the leases that a process holds: one thread for all of them, while there are any.

Where there is no memory for a thread there is none, and nothing waits for it: whatever is written beats as well, and
tries to begin it again.
"""

import _thread
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from .lease import BEAT, SECONDS

_MISSED = 3  # heartbeats after which the thread is taken to be none any more


class _Beating(Protocol):
    trouble: str

    def beat(self) -> None: ...


class _Thread:
    """The thread, begun where it is needed, and ended with the last lease."""

    def __init__(self) -> None:
        self.leases: list[_Beating] = []
        self._mutex, self._wake = threading.Lock(), threading.Lock()
        self._wake.acquire()
        self._seen = -1e9  # when it was at work last

    def ensure(self) -> None:
        """Begins it, if it is not at work."""
        with self._mutex:
            if not self.leases or time.monotonic() - self._seen < _MISSED * BEAT:
                return
            self._seen = time.monotonic()
        try:  # a threading.Thread whose start finds memory for the thread, but not for what it does, never returns
            _thread.start_new_thread(self._run, ())
        except (RuntimeError, MemoryError):
            return

    def add(self, lease: _Beating) -> None:
        with self._mutex:
            self.leases.append(lease)

    def remove(self, lease: _Beating) -> None:
        with self._mutex:
            self.leases = [other for other in self.leases if other is not lease]
            if not self.leases and self._wake.locked():
                self._wake.release()

    def _run(self) -> None:
        while True:
            try:
                self._wake.acquire(timeout=BEAT)
                with self._mutex:
                    leases, self._seen = self.leases, time.monotonic()
                    if not leases:
                        self._seen = -1e9
                        return
                for lease in leases:
                    lease.beat()
            except MemoryError:  # there may be some again
                time.sleep(BEAT)


_beats = _Thread()
_tell: Callable[[str], None] = lambda message: None


def tell(function: Callable[[str], None]) -> None:
    """Who is told from now on of a heartbeat that fails."""
    global _tell
    _tell = function


@contextmanager
def beating(lease: _Beating) -> Iterator[None]:
    """Within the context, a lease is said to live every few seconds."""
    _beats.add(lease)
    _beats.ensure()
    try:
        yield
    finally:
        _beats.remove(lease)


class Trouble:
    """Tells once that a heartbeat fails, in the thread that writes.

    Args:
        name: of the folder.
    """

    def __init__(self, name: str):
        self._name, self._told = name, False

    def look(self, lease: _Beating) -> None:
        """Tells of the trouble of a lease, if it is the first, and sees to it that the thread is there."""
        _beats.ensure()
        if lease.trouble and not self._told:
            self._told = True
            then = f"after {SECONDS:g} s without one, another host may take it over"
            _tell(f"The heartbeat in {self._name}/.lock cannot be written: {lease.trouble}; {then}.")


def _after_fork() -> None:
    """The thread is not in the new process, nor are the leases its own."""
    global _beats
    _beats = _Thread()


os.register_at_fork(after_in_child=_after_fork)

"""Ctrl-C and SIGTERM: training ends at the next step with a checkpoint; a second signal ends it at once."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from ..errors import Interrupted

_WATCHED = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Context in which signals are caught; outside of it, and in other threads than the main one, nothing is changed.

    While `deferred` is true (a step is under way) the first signal only sets `received`; else, and at the second, it
    raises Interrupted on the spot.

    Attributes:
        on_first: called, if there is one, as soon as the first signal is deferred.
    """

    def __init__(self) -> None:
        self.on_first: Callable[[], None] | None = None
        self.received: int | str | None = None  # number of a signal; a subclass may be asked in words
        self.deferred = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in _WATCHED}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Lets no signal raise inside: what runs there would swallow it, or be left half done.

        It is told by `received`.
        """
        before, self.deferred = self.deferred, True
        try:
            yield
        finally:
            self.deferred = before

    @contextmanager
    def released(self) -> Iterator[None]:
        """Lets the first signal raise inside, although it is held back around: nothing there has to be saved."""
        before, self.deferred = self.deferred, False
        try:
            self.raise_if_interrupted()
            yield
        finally:
            self.deferred = before

    def raise_if_interrupted(self) -> None:
        """Raises Interrupted if a signal was received, held back or swallowed by whatever ran just then."""
        if self.received is not None:
            raise self.error()

    def error(self) -> Interrupted:
        """What to raise once the work in hand is saved."""
        assert isinstance(self.received, int)
        return Interrupted(f"Stopped by {signal.Signals(self.received).name}.", signal_number=self.received)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        first = self.received is None
        self.received = number
        if not (first and self.deferred):
            raise self.error()
        if self.on_first is not None:
            with suppress(RuntimeError):  # it came in the midst of a print
                self.on_first()

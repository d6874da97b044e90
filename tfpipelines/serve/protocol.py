"""Connections: how many there are, how long one may take to say what it wants and to read the answer, and how much its
headers may be.
"""

import asyncio
from collections.abc import Callable, Container
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .limits import Limits
from .problems import Problem

_MOST_HEADERS = 100
_MOST_PIPELINED = 100  # requests that have come before the answer to an earlier one
_HEAD = 65_536  # bytes of a request line with its headers, and of what follows a body
_PIECE = 16_384  # bytes that are parsed before they are counted


def protocol_of(limits: Limits, own: Container[tuple[str, int]] = ()) -> type[HttpToolsProtocol]:
    """uvicorn's protocol within limits, and with one shape of errors.

    Args:
        own: addresses, (host, port), from which the server asks itself: beyond the limit of connections.
    """

    class Protocol(HttpToolsProtocol):
        is_slow = False  # see `http.Connection`
        _is_lost = False
        _receives = False  # headers have come, and not yet all of the body
        _waits: asyncio.TimerHandle | None = None
        _ends: asyncio.TimerHandle | None = None
        _body_ends: asyncio.TimerHandle | None = None
        _call_at_end: Callable[[], None] | None = None
        _head = 0  # bytes of which the parser has kept something, but told nothing yet

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if (
                not self.is_own
                and sum(not getattr(other, "is_own", False) for other in self.connections) > limits.connections
            ):
                cause = f"{limits.connections} connections are open, which are the most."
                self._refuse(Problem("busy", cause, "Try again later.", headers={"Retry-After": "1"}))
                return
            self._wait()

        @property
        def is_own(self) -> bool:
            """Whether the server asks itself."""
            return self.client in own

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            self._keep()
            self._stop_receiving()
            super().connection_lost(exc)
            self._is_lost = True
            if self._call_at_end is not None and not self.pipeline:  # else uvicorn lets it answer
                self._call_at_end()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            cast(dict[str, Any], self.scope)["connection"] = self

        def tell_of_end(self, call: Callable[[], None] | None) -> None:
            """See `http.Connection`."""
            self._call_at_end = call
            if self._is_lost and call is not None and not self.pipeline:
                call()

        def data_received(self, data: bytes) -> None:
            for start in range(0, len(data), _PIECE):
                if self.transport.is_closing():
                    return
                if self._waits is None and self._idle():
                    self._wait()
                piece = data[start : start + _PIECE]
                self._head += len(piece)
                super().data_received(piece)
                if self._head > _HEAD and not self.transport.is_closing():
                    self._refuse(_too_much())
            if self._receives and self._body_ends is None:
                self._body_ends = self.loop.call_later(limits.body_seconds, self._body_too_slow)

        def on_header(self, name: bytes, value: bytes) -> None:
            super().on_header(name, value)
            if len(self.headers) > _MOST_HEADERS:
                raise _too_much()  # the parser gives up, and `send_400_response` is called

        def on_headers_complete(self) -> None:
            self._head = 0
            self._stop_waiting()
            if len(self.pipeline) >= _MOST_PIPELINED:
                raise _too_much()
            self._receives, self.is_slow = True, False  # the body of an earlier request may have been slow
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._head = 0
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._head = 0
            self._stop_receiving()
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            if len(self.headers or ()) > _MOST_HEADERS or len(self.pipeline) >= _MOST_PIPELINED:
                self._refuse(_too_much())
            else:
                self._refuse(Problem("malformed", "The request is no HTTP.", "Use a client that speaks HTTP/1.1."))

        # --- clients that do not read
        def pause_writing(self) -> None:
            super().pause_writing()
            self._end_later()

        def resume_writing(self) -> None:
            super().resume_writing()
            if not self.transport.is_closing():
                self._keep()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.pipeline and not self.transport.is_closing():  # first those that have come
                self.flow.pause_reading()
            if self.transport.is_closing():  # once all is sent
                self._end_later()

        def timeout_keep_alive_handler(self) -> None:
            super().timeout_keep_alive_handler()
            self._end_later()

        def _end_later(self) -> None:
            """The client has to read in time."""
            if self._ends is None:
                self._ends = self.loop.call_later(limits.body_seconds, self.transport.abort)

        def _keep(self) -> None:
            if self._ends is not None:
                self._ends.cancel()
                self._ends = None

        # --- clients that do not send
        def _idle(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def _wait(self) -> None:
            """The headers of a request have to come in time."""
            self._waits = self.loop.call_later(limits.body_seconds, self._too_slow)

        def _stop_waiting(self) -> None:
            if self._waits is not None:
                self._waits.cancel()
                self._waits = None

        def _stop_receiving(self) -> None:
            self._receives = False
            if self._body_ends is not None:
                self._body_ends.cancel()
                self._body_ends = None

        def _body_too_slow(self) -> None:
            """Wakes who waits for the body, see `body.read_body`."""
            self.is_slow = True
            self.cycle.message_event.set()

        def _too_slow(self) -> None:
            if self._idle() and not self.transport.is_closing():
                cause = f"The request has not come within {limits.body_seconds:g} s."
                self._refuse(Problem("slow", cause, "Send it faster."))

        def _refuse(self, problem: Problem) -> None:
            if not self._idle() and self.cycle.response_started:  # its answer would go on within another
                self.transport.abort()
                return
            body = problem.body()
            lines = [f"HTTP/1.1 {problem.status} {problem.code}", "content-type: application/json"]
            lines += [f"content-length: {len(body)}", "connection: close"]
            lines += [f"{name.lower()}: {value}" for name, value in problem.headers.items()]
            self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
            self.transport.close()
            self._end_later()

    return Protocol


def _too_much() -> Problem:
    cause = f"The request has more than {_MOST_HEADERS} headers, or they are larger than {_HEAD // 1024} KiB."
    return Problem("malformed", cause, "Send fewer.")

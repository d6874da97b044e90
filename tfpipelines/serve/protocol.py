"""Connections: how many there are, and how long one may take to say what it wants."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .limits import Limits
from .problems import Problem


def protocol_of(limits: Limits) -> type[HttpToolsProtocol]:
    """uvicorn's protocol within limits, and with one shape of errors."""

    class Protocol(HttpToolsProtocol):
        _waits: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                cause = f"{limits.connections} connections are open, which are the most."
                self._refuse(Problem("busy", cause, "Try again later.", headers={"Retry-After": "1"}))
                return
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            if self._waits is None and self._idle():
                self._wait()
            super().data_received(data)

        def on_headers_complete(self) -> None:
            self._stop_waiting()
            super().on_headers_complete()

        def send_400_response(self, msg: str) -> None:
            self._refuse(Problem("malformed", "The request is no HTTP.", "Use a client that speaks HTTP/1.1."))

        def _idle(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def _wait(self) -> None:
            """The headers of a request have to come in time."""
            self._waits = self.loop.call_later(limits.body_seconds, self._too_slow)

        def _stop_waiting(self) -> None:
            if self._waits is not None:
                self._waits.cancel()
                self._waits = None

        def _too_slow(self) -> None:
            if self._idle() and not self.transport.is_closing():
                cause = f"The request has not come within {limits.body_seconds:g} s."
                self._refuse(Problem("slow", cause, "Send it faster."))

        def _refuse(self, problem: Problem) -> None:
            body = problem.body()
            lines = [f"HTTP/1.1 {problem.status} {problem.code}", "content-type: application/json"]
            lines += [f"content-length: {len(body)}", "connection: close"]
            lines += [f"{name.lower()}: {value}" for name, value in problem.headers.items()]
            self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
            self.transport.close()

    return Protocol

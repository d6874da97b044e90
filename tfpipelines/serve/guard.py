"""What every request goes through: who may ask, one shape of errors, the headers of every answer, counting."""

import re
import secrets
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .access import Access
from .body import Gone
from .counters import Counters
from .problems import Problem

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PROOF = "x-tfpipe-proof"  # header by which the server's own proof asks before it is ready
VERSION = "x-tfpipe-version"  # and which version it asks, while an older one answers everybody else
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
_CSP = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_ROUTES = ("/v1/predict", "/v1/model", "/healthz", "/readyz", "/metrics", "/openapi.json", "/v2/health", "/v2")


class Guard:
    """An ASGI application around another one.

    Args:
        app: that answers.
        access: what requests must show.
        counters: what is counted.
        secret: of the server's own proof.
    """

    def __init__(self, app: Any, access: Access, counters: Counters, secret: str = ""):
        self._app, self._access, self._counters, self._secret = app, access, counters, secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, path = time.perf_counter(), scope["path"]
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
        told = _Told(send, request_id, is_protocol(path))
        try:
            self._access.require(path, headers)
            proving = bool(self._secret) and secrets.compare_digest(
                headers.get(PROOF, "").encode(), self._secret.encode()
            )
            scope.setdefault("state", {}).update(proving=proving, version=headers.get(VERSION) if proving else None)
            await self._app(scope, receive, told.send)
        except Problem as problem:
            await told.problem(problem)
        except Gone:
            told.status = 499  # as is usual for a client that has closed the connection
        except Exception:  # a bug: the request's number leads from the answer to the traceback
            print(f"request {request_id} ended in a bug:", file=sys.stderr)
            traceback.print_exc()
            await told.problem(Problem("bug", "This is a bug in tfpipelines.", "Its traceback is in the server's log."))
        finally:
            route = _route(path)
            self._counters.requests.labels(route, str(told.status)).inc()
            self._counters.latency.labels(route).observe(time.perf_counter() - began)


class _Told:
    """The answer to a request."""

    def __init__(self, send: Send, request_id: str, plain: bool):
        self._send, self._id, self._plain = send, request_id, plain
        self.status, self._begun = 0, False

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Adds the headers of every answer."""
        if message["type"] == "http.response.start":
            self._begun, self.status = True, message["status"]
            own = list(message.get("headers", ()))
            names = {name.lower() for name, _ in own}
            added = [_CSP, *_HEADERS, (b"x-request-id", self._id.encode())]
            message = {**message, "headers": own + [pair for pair in added if pair[0] not in names]}
        await self._send(message)

    async def problem(self, problem: Problem) -> None:
        """Tells what is wrong, unless the answer has begun."""
        if self._begun:
            raise problem
        body = problem.body(self._id, self._plain)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **problem.headers}
        pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": problem.status, "headers": pairs})
        await self.send({"type": "http.response.body", "body": body})


def is_protocol(path: str) -> bool:
    """Whether it is an address of the Open Inference Protocol."""
    return path == "/v2" or path.startswith("/v2/")


def _route(path: str) -> str:
    """What a path is counted as: there are as many as routes."""
    if path == "/":
        return path
    return next((route for route in _ROUTES if path == route or path.startswith(f"{route}/")), "other")

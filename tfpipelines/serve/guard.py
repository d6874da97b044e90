"""What every request goes through: who may ask, one shape of errors, the headers of every answer, counting."""

import re
import secrets
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from .access import Access
from .body import Gone
from .counters import Counters
from .http import Message, Receive, Request, Response
from .problems import Problem
from .routing import Router

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

PROOF = "x-tfpipe-proof"  # header by which the server's own proof asks before it is ready
VERSION = "x-tfpipe-version"  # and which version it asks, while an older one answers everybody else
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_ROUTES = ("/v1/predict", "/v1/model", "/healthz", "/readyz", "/metrics", "/openapi.json", "/v2/health", "/v2")


class Guard:
    """The ASGI application.

    Args:
        router: that answers.
        access: what requests must show.
        counters: what is counted.
        secret: of the server's own proof.
    """

    def __init__(self, router: Router, access: Access, counters: Counters, secret: str = ""):
        self._router, self._access, self._counters, self._secret = router, access, counters, secret.encode()
        self._series: dict[tuple[str, int], tuple[Any, Any]] = {}  # of counters, which are found slowly

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, path = time.perf_counter(), scope["path"]
        headers = _headers(scope["headers"])
        given = headers.get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
        request = Request(scope["method"], path, headers, scope["query_string"], receive, scope.get("connection"))
        response: Response | None
        try:
            self._access.require(path, headers)
            if PROOF in headers and self._secret:
                request.proving = secrets.compare_digest(headers[PROOF].encode(), self._secret)
                request.version = headers.get(VERSION) if request.proving else None
            response = await self._router.answer(request)
        except Problem as problem:
            response = _of_problem(problem, request_id, path)
        except Gone:
            response = None
        except Exception:  # a bug: the request's number leads from the answer to the traceback
            print(f"request {request_id} ended in a bug:", file=sys.stderr)
            traceback.print_exc()
            bug = Problem("bug", "This is a bug in tfpipelines.", "Its traceback is in the server's log.")
            response = _of_problem(bug, request_id, path)
        status = 499 if response is None else response.status  # as is usual for a client that has closed the connection
        try:
            if response is not None:
                await _send(response, request_id, send)
        finally:
            count, observe = self._series_of(_route(path), status)
            count.inc()
            observe.observe(time.perf_counter() - began)

    def _series_of(self, route: str, status: int) -> tuple[Any, Any]:
        """The counters of a route and a status: there are few."""
        if (found := self._series.get((route, status))) is None:
            counters = self._counters
            found = counters.requests.labels(route, str(status)), counters.latency.labels(route)
            self._series[route, status] = found
        return found


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Name, in lower case -> value. Several of one name become a list (RFC 9110, 5.3): two hosts are no host that is
    known, two tokens no token.
    """
    headers: dict[str, str] = {}
    for name, value in pairs:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _of_problem(problem: Problem, request_id: str, path: str) -> Response:
    body = problem.body(request_id, is_protocol(path))
    return Response(body, problem.status, headers=problem.headers)


async def _send(response: Response, request_id: str, send: Send) -> None:
    """With the headers of every answer."""
    pairs = [
        (b"content-type", response.kind.encode("latin-1")),
        (b"content-length", b"%d" % len(response.body)),
        (b"x-request-id", request_id.encode()),
        *_HEADERS,
    ]
    if response.headers:
        own = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
        names = {name for name, _ in own}
        pairs = [pair for pair in pairs if pair[0] not in names] + own
    await send({"type": "http.response.start", "status": response.status, "headers": pairs})
    await send({"type": "http.response.body", "body": response.body})


def is_protocol(path: str) -> bool:
    """Whether it is an address of the Open Inference Protocol."""
    return path == "/v2" or path.startswith("/v2/")


def _route(path: str) -> str:
    """What a path is counted as: there are as many as routes."""
    if path == "/":
        return path
    return next((route for route in _ROUTES if path == route or path.startswith(f"{route}/")), "other")

"""The body of a request, read within its limits."""

import asyncio
import contextlib

from .http import Request
from .limits import Limits
from .problems import Problem

_MOMENT = 0.5  # seconds
_CLOSE = {"Connection": "close"}  # what still comes of the body is not read


async def read_body(request: Request, limits: Limits) -> bytes:
    """All of a request's body, which is kept in memory.

    Raises:
        Problem: if it is too large, too slow, or compressed.
    """
    if (coding := request.headers.get("content-encoding", "identity").lower()) != "identity":
        cause = f"The body is compressed by {coding[:20]!r}."
        raise Problem("unsupported", cause, "Send it as it is.", headers=_CLOSE)
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated[:20]) > limits.body:
        if request.headers.get("expect", "").lower() != "100-continue":  # else it waits for the answer
            await _pass_over(request, limits)
        raise _too_large(limits)
    return await _received(request, limits)


async def _received(request: Request, limits: Limits) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Gone
        part = message.get("body", b"")
        size += len(part)
        if message.get("more_body", False) and request.connection is not None and request.connection.is_slow:
            cause = f"The body has not come within {limits.body_seconds:g} s."
            raise Problem("slow", cause, "Send it faster, or less of it.", headers=_CLOSE)
        if size > limits.body:
            del parts
            await _pass_over(request, limits)
            raise _too_large(limits)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _pass_over(request: Request, limits: Limits) -> None:
    """Reads on for a moment: a connection that is closed while the client sends loses the answer."""
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_MOMENT):
            while size <= limits.body and (message := await request.receive()).get("more_body", False):
                size += len(message.get("body", b""))


class Gone(Exception):
    """The client is no more there."""


def _too_large(limits: Limits) -> Problem:
    cause = f"The body is larger than {limits.body / 1e6:g} MB."
    return Problem("too_large", cause, "Send fewer or smaller inputs.", headers=_CLOSE)

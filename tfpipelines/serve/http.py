"""A request and a response, as the handlers see them."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

JSON = "application/json"


class Connection(Protocol):
    """Of a client.

    Attributes:
        is_slow: whether a body has not come in time.
    """

    is_slow: bool

    def tell_of_end(self, call: Callable[[], None] | None) -> None:
        """Lets a function be called once the client is no more there, at once if it is not; None: none any more."""


@dataclass(eq=False)
class Request:
    """A request.

    Args:
        method: of HTTP.
        path: decoded.
        headers: name, in lower case -> value.
        query: of the address, encoded.
        receive: gives the next part of the body, as in ASGI.
        connection: None: it is not known when the client goes.
        proving: it is the server's own proof that asks.
        version: which version that asks.
        words: of the path, that stand for those in braces in the address of the handler.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    query: bytes
    receive: Receive
    connection: Connection | None = None
    proving: bool = False
    version: str | None = None
    words: dict[str, str] = field(default_factory=dict)

    def parameter(self, name: str, default: str) -> str:
        """Of the address: the last of its name."""
        return dict(parse_qsl(self.query.decode("latin-1"), True)).get(name, default) if self.query else default


@dataclass(eq=False)
class Response:
    """A response.

    Args:
        body: all of it.
        status: of HTTP.
        kind: content type.
        headers: others, name -> value.
    """

    body: bytes
    status: int = 200
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def json_response(value: Any, status: int = 200) -> Response:
    """A document."""
    return Response(as_json(value), status)


def as_json(value: Any) -> bytes:
    """A document's bytes; NaN, which JSON lacks, is a bug."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")

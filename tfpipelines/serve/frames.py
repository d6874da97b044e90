"""Messages between the process that speaks HTTP and a worker, over a pair of sockets: a JSON header and some bytes.

No pickle: neither side runs what the other sends.
"""

import asyncio
import io
import json
import math
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, BinaryIO, cast

_SIZES = struct.Struct(">II")  # bytes of the header, number of parts

Frame = tuple[dict[str, Any], list[bytes]]


def packed(header: dict[str, Any], parts: Sequence[bytes] = ()) -> bytes:
    """A message.

    Args:
        header: JSON values.
        parts: bytes that go with it.
    """
    text = json.dumps(header, ensure_ascii=False).encode("utf-8", "surrogatepass")
    lengths = struct.pack(f">{len(parts)}I", *map(len, parts))
    return b"".join([_SIZES.pack(len(text), len(parts)), lengths, text, *parts])


def receive(file: BinaryIO) -> Frame | None:
    """The next message of a socket's file; None once the other side has closed it."""
    try:
        length, count = _SIZES.unpack(_exactly(file, _SIZES.size))
        lengths = struct.unpack(f">{count}I", _exactly(file, 4 * count))
        header = json.loads(_exactly(file, length).decode("utf-8", "surrogatepass"))
        return header, [_exactly(file, size) for size in lengths]
    except (EOFError, ConnectionError):
        return None


def _exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise EOFError
    return content


class Channel(asyncio.Protocol):
    """The connection to a process that answers one message by another, awaited.

    Args:
        lost: called once it is closed.
    """

    def __init__(self, lost: Callable[[], None] = lambda: None):
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._buffer, self._size = bytearray(), 0  # bytes of the message that comes; 0: not known yet
        self._reply: asyncio.Future[Frame] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the process can be asked."""
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, header: dict[str, Any], parts: Sequence[bytes] = (), seconds: float = math.inf) -> Awaitable[Frame]:
        """Sends a message; gives what is answered.

        Args:
            seconds: until then.

        Raises:
            ConnectionError: if the process closes the connection before.
            TimeoutError: if there is no answer in time.
        """
        loop = asyncio.get_running_loop()
        reply = self._reply = loop.create_future()
        if self._transport is None or self._transport.is_closing():
            reply.set_exception(ConnectionError("it is closed"))
            return reply
        self._transport.write(packed(header, parts))
        if seconds < math.inf:
            timer = loop.call_later(seconds, self._fail, TimeoutError())
            reply.add_done_callback(lambda _: timer.cancel())
        return reply

    def send(self, header: dict[str, Any]) -> None:
        """Sends a message that is not answered."""
        if self._transport is not None:
            self._transport.write(packed(header))

    def close(self) -> None:
        """At once: the process may not read any more what waits to be written."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._size:
            self._size = _size_of(self._buffer)
        if self._size and len(self._buffer) >= self._size:
            message, self._buffer, self._size = bytes(self._buffer), bytearray(), 0
            if self._reply is not None and not self._reply.done():
                self._reply.set_result(cast(Frame, receive(io.BytesIO(message))))

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(ConnectionError("it is closed"))
        self._lost()

    def _fail(self, error: Exception) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)


def _size_of(begin: bytes | bytearray) -> int:
    """Of a message, by its first bytes; 0 where they are too few."""
    if len(begin) < _SIZES.size:
        return 0
    length, count = _SIZES.unpack_from(begin)
    if len(begin) < _SIZES.size + 4 * count:
        return 0
    return _SIZES.size + 4 * count + length + sum(struct.unpack_from(f">{count}I", begin, _SIZES.size))


async def open_channel(connection: socket.socket, lost: Callable[[], None] = lambda: None) -> Channel:
    """Of a socket to a process."""
    _, channel = await asyncio.get_running_loop().create_connection(lambda: Channel(lost), sock=connection)
    return channel

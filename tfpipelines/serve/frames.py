"""Messages between the process that speaks HTTP and a worker, over a pair of sockets: a JSON header and some bytes.

No pickle: neither side runs what the other sends.
"""

import asyncio
import json
import struct
from collections.abc import Sequence
from typing import Any, BinaryIO

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


async def read(reader: asyncio.StreamReader) -> Frame | None:
    """The same, awaited."""
    try:
        length, count = _SIZES.unpack(await reader.readexactly(_SIZES.size))
        lengths = struct.unpack(f">{count}I", await reader.readexactly(4 * count))
        header = json.loads((await reader.readexactly(length)).decode("utf-8", "surrogatepass"))
        return header, [await reader.readexactly(size) for size in lengths]
    except (asyncio.IncompleteReadError, ConnectionError):
        return None

"""What the body of a request asks for. Large ones are read in a process of their own: parsers written in C let no other
thread run, so that everybody would wait for one client's millions of empty lists.
"""

import asyncio
import dataclasses
import gc
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import frames
from .items import Item
from .limits import Limits
from .parsing import Parser, parse_json
from .problems import Problem
from .processes import ended, limit_memory, started
from .tensors import input_specs, items_of, output_specs, read_tensors, wanted

_LARGE = 250_000  # bytes that are parsed within some milliseconds, whatever they are
_AS_THEY_ARE = ("image/", "text/plain")  # content types that are not parsed
_TOO_MUCH = "Reading the body takes more memory than is allowed."


@dataclass
class Asked:
    """What a request asks for.

    Args:
        items: its inputs; in place of one that cannot be taken, why.
        outputs: names of the tensors that it wants, in the Open Inference Protocol.
        given: its `id` there.
    """

    items: Sequence[Item | Problem]
    outputs: Sequence[str] = ()
    given: str | None = None


def read(protocol: bool, facts: Mapping[str, Any], limits: Limits, kind: str, body: bytes) -> Asked:
    """What a body says.

    Args:
        protocol: it is one of the Open Inference Protocol.
        facts: of the model, see `engine.Engine`.
        kind: the content type.

    Raises:
        Problem: if it is malformed, or too much.
    """
    if not protocol:
        return Asked(Parser(facts["takes"], limits).items(kind, body))
    document = parse_json(body)
    tensors = read_tensors(document, input_specs(facts))
    given = document.get("id")
    outputs = wanted(document, output_specs(facts))
    return Asked(items_of(tensors, facts, limits), outputs, given if isinstance(given, str) else None)


class Reader:
    """Reads bodies, large ones in a process that is started for the first of them.

    Args:
        limits: of requests, and of the memory of that process.
    """

    def __init__(self, limits: Limits):
        self._limits, self._one = limits, asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: frames.Channel | None = None

    async def read(self, protocol: bool, facts: Mapping[str, Any], kind: str, body: bytes) -> Asked:
        """The same as `read`, while other clients are answered.

        Raises:
            Problem: also if it takes too long, or too much memory.
        """
        if len(body) <= _LARGE or (kind.lower().startswith(_AS_THEY_ARE) and not protocol):
            return read(protocol, facts, self._limits, kind, body)
        known = {name: facts.get(name) for name in ("takes", "kind", "classes", "columns", "interval")}
        asked = {"protocol": protocol, "facts": known, "kind": kind}
        try:
            async with asyncio.timeout(self._limits.seconds), self._one:
                try:
                    answer = await self._call(asked, body)
                except BaseException:  # what it says later would be taken for the answer to another
                    await asyncio.shield(self.stop())
                    raise
        except TimeoutError as error:
            cause = f"The body could not be read within {self._limits.seconds:g} s."
            raise Problem("too_long", cause, "Send fewer inputs, or try again later.") from error
        except OSError as error:
            cause = "The process that reads large bodies is no more."
            raise Problem("not_ready", cause, "Try again.", headers={"Retry-After": "1"}) from error
        header, parts = answer
        if "problem" in header:
            raise Problem.of_facts(header["problem"])
        items = [
            Problem.of_facts(facts["problem"]) if "problem" in facts else Item.of(facts, content)
            for facts, content in zip(header["items"], parts)
        ]
        return Asked(items, header["outputs"], header["given"])

    async def stop(self) -> None:
        """Ends the process."""
        channel, process, self._channel, self._process = self._channel, self._process, None, None
        if channel is not None:
            channel.close()
        if process is not None:
            await asyncio.to_thread(ended, process, 0.1)

    async def _call(self, asked: dict[str, Any], body: bytes) -> frames.Frame:
        if self._channel is None or not self._channel.is_open:
            await self.stop()
            await self._start()
        assert self._channel is not None
        return await self._channel.ask(asked, [body])

    async def _start(self) -> None:
        here, there = socket.socketpair()
        with there:
            try:
                self._process = await asyncio.to_thread(started, "reading", there.fileno())
                self._channel = await frames.open_channel(here)
            except BaseException:
                here.close()
                raise
        self._channel.send(dataclasses.asdict(self._limits))


def main(number: int) -> None:
    """Reads bodies until the socket is closed.

    Args:
        number: of the socket, inherited.
    """
    for ignored in (signal.SIGINT, signal.SIGTERM):  # who started this ends it
        signal.signal(ignored, signal.SIG_IGN)
    gc.disable()  # what is parsed has no cycles
    with socket.socket(fileno=number) as connection, connection.makefile("rb") as file:
        if (first := frames.receive(file)) is None:
            return
        limits = Limits(**first[0])
        limit_memory(limits.memory)
        while (frame := frames.receive(file)) is not None:
            connection.sendall(_answer(frame, limits))
            del frame
            gc.collect()


def _answer(frame: frames.Frame, limits: Limits) -> bytes:
    header, (body,) = frame
    try:
        asked = read(header["protocol"], header["facts"], limits, header["kind"], body)
    except Problem as problem:
        return frames.packed({"problem": problem.facts()})
    except MemoryError:
        return frames.packed({"problem": Problem("too_large", _TOO_MUCH, "Send less.").facts()})
    items = [item.header() if isinstance(item, Item) else {"problem": item.facts()} for item in asked.items]
    parts = [item.content if isinstance(item, Item) else b"" for item in asked.items]
    return frames.packed({"items": items, "outputs": list(asked.outputs), "given": asked.given}, parts)

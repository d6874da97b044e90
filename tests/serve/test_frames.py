"""Messages between processes."""

import asyncio
import socket

import pytest

from tfpipelines.serve.frames import open_channel, packed, receive


def connected(talk):
    """Runs `talk(channel, other end, list that gets an entry when the channel is lost)`."""

    async def run() -> None:
        here, there = socket.socketpair()
        lost: list[bool] = []
        with there:
            channel = await open_channel(here, lambda: lost.append(True))
            await talk(channel, there, lost)
            channel.close()
            await asyncio.sleep(0.01)
        assert lost == [True] and not channel.is_open

    asyncio.run(run())


def test_a_message_is_answered_however_its_bytes_come():
    async def talk(channel, other, lost):
        told = packed({"a": "\u00fc"}, [b"", b"x" * 100_000])
        for size in (1, 7, 9, 13, len(told)):
            reply = channel.ask({"b": size}, [b"part"])
            await asyncio.sleep(0)
            with other.makefile("rb") as file:
                assert await asyncio.to_thread(receive, file) == ({"b": size}, [b"part"])
            cut = [told[start : start + size] for start in range(0, min(len(told), 40 * size), size)]
            for piece in [*cut, told[sum(map(len, cut)) :]]:
                other.sendall(piece)
                await asyncio.sleep(0)
            assert await reply == ({"a": "\u00fc"}, [b"", b"x" * 100_000])

    connected(talk)


def test_one_that_does_not_answer_or_is_gone():
    async def talk(channel, other, lost):
        with pytest.raises(TimeoutError):
            await channel.ask({}, [], seconds=0.02)
        reply = channel.ask({}, [b"x"])
        other.close()
        with pytest.raises(ConnectionError):
            await reply
        await asyncio.sleep(0.01)
        assert lost and not channel.is_open
        with pytest.raises(ConnectionError):
            await channel.ask({})

    connected(talk)


def test_one_that_does_not_read_can_be_left():
    async def talk(channel, other, lost):
        reply = asyncio.ensure_future(channel.ask({}, [bytes(10_000_000)]))
        await asyncio.sleep(0.01)
        channel.close()
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(reply, 5)

    connected(talk)

"""Which inputs go through the model together, limits, and who may ask."""

import asyncio
import time

import pytest

from tfpipelines.errors import ConfigError
from tfpipelines.serve.access import TOKEN, Access, access_of
from tfpipelines.serve.batching import Queue, Told
from tfpipelines.serve.items import Item
from tfpipelines.serve.limits import Limits, parse_limits
from tfpipelines.serve.problems import Problem

ITEM = Item("text", "0", b"")


def test_one_alone_never_waits_and_many_go_together():
    async def run() -> None:
        queue = Queue(Limits(batch=4, batch_ms=200))
        for _ in range(10):
            began = time.monotonic()
            (job,) = queue.put([ITEM], False)
            (same,) = await queue.batch()
            assert same is job and time.monotonic() - began < 0.1
            job.tell(Told())
            await asyncio.sleep(0)
        first = queue.put([ITEM] * 3, False)
        assert await queue.batch() == first
        for job in first[:2]:
            job.tell(Told())
        await asyncio.sleep(0)
        # one is on its way still, so that of two new ones the first waits
        waiting = asyncio.create_task(queue.batch())
        one = queue.put([ITEM], False)
        await asyncio.sleep(0.02)
        assert not waiting.done()
        other = queue.put([ITEM, ITEM], False)
        assert await waiting == [*one, *other]

    asyncio.run(run())


def test_batches_hold_what_goes_together():
    async def run() -> None:
        queue = Queue(Limits(batch=4, batch_ms=1, queue=6))
        plain, explained = queue.put([ITEM] * 3, False), queue.put([ITEM] * 3, True)
        with pytest.raises(Problem) as refused:
            queue.put([ITEM], False)
        assert refused.value.status == 429 and refused.value.headers["Retry-After"] == "1"
        plain[1].tell(Told())  # whose client has gone
        assert await queue.batch() == [plain[0], plain[2]] and await queue.batch() == explained
        for job in plain[0], plain[2]:
            job.tries = 1
        queue.again([plain[0], plain[2]])  # what a worker may have died of
        assert await queue.batch() == [plain[0]] and await queue.batch() == [plain[2]]

    asyncio.run(run())


def test_limits():
    assert parse_limits(["items=4", "seconds=0.5"]) == Limits(items=4, seconds=0.5)
    for word in ("items", "itmes=4", "items=0", "items=1.5", "seconds=inf", "seconds=nan", "body=x", "queue=-1",
                 "seconds=1e300", "items=1e300"):  # fmt: skip
        with pytest.raises(ConfigError, match="--limit"):
            parse_limits([word])


@pytest.mark.parametrize(
    "host, good",
    [("localhost", True), ("LOCALHOST:80", True), ("127.0.0.1:8000", True), ("[::1]:8000", True), ("10.0.0.7", True),
     ("mine.example:1", True), ("evil.example", False), ("", False), ("localhost:x", False), ("localhost.evil", False),
     ("[::1", False), ("127.0.0.1.evil.example", False), ("user@localhost", False)],
)  # fmt: skip
def test_hosts(host, good):
    access = access_of("127.0.0.1", None, False, ["mine.example"])
    if good:
        access.require("/v1/model", {"host": host})
    else:
        with pytest.raises(Problem, match="Host"):
            access.require("/v1/model", {"host": host})


def test_tokens(tmp_path, monkeypatch):
    assert access_of("127.0.0.1", None, False, []) == Access()
    for host in ("0.0.0.0", "::", "192.168.1.5", "mine.example"):
        with pytest.raises(ConfigError, match="no token"):
            access_of(host, None, False, [])
        assert access_of(host, None, True, []).token is None
    (tmp_path / "token").write_text("0123456789abcdef\n")
    access = access_of("0.0.0.0", str(tmp_path / "token"), False, [])
    for given in ({}, {"authorization": "Bearer"}, {"authorization": "Bearer 0123456789abcdeg"},
                  {"authorization": "Basic 0123456789abcdef"}):  # fmt: skip
        with pytest.raises(Problem) as refused:
            access.require("/v1/predict", {"host": "localhost", **given})
        assert refused.value.status == 401
        access.require("/healthz", {"host": "localhost", **given})
    access.require("/v1/predict", {"host": "localhost", "authorization": "bearer 0123456789abcdef"})
    with pytest.raises(ConfigError, match="--no-auth"):
        access_of("0.0.0.0", str(tmp_path / "token"), True, [])
    for text in ("short", "", "with spaces in it, which is none"):
        monkeypatch.setenv(TOKEN, text)
        with pytest.raises(ConfigError, match=TOKEN):
            access_of("127.0.0.1", None, False, [])
    with pytest.raises(ConfigError, match="--token-file"):
        access_of("127.0.0.1", str(tmp_path), False, [])

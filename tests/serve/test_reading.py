"""Bodies, large ones in a process of their own."""

import asyncio
import base64
import json
import os
import signal
import time

import pytest

from tfpipelines.serve import reading
from tfpipelines.serve.items import Item
from tfpipelines.serve.limits import Limits
from tfpipelines.serve.problems import Problem
from tfpipelines.serve.reading import Reader, read

ROWS = {"takes": "row", "columns": ["a", "b"], "kind": "regressor", "classes": [], "interval": False}
IMAGES = {"takes": "image", "columns": [], "kind": "classifier", "classes": ["x", "y"]}
TENSOR = {"name": "image", "datatype": "UINT8", "shape": [2, 2, 2, 1], "data": [0, 1, 2, 3, 4, 5, 6, 7]}
CASES = [
    (False, ROWS, "application/json", {"inputs": [{"a": 1, "b": "\u00fc"}, 3]}),
    (False, ROWS, "text/csv", b"a,b\n1,2\n3\n"),
    (False, IMAGES, "application/json", {"inputs": [base64.b64encode(b"abc").decode(), "!"]}),
    (True, IMAGES, "application/json", {"id": "mine", "inputs": [TENSOR], "outputs": [{"name": "probabilities"}]}),
    (True, IMAGES, "application/json", {"inputs": [TENSOR]}),
    (False, ROWS, "application/json", b"{"), (False, ROWS, "image/png", b"x"), (True, IMAGES, "", {"inputs": []}),
    (False, ROWS, "application/json", {"inputs": [{}] * 40}),
]  # fmt: skip


def plain(asked):
    """What can be compared."""
    return [item if isinstance(item, Item) else item.facts() for item in asked.items], list(asked.outputs), asked.given


def told(*given):
    try:
        return plain(read(*given))
    except Problem as problem:
        return problem.facts()


def test_a_process_reads_as_this_one_does(monkeypatch):
    monkeypatch.setattr(reading, "_LARGE", -1)

    async def run() -> None:
        reader = Reader(Limits())
        for protocol, facts, kind, body in CASES:
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            try:
                found = plain(await reader.read(protocol, facts, kind, body))
            except Problem as problem:
                found = problem.facts()
            assert found == told(protocol, facts, Limits(), kind, body)
        process = reader._process
        await reader.stop()
        assert process is not None and process.returncode is not None

    asyncio.run(run())


def test_small_bodies_and_images_need_no_process():
    async def run() -> None:
        reader = Reader(Limits())
        assert (await reader.read(False, ROWS, "application/json", b'{"inputs": [{"a": 1}]}')).items
        assert (await reader.read(False, IMAGES, "Image/PNG", bytes(1_000_000))).items
        assert reader._process is None

    asyncio.run(run())


@pytest.mark.parametrize("value", [b"{}", b"[]"])
def test_millions_of_values_keep_nobody_waiting(value):
    async def run() -> None:
        reader = Reader(Limits(seconds=60))
        body = b'{"inputs": [' + b",".join([value] * 2_000_000) + b"]}"
        used = time.process_time()
        with pytest.raises(Problem, match="2000000 inputs"):
            await reader.read(False, ROWS, "application/json", body)
        assert time.process_time() - used < 0.15  # CPU of this process, which would be unable to do anything else
        await reader.stop()

    asyncio.run(run())


def test_what_takes_too_long_or_too_much_is_refused_and_the_next_is_read():
    async def run() -> None:
        body = b'{"inputs": [' + b",".join([b"[[]]"] * 600_000) + b"]}"
        row = b'{"inputs": [{"a": "' + b"x" * 300_000 + b'"}]}'
        reader = Reader(Limits(memory=20_000_000, seconds=60))
        with pytest.raises(Problem, match="more memory"):
            await reader.read(False, ROWS, "application/json", body)
        assert isinstance((await reader.read(False, ROWS, "application/json", row)).items[0], Item)
        os.kill(reader._process.pid, signal.SIGSTOP)
        reader._limits = Limits(seconds=0.05)
        with pytest.raises(Problem, match="within 0.05 s") as late:
            await reader.read(False, ROWS, "application/json", row)
        assert late.value.status == 504
        reader._limits = Limits(seconds=60)
        asked = asyncio.create_task(reader.read(False, ROWS, "application/json", row))
        while reader._process is None:
            await asyncio.sleep(0.01)
        os.kill(reader._process.pid, signal.SIGKILL)
        with pytest.raises(Problem, match="is no more") as died:
            await asked
        assert died.value.status == 503
        assert isinstance((await reader.read(False, ROWS, "application/json", row)).items[0], Item)
        await reader.stop()

    asyncio.run(run())

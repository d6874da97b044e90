"""A new version takes over without a dropped request; one that fails changes nothing."""

import json
import os
import re
import socket
import threading
import time

import pytest

from .running import Server
from .small_export import picture, write_export

for needed in ("uvicorn", "httptools", "python_multipart", "prometheus_client", "onnx", "onnxruntime"):
    pytest.importorskip(needed, reason=f"serving needs {needed}: pip install 'tfpipelines[serve,onnx]'")


def put(numbered, number: int, **options):
    """A version appears as a whole, as tfpipe export makes it."""
    made = write_export(numbered.parent / f"made-{number}-{time.monotonic_ns()}", **options)
    os.rename(made, numbered / str(number))
    return numbered / str(number)


def until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def counted(server, result: str) -> float:
    found = re.search(rf'tfpipe_version_loads_total{{result="{result}"}} (\S+)', server.ask("/metrics").body.decode())
    return float(found[1]) if found else 0.0


def test_versions_take_over_while_clients_ask(tmp_path):
    import psutil

    numbered = tmp_path / "numbered"
    numbered.mkdir()
    put(numbered, 1)
    server = Server(numbered, "--limit=seconds=60").wait()
    answers: list[tuple[int, str]] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            told = server.ask("/v1/predict", picture(51), "image/png")
            answers.append((told.status, told.json["model"]["version"] if told.status == 200 else told.body))

    version = lambda: server.ask("/v1/model").json["version"]
    clients = [threading.Thread(target=ask) for _ in range(3)]
    try:
        for client in clients:
            client.start()
        until(lambda: len(answers) > 10)
        put(numbered, 2)
        until(lambda: version() == "2")
        put(numbered, 3, factor=0.9)  # it answers differently than its proof says
        until(lambda: counted(server, "failed") == 1)
        (write_export(tmp_path / "4") / "model.onnx").write_bytes(b"half of it")
        os.rename(tmp_path / "4", numbered / "4")
        until(lambda: counted(server, "failed") == 2)
        assert version() == "2" and server.ask("/readyz").status == 200
        # the rest of its files comes
        whole = write_export(tmp_path / "whole")
        os.replace(whole / "model.onnx", numbered / "4" / "model.onnx")
        until(lambda: version() == "4")
        assert counted(server, "loaded") == 2 and counted(server, "failed") == 2
        assert "tfpipe_version 4.0" in server.ask("/metrics").body.decode()
        asked = len(answers)
        until(lambda: len(answers) > asked + 10)
        until(lambda: len(psutil.Process(server.process.pid).children()) == 1)  # the workers of the others are gone
    finally:
        stop.set()
        for client in clients:
            client.join()
        _, said = server.end()
    assert {status for status, _ in answers} == {200}, said
    order = [number for place, (_, number) in enumerate(answers) if not place or answers[place - 1][1] != number]
    assert set(order) == {"1", "2", "4"}
    assert "version 3 is not served, 2 stays" in said and "version 4 has taken over" in said


def test_another_task_does_not_take_over(tmp_path):
    numbered = tmp_path / "numbered"
    numbered.mkdir()
    put(numbered, 1)
    server = Server(numbered).wait()
    try:
        other = write_export(tmp_path / "other", kept=0)
        manifest = json.loads((other / "manifest.json").read_text())
        manifest["serving"] |= {"answer": "value"}
        (other / "manifest.json").write_text(json.dumps(manifest))
        os.rename(other, numbered / "2")
        until(lambda: counted(server, "failed") == 1)
        assert server.ask("/v1/model").json["version"] == "1"
    finally:
        _, said = server.end()
    assert "another task" in said


def test_a_version_is_proven_though_all_connections_are_used(tmp_path):
    """And one whose kept samples are damaged is looked at again once they are not."""
    numbered = tmp_path / "numbered"
    numbered.mkdir()
    put(numbered, 1)
    server = Server(numbered, "--limit=connections=4").wait()
    beside = tmp_path / "proof_samples"
    beside.mkdir()
    samples = json.loads((numbered / "1" / "proof_samples.json").read_text())
    (beside / "numbered-2.json").write_text(json.dumps({"samples": [{"x": 1}]}))
    try:
        put(numbered, 2, kept=0)
        until(lambda: counted(server, "failed") == 1)
        opened = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4)]
        (beside / "numbered-2.json").write_text(json.dumps(samples))
        opened[0].settimeout(8)
        asked = b"GET /v1/model HTTP/1.1\r\nHost: localhost\r\n\r\n"
        until(lambda: opened[0].sendall(asked) or b'"version":"2"' in opened[0].recv(65536), 20)
        for connection in opened:
            connection.close()
    finally:
        _, said = server.end()
    assert "proof_samples/numbered-2.json is damaged" in said and "version 2 has taken over" in said

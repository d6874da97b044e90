"""What goes wrong around the server costs only whom it is about, or time."""

import concurrent.futures
import resource
import signal
import socket
import struct
import time
import zlib

import pytest

from .running import Server
from .small_export import picture, write_export

for needed in ("uvicorn", "httptools", "python_multipart", "prometheus_client", "onnx", "onnxruntime"):
    pytest.importorskip(needed, reason=f"serving needs {needed}: pip install 'tfpipelines[serve,onnx]'")

HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
LIMITS = ("--limit=seconds=60", "--limit=body=1000000", "--limit=body_seconds=2")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(write_export(tmp_path_factory.mktemp("small") / "1"), *LIMITS).wait()
    yield running
    running.end()


def answers(server, count: int = 5) -> bool:
    """Whether others get what they ask for."""
    told = [server.ask("/v1/predict", picture(51), "image/png") for _ in range(count)]
    return all(one.status == 200 and one.json["predictions"][0]["predicted"] == "dark" for one in told)


def bomb(side: int) -> bytes:
    """A PNG of some kB that claims side x side pixels of 8 bits."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    lines = zlib.compress(bytes(min(side, 4400) + 1) * min(side, 4400), 9)
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def test_pictures_that_claim_more_than_they_have(server):
    import psutil

    for side in (5_000, 40_000, 2**31 - 1):
        told = server.ask("/v1/predict", bomb(side), "image/png")
        assert told.status == 422 and told.json["error"]["code"] == "unreadable"
    assert server.ask("/v1/predict", bomb(4_400), "image/png").status == 200  # within the limit of 20 megapixels
    assert answers(server, 1)
    worker = psutil.Process(server.worker())
    assert worker.memory_info().rss < 700e6 and b"tfpipe_worker_restarts_total 0.0" in server.ask("/metrics").body


def test_a_chunked_body_without_end_is_cut_off(server):
    import psutil

    before = psutil.Process(server.process.pid).memory_info().rss
    chunk = b"%x\r\n%b\r\n" % (1 << 16, bytes(1 << 16))
    with concurrent.futures.ThreadPoolExecutor(1) as pool, socket.create_connection(("127.0.0.1", server.port)) as one:
        others = pool.submit(answers, server)
        sent = 0
        one.settimeout(5)
        try:
            one.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
            while sent < 200_000_000:
                one.sendall(chunk)
                sent += 1 << 16
        except OSError:
            pass
        assert sent < 100_000_000 and others.result()
    assert psutil.Process(server.process.pid).memory_info().rss < before + 30e6


def test_slow_bodies_do_not_keep_others_waiting(server):
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(30)]
    try:
        for connection in slow:
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n\x89")
        assert answers(server)
        for connection in slow:
            connection.settimeout(20)
            assert b" 408 " in connection.recv(1000)
    finally:
        for connection in slow:
            connection.close()


def test_clients_that_leave_are_not_answered(server):
    """What they asked for is passed over, if it has not begun."""
    body = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(picture(51)), picture(51))
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # it is reset
            connection.sendall(body)
    assert answers(server)
    counted = server.ask("/metrics").body.decode()
    assert 'code="500"' not in counted and "tfpipe_queue_inputs 0.0" in counted


def test_a_disk_that_is_full_stops_nobody(server):
    """The server writes no files."""
    processes = server.process.pid, server.worker()
    before = [resource.prlimit(process, resource.RLIMIT_FSIZE) for process in processes]
    try:
        for process, (_, most) in zip(processes, before):
            resource.prlimit(process, resource.RLIMIT_FSIZE, (0, most))
        assert answers(server) and server.ask("/metrics").status == 200
    finally:
        for process, limits in zip(processes, before):
            resource.prlimit(process, resource.RLIMIT_FSIZE, limits)


def test_no_file_descriptors_cost_time_only(server):
    """Connections that are open are answered; new ones, and a worker that is started again, as soon as they can be."""
    import http.client
    import os

    import psutil

    process = server.process.pid
    soft, hard = resource.prlimit(process, resource.RLIMIT_NOFILE)
    kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    ask = lambda: kept.request("POST", "/v1/predict", picture(51), {"Content-Type": "image/png"}) or kept.getresponse()
    try:
        assert ask().read()
        resource.prlimit(process, resource.RLIMIT_NOFILE, (psutil.Process(process).num_fds(), hard))
        waiting = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
        told = ask()
        assert told.status == 200 and told.read()
        os.kill(server.worker(), signal.SIGKILL)
        time.sleep(1)
    finally:
        resource.prlimit(process, resource.RLIMIT_NOFILE, (soft, hard))
    for connection in waiting:
        connection.close()
    told = ask()
    assert told.status == 200 and told.read() and answers(server)
    kept.close()


@pytest.mark.slow
def test_ten_thousand_inputs_have_ten_thousand_answers(server):
    """Under batching each caller gets its own answer: that of one alone."""

    def image(number: int) -> tuple[bytes, float]:
        import io

        from PIL import Image

        levels = bytes((number * 7 + place * (number % 89)) % 256 for place in range(64))
        Image.frombytes("L", (8, 8), levels).save(buffer := io.BytesIO(), "PNG")
        return buffer.getvalue(), sum(levels) / 64 / 255

    def ask(number: int) -> float:
        content, share = image(number)
        told = server.ask("/v1/predict", content, "image/png")
        assert told.status == 200, told.body
        return abs(told.json["predictions"][0]["scores"]["bright"] - share)

    assert len({image(number)[0] for number in range(10_000)}) == 10_000
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert max(pool.map(ask, range(10_000), chunksize=50)) < 1e-5

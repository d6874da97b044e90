"""Clients that want to harm, and files that change under a server that runs."""

import json
import os
import shutil
import signal
import socket
import time

import pytest

from tfpipelines.errors import ArtifactError, ConfigError, ExportError
from tfpipelines.serve.access import Access
from tfpipelines.serve.guard import _headers
from tfpipelines.serve.limits import Limits
from tfpipelines.serve.parsing import Parser, parse_json, parts_of
from tfpipelines.serve.problems import Problem
from tfpipelines.serve.processes import started
from tfpipelines.serve.proof import NotAnswered, Prover
from tfpipelines.serve.sources import Source, find

from .running import Server
from .small_export import picture, write_export

for needed in ("uvicorn", "httptools", "python_multipart", "prometheus_client", "onnx", "onnxruntime"):
    pytest.importorskip(needed, reason=f"serving needs {needed}: pip install 'tfpipelines[serve,onnx]'")

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
LIMITS = ("--limit=seconds=60", "--limit=body_seconds=1", "--limit=queue=2", "--limit=connections=4")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(write_export(tmp_path_factory.mktemp("hostile") / "1"), *LIMITS).wait()
    yield running
    _, said = running.end()
    assert "Traceback" not in said and "never retrieved" not in said and "Invalid HTTP" not in said, said


def until(condition, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def sent(server, begin: bytes, more: bytes, count: int) -> tuple[int, bytes]:
    """How many bytes are taken, and what is answered."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        total = 0
        try:
            connection.sendall(begin)
            for _ in range(count):
                connection.sendall(more)
                total += len(more)
            connection.sendall(b"\r\n\r\n")
        except OSError:
            pass
        try:
            return total, connection.recv(1000)
        except OSError:
            return total, b""


@pytest.mark.parametrize(
    "begin, more",
    [(HEAD, b"X-A: " + b"a" * 60_000 + b"\r\n"), (HEAD + b"X-A: ", b"a" * 60_000), (b"GET /", b"a" * 60_000),
     (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: " + b"a" * 60_000 + b"\r\n")],
    ids=["headers", "header", "path", "trailers"],
)  # fmt: skip
def test_headers_do_not_fill_the_memory(server, begin, more):
    import psutil

    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    total, _ = sent(server, begin, more, 500)
    assert total < 20_000_000 and process.memory_info().rss < before + 20e6
    until(lambda: server.ask("/healthz").status == 200)


def test_few_headers_are_taken(server):
    assert b" 200 " in sent(server, HEAD, b"X-A: a\r\n", 50)[1]
    _, told = sent(server, HEAD, b"X-A: a\r\n", 200)
    assert b" 400 " in told and b"more than 100 headers" in told


def test_clients_that_do_not_read_are_ended(server):
    stalled = []
    for _ in range(4):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0.2)
        try:
            for _ in range(200):
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
        except OSError:
            pass
        stalled.append(connection)
    try:
        until(lambda: server.ask("/healthz").status == 200)
    finally:
        for connection in stalled:
            connection.close()


def test_the_proof_needs_no_free_connection_and_no_place_in_the_queue(server):
    """It has been ready with samples that are more than may wait."""
    kept = socket.create_connection(("127.0.0.1", server.port))
    others = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
    try:
        kept.settimeout(10)
        kept.sendall(b"POST /v1/model/proof HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        assert b" 200 " in kept.recv(2000)
    finally:
        for connection in (kept, *others):
            connection.close()


def test_no_time_for_the_proof_says_nothing_of_the_model(tmp_path, monkeypatch):
    import asyncio

    source = Source(write_export(tmp_path / "1"), "m", "1", None)
    monkeypatch.setattr("tfpipelines.serve.proof._PAUSES", ())
    prover = Prover(("127.0.0.1", 9), {}, Limits())
    prove = lambda **more: asyncio.run(prover.prove(source, **more))
    told = iter([{"error": {"code": "busy", "cause": "Too many."}}, OSError("gone"),
                 {"error": {"code": "unreadable", "cause": "No."}}])  # fmt: skip

    def answer(_):
        if isinstance(one := next(told), OSError):
            raise one
        return one

    monkeypatch.setattr(prover, "_told", answer)
    for expected in (NotAnswered, NotAnswered, ExportError):
        with pytest.raises(expected):
            prove()
    kept = source.path / "proof_samples.json"
    for content in ([{"x": 1}], 3, []):
        kept.write_text(json.dumps({"samples": content}))
        with pytest.raises(ArtifactError, match="another shape"):
            prove()
    kept.unlink()
    assert prove()["samples"] == 0
    with pytest.raises(ExportError, match="gone"):
        prove(again=True)
    manifest = json.loads((source.path / "manifest.json").read_text())
    del manifest["serving"]["tolerance"]
    (source.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="tolerance"):
        prove()
    shutil.rmtree(source.path)
    with pytest.raises(ArtifactError):
        prove()


def test_a_worker_that_dies_is_noticed_and_another_model_is_refused(tmp_path):
    folder, other = write_export(tmp_path / "1"), write_export(tmp_path / "other", factor=0.9)
    server = Server(folder).wait()
    try:
        first = server.worker()
        os.kill(first, signal.SIGKILL)
        until(lambda: b"tfpipe_worker_restarts_total 1.0" in server.ask("/metrics").body)
        server.wait()
        (folder / "proof_samples.json").rename(tmp_path / "samples")
        told = server.ask("/v1/model/proof", b"")
        assert told.status == 503 and str(tmp_path) not in told.body.decode()
        assert server.ask("/v1/predict", picture(51), "image/png").status == 503
        (tmp_path / "samples").rename(folder / "proof_samples.json")
        assert server.ask("/v1/model/proof", b"").status == 200 and server.ask("/readyz").status == 200
        folder.rename(tmp_path / "old")
        other.rename(folder)
        os.kill(server.worker(), signal.SIGKILL)
        until(lambda: server.ask("/readyz").status == 503)
        until(lambda: server.ask("/v1/predict", picture(51), "image/png").status == 503)
        folder.rename(other)
        (tmp_path / "old").rename(folder)
        server.wait()
        assert server.ask("/v1/predict", picture(51), "image/png").status == 200
    finally:
        _, said = server.end()
    assert "another model" in said and "samples that have proven" in said


def test_what_is_malformed_is_told_without_a_bug(server):
    good = {"image": "%"}
    for origin in ("http://[::1", "http://[", "//]"):
        assert server.ask("/v1/model", Origin=origin).status == 403
    assert sent(server, b"no http at all", b"", 0)[1].startswith(b"HTTP/1.1 400")
    upgrade = server.ask("/healthz", Connection="Upgrade", Upgrade="websocket")
    assert upgrade.status == 200
    for path in ("/v1/predict", "/v2/models/hostile/infer", f"/v2/models/{server.ask('/v1/model').json['name']}/infer"):
        told = server.ask(path, b'{"id": "\\ud800", "inputs": [{"\\udc00": 1}]}', "application/json")
        assert told.status in (400, 404), told.body
    import base64

    image = base64.b64encode(picture(51)).decode()
    told = server.ask("/v1/predict", {"inputs": [image, "!!!"]})
    right, wrong = told.json["predictions"]
    assert told.status == 200 and right["predicted"] == "dark" and wrong["error"]["code"] == "malformed"
    assert wrong["item"] == "1"
    told = server.ask("/v1/predict", {"inputs": [good]})
    assert told.status == 400 and told.json["error"]["item"] == "0"
    told = server.ask("/v1/predict", {"inputs": [image]}, "application/json; charset=latin-1")
    assert told.status == 415


def test_a_malformed_form_is_told_to_its_client_alone(caplog):
    body = b"--e\r\nContent[Disposition: x\r\n\r\nx\r\n--e--"
    with pytest.raises(Problem, match="no multipart/form-data"):
        Parser("image", Limits()).items("multipart/form-data; boundary=e", body)
    assert not caplog.records


def test_forms_are_whole():
    part = b'--x\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\n\r\n%s\r\n'
    forms = lambda body: parts_of("multipart/form-data; boundary=x", body, 4)
    whole = part % (b"a", b"1") + part % (b"b", b"2")
    assert [tuple(found) for found in forms(whole + b"--x--")] == [("a", b"1"), ("b", b"2")]
    for body in (whole, whole[:-5], whole + b"--x", whole[:60], b"--x\r\n", b"no form", b"--y--\r\n"):
        with pytest.raises(Problem, match="form") as refused:
            forms(body)
        assert refused.value.status == 400


def test_half_characters_are_no_json():
    assert parse_json(b'"\\ud83d\\ude00 \\\\ud800"') == "\U0001f600 \\ud800"
    for body in (b'"\\ud800"', b'{"\\udfff": 1}', b'[["\\uDE00\\uD83D"]]'):
        with pytest.raises(Problem, match="surrogate"):
            parse_json(body)


def test_tables_are_read_up_to_their_limits_only():
    began = time.process_time()
    for takes in ("row", "series"):
        with pytest.raises(Problem, match="rows") as refused:
            Parser(takes, Limits(rows=1000)).items("text/csv", b"a\n" + b"1\n" * 4_000_000)
        assert refused.value.status == 413
    assert time.process_time() - began < 1
    with pytest.raises(Problem, match="cells"):
        Parser("row", Limits()).items("text/csv", b"," * 2_000_000 + b"\n1\n")
    (told,) = Parser("series", Limits(rows=2)).items("application/json", b'{"inputs": [[{}, {}, {}]]}')
    assert told.status == 413
    first, second = Parser("row", Limits()).items("text/csv; charset=UTF-8", b"a,b\n1\n1,2\n")
    assert first.item == "0" and first.status == 400 and json.loads(second.content) == {"a": "1", "b": "2"}
    with pytest.raises(Problem, match="latin-1"):
        Parser("row", Limits()).items("text/csv; charset='latin-1'", b"a\n1\n")


def test_headers_given_twice_are_a_list():
    """So no part of it is taken for the whole, whichever of them a proxy has looked at."""
    told = _headers([(b"host", b"localhost"), (b"Accept", b"a"), (b"Host", b"evil.example"), (b"accept", b"b")])
    assert told == {"host": "localhost, evil.example", "accept": "a, b"}
    with pytest.raises(Problem, match="Host"):
        Access().require("/v1/model", told)
    own = "Bearer 0123456789abcdef"
    access = Access(b"0123456789abcdef")
    access.require("/v1/model", {"host": "localhost", "authorization": own})
    for twice in (f"{own}, Bearer other", f"Bearer other, {own}"):
        with pytest.raises(Problem, match="wrong"):
            access.require("/v1/model", {"host": "localhost", "authorization": twice})


def test_names_that_are_no_part_of_an_address(tmp_path):
    export = write_export(tmp_path / "1")
    for name in ("a/b", "", " ", "..", "a\n"):
        with pytest.raises(ConfigError, match="--name"):
            find(export, name)
    assert find(export, "a.b-c").name == "a.b-c"


def test_workers_do_not_know_the_token(monkeypatch):
    from tfpipelines.serve.access import TOKEN

    monkeypatch.setenv(TOKEN, "0123456789abcdef")
    given = {}
    monkeypatch.setattr("subprocess.Popen", lambda command, **options: given.update(options["env"]))
    started("worker", 3)
    assert given and TOKEN not in given

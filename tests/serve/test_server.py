"""The server as clients see it: one for all tests of this file, with an export made by hand."""

import base64
import concurrent.futures
import http.client
import json
import os
import signal
import socket
import time

import pytest

from .running import Server
from .small_export import picture, write_export

for needed in ("uvicorn", "httptools", "python_multipart", "prometheus_client", "onnx", "onnxruntime"):
    pytest.importorskip(needed, reason=f"serving needs {needed}: pip install 'tfpipelines[serve,onnx]'")

LIMITS = [
    f"--limit={word}"
    for word in (
        "body=100000",
        "items=8",
        "pixels=10000",
        "request_pixels=25000",
        "batch=2",
        "body_seconds=1",
        "connections=20",
        "seconds=60",
    )
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(write_export(tmp_path_factory.mktemp("small") / "1"), *LIMITS)
    yield running.wait()
    running.end()


def problem(told, status: int, code: str) -> dict:
    assert told.status == status, told.body
    error = told.json["error"]
    assert set(error) == {"code", "cause", "remedy", "item"} and error["code"] == code and error["cause"].endswith(".")
    return error


def test_an_image_is_answered_as_predict_does(server):
    told = server.ask("/v1/predict", picture(51), "image/png").json
    assert told["model"]["name"] == "small" and told["model"]["version"] == "1" and len(told["model"]["sha256"]) == 64
    assert told["predictions"] == [{"item": "0", "predicted": "dark", "scores": {"dark": 0.8, "bright": 0.2}}]


def test_a_bad_item_does_not_fail_the_others(server):
    edge = b"------edge"
    part = lambda name, content: b"\r\n".join(
        [edge, b'Content-Disposition: form-data; name="f"; filename="%s"' % name, b"", content, b""]
    )
    files = [(b"../../a.png", picture(255)), (b"b.png", b"no image"), (b"c.png", picture(0, (200, 200)))]
    body = b"".join(part(*file) for file in files) + edge + b"--\r\n"
    told = server.ask("/v1/predict", body, "multipart/form-data; boundary=----edge")
    good, bad, large = told.json["predictions"]
    assert told.status == 200 and (good["item"], good["predicted"]) == ("a.png", "bright")
    assert bad["error"]["code"] == large["error"]["code"] == "unreadable" and bad["error"]["item"] == "b.png"
    assert "200 x 200" in large["error"]["cause"]


def test_images_of_a_request_have_a_limit_together(server):
    """Also where they go through the model in several batches."""
    inputs = lambda *sides: {"inputs": [base64.b64encode(picture(51, (side, side))).decode() for side in sides]}
    told = server.ask("/v1/predict", inputs(8, 100, 100, 8, 8, 100))
    error = problem(told, 413, "too_large")
    assert error["item"] is None and "0.025 megapixels are the most" in error["cause"]
    told = server.ask("/v1/predict", inputs(8, 100, 100, 8, 60)).json["predictions"]
    assert [record["predicted"] for record in told] == ["dark"] * 5
    data = {"name": "image", "shape": [3], "datatype": "BYTES", "data": inputs(100, 100, 100)["inputs"]}
    assert server.ask("/v2/models/small/infer", {"inputs": [data]}).status == 413


def test_errors_have_one_shape(server):
    ask = server.ask
    assert problem(ask("/v1/predict", b"no image", "image/png"), 422, "unreadable")["item"] == "0"
    problem(ask("/v1/predict", picture(1), "text/plain"), 415, "unsupported")
    problem(ask("/v1/predict", picture(1), "image/png", Content_Encoding="gzip"), 415, "unsupported")
    for body in (b"{", b'{"inputs": NaN}', b"[" * 50_000, b'{"inputs": 3}', b'{"inputs": []}', b"\xff", b""):
        problem(ask("/v1/predict", body, "application/json"), 400, "malformed")
    assert problem(ask("/v1/predict", {"inputs": [3]}), 400, "malformed")["item"] == "0"
    problem(ask("/v1/predict", {"inputs": [""] * 9}), 413, "too_large")
    problem(ask("/v1/predict", b"x" * 100_001, "image/png"), 413, "too_large")
    problem(ask("/v1/predict?explain=1", picture(1), "image/png"), 400, "malformed")
    problem(ask("/v1/predict?explain=perhaps", picture(1), "image/png"), 400, "malformed")
    problem(ask("/nowhere"), 404, "not_found")
    told = ask("/v1/predict")
    assert problem(told, 405, "method") and told.headers["allow"] == "POST"


def test_pages_of_other_sites_cannot_use_it(server):
    model = "/v1/model"
    problem(server.ask(model, Host="evil.example"), 400, "malformed")
    problem(server.ask(model, Host=""), 400, "malformed")
    problem(server.ask(model, Origin="http://evil.example"), 403, "forbidden")
    told = server.ask(model, Origin=f"http://127.0.0.1:{server.port}", X_Request_Id="mine-1")
    assert told.status == 200 and told.headers["x-request-id"] == "mine-1"
    assert (
        "access-control-allow-origin" not in told.headers
        and "default-src 'none'" in told.headers["content-security-policy"]
    )
    assert server.ask(model, X_Request_Id="<script>").headers["x-request-id"] != "<script>"


def test_what_is_known_of_the_model(server):
    told = server.ask("/v1/model").json
    assert told["classes"] == ["dark", "bright"] and told["runtime"] == "onnxruntime" and told["state"] == "ready"
    assert told["limits"]["items"] == 8 and told["proof"]["samples"] == 4
    assert server.ask("/v1/model/proof", b"").json["largest_difference"] <= 1e-6
    assert server.ask("/healthz").json == {"live": True}


def test_the_description_holds(server):
    told = server.ask("/openapi.json").json
    assert told["info"] == {"title": "small", "version": "1", "description": told["info"]["description"]}
    predict = told["paths"]["/v1/predict"]["post"]
    body = predict["requestBody"]["content"]["application/json"]
    answered = server.ask("/v1/predict", body["example"])  # a PNG that ends after its first bytes
    assert answered.status == 422 and {str(answered.status), "200"} < set(predict["responses"])
    for path, methods in told["paths"].items():
        path = path.replace("{name}", "small").replace("{version}", "1")
        if "get" in methods:
            answered = server.ask(path)
            kind = answered.headers["content-type"].partition(";")[0]
            assert kind in methods["get"]["responses"][str(answered.status)]["content"], path


def test_the_open_inference_protocol(server):
    ask = server.ask
    assert ask("/v2").json["extensions"] == [] and ask("/v2/health/live").json == {"live": True}
    assert ask("/v2/health/ready").json == {"ready": True}
    model = "/v2/models/small"
    known = ask(f"{model}/versions/1").json
    assert known == ask(model).json and known["inputs"][0] == {"name": "image", "datatype": "UINT8", "shape": [-1] * 4}
    assert ask(f"{model}/ready").json == {"name": "small", "ready": True}
    data = [[[[51]] * 8] * 8, [[[255]] * 8] * 8]
    tensor = {"name": "image", "shape": [2, 8, 8, 1], "datatype": "UINT8", "data": data}
    told = ask(f"{model}/versions/1/infer", {"id": "mine", "inputs": [tensor]}).json
    assert (told["id"], told["model_name"], told["model_version"]) == ("mine", "small", "1")
    predicted, probabilities = told["outputs"]
    assert predicted == {"name": "predicted", "datatype": "BYTES", "shape": [2], "data": ["dark", "bright"]}
    assert probabilities["shape"] == [2, 2] and probabilities["data"] == [0.8, 0.2, 0.0, 1.0]
    flat = {**tensor, "data": [51] * 64 + [255] * 64}
    only = ask(f"{model}/infer", {"inputs": [flat], "outputs": [{"name": "probabilities"}]}).json["outputs"]
    assert only == [probabilities]
    files = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(picture(51)).decode()]}
    assert ask(f"{model}/infer", {"inputs": [files]}).json["outputs"][1]["data"] == [0.8, 0.2]


def test_errors_of_the_protocol(server):
    model = "/v2/models/small"
    tensor = {"name": "image", "shape": [1, 8, 8, 1], "datatype": "UINT8", "data": [51] * 64}
    wrong = [
        {"inputs": []}, {"inputs": [{**tensor, "shape": [1, 8, 8]}]}, {"inputs": [{**tensor, "data": [256] * 64}]},
        {"inputs": [{**tensor, "data": [1.5] * 64}]}, {"inputs": [{**tensor, "data": [True] * 64}]},
        {"inputs": [{**tensor, "data": "x"}]}, {"inputs": [{**tensor, "data": [[1] * 63, [1]]}]},
        {"inputs": [{**tensor, "shape": [1, 8, 8, 4], "data": [1] * 256}]}, {"inputs": [tensor, tensor]},
        {"inputs": [{**tensor, "name": "picture"}]}, {"inputs": [{**tensor, "name": {}}]},
        {"inputs": [{**tensor, "datatype": "FP32"}]},
        {"inputs": [tensor], "outputs": [{"name": "logits"}]}, [], {"inputs": 3},
        {"inputs": [{**tensor, "datatype": []}]}, {"inputs": [{**tensor, "datatype": {}}]},
        {"inputs": [tensor], "outputs": [{"name": {}}]}, {"inputs": [tensor], "outputs": {}},
        {"inputs": [tensor], "outputs": 3}, {"inputs": [{**tensor, "data": {}}]}, {"inputs": [{**tensor, "shape": {}}]},
        {"inputs": [{**tensor, "shape": [10**30, 8, 8, 1]}]},
    ]  # fmt: skip
    for document in wrong:
        told = server.ask(f"{model}/infer", document)
        assert told.status == 400 and isinstance(told.json["error"], str), document
    bad = {**tensor, "shape": [2], "datatype": "BYTES", "data": [base64.b64encode(picture(1)).decode(), "AAAA"]}
    told = server.ask(f"{model}/infer", {"inputs": [bad]})
    assert told.status == 422 and "input 1 of 2" in told.json["error"]
    for path in ("/v2/models/other", f"{model}/versions/2", f"{model}/versions/2/ready", "/v2/nothing"):
        assert server.ask(path).status == 404 and isinstance(server.ask(path).json["error"], str)
    assert server.ask(f"{model}/infer").status == 405
    assert server.ask(f"{model}/infer", {}, Inference_Header_Content_Length="10").status == 415


def test_each_caller_gets_its_own_answer(server):
    def one(number: int) -> bool:
        level = number % 256
        told = server.ask("/v1/predict", picture(level), "image/png").json["predictions"][0]
        return abs(told["scores"]["bright"] - level / 255) < 1e-6

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(300)))
    counted = server.ask("/metrics").body.decode()
    sizes = {line.split()[0]: float(line.split()[1]) for line in counted.splitlines() if line[:1] != "#"}
    assert sizes["tfpipe_batch_inputs_sum"] > 1.5 * sizes["tfpipe_batch_inputs_count"]  # they went together
    assert sizes['tfpipe_requests_total{code="200",route="/v1/predict"}'] >= 300


def raw(server, content: bytes, wait: float = 5.0) -> bytes:
    """What is answered to bytes that stop there."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as connection:
        connection.sendall(content)
        told = b""
        while part := connection.recv(65536):
            told += part
        return told


def test_slow_and_broken_clients_are_ended(server):
    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
    began = time.monotonic()
    assert b" 408 " in raw(server, head + b"Content-Length: 100\r\n\r\nabc")
    assert b" 408 " in raw(server, head)
    assert time.monotonic() - began < 4
    assert b" 400 " in raw(server, b"no http at all\r\n\r\n")
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    assert b" 413 " in raw(server, head + b"Transfer-Encoding: chunked\r\n\r\n" + 2 * chunk)
    for number in range(30):  # clients that leave at once
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head + b"Content-Length: 5\r\n\r\nhello"[: number % 10])
    assert server.ask("/v1/predict", picture(51), "image/png").status == 200


def answered(connection):
    """The status of the next response, read to its end."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    response.read()
    return response.status


def test_a_slow_body_says_nothing_of_the_next_request(server):
    """That of a request which is answered before its body comes."""
    image = picture(51)
    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n")
        assert answered(connection) == 405
        time.sleep(1.2)  # above body_seconds
        connection.sendall(b"hello" + head + b"Content-Length: %d\r\n\r\n" % len(image) + image[:10])
        time.sleep(0.2)
        connection.sendall(image[10:])
        assert answered(connection) == 200


def test_who_asks_before_sending_too_much_is_told_at_once(server):
    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nExpect: 100-continue\r\n"
    told = raw(server, head + b"Content-Length: 100001\r\n\r\n")
    assert b" 413 " in told and b"100 Continue" not in told
    image = picture(51)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(image))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(image)
        assert answered(connection) == 200


def test_more_connections_than_allowed_are_refused(server):
    opened = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    try:
        time.sleep(0.1)
        told = raw(server, b"")
        assert b" 429 " in told and b'"busy"' in told
    finally:
        for connection in opened:
            connection.close()


def test_a_worker_that_is_killed_costs_time_only(server):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(server.ask, "/v1/predict", picture(51), "image/png") for _ in range(100)]
        os.kill(server.worker(), signal.SIGKILL)
        assert {one.result().status for one in asked} == {200}
    assert b"tfpipe_worker_restarts_total 1.0" in server.ask("/metrics").body


def test_sigterm_answers_what_was_asked(tmp_path):
    """Also: the token, and the folder of numbered exports."""
    token = "a-token-of-many-letters"
    for number in ("1", "2"):
        write_export(tmp_path / "numbered" / number)
    (tmp_path / "token").write_text(token + "\n")
    server = Server(tmp_path / "numbered", "--token-file", tmp_path / "token", "--limit=batch_ms=0").wait()
    told = server.ask("/v1/model")
    assert problem(told, 401, "unauthorized") and told.headers["www-authenticate"] == "Bearer"
    problem(server.ask("/v1/model", Authorization="Bearer wrong"), 401, "unauthorized")
    bearer = {"Authorization": f"Bearer {token}"}
    assert server.ask("/v1/model", **bearer).json["version"] == "2"
    statuses = []
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(server.ask, "/v1/predict", picture(51), "image/png", **bearer) for _ in range(60)]
        code, said = server.end()
        for one in asked:
            try:
                statuses.append(one.result().status)
            except OSError:  # what came after it
                statuses.append(0)
    assert code == 143 and "SIGTERM" in said and token not in said
    assert set(statuses) <= {200, 503, 0}


def test_an_export_that_answers_differently_is_not_served(tmp_path):
    server = Server(write_export(tmp_path / "1", factor=0.9))
    server.process.wait(30)
    code, said = server.end()
    assert code == 5 and "answers differently" in said and "allowed: 0.0001" in said


def test_what_cannot_be_served_is_refused(tmp_path, tfpipe):
    export = write_export(tmp_path / "1")
    told = tfpipe("serve", export, "--host", "0.0.0.0")
    assert told.code == 2 and "no token is set" in told.err
    told = tfpipe("serve", export, "--limit", "itmes=3")
    assert told.code == 2 and "items" in told.err
    assert tfpipe("serve", tmp_path / "nothing").code == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = tfpipe("serve", export, "--port", taken.getsockname()[1])
    assert told.code == 2 and "--port" in told.err
    manifest = json.loads((export / "manifest.json").read_text())
    (export / "model.onnx").write_bytes(b"damaged")
    assert tfpipe("serve", export, "--port", 0).code == 7
    manifest["files"] = {"../../etc/passwd": {"sha256": ""}}
    (export / "manifest.json").write_text(json.dumps(manifest))
    assert tfpipe("serve", export, "--port", 0).code == 7

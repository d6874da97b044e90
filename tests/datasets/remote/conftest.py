"""A server on this machine that can be made to fail."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Served:
    """What a server gives, and what it was asked.

    Args:
        files: path -> content.
        headers: path -> further headers.
        status: path -> another status than 200.
        cut: path -> how many bytes of an answer come before the connection ends.
        tags: whether it names entity tags and takes ranges.
        asked: (path, headers) of every request.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    cut: dict[str, list[int]] = field(default_factory=dict)
    tags: bool = True
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    server: Any = None

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _handler(served: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self):
            path = self.path.partition("?")[0]
            served.asked.append((self.path, dict(self.headers)))
            content = served.files.get(path)
            status = served.status.get(path, 200 if content is not None else 404)
            tag = f'"{hash(content)}"'
            begin = 0
            if status == 200 and served.tags:
                if self.headers.get("If-None-Match") == tag:
                    status = 304
                elif self.headers.get("If-Range") == tag:
                    begin = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
                    status = 206 if begin < len(content) else 416
            self.send_response(status)
            body = content[begin:] if content is not None and status in (200, 206) else b""
            if status == 206:
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            if served.tags and content is not None:
                self.send_header("ETag", tag)
            for name, value in {"Content-Length": str(len(body)), **served.headers.get(path, {})}.items():
                self.send_header(name, value)
            self.end_headers()
            cuts = served.cut.get(path)
            self.wfile.write(body[: cuts.pop(0)] if cuts and body else body)

        def log_message(self, *arguments):
            pass

    return Handler


@pytest.fixture
def served(monkeypatch) -> Iterator[Served]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    found = Served()
    found.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    found.server.daemon_threads = True
    found.url = f"http://127.0.0.1:{found.server.server_port}"
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield found
    found.stop()
    thread.join(5)

"""A server in a process of its own, and requests to it."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import Any, NamedTuple

from ..conftest import ROOT

_LONGEST = 60  # seconds until it is ready


class Told(NamedTuple):
    """A response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The document."""
        return json.loads(self.body)


class Server:
    """`tfpipe serve` with the words given, on a free port.

    Args:
        environment: beside the usual one.
    """

    def __init__(self, *words, environment: dict[str, str] | None = None):
        command = [sys.executable, "-m", "tfpipelines", "serve", "--port", "0", *map(str, words)]
        inherited = {"PYTHONPATH": str(ROOT), **(environment or {})}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **inherited}
        )
        self.said: list[str] = []
        self.port = 0
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(r"http://\S+:(\d+), loading", line):
                self.port = int(found[1])
                break

    def ask(self, path: str, body: Any = None, kind: str = "", method: str = "", **headers: str) -> Told:
        """A request; a body that is no bytes is sent as JSON."""
        if body is not None and not isinstance(body, bytes):
            body, kind = json.dumps(body).encode(), kind or "application/json"
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given |= {"Content-Type": kind} if kind else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method or ("GET" if body is None else "POST"), path, body, given)
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Told(response.status, told, response.read())

    def wait(self) -> "Server":
        """Until it is ready."""
        end = time.monotonic() + _LONGEST
        while time.monotonic() < end and self.process.poll() is None:
            if self.ask("/readyz").status == 200:
                return self
            time.sleep(0.05)
        raise AssertionError(
            f"not ready: {''.join(self.said)}{self.process.stderr.read() if self.process.poll() else ''}"
        )

    def worker(self) -> int:
        """The process of a worker."""
        import psutil

        return psutil.Process(self.process.pid).children()[0].pid

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code, and what it has said."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            _, told = self.process.communicate(timeout=30)
        finally:
            self.process.kill()
        return self.process.returncode, "".join(self.said) + told

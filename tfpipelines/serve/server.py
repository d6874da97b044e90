"""The process that speaks HTTP: it listens, and is stopped by a signal once all is answered."""

import asyncio
import importlib
import secrets
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError, Interrupted, ResourceError
from .access import Access
from .limits import Limits
from .proof import Prover, proven
from .sources import Source

_NEEDED = ("uvicorn", "httptools", "python_multipart", "prometheus_client")


@dataclass(frozen=True)
class Settings:
    """How a model is served.

    Args:
        host: name or address that is listened on.
        port: 0: any that is free.
        workers: processes that hold the model.
        access: what requests must show.
        limits: of all requests.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    access: Access = Access()
    limits: Limits = Limits()


def require_packages() -> None:
    """Refuses where the extra is not installed.

    Raises:
        ConfigError: naming what is missing.
    """
    for name in _NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            cause = f"tfpipe serve needs a package that is not installed: {name}."
            raise ConfigError(cause, "pip install 'tfpipelines[serve]'") from error


def serve(source: Source, settings: Settings, say: Callable[[str], None]) -> None:
    """Serves a model until a signal comes; does not return.

    Args:
        say: is told what happens, a sentence.

    Raises:
        ConfigError: if the port is taken, or a package is missing.
        TfpipelinesError: if the model cannot be loaded.
        Interrupted: by SIGTERM or Ctrl-C, once all that was asked is answered.
    """
    require_packages()
    listening = _listening(settings.host, settings.port)
    try:
        import uvloop

        factory: Any = uvloop.new_event_loop
    except ImportError:
        factory = None
    with listening, asyncio.Runner(loop_factory=factory) as runner:
        received = runner.run(_Server(source, settings, say, listening).run())
    raise Interrupted(f"Stopped by {signal.Signals(received).name}; all that was asked is answered.", received)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(f"--host {host} is no address of this machine: {error.strerror}.", "Name another.") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(512)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        cause = f"{host}:{port} cannot be listened on: {error.strerror}."
        kind_of = ResourceError if isinstance(error, PermissionError) else ConfigError
        raise kind_of(cause, "Name another by --port; 0 takes any that is free.") from error
    return listening


class _Server:
    """Of one call of `serve`."""

    def __init__(self, source: Source, settings: Settings, say: Callable[[str], None], listening: socket.socket):
        self._source, self._settings, self._say, self._socket = source, settings, say, listening
        self._stopped = asyncio.Event()
        self._signal = 0

    async def run(self) -> int:
        """Serves; gives the number of the signal that ended it."""
        import uvicorn

        from .app import make_app
        from .guard import PROOF
        from .protocol import protocol_of
        from .renewal import Renewal
        from .service import Service

        settings, secret = self._settings, secrets.token_urlsafe()
        own: set[tuple[str, int]] = set()  # addresses from which the server asks itself
        service = Service(self._source, settings.limits, settings.workers, self._say)
        config = uvicorn.Config(
            make_app(service, settings.access, secret), http=protocol_of(settings.limits, own), ws="none",
            lifespan="off", log_config=None, log_level="error", access_log=False, server_header=False,
            proxy_headers=False, timeout_keep_alive=30,
            timeout_graceful_shutdown=int(settings.limits.seconds) + 1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number, server)
        # `serve` would take the signals itself
        listening = asyncio.create_task(server._serve([self._socket]))
        try:
            host, port = self._socket.getsockname()[:2]
            self._say(f"{self._source.name} at http://{f'[{host}]' if ':' in host else host}:{port}, loading")
            token = settings.access.token
            headers = {PROOF: secret} | ({"Authorization": f"Bearer {token.decode()}"} if token else {})
            near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
            prover = Prover((near, port), headers, settings.limits, own)
            await self._begin(service, prover)
            renewal = asyncio.create_task(Renewal(service, prover).watch())
            try:
                await self._stopped.wait()
            finally:
                renewal.cancel()
                await asyncio.gather(renewal, return_exceptions=True)
        finally:
            service.state = "draining"
            server.should_exit = True
            await listening
            await service.stop()
        return self._signal

    async def _begin(self, service: Any, prover: Any) -> None:
        """Loads and proves the model, unless a signal comes first."""
        begun, stopped = asyncio.create_task(service.start(prover)), asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait({begun, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if begun.done():
                begun.result()
                self._say(f"{self._source.name}, version {service.source.version}, is ready; {proven(service.proof)}")
        finally:
            for task in (begun, stopped):
                task.cancel()
            await asyncio.gather(begun, stopped, return_exceptions=True)

    def _on_signal(self, number: int, server: Any) -> None:
        if self._signal:
            server.force_exit = True
        self._signal = self._signal or number
        self._stopped.set()

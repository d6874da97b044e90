"""The connection to a Ray cluster, refused with a reason where nothing could work there."""

import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..core.config.search import Resources
from ..core.files import atomic_write, temporary_path
from ..core.words import counted
from ..errors import ConfigError, ResourceError
from .actor import TAKEN_OVER, Actor, differences, examine, not_shared
from .actors import Actors, connected
from .workers import TRIALS, Work

LOCAL, AUTO = "local", "auto"
_SECONDS = 5.0  # for a connection to an address
_DETAIL = 300  # characters of what Ray says
_NOT_INSTALLED = ("ImportError", "ModuleNotFoundError", "AttributeError", "failed to import")
_PATIENCE = 120.0  # seconds for the answer of a node, which may have to start a process
_OF_LOCAL = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}  # nothing is sent; not slower than the pool
# A cluster of this process alone has a secret of its own, where Ray would write one into the home folder.
_SECRET = {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
_STORE = 100 * 2**20  # bytes for objects of a cluster of this process alone: messages are small


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process is connected to.

    Args:
        ray: the package.
        address: as the user has named it.
        cpus, gpus: that each worker takes.
        nodes: those that have so many, as `ray.nodes` has them.
        work: what it is for.
    """

    ray: Any
    address: str
    cpus: int
    gpus: float
    nodes: list[dict[str, Any]]
    work: Work = TRIALS

    @property
    def room(self) -> int:
        """Workers that have room at a time, if nothing else runs there."""
        return sum(_room(node, self.cpus, self.gpus) for node in self.nodes)

    @contextmanager
    def workers(
        self, folder: Path, count: int, versions: dict[str, str], tell: Callable[[str], None]
    ) -> Iterator[Actors]:
        """Worker processes on its nodes, once all of them see the folder and have the same versions.

        Args:
            folder: of the search, or of the parts of predictions, locked.
            count: of those that work at a time.
            versions: by package, that the nodes must have; others are no packages.
            tell: is told what the cluster is like.

        Raises:
            ConfigError: naming a node that does not do.
            ResourceError: if a node does not answer, or none is left.
        """
        file = temporary_path(folder / "cluster")
        token = (file, os.urandom(8).hex())
        atomic_write(file, token[1])
        try:
            there = replace(self, nodes=self._nodes_that_do(token, versions, tell))
            size = f"{counted(len(there.nodes), 'node')}, room for {counted(there.room, self.work.piece)} at a time"
            tell(f"cluster {self.address}: {size} ({_amount(self.cpus, self.gpus)} each); {count} at a time are run")
            environment = {name: value for name, value in os.environ.items() if name.startswith(TAKEN_OVER)}
            actor = self.ray.remote(num_cpus=self.cpus, num_gpus=self.gpus, max_restarts=0)(Actor)
            request = lambda: actor.remote(self.cpus, self.gpus, environment)
            head = self.ray.get_runtime_context().gcs_address
            answers = lambda: _answers(head)
            pool = Actors(self.ray, count, request, token, tell, _packages(versions), answers, self.work)
            try:
                yield pool
            finally:
                pool.close()
        finally:
            file.unlink(missing_ok=True)

    def _nodes_that_do(
        self, token: tuple[Path, str], versions: dict[str, str], tell: Callable[[str], None]
    ) -> list[dict[str, Any]]:
        """Its nodes, without those that have died meanwhile, which are told."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = _packages(versions)
        packages, answers, nodes = [*here], [], []
        for number, node in enumerate(self.nodes):
            to = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            answer = token[0].with_name(f"{token[0].name}-{number}")
            task = self.ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=to)(examine)
            answers.append((node, answer, task.remote(token, answer, packages)))
        try:
            for node, answer, call in answers:
                name = f"node {node['NodeManagerAddress']}"
                if (found := self._answer(name, call)) is None:
                    tell(f"{name} of the cluster is left out: it is gone, or what Ray has started there has died")
                    continue
                trouble, there = found
                if trouble:
                    raise not_shared(token[0].parent, name, trouble)
                if not answer.is_file():
                    raise not_shared(token[0].parent, name, "has another folder of the name")
                if lines := differences(here, there):
                    remedy = "Install the same on all nodes: results hang on versions."
                    raise ConfigError(f"{name} of the cluster has other versions than this process.", remedy, lines)
                nodes.append(node)
        finally:
            for _, answer, _ in answers:
                answer.unlink(missing_ok=True)
        if not nodes:
            cause = f"All nodes of the cluster that have room for a {self.work.piece} are gone."
            raise ResourceError(cause, f"`ray status` shows those there are; {self.work.goes_on} goes on.")
        return nodes

    @property
    def _remedy(self) -> str:
        return f"`ray status` shows whether it works; {self.work.goes_on} goes on."

    def _answer(self, name: str, call: Any) -> tuple[str, dict[str, str]] | None:
        """What `examine` has found on a node, None if that has died."""
        errors = self.ray.exceptions
        try:
            with connected(self.ray, self.work):
                return self.ray.get(call, timeout=_PATIENCE)
        except errors.GetTimeoutError as error:
            cause = f"{name} of the cluster has not answered for {_PATIENCE:g} s."
            raise ResourceError(cause, self._remedy) from error
        except (errors.TaskUnschedulableError, errors.NodeDiedError, errors.WorkerCrashedError):
            return None
        except errors.RayError as error:
            last = [line.strip()[:_DETAIL] for line in str(error).splitlines() if line.strip()][-1:]
            if any(kind in str(error) for kind in _NOT_INSTALLED):
                cause = f"tfpipelines cannot be used on {name} of the cluster."
                raise ConfigError(cause, "Install the same version there as here, with its extra ray.", last) from error
            cause = f"{name} of the cluster could not be looked at: {last[0] if last else type(error).__name__}"
            raise ResourceError(cause, self._remedy) from error


@contextmanager
def connect(address: str, resources: Resources, work: Work = TRIALS) -> Iterator[Cluster]:
    """Connects this process to a cluster meanwhile. If a program of the user's is connected to one already, that is
    taken.

    Args:
        address: HOST:PORT of its head; `auto` for that of which this machine is a node; `local` for one of this process
            alone.
        resources: what each process takes.
        work: what they are for.

    Raises:
        ConfigError: if there is none, or it is of another Ray or Python; or no node has so much.
        ResourceError: if Ray cannot start here.
    """
    ray = _package(address)
    known = ray.is_initialized()
    with nullcontext() if known else _connected(ray, address):
        alive = [node for node in ray.nodes() if node["Alive"]]
        cpus, gpus = resources.cpus or 1, resources.gpus
        if gpus is None:
            gpus = 1 if any(node["Resources"].get("GPU", 0) >= 1 for node in alive) else 0
        fit = [node for node in alive if _room(node, cpus, gpus)]
        if not fit:
            who = "search.resources asks for {} for each trial" if work == TRIALS else "Each process asks for {}"
            most = max((_total(node) for node in alive), default=(0, 0))
            asked, has = who.format(_amount(cpus, gpus)), _amount(*most)
            cause = f"{asked}, and no node of the cluster has so much: the largest has {has}."
            less = "Ask for less, as in search.resources.cpus=1, or add" if work == TRIALS else "Add"
            raise ConfigError(cause, f"{less} a larger node.")
        yield Cluster(ray, address, cpus, gpus, fit, work)


@contextmanager
def _connected(ray, address: str) -> Iterator[None]:
    """A connection of this process, which Ray then leaves as it was."""
    logger, shows = logging.getLogger("ray"), getattr(ray._private.worker, "_worker_logs_enabled", True)
    level, propagates = logger.level, logger.propagate
    try:
        _connect(ray, address)
        yield
    finally:
        ray.shutdown()
        ray._private.worker._worker_logs_enabled = shows
        logger.setLevel(level)
        logger.propagate = propagates


def _package(address: str):
    """Ray, if it is installed and the address is one."""
    if "://" in address:
        cause = f"--cluster {address}: Ray Client has no files in common with the cluster."
        raise ConfigError(cause, "Call tfpipe on one of its nodes: --cluster auto")
    host, _, port = address.rpartition(":")
    if address not in (AUTO, LOCAL) and not (host and port.isdecimal() and int(port) < 2**16):
        raise ConfigError(f"--cluster: got {address}; allowed: HOST:PORT, auto or local.")
    try:
        import ray
    except ImportError as error:
        remedy = "Install it: pip install 'tfpipelines[ray]', also on the nodes of the cluster."
        raise ConfigError("--cluster needs Ray, which is not installed.", remedy) from error
    return ray


def _connect(ray, address: str) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    ray._private.worker._worker_logs_enabled = False  # else what Ray has to say of nodes goes to stdout
    try:
        with _signals_kept():
            if address == LOCAL:
                cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
                secret = {} if any(name.startswith("RAY_AUTH_") for name in os.environ) else _SECRET
                with _environment(_OF_LOCAL | secret):
                    ray.init(
                        address=LOCAL, num_cpus=cores, include_dashboard=False, object_store_memory=_STORE, **quiet
                    )
            else:
                if address != AUTO:
                    _require_listener(address)
                ray.init(address=address, **quiet)
    except ConfigError:
        raise
    except Exception as error:  # Ray has no class of its own for most of them
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        if "ersion mismatch" in str(error):
            cause = "The cluster has another version of Ray or Python than this process."
            raise ConfigError(cause, "Call tfpipe from the environment that its nodes have.", lines) from error
        if address == LOCAL:
            raise ResourceError(f"Ray could not be started: {lines[0]}", "Leave --cluster local out.") from error
        if address == AUTO and isinstance(error, ConnectionError):
            raise _no_cluster("this machine is no node of a Ray cluster") from error
        cause = f"No connection to the Ray cluster {address}: {lines[0]}"
        remedy = f"This machine must be one of its nodes: ray start --address={address}; `ray status` shows them."
        raise ConfigError(cause, remedy, lines[1:]) from error


def _packages(versions: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in versions.items() if name != "backend"}


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS).close()
    except OSError:
        return False
    return True


def _require_listener(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS).close()
    except OSError as error:
        raise _no_cluster(f"nothing answers at {address} ({error.strerror or error})") from error


def _no_cluster(why: str) -> ConfigError:
    return ConfigError(
        f"There is no Ray cluster: {why}.", "Start one: ray start --head; further nodes join by --address."
    )


def _total(node: dict[str, Any]) -> tuple[float, float]:
    """CPUs and GPUs of a node."""
    return node["Resources"].get("CPU", 0), node["Resources"].get("GPU", 0)


def _room(node: dict[str, Any], cpus: int, gpus: float) -> int:
    """Workers that have room on a node."""
    there = _total(node)
    return int(min(there[0] // cpus, there[1] // gpus if gpus else float("inf")))


def _amount(cpus: float, gpus: float) -> str:
    return f"{cpus:g} {'CPU' if cpus == 1 else 'CPUs'}, {gpus:g} {'GPU' if gpus == 1 else 'GPUs'}"


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray handles SIGTERM from its start on; whoever calls us decides about that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ |= changes
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

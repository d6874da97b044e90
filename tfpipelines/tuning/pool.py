"""Worker processes of this machine, forked from a server that has TensorFlow loaded. Those of a search serve one trial
each, those that predict as many blocks as there are.
"""

import multiprocessing
import os
import signal
import sys
import types
from collections.abc import Callable
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from typing import Any

from ..errors import ResourceError
from .child import begin
from .state import HELD
from .workers import Worker, Workers

_PRELOADED = [
    "tfpipelines.tuning.preload_first",
    "tensorflow",
    "keras",
    "tfpipelines.tuning.preload",
    "tfpipelines.tuning.worker",
]


class LocalWorker(Worker):
    """A worker process of this machine.

    Args:
        process: a started `multiprocessing.Process`.
        connection: to it.
        slot: number of its GPU, or None.
    """

    def __init__(self, process, connection, slot: int | None):
        super().__init__()
        self.process, self.connection, self.slot = process, connection, slot

    def send(self, kind: str, content: Any = None) -> None:
        try:
            self.connection.send((kind, content))
        except OSError:
            return


class Pool(Workers[LocalWorker]):
    """Worker processes of this machine.

    Args:
        count: of those that work at a time.
        threads: that each takes, 0 for all; None: an equal share of the cores.

    Attributes:
        gpus: names of the visible ones.
    """

    def __init__(self, count: int, threads: int | None = None):
        super().__init__(count)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOADED)
        self.gpus = visible_gpus()
        self.spare = 0 if self.gpus else 1  # there is a GPU for each trial, and none for a process that waits
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        share = 0 if count == 1 else max(1, cores // count)
        self._threads = share if threads is None else threads

    def start(
        self, setup: dict[str, Any], log: Path, target: Callable[[Any, dict[str, Any]], None] = begin
    ) -> LocalWorker:
        slot = self._free_gpu()
        here, there = self._context.Pipe()
        setup = {**setup, "log": str(log), "threads": self._threads, "environment": dict(os.environ)}
        setup["gpu"] = None if slot is None else self.gpus[slot]
        process = self._context.Process(target=target, args=(there, setup), daemon=True)
        with _no_main():
            with _no_interrupt():
                ensure_running()
            try:
                process.start()  # waits for the server to be ready, and must not hold Ctrl-C off from here for so long
            except (EOFError, ConnectionError) as error:  # the server has ended
                here.close()
                there.close()
                cause = "No worker process could be started: the process that forks them has ended."
                remedy = "There may be no room left on the disk or in memory. Free some; tfpipe resume goes on."
                raise ResourceError(cause, remedy) from error
        there.close()
        worker = LocalWorker(process, here, slot)
        self.workers.append(worker)
        return worker

    def _free_gpu(self) -> int | None:
        """The GPU that fewest workers have."""
        taken = [worker.slot for worker in self.workers]
        return min(range(len(self.gpus)), key=taken.count) if self.gpus else None

    def messages(self, seconds: float) -> list[tuple[LocalWorker, str, Any]]:
        sources = {source: worker for worker in self.workers for source in (worker.connection, worker.process.sentinel)}
        found: list[tuple[LocalWorker, str, Any]] = []
        for worker in dict.fromkeys(sources[source] for source in wait(list(sources), seconds)):
            found += self._read(worker)
        return found

    def _read(self, worker: LocalWorker) -> list[tuple[LocalWorker, str, Any]]:
        messages: list[tuple[LocalWorker, str, Any]] = []
        alive = worker.process.is_alive()  # asked first, so that nothing it has said is lost
        try:
            while worker.connection.poll():
                messages.append((worker, *worker.connection.recv()))
        except (EOFError, OSError):
            worker.process.join(5)
            alive = worker.process.is_alive()
        if not alive:
            code = worker.process.exitcode
            how = f"killed by signal {-code}" if code and code < 0 else f"ended with code {code}"
            if code == HELD:
                how = "kept from its folder, which a process of another node still holds"
            messages.append((worker, "lost" if code == HELD else "dead", how))
            self.remove(worker)
        return messages

    def remove(self, worker: LocalWorker) -> None:
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.connection.close()
        worker.process.close()
        self.workers.remove(worker)


def visible_gpus() -> list[str]:
    """What CUDA_VISIBLE_DEVICES may be set to, one for each NVIDIA GPU; the devices themselves are not touched."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name not in ("", "-1", "NoDevFiles")]
    try:
        return [str(number) for number in range(len(os.listdir("/proc/driver/nvidia/gpus")))]
    except OSError:
        return []


@contextmanager
def _no_interrupt():
    """Keeps Ctrl-C, which the terminal sends to all processes, from the server that begins inside, and from all that
    are forked from it: the supervisor decides. And SIGTERM, which cluster managers send to all, from the server, which
    tells of the ends of workers; these take it, see `worker`.
    """
    resource_tracker.ensure_running()  # where it is started, it lets the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _no_main():
    """Keeps multiprocessing from running the caller's main script again in the new process: ours need nothing of it."""
    main_module = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main_module

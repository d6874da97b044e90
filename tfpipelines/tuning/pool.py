"""The worker processes of a search: each is forked from a server that has TensorFlow loaded, and serves one trial."""

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

_PRELOADED = ["tensorflow", "keras", "tfpipelines.tuning.preload", "tfpipelines.tuning.worker"]


class Worker:
    """A process and what it is at.

    Args:
        process: a started `multiprocessing.Process`.
        connection: to it.
        slot: number of its GPU, or None.

    Attributes:
        state: preparing, ready, running or saving.
        trial: what it runs: any object of the caller's.
    """

    def __init__(self, process, connection, slot: int | None):
        self.process, self.connection, self.slot = process, connection, slot
        self.state = "preparing"
        self.trial: Any = None

    def send(self, kind: str, content: Any = None) -> None:
        """Tells the process something; one that is dead hears nothing, which its end will tell."""
        try:
            self.connection.send((kind, content))
        except OSError:
            return


class Pool:
    """All worker processes of a search.

    Args:
        count: of those that train at a time.

    Attributes:
        gpus: names of the visible ones.
    """

    def __init__(self, count: int):
        self.count = count
        self.workers: list[Worker] = []
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOADED)
        self.gpus = visible_gpus()
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._threads = 0 if count == 1 else max(1, cores // count)

    def start(self, setup: dict[str, Any], log: Path, target: Callable[[Any, dict[str, Any]], None] = begin) -> Worker:
        """A new process.

        Args:
            setup: for `worker.main`.
            log: where it prints to.
            target: what it does: a function of its connection and the setup, of a light module.

        Raises:
            ResourceError: if the server that forks processes has ended.
        """
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
        worker = Worker(process, here, slot)
        self.workers.append(worker)
        return worker

    def _free_gpu(self) -> int | None:
        """The GPU that fewest workers have."""
        taken = [worker.slot for worker in self.workers]
        return min(range(len(self.gpus)), key=taken.count) if self.gpus else None

    def among(self, *states: str) -> list[Worker]:
        """The workers in these states."""
        return [worker for worker in self.workers if worker.state in states]

    def messages(self, seconds: float) -> list[tuple[Worker, str, Any]]:
        """What workers have sent, waiting for the first message at most so long; `dead` for a process that has
        ended, with how.
        """
        sources = {source: worker for worker in self.workers for source in (worker.connection, worker.process.sentinel)}
        found: list[tuple[Worker, str, Any]] = []
        for worker in dict.fromkeys(sources[source] for source in wait(list(sources), seconds)):
            found += self._read(worker)
        return found

    def _read(self, worker: Worker) -> list[tuple[Worker, str, Any]]:
        messages: list[tuple[Worker, str, Any]] = []
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
            messages.append((worker, "dead", how))
            self.remove(worker)
        return messages

    def remove(self, worker: Worker) -> None:
        """Ends a process that is still there, and forgets it."""
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.connection.close()
        worker.process.close()
        self.workers.remove(worker)

    def close(self) -> None:
        """Ends all of them."""
        for worker in list(self.workers):
            self.remove(worker)


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

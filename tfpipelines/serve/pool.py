"""The workers of one version of a model: started, given inputs, started again when they die."""

import asyncio
import dataclasses
import functools
import math
import os
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any

from ..errors import ArtifactError, ConfigError, DataError, ResourceError, TfpipelinesError
from . import frames
from .batching import Asked, Job, Queue, Told
from .counters import Counters
from .http import as_json
from .items import Item
from .limits import Limits
from .problems import Problem
from .processes import ended, how_ended, started
from .sources import Source

_BY_CODE: dict[int, type[TfpipelinesError]] = {2: ConfigError, 3: DataError, 4: ResourceError, 7: ArtifactError}
_PAUSE = 0.2  # seconds before a worker that died is started again; doubled each time it dies before it is ready
_LONGEST_PAUSE = 10.0
_SAME = ("sha256", "task", "kind", "takes", "classes", "columns", "threshold")  # facts of one version
_DIES = "died of this input, twice"


class Pool:
    """Workers that answer for one version.

    Args:
        source: what they load.
        limits: also of what waits for them.
        workers: how many there are.
        counters: what is counted.
        say: is told what happens, a sentence.
    """

    def __init__(
        self, source: Source, limits: Limits, workers: int, counters: Counters, say: Callable[[str], None] = print
    ):
        self.source, self.limits, self.counters, self._say = source, limits, counters, say
        self.facts: dict[str, Any] = {}
        self.queue = Queue(limits)
        self.users = 0  # requests that are being read or answered
        self.broken = False  # no worker can be started again as it is
        self._workers = [_Worker(self, max(1, _cores() // workers)) for _ in range(workers)]
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def alive(self) -> int:
        """Workers that answer."""
        return sum(worker.ready for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        """Of the workers' processes."""
        return [worker.process.pid for worker in self._workers if worker.process is not None]

    async def start(self) -> None:
        """Starts the workers, and waits until one of them is ready.

        Raises:
            TfpipelinesError: what it says of the model, if it cannot load it.
            ResourceError: if it dies before it is ready.
        """
        first, *others = self._workers
        try:
            await first.load()
        except _Died as error:
            what = f"The worker that loads {self.source.path} died before it was ready"
            raise ResourceError(f"{what}: {error}.", "Is there enough memory?") from error
        self.queue = Queue(self.limits, self.facts["together"])
        self._tasks = [asyncio.create_task(worker.serve()) for worker in (first, *others)]

    def submit(self, items: list[Item], explain: bool, beyond: bool = False) -> Asked:
        """Lets inputs wait for a worker.

        Args:
            beyond: see `Queue.put`.

        Raises:
            Problem: if too many wait, or there is no worker, and none can be started.
        """
        if self.broken and not self.alive:
            raise _no_worker()
        return self.queue.put(items, explain, beyond)[0].asked

    async def drain(self, seconds: float) -> None:
        """Waits until all is answered, at most so long, then ends the workers."""
        end = asyncio.get_running_loop().time() + seconds
        while (self.queue.open or self.users) and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)
        await self.stop()

    async def stop(self) -> None:
        """Ends the workers; what still waits is refused."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for worker in self._workers:
            await worker.end()
        self.queue.refuse(Problem("not_ready", "The server is being stopped.", "Try again."))

    @functools.cached_property
    def model(self) -> bytes:
        """What answers name: `name`, `version` and `sha256` of the model, as JSON; once it is loaded."""
        return as_json({name: self.facts[name] for name in ("name", "version", "sha256")})

    def changed(self) -> None:
        """Called when a worker has become ready, or is no more, or cannot be started."""
        self.queue.workers = max(1, self.alive)
        self.broken = self.broken and not self.alive
        if self.broken:
            self.queue.refuse(_no_worker())

    def say(self, text: str) -> None:
        """Tells who runs the server."""
        self._say(text)


class _Died(Exception):
    """The process is no more."""


class _Worker:
    """One process, and the connection to it.

    Args:
        threads: that a call may use.
    """

    def __init__(self, pool: Pool, threads: int):
        self._pool, self._threads = pool, threads
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = False
        self._channel: frames.Channel | None = None
        self._idle: asyncio.Task[Any] | None = None  # that waits for something to do

    async def load(self) -> None:
        """Starts the process, and waits until it has the model.

        Raises:
            TfpipelinesError: if it cannot, or it is another model than that of the other workers.
            _Died: if it is no more.
        """
        here, there = socket.socketpair()
        with there:
            try:
                self.process = await asyncio.to_thread(started, "worker", there.fileno())
                self._channel = await frames.open_channel(here, self._lost)
            except BaseException:
                here.close()
                raise
        source, limits = self._pool.source, dataclasses.asdict(self._pool.limits)
        asked = {"path": str(source.path), "version": source.version, "limits": limits, "threads": self._threads}
        header, _ = await self._ask(asked, [])
        if "error" in header:
            await self.end()
            error = header["error"]
            raise _BY_CODE.get(error["exit_code"], ConfigError)(error["cause"], error["remedy"])
        facts = {**header["model"], "name": source.name}
        if (known := self._pool.facts) and any(facts.get(name) != known.get(name) for name in _SAME):
            await self.end()
            cause = f"{source.path} holds another model than the one that was loaded first."
            raise ArtifactError(cause, "Put it back, or start the server again.")
        self._pool.facts = facts
        self.ready = True
        self._pool.changed()

    async def serve(self) -> None:
        """Answers what waits, for ever; a process that dies is started again."""
        pause = _PAUSE
        while True:
            if not self.ready:
                try:
                    await self.load()
                    pause = _PAUSE
                except (_Died, OSError, TfpipelinesError) as error:
                    await self.end()
                    self._pool.say(f"a worker cannot be started: {' '.join(str(error).split())}")
                    if isinstance(error, TfpipelinesError):  # not for want of memory or such
                        self._pool.broken = True
                        self._pool.changed()
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                    continue
            jobs: list[Job] = []
            try:
                jobs = await self._batch()
                await self._answer(jobs)
            except asyncio.CancelledError:
                self._pool.queue.again(jobs)
                raise
            except _Died as error:
                self._pool.counters.restarts.inc()
                self._pool.say(f"a worker {error}; it is started again")
                await self.end()
                self._try_again(jobs)

    async def _batch(self) -> list[Job]:
        """What it is to answer next.

        Raises:
            _Died: if the process ends before there is any.
        """
        task = self._idle = asyncio.current_task()
        try:
            if self._channel is not None and self._channel.is_open:
                return await self._pool.queue.batch()
        except asyncio.CancelledError:
            assert task is not None
            if self._idle is not None or task.uncancel() > 0:  # it is not, or not only, what `_lost` has done
                raise
        finally:
            self._idle = None
        raise _Died(await asyncio.to_thread(how_ended, self.process))

    def _lost(self) -> None:
        """The process has closed the connection."""
        if self._idle is not None:
            task, self._idle = self._idle, None
            task.cancel()

    async def end(self) -> None:
        """Ends the process."""
        self.ready = False
        self._pool.changed()
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if (process := self.process) is not None:
            await asyncio.to_thread(ended, process)
            self.process = None

    async def _answer(self, jobs: list[Job]) -> None:
        pool = self._pool
        pool.counters.batches.observe(len(jobs))
        requests = list(dict.fromkeys(job.asked for job in jobs))
        asked = {
            "items": [job.item.header() for job in jobs], "explain": jobs[0].explain,
            "requests": [requests.index(job.asked) for job in jobs],
            "pixels": [request.pixels for request in requests],
            "left": pool.limits.seconds + max(job.arrived for job in jobs) - time.monotonic(),
        }  # fmt: skip
        longest = 2 * pool.limits.seconds + 5
        try:
            header, parts = await self._ask(asked, [job.item.content for job in jobs], longest)
        except TimeoutError as error:
            raise _Died(f"has not answered within {longest:g} s") from error
        for job, answer, records in zip(jobs, header["answers"], parts):
            job.asked.pixels += answer.get("pixels", 0)
            if "refused" in answer:
                pool.counters.failed.labels(answer["refused"]["code"]).inc()
                job.asked.refuse(Problem.of_facts(answer["refused"]))
            elif "problem" in answer:
                problem = Problem.of_facts(answer["problem"], job.item.name)
                pool.counters.failed.labels(problem.code).inc()
                job.tell(Told(problem=problem))
            else:
                pool.counters.tell(answer["counted"])
                job.tell(Told(records))

    async def _ask(self, header: dict[str, Any], parts: list[bytes], seconds: float = math.inf) -> frames.Frame:
        assert self._channel is not None
        try:
            return await self._channel.ask(header, parts, seconds)
        except ConnectionError:
            raise _Died(await asyncio.to_thread(how_ended, self.process)) from None

    def _try_again(self, jobs: list[Job]) -> None:
        """Each once more, by itself: one of them may be what the worker died of."""
        for job in jobs:
            job.tries += 1
            if job.tries > 1:
                problem = Problem("bug", f"The worker {_DIES}.", "Report it, with the input.", job.item.name)
                self._pool.counters.failed.labels("bug").inc()
                job.tell(Told(problem=problem))
        self._pool.queue.again([job for job in jobs if job.told is None])


def _no_worker() -> Problem:
    cause = "The model cannot be loaded any more."
    return Problem("not_ready", cause, "Its cause is in the server's log.", headers={"Retry-After": "10"})


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""The inputs that wait for a worker, and which of them go through the model together."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .items import Item
from .limits import Limits
from .problems import Problem

_REMEMBERED = 8  # batches, by which it is told how many inputs to expect


@dataclass
class Told:
    """What is said of an item.

    Args:
        records: JSON objects, joined by commas, UTF-8.
        problem: in their place.
    """

    records: bytes = b""
    problem: Problem | None = None


class Asked:
    """A request that waits for its inputs to be answered.

    Args:
        done: called once for each input that is answered.

    Attributes:
        jobs: its inputs.
        over: done once all are answered, or nobody waits any more.
        pixels: of those of its images whose headers have been read.
        problem: why none of them is answered.
        gone: whether its client has gone.
    """

    def __init__(self, items: Sequence[Item], explain: bool, done: Callable[[], None]):
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pixels, self.gone = 0, False
        self.problem: Problem | None = None
        self._done, self._left = done, len(items)
        arrived = time.monotonic()
        self.jobs = [Job(item, explain, self, arrived) for item in items]

    def refuse(self, problem: Problem) -> None:
        """Answers nothing of it, not even what has been answered."""
        if not self.over.done():
            self.problem = problem
            self._end(Told(problem=problem))

    def leave(self) -> None:
        """Its client does not wait any more."""
        if not self.over.done():
            self.gone = True
            self._end(Told())

    def tell_one(self) -> None:
        """One of its inputs has been answered."""
        self._done()
        self._left -= 1
        if not self._left and not self.over.done():
            self.over.set_result(None)

    def _end(self, told: Told) -> None:
        for job in self.jobs:
            job.tell(told)


class Job:
    """An input that waits.

    Args:
        item: what it is.
        explain: whether it is to be said why.
        asked: the request that it is of.
        arrived: on the clock of `time.monotonic`.

    Attributes:
        told: the answer; None: it waits still.
        tries: how often it was given to a worker that died.
    """

    __slots__ = ("arrived", "asked", "explain", "item", "told", "tries")

    def __init__(self, item: Item, explain: bool, asked: Asked, arrived: float):
        self.item, self.explain, self.asked, self.arrived = item, explain, asked, arrived
        self.told: Told | None = None
        self.tries = 0

    def tell(self, told: Told) -> None:
        """Answers it, unless it is answered, or nobody waits any more."""
        if self.told is None:
            self.told = told
            self.asked.tell_one()


class Queue:
    """Jobs in the order in which they came.

    The first of a batch waits for others only while others can be expected: as many as were on their way lately. So
    one client alone never waits, and sixteen at once go through the model together.

    Args:
        limits: `queue`, `batch` and `batch_ms`.
        together: whether several inputs go through the model at once.
    """

    def __init__(self, limits: Limits, together: bool = True):
        self._limits, self._jobs = limits, deque[Job]()
        self._most = limits.batch if together else 1
        self._came, self._gathering = asyncio.Event(), asyncio.Lock()
        self._wanted = 1  # jobs for which who gathers them is woken
        self._open = 0
        self._lately = deque[int]([1], _REMEMBERED)
        self.workers = 1  # that share the jobs

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def open(self) -> int:
        """Inputs that are not answered yet."""
        return self._open

    def put(self, items: list[Item], explain: bool, beyond: bool = False) -> list[Job]:
        """Adds inputs.

        Args:
            beyond: the limit, as the server's own proof does.

        Raises:
            Problem: `busy`, if too many wait; none is added then.
        """
        if not beyond and len(self._jobs) + len(items) > self._limits.queue:
            cause = f"{len(self._jobs)} inputs wait already, and {self._limits.queue} are the most."
            raise Problem("busy", cause, "Try again later.", headers={"Retry-After": "1"})
        jobs = Asked(items, explain, self._done).jobs
        self._open += len(jobs)
        self._jobs.extend(jobs)
        self._wake()
        return jobs

    def again(self, jobs: list[Job]) -> None:
        """Puts jobs of a worker that died before all others."""
        self._jobs.extendleft(reversed(jobs))
        self._wake()

    async def batch(self) -> list[Job]:
        """The next jobs that go through the model together, at least one."""
        async with self._gathering:
            while True:
                await self._first()
                await self._others()
                if jobs := self._taken():
                    return jobs

    def refuse(self, problem: Problem) -> None:
        """Answers all that wait."""
        while self._jobs:
            self._jobs.popleft().tell(Told(problem=problem))

    def _done(self) -> None:
        self._open -= 1

    def _wake(self) -> None:
        if len(self._jobs) >= self._wanted:
            self._came.set()

    async def _first(self) -> None:
        self._wanted = 1
        while not self._jobs:
            self._came.clear()
            await self._came.wait()

    async def _others(self) -> None:
        self._lately.append(self._open)
        self._wanted = expected = min(self._most, -(-max(self._lately) // max(self.workers, 1)))
        until = self._jobs[0].arrived + self._limits.batch_ms / 1000
        if len(self._jobs) >= expected or (left := until - time.monotonic()) <= 0:
            return
        timer = asyncio.get_running_loop().call_later(left, self._came.set)
        try:
            self._came.clear()
            await self._came.wait()
        finally:
            timer.cancel()

    def _taken(self) -> list[Job]:
        jobs: list[Job] = []
        while self._jobs and len(jobs) < self._most:
            job = self._jobs[0]
            if job.told is not None:  # nobody waits for it any more
                self._jobs.popleft()
            elif jobs and (job.explain != jobs[0].explain or job.tries or jobs[0].tries):
                break  # what a worker died of goes alone
            else:
                jobs.append(self._jobs.popleft())
        return jobs

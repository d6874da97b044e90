"""The inputs that wait for a worker, and which of them go through the model together."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

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


@dataclass(eq=False)
class Asked:
    """A request.

    Args:
        jobs: its inputs.
        pixels: of those of its images whose headers have been read.
        problem: why none of them is answered.
    """

    jobs: "list[Job]" = field(default_factory=list)
    pixels: int = 0
    problem: Problem | None = None

    def refuse(self, problem: Problem) -> None:
        """Answers all that are not answered yet."""
        self.problem = problem
        for job in self.jobs:
            job.tell(Told(problem=problem))


@dataclass(eq=False)
class Job:
    """An input that waits.

    Args:
        item: what it is.
        explain: whether it is to be said why.
        told: set once it is answered.
        asked: the request that it is of.
        arrived: on the clock of `time.monotonic`.
        tries: how often it was given to a worker that died.
    """

    item: Item
    explain: bool
    told: "asyncio.Future[Told]"
    asked: Asked
    arrived: float = field(default_factory=time.monotonic)
    tries: int = 0

    def tell(self, told: Told) -> None:
        """Answers it, unless nobody waits any more."""
        if not self.told.done():
            self.told.set_result(told)


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
        loop = asyncio.get_running_loop()
        asked = Asked()
        jobs = asked.jobs = [Job(item, explain, loop.create_future(), asked) for item in items]
        for job in jobs:
            job.told.add_done_callback(self._done)
        self._open += len(jobs)
        self._jobs.extend(jobs)
        self._came.set()
        return jobs

    def again(self, jobs: list[Job]) -> None:
        """Puts jobs of a worker that died before all others."""
        self._jobs.extendleft(reversed(jobs))
        self._came.set()

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

    def _done(self, _: object) -> None:
        self._open -= 1

    async def _first(self) -> None:
        while not self._jobs:
            self._came.clear()
            await self._came.wait()

    async def _others(self) -> None:
        self._lately.append(self._open)
        expected = min(self._most, -(-max(self._lately) // max(self.workers, 1)))
        until = self._jobs[0].arrived + self._limits.batch_ms / 1000
        while len(self._jobs) < expected and (left := until - time.monotonic()) > 0:
            self._came.clear()
            try:
                await asyncio.wait_for(self._came.wait(), left)
            except TimeoutError:
                return

    def _taken(self) -> list[Job]:
        jobs: list[Job] = []
        while self._jobs and len(jobs) < self._most:
            job = self._jobs[0]
            if job.told.done():  # nobody waits for it any more
                self._jobs.popleft()
            elif jobs and (job.explain != jobs[0].explain or job.tries or jobs[0].tries):
                break  # what a worker died of goes alone
            else:
                jobs.append(self._jobs.popleft())
        return jobs

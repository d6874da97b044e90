"""What the server says and does, whatever asks for it: predictions of the version that is current."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import TfpipelinesError
from .batching import Asked, Told
from .body import Gone
from .counters import Counters
from .http import Connection
from .items import Item
from .limits import Limits
from .pool import Pool
from .problems import Problem
from .proof import NotAnswered, Prover
from .reading import Reader
from .sources import Source


class Service:
    """One model name, and the pool of the version that answers.

    Args:
        source: what is served first.
        limits: of all requests.
        workers: processes that hold the model.
        say: is told what happens, a sentence.
    """

    def __init__(self, source: Source, limits: Limits, workers: int, say: Callable[[str], None]):
        self.source, self.limits, self.workers, self.say = source, limits, workers, say
        self.counters = Counters(lambda: len(self.pool.queue))
        self.reader = Reader(limits)
        self.pool = self.new_pool(source)
        self.candidate: Pool | None = None  # a newer version, while it is loaded and proven
        self.state = "loading"  # then ready, then draining
        self.proof: dict[str, Any] = {}
        self._prover: Prover | None = None
        self._proving = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()  # pools of earlier versions that answer what they have

    def new_pool(self, source: Source) -> Pool:
        """Of another version; its workers are not started yet."""
        return Pool(source, self.limits, self.workers, self.counters, self.say)

    @property
    def ready(self) -> bool:
        """Whether predictions are answered."""
        return self.state == "ready" and self.pool.alive > 0

    def require_ready(self, proving: bool = False) -> None:
        """Refuses while nothing can be answered.

        Args:
            proving: it is the proof that asks, before the server is ready.

        Raises:
            Problem: while the model is loaded or proven, and once the server is stopped.
        """
        if self.state == "ready" or (proving and self.state in ("proving", "unproven")):
            return
        causes = {
            "draining": "The server is being stopped.",
            "proving": "The model is being proven.",
            "unproven": "The last proof has failed.",
        }
        cause = causes.get(self.state, "The model is being loaded.")
        raise Problem("not_ready", cause, "Try again.", headers={"Retry-After": "1"})

    def known_facts(self) -> dict[str, Any]:
        """What is known of the model, see `engine.Engine`.

        Raises:
            Problem: `not_ready`, while it is loaded.
        """
        if not self.pool.facts:
            self.require_ready()
        return self.pool.facts

    @contextlib.contextmanager
    def using(self, version: str | None = None) -> Iterator[Pool]:
        """The pool that answers a request, from its first byte to its last: one that is replaced meanwhile stays until
        then.

        Args:
            version: a newer one that is being proven; None: the current one.
        """
        candidate = self.candidate
        pool = candidate if candidate is not None and candidate.source.version == version else self.pool
        pool.users += 1
        try:
            yield pool
        finally:
            pool.users -= 1

    def require_explains(self, pool: Pool) -> None:
        """Refuses where predictions cannot be explained.

        Raises:
            Problem: `malformed`.
        """
        if not pool.facts["explains"]:
            cause = "This model cannot explain its answers."
            remedy = "Leave explain out; a run of a classifier or detector, served itself, explains them."
            raise Problem("malformed", cause, remedy)

    async def predict(
        self,
        pool: Pool,
        items: list[Item],
        explain: bool,
        connection: Connection | None = None,
        proving: bool = False,
    ) -> list[Told]:
        """What the model says of each.

        Args:
            pool: see `using`.
            connection: of the client; None: it stays.
            proving: it is the proof that asks, which the limit of inputs that wait is not for.

        Raises:
            Problem: if too many wait, it takes too long, or they are too much together.
            Gone: if the client has gone meanwhile.
        """
        asked = pool.submit(items, explain, proving)
        late = asyncio.get_running_loop().call_later(self.limits.seconds, self._refuse_late, asked)
        if connection is not None:
            connection.tell_of_end(asked.leave)
        try:
            await asked.over
        finally:
            late.cancel()
            if connection is not None:
                connection.tell_of_end(None)
            asked.leave()
        if asked.gone:
            raise Gone
        if asked.problem:
            raise asked.problem
        return [job.told for job in asked.jobs if job.told is not None]

    def _refuse_late(self, asked: Asked) -> None:
        cause = f"There was no answer within {self.limits.seconds:g} s."
        asked.refuse(Problem("too_long", cause, "Send fewer inputs, or try again later."))

    async def start(self, prover: Prover) -> None:
        """Loads the model and proves it; only then it is ready.

        Args:
            prover: asks the server itself.

        Raises:
            TfpipelinesError: if it cannot be loaded, or answers differently than it should.
        """
        self._prover = prover
        await self.pool.start()
        self.state = "proving"
        self.proof = await prover.prove(self.source)
        self.counters.version.set(int(self.source.version))
        self.state = "ready"

    def replace(self, source: Source, pool: Pool, proof: dict[str, Any]) -> None:
        """Lets another version answer what comes from now on.

        Args:
            source: of it.
            pool: that has loaded it.
            proof: of it.
        """
        old, self.pool, self.source, self.proof, self.candidate = self.pool, pool, source, proof, None
        self.counters.version.set(int(source.version))
        if self.state == "unproven":
            self.state = "ready"
        task = asyncio.create_task(old.drain(self.limits.body_seconds + self.limits.seconds))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def prove(self) -> dict[str, Any]:
        """Proves it again. Where that fails, nothing is answered any more until it succeeds.

        Raises:
            Problem: while it is not ready, if it fails, or if there is no time for it, which changes nothing.
        """
        if self.state != "unproven":
            self.require_ready()
        assert self._prover is not None
        async with self._proving:
            pool = self.pool
            try:
                proof = await self._prover.prove(self.source, again=self.proof.get("samples", 0) > 0)
                if pool is self.pool:  # no newer version has taken over
                    self.proof, self.state = proof, "ready"
            except NotAnswered as error:
                raise Problem("busy", error.cause, error.remedy, headers={"Retry-After": "10"}) from error
            except TfpipelinesError as error:
                self.say(f"version {self.source.version} is not proven any more: {' '.join(str(error).split())}")
                if pool is self.pool:
                    self.state = "unproven"
                raise Problem("not_ready", "The proof has failed.", "Its cause is in the server's log.") from error
        return self.proof

    async def stop(self) -> None:
        """Answers what waits, then ends all processes."""
        self.state = "draining"
        await asyncio.gather(self.pool.drain(self.limits.seconds), *self._leaving)
        await self.reader.stop()

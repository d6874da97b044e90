"""A new version in the folder of numbered exports takes over without a dropped request."""

import asyncio
import math
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, ResourceError, TfpipelinesError
from ..exporting.kept_samples import beside
from .pool import Pool
from .proof import Prover
from .sources import Source, versions

if TYPE_CHECKING:
    from .service import Service

EVERY = 1.0  # seconds between two looks into the folder
_LONGEST = 60.0  # seconds until one that failed for want of resources is tried again; doubled from EVERY on

_State = tuple[tuple[str, int, int], ...]


class Renewal:
    """Looks for higher numbers beside the version that is served.

    One that is found is loaded by workers of its own and proven through the server while the old one answers. Then it
    answers what comes, and the old one what it has. One that fails is tried again once its files change: they may have
    been on their way; one for which there was no memory or time, after a while.

    Args:
        service: whose version it is.
        prover: asks the server itself.
    """

    def __init__(self, service: "Service", prover: Prover):
        self._service, self._prover = service, prover
        self._failed: dict[Path, tuple[_State, float]] = {}  # as it was, and when it is tried again all the same
        self._pause = EVERY

    async def watch(self) -> None:
        """For ever."""
        while self._service.source.parent is not None:
            await asyncio.sleep(EVERY)
            try:
                if (found := await asyncio.to_thread(self._newer, self._service.source)) is not None:
                    await self._renew(*found)
            except OSError as error:
                self._service.say(f"newer versions cannot be looked for: {error.strerror}")

    def _newer(self, current: Source) -> tuple[Source, _State] | None:
        """The highest number, if it is above the current one and has not failed as it is."""
        assert current.parent is not None
        for number, folder in reversed(versions(current.parent).items()):
            if number <= int(current.version):
                return None
            failed, again = self._failed.get(folder, ((), 0.0))
            if (state := _state(folder)) != failed or time.monotonic() >= again:
                return Source(folder, current.name, str(number), current.parent), state
        return None

    async def _renew(self, source: Source, state: _State) -> None:
        service = self._service
        service.say(f"version {source.version} is being loaded")
        try:
            await self._take_over(source)
        except Exception as error:
            service.counters.versions.labels("failed").inc()
            if isinstance(error, (ResourceError, OSError)):  # which has another reason than these files
                self._failed[source.path] = state, time.monotonic() + self._pause
                self._pause = min(2 * self._pause, _LONGEST)
            else:
                self._failed[source.path] = state, math.inf
            if not isinstance(error, (TfpipelinesError, OSError)):  # a bug
                traceback.print_exc(file=sys.stderr)
            why = " ".join(str(error).split()) or type(error).__name__
            service.say(f"version {source.version} is not served, {service.source.version} stays: {why}")
        else:
            self._pause = EVERY
            service.counters.versions.labels("loaded").inc()
            service.say(f"version {source.version} has taken over")

    async def _take_over(self, source: Source) -> None:
        service, pool = self._service, self._service.new_pool(source)
        service.candidate = pool
        try:
            await pool.start()
            _require_same_task(service.pool, pool)
            proof = await self._prover.of_version(source.version).prove(source)
        except BaseException:
            service.candidate = None
            await pool.stop()
            raise
        service.replace(source, pool, proof)


def _require_same_task(old: Pool, new: Pool) -> None:
    """Clients would not understand another one.

    Raises:
        ConfigError: if what goes in, or comes out, is of another kind.
    """
    for fact in ("takes", "kind"):
        if old.facts[fact] != new.facts[fact]:
            cause = f"It is of another task: `{fact}` is {new.facts[fact]}, and was {old.facts[fact]}."
            raise ConfigError(cause, "Put exports of one task into one folder.")


def _state(folder: Path) -> _State:
    """Of all its files, and the samples of its proof, name, size and time of change."""
    found = []
    for path in [*sorted(folder.rglob("*")), beside(folder.absolute())]:
        try:
            facts = path.stat()
        except OSError:  # it is being moved, or there are none
            continue
        found.append((str(path), facts.st_size, facts.st_mtime_ns))
    return tuple(found)

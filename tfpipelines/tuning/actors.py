"""Worker processes on the nodes of a Ray cluster.

An actor takes the CPUs and GPUs of one trial, or of one process that predicts. Processes are forked one after the other
from a server in it, which has loaded TensorFlow once; one fresh from Ray would load it every time. An actor is never
restarted by Ray: whoever hands out work does that.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from ..errors import ResourceError
from .child import begin
from .workers import ENDS, NO_MEMORY, TRIALS, Work, Worker, Workers

_ASKED_EVERY = 5.0  # seconds
_HEAD_PATIENCE = 20.0  # seconds without an answer of the head; after 60 s Ray ends this process
_IDLE = 10.0  # seconds after which an actor without work gives its CPUs and GPUs back
_PAUSE = 0.2  # seconds
_OUT_OF_REACH = "lost, since its node was out of reach for a while"
_PENDING = 30.0  # seconds after which it is told that there is no room


@dataclass(eq=False)
class _Actor:
    """An actor, from the request for it on.

    Args:
        handle: of Ray.
        since: when it was asked something last, or has lost its last worker; seconds of the monotonic clock.
        poll: a call of it that is under way and answers with messages, or None.
        begun: whether it has been heard of.
        doubtful: whether an answer did not come through, and with it messages may be lost.
        told: calls of it that answer with nothing, until they are known to have come through.
    """

    handle: Any
    since: float
    poll: Any
    begun: bool = False
    doubtful: bool = False
    told: list[Any] = field(default_factory=list)

    def tell(self, what: str, *words: Any) -> None:
        self.told.append(getattr(self.handle, what).remote(*words))


class RemoteWorker(Worker):
    """A worker process on some node.

    Args:
        number: by which its actor knows it.
        request: arguments of `Actor.start`, but for the number.
        actor: that it belongs to.
    """

    def __init__(self, number: int, request: tuple[Any, ...], actor: _Actor):
        super().__init__()
        self.number, self.request, self.actor = number, request, actor

    def send(self, kind: str, content: Any = None) -> None:
        self.actor.tell("send", self.number, kind, content)


class Actors(Workers[RemoteWorker]):
    """Worker processes on the nodes of a Ray cluster that this process is connected to.

    Args:
        ray: the package.
        count: of those that work at a time.
        request: makes an actor, and returns its handle.
        token: a file of the folder that all nodes share, and what stands in it.
        tell: is told where there is no room for so many, and which node has other versions.
        versions: by package, that the node of an actor must have.
        answers: whether the head of the cluster answers.
        work: what they are for.
    """

    def __init__(
        self,
        ray,
        count_: int,
        request: Callable[[], Any],
        token: tuple[Path, str],
        tell: Callable[[str], None],
        versions: dict[str, str] | None = None,
        answers: Callable[[], bool] = lambda: True,
        work: Work = TRIALS,
    ):
        super().__init__(count_)
        self._work = work
        self._versions, self._answers, self._unfit = versions or {}, answers, dict[_Actor, str]()
        self._heard = self._asked = time.monotonic()
        self._ray, self._request, self._token, self._tell = ray, request, token, tell
        self._actors: list[_Actor] = []
        self._numbers = count(1)
        self._told = False

    def start(
        self, setup: dict[str, Any], log: Path, target: Callable[[Any, dict[str, Any]], None] = begin
    ) -> RemoteWorker:
        free = self._free()
        actor = free[0] if free else self._new()
        worker = RemoteWorker(next(self._numbers), (setup, log, target, self._token), actor)
        self.workers.append(worker)
        self._begin(worker)
        return worker

    def _new(self) -> _Actor:
        handle = self._request()
        actor = _Actor(handle, time.monotonic(), handle.hello.remote(self._versions))
        self._actors.append(actor)
        return actor

    def _begin(self, worker: RemoteWorker) -> None:
        worker.actor.tell("start", worker.number, *worker.request)

    def _of(self, actor: _Actor) -> list[RemoteWorker]:
        return [worker for worker in self.workers if worker.actor is actor]

    def _free(self) -> list[_Actor]:
        """Actors whose workers, if there are any, are about to end."""
        ending = lambda actor: all(worker.state == "saving" for worker in self._of(actor))
        return [actor for actor in self._actors if actor.begun and ending(actor)]

    def messages(self, seconds: float) -> list[tuple[RemoteWorker, str, Any]]:
        until = time.monotonic() + seconds
        while True:
            found: list[tuple[RemoteWorker, str, Any]] = []
            for actor in self._answered(max(0.0, until - time.monotonic())):
                found += self._read(actor)
            for actor in list(self._actors):
                found += self._look_at_calls(actor)
            self._look_at_actors()
            self._look_at_head()
            if found or time.monotonic() >= until:
                return found

    def _look_at_actors(self) -> None:
        """Gives workers whose actor has found no room to actors that have nothing to do, and ends what stays without
        work.
        """
        now = time.monotonic()
        for worker in [worker for worker in self.workers if not worker.actor.begun]:
            if free := self._free():
                self._end(worker.actor)
                worker.actor = free[0]
                self._begin(worker)
            elif now - worker.actor.since > _PENDING and not self._told:
                self._told = True
                piece = self._work.piece
                self._tell(
                    f"the cluster has no room for another {piece} at the moment; it begins as soon as there is some"
                )
        for actor in self._free():
            if not self._of(actor) and now - actor.since > _IDLE:
                self._end(actor)

    def _look_at_head(self) -> None:
        """Raises ResourceError where the head is gone for good, before Ray ends this process without a sentence."""
        now = time.monotonic()
        if now - self._asked < _ASKED_EVERY:
            return
        self._asked = now
        if self._answers():
            self._heard = now
        elif now - self._heard > _HEAD_PATIENCE:
            cause = (
                f"The connection to the Ray cluster is lost: its head does not answer for {now - self._heard:.0f} s."
            )
            raise ResourceError(cause, _remedy(self._work))

    def _answered(self, seconds: float) -> list[_Actor]:
        """Actors that have answered, waiting for the first at most so long."""
        polls = {}
        for actor in self._actors:
            if self._of(actor):
                if actor.poll is None:
                    actor.poll, actor.since = actor.handle.messages.remote(), time.monotonic()
                polls[actor.poll] = actor
        if not polls:
            time.sleep(seconds)
            return []
        with connected(self._ray, self._work):
            first, _ = self._ray.wait(list(polls), timeout=seconds)
            done = self._ray.wait(list(polls), num_returns=len(polls), timeout=0)[0] if first else []
        return [polls[poll] for poll in done]

    def _read(self, actor: _Actor) -> list[tuple[RemoteWorker, str, Any]]:
        errors = self._ray.exceptions
        poll, actor.poll = actor.poll, None
        try:
            with connected(self._ray, self._work):
                said = self._ray.get(poll)
        except errors.ActorUnavailableError:  # Ray does not know yet whether it is dead
            actor.doubtful = True
            time.sleep(_PAUSE)
            return []
        except errors.RayError as error:
            return self._lose(actor, *self._end_of(error))
        if actor.doubtful:
            return self._lose(actor, "lost", _OUT_OF_REACH)
        if said and said[0][1] == "unfit":
            self._set_aside(actor, said[0][2])
            return []
        actor.begun = True
        workers = {worker.number: worker for worker in self._of(actor)}
        found = [(workers[number], kind, content) for number, kind, content in said if number in workers]
        for worker, kind, _ in found:
            if kind in ENDS:
                self._forget(worker)
        return found

    def _set_aside(self, actor: _Actor, why: str) -> None:
        """Gives the workers of an actor whose node has other versions to another one. It is not ended, and keeps its
        CPUs and GPUs: Ray would begin the next one in the same place.
        """
        if why not in self._unfit.values():
            self._tell(why)
        self._actors.remove(actor)
        self._unfit[actor] = why
        for worker in self._of(actor):
            worker.actor = self._new()
            self._begin(worker)

    def _look_at_calls(self, actor: _Actor) -> list[tuple[RemoteWorker, str, Any]]:
        """Messages of the ends of workers whose actor was told something that did not come through."""
        if not actor.told:
            return []
        with connected(self._ray, self._work):
            done, actor.told = self._ray.wait(actor.told, num_returns=len(actor.told), timeout=0)
        for call in done:
            try:
                with connected(self._ray, self._work):
                    self._ray.get(call)
            except self._ray.exceptions.ActorUnavailableError:
                return self._lose(actor, "lost", _OUT_OF_REACH)
            except self._ray.exceptions.RayError as error:
                return self._lose(actor, *self._end_of(error))
        return []

    def _lose(self, actor: _Actor, kind: str, how: str) -> list[tuple[RemoteWorker, str, Any]]:
        """Ends an actor; the messages of the ends of its workers."""
        gone = self._of(actor)
        self._end(actor)
        for worker in gone:
            self.workers.remove(worker)
        return [(worker, kind, how) for worker in gone]

    def _end_of(self, error: Exception) -> tuple[str, str]:
        """Kind and content of the message of a worker that is gone with its actor."""
        text, errors = str(error), self._ray.exceptions
        if isinstance(error, errors.OutOfMemoryError):
            return "dead", NO_MEMORY
        gone = isinstance(error, errors.NodeDiedError) or getattr(error, "preempted", False)
        if gone or "node has died" in text or "node was" in text:
            return "lost", "lost with its node"
        if isinstance(error, errors.RayActorError) and not getattr(error, "actor_init_failed", False):
            return "dead", "lost with the process of its Ray actor"
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return "dead", f"not started by its Ray actor: {lines[-1] if lines else type(error).__name__}"

    def _forget(self, worker: RemoteWorker) -> None:
        actor = worker.actor
        actor.since = time.monotonic()
        self.workers.remove(worker)
        if not actor.begun and not self._of(actor):  # nobody would ask it again, and it would keep its CPUs and GPUs
            self._end(actor)

    def _end(self, actor: _Actor) -> None:
        self._actors.remove(actor)
        self._ray.kill(actor.handle)

    def remove(self, worker: RemoteWorker) -> None:
        worker.actor.tell("remove", worker.number)
        self._forget(worker)

    def close(self) -> None:
        self.workers.clear()
        for actor in list(self._actors):
            self._end(actor)
        for actor in self._unfit:
            self._ray.kill(actor.handle)
        self._unfit.clear()


class connected:
    """Within the context, the loss of the cluster itself is a ResourceError.

    Args:
        ray: the package.
        work: what it is for.
    """

    def __init__(self, ray, work: Work):
        self._work = work
        self._lost = (ray.exceptions.RaySystemError, ray.exceptions.LocalRayletDiedError, ray.exceptions.RpcError)

    def __enter__(self) -> None: ...

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, self._lost):
            cause = f"The connection to the Ray cluster is lost: {str(error).strip().splitlines()[0]}"
            raise ResourceError(cause, _remedy(self._work)) from error


def _remedy(work: Work) -> str:
    return f"{work.goes_on[0].upper()}{work.goes_on[1:]} goes on once it is there again."

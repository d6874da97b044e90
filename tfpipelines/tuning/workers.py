"""Worker processes, wherever they are: what whoever hands out work knows of them. `pool` has those of this machine."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from .child import begin

ENDS = ("dead", "lost")  # kinds of messages that a worker has come to its end
MOST_LOSSES = 10  # of workers that have the same work, or prepare, with the machines that they are on
KILLED = "killed by signal 9"  # as systems do with processes for which memory does not suffice
NO_MEMORY = "killed by Ray, since its node was short of memory"


@dataclass(frozen=True)
class Work:
    """What processes on a cluster are for, in words.

    Args:
        piece: what a process has at a time.
        goes_on: the command by which what has ended early goes on.
    """

    piece: str
    goes_on: str


TRIALS = Work("trial", "`tfpipe resume SEARCH --cluster ...`")
BLOCKS = Work("block", "the same `tfpipe predict ... --cluster ...`")


class Worker(ABC):
    """A process and what it is at.

    Attributes:
        state: preparing, ready, running or saving.
        assigned: what it works on: the trial of a search, the seed of a final run, the number of a block; None while it
            has nothing to do.
    """

    def __init__(self) -> None:
        self.state = "preparing"
        self.assigned: Any = None

    @abstractmethod
    def send(self, kind: str, content: Any = None) -> None:
        """Tells the process something; one that is dead hears nothing, which its end will tell."""


W = TypeVar("W", bound=Worker)


class Workers(ABC, Generic[W]):
    """All worker processes of a search, or of predictions for many files.

    Args:
        count: of those that work at a time.

    Attributes:
        spare: processes beyond `count` that may prepare themselves meanwhile.
        workers: those there are.
    """

    spare = 0

    def __init__(self, count: int):
        self.count = count
        self.workers: list[W] = []

    @abstractmethod
    def start(self, setup: dict[str, Any], log: Path, target: Callable[[Any, dict[str, Any]], None] = begin) -> W:
        """A new process.

        Args:
            setup: what the process is told at its beginning: for `begin`, see `worker.main`. `log`, `threads`,
                `environment` and `gpu` are added.
            log: where it prints to.
            target: what it does: a function of its connection and the setup, of a light module.

        Raises:
            ResourceError: if there can be none.
        """

    @abstractmethod
    def messages(self, seconds: float) -> list[tuple[W, str, Any]]:
        """What workers have sent, waiting for the first message at most so long; `dead` for a process that has
        ended, and `lost` for one that is gone with its machine, with how. It is no longer among `workers` then.
        """

    @abstractmethod
    def remove(self, worker: W) -> None:
        """Ends a process that is still there, and forgets it."""

    def among(self, *states: str) -> list[W]:
        """The workers in these states."""
        return [worker for worker in self.workers if worker.state in states]

    def close(self) -> None:
        """Ends all of them."""
        for worker in list(self.workers):
            self.remove(worker)

"""What runs on a node of a Ray cluster: an actor that starts worker processes there, and passes on what they say.
Nothing here loads TensorFlow: the processes that it starts do.
"""

import os
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..errors import ConfigError, ResourceError
from .pool import LocalWorker, Pool
from .workers import ENDS

_WAIT = 1.0  # seconds for a message; what the actor is told meanwhile waits for so long
TAKEN_OVER = ("TFPIPE_", "TF_", "XLA_", "KERAS_BACKEND")  # variables that workers get from the search, by prefix
_OF_RESULTS = TAKEN_OVER[1:]  # of them those that results hang on: as in the process of the search, or not there


class Actor:
    """Starts worker processes from a server of its own that has TensorFlow loaded.

    Its calls are carried out one at a time; the first `start` lasts until TensorFlow is loaded. It dies with the
    process of the search, and its workers with it.

    Args:
        threads: for each worker, 0 for all.
        gpus: that Ray has set aside for it.
        environment: variables that those workers have besides the ones of the node.
    """

    def __init__(self, threads: int, gpus: float, environment: dict[str, str]):
        for name in [name for name in os.environ if name.startswith(_OF_RESULTS)]:
            del os.environ[name]
        os.environ.update(environment)
        if not gpus:  # Ray leaves all of the node visible then
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        self._pool = Pool(1, threads)
        self._workers: dict[int, LocalWorker] = {}
        self._said: list[tuple[int, str, Any]] = []
        self._unfit = False

    def hello(self, versions: dict[str, str]) -> list[tuple[int, str, Any]]:
        """At once: it is there. No messages, or `unfit` with a sentence if the node has other versions; then it starts
        nothing.

        Args:
            versions: by package, of the process of the search.
        """
        different = differences(versions, _versions(versions))
        if not different:
            return []
        self._unfit = True
        name = os.uname().nodename
        return [(0, "unfit", f"node {name} has other versions and gets no work: {'; '.join(different)}")]

    def start(
        self,
        number: int,
        setup: dict[str, Any],
        log: Path,
        target: Callable[[Any, dict[str, Any]], None],
        token: tuple[Path, str],
    ) -> None:
        """Starts a process; see `Workers.start`.

        Args:
            number: by which it is known from now on.
            token: a file of the search's folder, and what stands in it.
        """
        if self._unfit:
            return
        if not _has(*token):
            self._said.append((number, "fatal", not_shared(token[0].parent, os.uname().nodename)))
            return
        try:
            self._workers[number] = self._pool.start(setup, log, target)
        except ResourceError as error:
            self._said.append((number, "dead", f"not started: {error.cause}"))
        except Exception as error:  # as where a folder of the node is full
            self._said.append((number, "dead", f"not started: {type(error).__name__}: {error}"))

    def send(self, number: int, kind: str, content: Any) -> None:
        """Tells a process something."""
        if number in self._workers:
            self._workers[number].send(kind, content)

    def remove(self, number: int) -> None:
        """Ends a process that is still there."""
        worker = self._workers.pop(number, None)
        if worker in self._pool.workers:
            self._pool.remove(worker)

    def messages(self) -> list[tuple[int, str, Any]]:
        """What processes have said, and which have ended; waits for a moment if there is nothing."""
        said, self._said = self._said, []
        numbers = {worker: number for number, worker in self._workers.items()}
        said += [(numbers[one], kind, content) for one, kind, content in self._pool.messages(0 if said else _WAIT)]
        for number, kind, _ in said:
            if kind in ENDS:
                self._workers.pop(number, None)
        return said


def examine(token: tuple[Path, str], answer: Path, packages: list[str]) -> tuple[str, dict[str, str]]:
    """Looks at a node.

    Args:
        token: as in `Actor.start`.
        answer: a file to be written beside it, with the same content.
        packages: whose versions are asked for.

    Returns:
        What is wrong with the folder, "" if it can be read and written; versions by package.
    """
    found = _versions(packages)
    if not _has(*token):
        return "does not see", found
    try:
        answer.write_text(token[1])
    except OSError as error:
        return f"cannot write ({error.strerror})", found
    return "", found


def not_shared(folder: Path, node: str, what: str = "does not see") -> ConfigError:
    """The error to be told where a node has another folder of that name, or none."""
    cause = f"All nodes of a cluster must see the folder that is written to, and {node} {what} {folder}."
    return ConfigError(cause, "Begin in a folder that they share, as by NFS: --out /shared/runs")


def differences(here: dict[str, str], there: dict[str, str]) -> list[str]:
    """What a node has of other versions, in words.

    Args:
        here: versions by package, of the process of the search.
        there: those of the node.
    """
    return [f"{key}: {here[key]} here, {there.get(key, 'none')} there" for key in here if there.get(key) != here[key]]


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _has(path: Path, content: str) -> bool:
    try:
        return path.read_text() == content
    except (OSError, ValueError):
        return False

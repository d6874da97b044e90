"""The processes that train one network together: how many there are, and which runs they can carry out."""

import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .words import counted, listed

if TYPE_CHECKING:
    from .config import Pipeline

# What Keras' `keras.distribution.initialize` reads
ADDRESSES, COUNT, NUMBER = (f"KERAS_DISTRIBUTION_{name}" for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID"))
_ADDRESS = re.compile(r"\S+:[0-9]{1,5}")
_JAX = "KERAS_BACKEND=jax"


@dataclass(frozen=True)
class Processes:
    """The processes that were started together.

    Args:
        count: of them.
        number: of this one, from 0.
        address: HOST:PORT of process 0; "" if there is no other.
    """

    count: int = 1
    number: int = 0
    address: str = ""


def started() -> Processes:
    """What the environment tells of the processes that this one was started with.

    Raises:
        ConfigError: if its variables do not fit together.
    """
    given = {name: os.environ[name] for name in (ADDRESSES, COUNT, NUMBER) if os.environ.get(name)}
    if COUNT not in given:
        if given:
            cause = f"{listed([*given])} {'is' if len(given) == 1 else 'are'} set, and {COUNT} is not."
            raise ConfigError(cause, f"Set {COUNT} to the number of processes, or unset the rest.")
        return Processes()
    try:
        count, number = int(given[COUNT]), int(given.get(NUMBER, "0" if given[COUNT] == "1" else ""))
    except ValueError:
        count = number = -1
    if not 0 <= number < count:
        wrong = f"{COUNT}={given[COUNT]} and {NUMBER}={given.get(NUMBER, '')}"
        raise ConfigError(f"{wrong} do not number a process.", f"{NUMBER} counts from 0 to {COUNT} - 1.")
    address = given.get(ADDRESSES, "").split(",")[0]
    if count > 1 and not _ADDRESS.fullmatch(address):
        cause = f"{ADDRESSES}={given.get(ADDRESSES, '')} names no HOST:PORT of process 0."
        raise ConfigError(cause, "Set it to an address of process 0's host that all processes reach, and a free port.")
    return Processes(count, number, address)


class Group:
    """The processes that carry out a run. This one is a single process, with nobody to agree with; see
    `training.distribution` for several.

    Attributes:
        number: of this process, from 0.
        count: of processes.
    """

    number, count = 0, 1

    @property
    def leads(self) -> bool:
        """Whether this is process 0, which alone locks, writes, evaluates and tells."""
        return self.number == 0

    @property
    def facts(self) -> dict[str, int]:
        """What environment.json says of them; {} of a run that is not distributed."""
        return {}

    def gather(self, text: str = "") -> list[str]:
        """What each process says, by its number. All of them wait for each other."""
        return [text]

    def share(self, facts: dict[str, Any] | None = None) -> dict[str, Any]:
        """What process 0 says, told to all."""
        return json.loads(self.gather(json.dumps(facts or {}))[0])

    def require_same(self, text: str, what: str) -> None:
        """Refuses to go on if another process says something else.

        Args:
            text: that is compared.
            what: it is of, for the error.
        """

    def require_batches(self, batch_size: int) -> None:
        """Refuses a size of batches that cannot be divided equally."""

    @contextmanager
    def training(self, task: Any) -> Iterator[None]:
        """Within the context networks are trained by all, each on its share of the batches of a task."""
        yield

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Within the context, inside of `training`, this process computes for itself."""
        yield

    def begin_fit(self) -> None:
        """A fit call begins, in all processes alike."""

    def stops(self, step: int, taken: int, received: int | str | None) -> int | str | None:
        """The signal for which all processes end after a step; None: they go on. Each asks after the same steps.

        Args:
            step: the last one that is done.
            taken: how many steps one call takes.
            received: the signal that this process has received.
        """
        return received

    def agreed(self, received: int | str | None, ended: bool) -> tuple[int | str | None, bool]:
        """The signal that one of the processes has received, and whether process 0 has found the training ended."""
        return received, ended


def require_alone(what: str, remedy: str) -> None:
    """Refuses what each of several processes would do as a whole.

    Args:
        what: it is.

    Raises:
        ConfigError: if there are several.
    """
    count = started().count
    if count > 1:
        raise ConfigError(
            f"{COUNT}={count}: {count} processes were started, and each would do the whole {what}.", remedy
        )


def require_divisible(pipeline: "Pipeline", able: Callable[[], bool]) -> None:
    """Refuses what several processes or devices cannot train, by what can be told before anything heavy is loaded.

    Args:
        able: whether the task can.

    Raises:
        ConfigError: naming the field.
    """
    there, train = started(), pipeline.train
    if train.distribute is None:
        require_alone("run", "Add train.distribute=data, so that they share one.")
        return
    asked = "train.distribute=data"
    if not able():
        cause = f"{asked}: the task {pipeline.task} cannot be trained by several processes or devices."
        raise ConfigError(cause, "Leave it out; the tasks image-cls, text-cls and tabular can.")
    if pipeline.chooses:
        cause = f"{asked} does not go with model.name=auto, since it trains one network."
        raise ConfigError(cause, "Name one, as in model.name=NAME.")
    if getattr(pipeline.data, "folds", None) is not None:
        raise ConfigError(f"{asked} does not go with data.folds.", "Leave one of them out.")
    if train.time is not None:
        cause = f"{asked} does not go with train.time, which each process would measure for itself."
        raise ConfigError(cause, "Set train.epochs.")
    if (backend := _backend()) != "jax":
        cause = f"{asked}: the backend {backend} trains on one device here; several need jax."
        raise ConfigError(cause, f"Set {_JAX} in the environment (pip install 'tfpipelines[jax]').")
    if not _has_jax():
        raise ConfigError(f"{asked} needs jax.", "pip install 'tfpipelines[jax]'")
    require_even(train.batch_size, there.count, "process", "processes")


def require_even(batch_size: int, count: int, one: str, many: str) -> None:
    """Refuses batches that cannot be divided equally among so many.

    Raises:
        ConfigError: naming a size that would do.
    """
    if batch_size % count:
        cause = f"train.batch_size: got {batch_size}, which {counted(count, one, many)} cannot divide equally."
        raise ConfigError(cause, f"Set train.batch_size={max(1, round(batch_size / count)) * count}, for example.")


def _has_jax() -> bool:
    return importlib.util.find_spec("jax") is not None


def _backend() -> str:
    """The name of Keras' backend, as Keras finds it."""
    if "keras" in sys.modules:
        return str(sys.modules["keras"].config.backend())
    if given := os.environ.get("KERAS_BACKEND"):
        return given
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    with suppress(OSError, ValueError, AttributeError):
        return str(json.loads((home / "keras.json").read_text(encoding="utf-8")).get("backend", "tensorflow"))
    return "tensorflow"


def require_same_number(before: dict[str, Any], facts: dict[str, int], new: str) -> None:
    """Refuses to go on with a run by another number of processes or devices than it began with.

    Args:
        before: the content of environment.json of the run.
        facts: of now, `Group.facts`.
        new: the command that makes a new run of it.

    Raises:
        ConfigError: with both numbers.
    """
    began = before.get("distribution", {})
    if before and began != facts:
        words = lambda told: " with ".join(
            [counted(told.get("processes", 1), "process", "processes"), counted(told.get("devices", 1), "device")]
        )
        cause = f"The run began by {words(began)}, and would go on by {words(facts)}: its bits would differ."
        raise ConfigError(cause, f"Resume it by as many as it began with, or start a new run: {new}")

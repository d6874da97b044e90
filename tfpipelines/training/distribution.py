"""Several processes or devices that train one network, each on its share of every batch (jax backend).

Weights are the same everywhere; `keras.distribution.DataParallel` has the gradients of all shares added. What the
processes tell each other besides goes through the store of jax's coordination service, which process 0 holds: no
device waits for it, and a process may wait for another as long as that takes.
"""

import ctypes
import itertools
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import keras

from ..core.processes import Group, Processes, require_even
from ..datasets import Share
from ..errors import ConfigError, DataError, Interrupted, ResourceError

_POLL = 1000  # milliseconds, after which a waiting process looks for signals and for others that have failed
_LEAVE = 10.0  # seconds in which all processes end together, else each for itself
_UNANSWERED = ("Gloo", "NCCL", "UNAVAILABLE", "ABORTED")  # how jax words it that a process no longer answers
_groups = itertools.count()  # each has names of its own in the store


@contextmanager
def joined(processes: Processes) -> Iterator[Group]:
    """The group of processes, this one among them, that were started together; or of one with several devices.

    Within the context all do the same. In the end they wait for process 0.

    Raises:
        ConfigError: if they cannot work together.
        ResourceError: if one cannot be reached.
    """
    group = Divided(processes, _connected(processes), next(_groups))
    try:
        group.require_alike()
        yield group
        group.gather("end")
    except BaseException as error:
        group.leave(error)
        raise


def _connected(processes: Processes) -> Any:
    """The client of jax's coordination service; None where there is one process."""
    if processes.count == 1:
        return None
    import jax
    from jax._src import distributed  # jax has no public access to the store

    state = distributed.global_state
    if state.client is None:
        host = processes.address.rpartition(":")[0]
        try:
            jax.distributed.initialize(
                processes.address,
                processes.count,
                processes.number,
                shutdown_timeout_seconds=int(_LEAVE),
                coordinator_bind_address=os.environ.get("JAX_COORDINATOR_BIND_ADDRESS"),
            )
        except RuntimeError as error:
            if "must be called before" in str(error):
                cause = "train.distribute=data: jax has been computing in this process already."
                raise ConfigError(cause, "Start anew.") from error
            cause = f"The {processes.count} processes of the run did not find each other at {processes.address}."
            raise ResourceError(cause, f"See that all were started, and reach {host}.", [_first_line(error)]) from error
    elif (state.num_processes, state.process_id) != (processes.count, processes.number):
        raise ConfigError("jax was initialized with other processes in this one.", "Start anew.")
    return state.client


class Divided(Group):
    """Several processes, or one with several devices.

    Args:
        client: of the coordination service; None where there is one process.
        place: among the groups that this process has joined, the same in all of them.
    """

    def __init__(self, processes: Processes, client: Any, place: int):
        import jax

        self.count, self.number = processes.count, processes.number
        self.devices, self._local = jax.device_count(), jax.local_device_count()
        self._client, self._prefix = client, f"tfpipelines/{place}/"
        self._turn = 0  # how often the processes have waited for each other
        self._fit, self._told = 0, False

    @property
    def facts(self) -> dict[str, int]:
        return {"processes": self.count, "devices": self.devices}

    def require_alike(self) -> None:
        """Refuses processes that are not on equal devices.

        Raises:
            ConfigError: naming those of each.
        """
        import jax

        told = self.gather(f"{self._local} x {jax.local_devices()[0].device_kind}")
        if len({*told}) > 1:
            lines = [f"process {number}: {one}" for number, one in enumerate(told)]
            raise ConfigError("The processes have other devices each.", "Give each as many of the same kind.", lines)

    def gather(self, text: str = "") -> list[str]:
        if self._client is None:
            return [text]
        self._turn += 1
        turn = f"turn/{self._turn}"
        if not self.leads:
            self._set(f"{turn}/{self.number}", text)
            return json.loads(self._wait(f"{turn}/all"))
        said = [text, *(self._wait(f"{turn}/{number}") for number in range(1, self.count))]
        self._set(f"{turn}/all", json.dumps(said))
        return said

    def require_same(self, text: str, what: str) -> None:
        said = self.gather(text)
        other = next((number for number, one in enumerate(said) if one != said[0]), None)
        if other is not None:
            cause = f"Process {other} has other {what} than process 0."
            raise DataError(cause, "All processes need the same code, versions, data and run folder.")

    def require_batches(self, batch_size: int) -> None:
        require_even(batch_size, self.devices, "device", "devices")

    @contextmanager
    def training(self, task: Any) -> Iterator[None]:
        task.share = Share(self.number, self.count, self._local)
        try:
            with keras.distribution.DataParallel(auto_shard_dataset=False).scope():
                yield
        except RuntimeError as error:
            if self._client is None or not any(word in str(error) for word in _UNANSWERED):
                raise
            raise _lost(error) from error
        finally:
            task.share = None

    @contextmanager
    def apart(self) -> Iterator[None]:
        before = keras.distribution.distribution()
        keras.distribution.set_distribution(None)
        try:
            yield
        finally:
            keras.distribution.set_distribution(before)

    def begin_fit(self) -> None:
        self._fit, self._told = self._turn, False

    def stops(self, step: int, taken: int, received: int | str | None) -> int | str | None:
        """As of `Group`. A process that was told to stop says so before it begins another call, in which all take
        part: so each of them knows once that has ended, and all end there.
        """
        if self._client is None:
            return received
        if received is not None and not self._told:
            self._told = True
            self._set(f"stop/{self._fit}/{self.number}", json.dumps([step + taken, received]))
        said = [json.loads(text) for _, text in self._list(f"stop/{self._fit}/")]
        return next((signal for at, signal in said if at <= step), None)

    def agreed(self, received: int | str | None, ended: bool) -> tuple[int | str | None, bool]:
        said = [json.loads(text) for text in self.gather(json.dumps([received, ended]))]
        return next((signal for signal, _ in said if signal is not None), None), said[0][1]

    def leave(self, error: BaseException) -> None:
        """Tells the others why this process ends. If they end, too, jax parts them in good order; else this process
        does not wait for them, as jax would.
        """
        if self._client is None:
            return
        until = time.monotonic() + _LEAVE
        with suppress(Exception):
            told = [getattr(error, "cause", "") or repr(error), getattr(error, "exit_code", 1)]
            self._client.key_value_set(f"{self._prefix}left/{self.number}", json.dumps(told))
            while len(self._client.key_value_dir_get(f"{self._prefix}left/")) < self.count and time.monotonic() < until:
                time.sleep(0.1)
            if time.monotonic() < until:
                return
        from jax._src import distributed

        state = distributed.global_state
        for kept in (state.client, state.service, state.preemption_sync_manager):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))  # their destructors would wait for the others
        state.client = state.service = state.preemption_sync_manager = None

    # --- details
    def _set(self, key: str, text: str) -> None:
        with self._reached():
            self._client.key_value_set(f"{self._prefix}{key}", text)

    def _list(self, key: str) -> list[tuple[str, str]]:
        with self._reached():
            return self._client.key_value_dir_get(f"{self._prefix}{key}")

    def _wait(self, key: str) -> str:
        """What another process says, as soon as it does."""
        while True:
            try:
                return self._client.blocking_key_value_get(f"{self._prefix}{key}", _POLL)
            except RuntimeError as error:
                if "DEADLINE_EXCEEDED" not in str(error):
                    raise _lost(error) from error
            if left := self._list("left/"):
                raise _ended(int(left[0][0].rpartition("/")[2]), *json.loads(left[0][1]))

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise _lost(error) from error


def _ended(number: int, reason: str, code: int) -> BaseException:
    """The error of a process, for another one: it ends in the same way."""
    cause = f"Process {number} has ended: {reason.rstrip('.')}."
    if code > 128:
        return Interrupted(cause, signal_number=code - 128)
    error = ResourceError(cause, "Its own output says more; a run goes on by tfpipe resume.")
    error.exit_code = code
    return error


def _lost(error: Exception) -> ResourceError:
    cause, remedy = "Another process of the run has ended.", "Its own output says why; a run goes on by tfpipe resume."
    return ResourceError(cause, remedy, [_first_line(error)])


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]

"""Starts the processes of this machine that train one network together, and ends them together."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from types import FrameType
from typing import IO, Any

from ..errors import ConfigError
from .processes import ADDRESSES, COUNT, NUMBER
from .words import counted

_HOST, _GPUS = "127.0.0.1", "CUDA_VISIBLE_DEVICES"
_NO_GPU = "-1"  # the usual value that hides all
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_BY_ITSELF, _BY_SIGNAL = 15.0, 10.0  # seconds to end where another process has failed: without, and after a SIGTERM
_PAUSE = 0.1  # seconds
_SHOWN = 20  # last lines of a process that has failed
_WHEN_PARENT_DIES = 1  # PR_SET_PDEATHSIG


def launch(count: int, words: Sequence[str]) -> int:
    """Carries a `tfpipe` command out by several processes, of which process 0 alone is heard.

    They are told of each other by the variables that Keras reads, and each has a GPU of its own where there are some.
    Signals are passed on to all. If one fails, the others are ended.

    Args:
        words: of the command, without `tfpipe`.

    Returns:
        The exit code: that of process 0 if it failed by itself, else of the process that failed first; 0 if none did.

    Raises:
        ConfigError: if there are fewer GPUs than processes by CUDA_VISIBLE_DEVICES.
    """
    gpus = _gpus(count)
    with socket.socket() as free:
        free.bind((_HOST, 0))
        address = f"{_HOST}:{free.getsockname()[1]}"
    processes: list[subprocess.Popen[bytes]] = []
    before: dict[int, Any] = {}

    def forward(number: int, _frame: FrameType | None) -> None:
        for process in processes:
            _send(process, number)

    with ExitStack() as files:
        outputs = [files.enter_context(tempfile.TemporaryFile()) for _ in range(1, count)]  # of all but process 0
        try:
            heeded = [number for number in _FORWARDED if signal.getsignal(number) is not signal.SIG_IGN]  # see nohup
            before = {number: signal.signal(number, forward) for number in heeded}
            for number in range(count):
                variables = {
                    ADDRESSES: address, COUNT: str(count), NUMBER: str(number), **gpus[number],
                    "JAX_COORDINATOR_BIND_ADDRESS": address,  # else other hosts could reach it
                }  # fmt: skip
                output = None if number == 0 else outputs[number - 1]
                processes.append(_started(words, {**os.environ, **variables}, output))
            failed, forced = _ended(processes)
        finally:
            for process in processes:
                _send(process, signal.SIGKILL)
                process.wait()
            for number, handler in before.items():
                signal.signal(number, handler)
        if failed is None:
            return 0
        code, of_first = _code(processes[failed]), _code(processes[0])
        if failed and of_first != code:
            print(f"process {failed} of {count} has ended with exit code {code}:", file=sys.stderr)
            print(_last_lines(outputs[failed - 1]), file=sys.stderr, flush=True)
        return code if forced or not of_first else of_first


def _gpus(count: int) -> list[dict[str, str]]:
    """CUDA_VISIBLE_DEVICES for each of several processes: one GPU. Where there is none, it says nothing."""
    given = os.environ.get(_GPUS)
    if count == 1 or given in ("", _NO_GPU):
        return [{}] * count
    if given is None:
        return [{_GPUS: str(number)} for number in range(count)]
    names = [name.strip() for name in given.split(",") if name.strip()]
    if len(names) < count:
        there = f"{_GPUS}={given} names {counted(len(names), 'GPU')}"
        raise ConfigError(f"{there}, and {count} processes need one each.", f"Launch {len(names)}: -n {len(names)}")
    return [{_GPUS: name} for name in names[:count]]


def _started(words: Sequence[str], variables: dict[str, str], output: IO[bytes] | None) -> "subprocess.Popen[bytes]":
    """A process of the command line, in a session of its own, so that a Ctrl-C reaches it once."""
    command = [sys.executable, "-P", "-m", __package__.partition(".")[0], *words]
    quiet: dict[str, Any] = {}
    if output is not None:
        quiet = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, env=variables, start_new_session=True, preexec_fn=_dying_with_parent(), **quiet)


def _dying_with_parent() -> Callable[[], object] | None:
    """Has a new process sent a SIGTERM when the one that started it is killed, where the system can (Linux). What it
    calls is looked up before the fork, after which little may be done.
    """
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return None
    return lambda: prctl(_WHEN_PARENT_DIES, signal.SIGTERM)


def _ended(processes: "list[subprocess.Popen[bytes]]") -> tuple[int | None, bool]:
    """Waits until all have ended; the first that failed, None without, and whether others had to be told to end."""
    failed, since, stage = None, 0.0, 0
    while None in (codes := [process.poll() for process in processes]):
        if failed is None:
            failed, since = _first_failed(codes), time.monotonic()
        elif time.monotonic() - since > (_BY_ITSELF, _BY_SIGNAL)[stage]:
            if stage:
                return failed, True
            since, stage = time.monotonic(), 1
            for process in processes:
                _send(process, signal.SIGTERM)
        time.sleep(_PAUSE)
    return (_first_failed(codes) if failed is None else failed), bool(stage)


def _first_failed(codes: "Sequence[int | None]") -> int | None:
    return next((number for number, code in enumerate(codes) if code), None)


def _send(process: "subprocess.Popen[bytes]", number: int) -> None:
    """A signal to a process that has not ended."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            process.send_signal(number)


def _code(process: "subprocess.Popen[bytes]") -> int:
    """The exit code, as shells tell it."""
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _last_lines(output: IO[bytes]) -> str:
    output.seek(0)
    lines = output.read().decode(errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-_SHOWN:])

"""Processes beside the one that speaks HTTP: how they are started, and how they end. They inherit a socket."""

import os
import resource
import subprocess
import sys
from pathlib import Path

from .access import TOKEN


def started(module: str, number: int) -> "subprocess.Popen[bytes]":
    """A process that calls `main` of a module of this package.

    Args:
        number: of the socket that it inherits and talks by.
    """
    begin = f"import sys; sys.path[:] = {sys.path!r}; from tfpipelines.serve.{module} import main; main({number})"
    command = [sys.executable, "-c", begin]  # with -m the working folder could hide packages
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    quiet.pop(TOKEN, None)  # it needs none
    return subprocess.Popen(
        command, pass_fds=[number], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=quiet,
        start_new_session=True,
    )  # fmt: skip


def ended(process: "subprocess.Popen[bytes]", seconds: float = 0.5) -> None:
    """Waits for a process whose connection is closed; kills one that does not end by itself."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def how_ended(process: "subprocess.Popen[bytes] | None") -> str:
    """How a process has ended, in words."""
    if process is None:
        return "is no more"
    try:
        code = process.wait(2)
    except subprocess.TimeoutExpired:
        return "has closed its connection"
    return f"was killed by signal {-code}" if code < 0 else f"has ended with exit code {code}"


def limit_memory(more: int) -> int:
    """From now on this process may take so many bytes more than it has.

    Returns:
        Bytes that it may have; 0 where there is no such limit.
    """
    if not (taken := taken_memory()):
        return 0
    limit = taken + more
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY and limit > most:
        return 0
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    return limit


def taken_memory() -> int:
    """Bytes of memory that this process has been given; 0 where that is unknown."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:  # not Linux
        return 0

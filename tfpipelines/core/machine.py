"""What this machine has: free memory, and the folder of what may be made again."""

import ctypes
import mmap
import os
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from ..errors import ConfigError

_FEW = 2**23  # bytes
_DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


def free_memory() -> int:
    """Bytes that this process may still take, by the system and by its control group."""
    free = psutil.virtual_memory().available
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    try:
        taken = int(used.read_text()) - _reclaimable(used.with_name("memory.stat"))
        return min(free, int(limit.read_text()) - taken)
    except (OSError, ValueError):  # no control group, or one without a limit
        return free


def _reclaimable(facts: Path) -> int:
    """Bytes of a control group's memory that hold copies of files, and are given up where others need them."""
    found = dict(line.split() for line in facts.read_text().splitlines())
    return int(found.get("inactive_file", 0))


def memory_is_gone() -> bool:
    """Whether this process gets no more memory, not even a few MB, as under a limit of its address space."""
    try:
        mmap.mmap(-1, _FEW).close()
    except (OSError, MemoryError):
        return True
    return False


def choose_deterministic_kernels() -> None:
    """Has XLA take deterministic kernels on GPUs, without trying which are fastest, in this process and those that it
    starts. XLA reads that once, from the environment, before its first operation.

    Raises:
        ConfigError: if jax has been computing on an accelerator in this process already.
    """
    flags, bridge = os.environ.get("XLA_FLAGS", ""), sys.modules.get("jax._src.xla_bridge")
    if _DETERMINISTIC in flags:
        return
    if bridge is not None and bridge.backends_are_initialized() and sys.modules["jax"].default_backend() != "cpu":
        cause = "train.deterministic=true: jax has chosen its kernels in this process already."
        raise ConfigError(cause, f"Start anew, with XLA_FLAGS={_DETERMINISTIC} in the environment.")
    os.environ["XLA_FLAGS"] = f"{flags} {_DETERMINISTIC}".strip()


def release_memory() -> None:
    """Gives memory that is free within this process back to the system, where the C library can (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def cache_folder() -> Path:
    """Where decoded and unpacked data are kept: $TFPIPE_CACHE, or tfpipelines in the user's cache folder."""
    given = os.environ.get("TFPIPE_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfpipelines"

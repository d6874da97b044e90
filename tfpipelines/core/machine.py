"""What this machine has: free memory, and the folder of what may be made again."""

import ctypes
import mmap
import os
from contextlib import suppress
from pathlib import Path

import psutil

_FEW = 2**23  # bytes


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


def release_memory() -> None:
    """Gives memory that is free within this process back to the system, where the C library can (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def cache_folder() -> Path:
    """Where decoded and unpacked data are kept: $TFPIPE_CACHE, or tfpipelines in the user's cache folder."""
    given = os.environ.get("TFPIPE_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfpipelines"

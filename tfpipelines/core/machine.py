"""What this machine has: free memory, and the folder of what may be made again."""

import os
from pathlib import Path

import psutil


def free_memory() -> int:
    """Bytes that this process may still take, by the system and by its control group."""
    free = psutil.virtual_memory().available
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    try:
        return min(free, int(limit.read_text()) - int(used.read_text()))
    except (OSError, ValueError):  # no control group, or one without a limit
        return free


def cache_folder() -> Path:
    """Where decoded and unpacked data are kept: $TFPIPE_CACHE, or tfpipelines in the user's cache folder."""
    given = os.environ.get("TFPIPE_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfpipelines"

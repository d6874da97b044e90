"""Where decoded images are kept: in memory, on disk, or nowhere."""

import os
import shutil
from pathlib import Path

from ..core.machine import cache_folder, free_memory
from ..core.words import megabytes
from ..errors import ConfigError, ResourceError

MEMORY_SHARE = 0.4  # of the free memory that the cache may take
_RESERVE = 2**30  # bytes of the disk that `data.cache=auto` leaves free


def fits_memory(needed: int) -> bool:
    """Whether so many bytes of decoded images are kept in memory by `data.cache=auto`."""
    return needed < MEMORY_SHARE * free_memory()


def require_memory(needed: int) -> None:
    """Raises ConfigError where `data.cache=memory` cannot be done: so many bytes are not free."""
    if needed > (free := free_memory()):
        cause = f"data.cache=memory: the decoded images take {megabytes(needed)}, and {megabytes(free)} are free."
        raise ConfigError(cause, "Use data.cache=auto, which keeps on disk what does not fit, or a smaller data.size.")


def image_folder() -> Path:
    """The folder of decoded images in the cache folder.

    Raises:
        ResourceError: if it is not there and cannot be made.
    """
    folder = cache_folder() / "images"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"The cache folder {folder} cannot be made: {error.strerror}."
        remedy = "Name another in the environment variable TFPIPE_CACHE, or use data.cache=auto."
        raise ResourceError(message, remedy) from error
    return folder


def require_room(folder: Path, needed: int) -> None:
    """Raises ResourceError where a file of so many bytes cannot be written, or would leave the disk full."""
    if not os.access(folder, os.W_OK):
        raise ResourceError(f"The cache folder {folder} is read-only.", "Name another by TFPIPE_CACHE.")
    if (free := shutil.disk_usage(folder).free) < needed + _RESERVE:
        cause = f"The cache folder {folder} has {megabytes(free)} free, too few for {megabytes(needed)}."
        raise ResourceError(cause, "Free some space, or name another by TFPIPE_CACHE.")

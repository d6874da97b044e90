"""What every place that data are fetched from can do."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...core.urls import Address
from ...core.words import megabytes
from ...errors import DataError

Tell = Callable[[str], None]
PATIENCE = 30.0  # seconds without an answer, or without a byte
SLOW = 60.0  # seconds in which at least so many kB must come, and in which an answer must have begun
TELLS = 10.0  # seconds between lines on how far it is


class UnreachableError(DataError):
    """A place that cannot be asked now; a copy from before may do."""


@dataclass(frozen=True)
class Version:
    """What a URL leads to at some time.

    Args:
        name: of the file or folder.
        bytes: of all; None where that is not said.
        files: how many; 0 of a folder whose files are not known yet.
        mark: another content has another one; "" where nothing tells.
        told: a revision or the like, for messages.
    """

    name: str
    bytes: int | None = None
    files: int = 1
    mark: str = ""
    told: str = ""


class Pace:
    """How fast something comes; says now and then how far it is.

    Args:
        bytes: of all; None where that is not known.
        there: of them.
    """

    def __init__(self, bytes: int | None, there: int, tell: Tell):
        self.bytes, self.tell = bytes, tell
        self._before, self._since = float(there), time.monotonic()
        self._spoken = self._since

    def too_slow(self, there: int, files: int = 0) -> str:
        """What is wrong with the pace, now that so many bytes and files are there, or ""; a file counts as 10 kB."""
        done, now = there + 10_000 * files, time.monotonic()
        if now - self._since > SLOW:
            if done - self._before < 1000 * SLOW:
                return f"less than 1 kB a second came for {SLOW:.0f} s"
            self._since, self._before = now, done
        if now - self._spoken > TELLS:
            self._spoken = now
            self.tell(f"{megabytes(there)}{f' of {megabytes(self.bytes)}' if self.bytes else ''} are there")
        return ""


class Origin(ABC):
    """Where a URL leads to.

    Args:
        address: of what is to be fetched.
    """

    def __init__(self, address: Address):
        self.address = address

    @property
    def lasting(self) -> str:
        """The mark of the version that the URL itself names for good; "" where it names none."""
        return ""

    @abstractmethod
    def look(self, known: str) -> Version:
        """What is there now.

        Args:
            known: the mark of the copy that is there; "" where there is none.

        Raises:
            UnreachableError: if nobody answers.
            DataError: if there is nothing, or it is refused.
        """

    def goes_on(self, version: Version) -> bool:
        """Whether a later `fetch` can go on with what one that broke off has left."""
        return bool(version.mark)

    @abstractmethod
    def fetch(self, version: Version, part: Path, tell: Tell) -> Path:
        """Fetches what `look` has found.

        Args:
            part: a folder for it; it may hold what an earlier call has left, even all of it.

        Returns:
            The file or folder in `part`, whole.

        Raises:
            DataError: if it ends too early; what may be continued stays in `part`.
            ResourceError: if there is no room.
            OSError: if `part` cannot be written.
        """

    def pinned(self, version: Version, sha256: str) -> Address:
        """The address of just this version."""
        return Address(self.address.url, sha256, self.address.inside)

    def close(self) -> None:  # noqa: B027
        """Lets go of what `look` has opened."""

"""Copies of data behind URLs, in `fetched/` of the cache folder.

A folder for each URL holds a folder for each content that it has led to, named by its hash, what is not whole yet, and
facts.json, which lists the former. Contents stay until they are pruned, so that a run which began with one can go on.
"""

import fcntl
import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from ...core.files import cut_name, file_hash, now, resource_error, write_json
from ...core.machine import cache_folder
from ...core.run_files import found_json
from ...core.urls import Address, has_several
from ...core.words import counted, instant, megabytes, plain_text
from ...errors import ConfigError, DataError, ResourceError
from .origin import Origin, Tell, UnreachableError, Version

_UNFIT = re.compile(r"[^\w.+-]+")
_LONGEST_NAME = 80  # bytes
_LONGEST = 200


@dataclass(frozen=True)
class Copy:
    """A whole copy of what a URL leads to.

    Args:
        path: of the file or folder; of what the URL means inside of it, where it means that alone.
        whole: of all of it.
        address: the URL with the hash or revision of this content.
        sha256: of the file; of a folder that of the hashes and names of its files.
        told: what else tells its version, such as a revision.
        bytes: of all files.
        fetched: when, ISO 8601.
    """

    path: Path
    whole: Path
    address: Address
    sha256: str
    told: str
    bytes: int
    fetched: str

    @property
    def name(self) -> str:
        """What it is called among others: the URL, without hash and revision."""
        return str(replace(self.address, sha256="", revision=""))

    def address_of(self, path: Path) -> Address:
        """The address of a file or folder in the copy, or in the archive that it is."""
        return replace(self.address, inside=path.relative_to(self.whole).as_posix())


@dataclass(frozen=True)
class _Content:
    """An entry of facts.json."""

    sha256: str
    name: str
    bytes: int
    files: int
    changed: int  # st_mtime_ns of the file, or of the newest file of a folder
    mark: str
    told: str
    fetched: str

    @property
    def version(self) -> Version:
        """What the URL led to then."""
        return Version(self.name, self.bytes, self.files, self.mark, self.told)


def local_copy(url: str, tell: Tell) -> Copy:
    """The copy of what a URL leads to; it is fetched where it is not there, or is no longer what the URL leads to.

    Args:
        url: of one of the schemes in `origins.SCHEMES`; with `#sha256=HASH` just that content, for which nobody is
            asked once it is there.
        tell: is told what is fetched, how much and how far it is.

    Raises:
        ConfigError: for a scheme that is not known, or if the cache folder cannot be written.
        DataError: if it cannot be fetched whole, or is not the content that is asked for.
        ResourceError: if there is no room.
    """
    from .origins import origin_of

    address = Address.of(url)
    with closing(origin_of(address)) as origin:
        store = _Store(address)
        if content := store.lasting(address.sha256, origin.lasting):
            return store.copy(content, origin)
        content, version = _current(store, origin, tell)
        if content is None:
            with store.held(tell) as waited:
                if waited:  # what the other process has fetched may be it
                    content, version = _current(store, origin, tell)
                content = content or store.fetch(origin, version, tell)
        if address.sha256 not in ("", content.sha256):
            cause = f"{address.url} has changed: its SHA-256 is {content.sha256}, and {address.sha256} is asked for."
            remedy = "Bring the earlier content back there, or leave #sha256=... out to take the new one in a new run."
            raise DataError(cause, remedy)
        return store.copy(content, origin)


def _current(store: "_Store", origin: Origin, tell: Tell) -> tuple["_Content | None", Version]:
    """The content that is there and still what the URL leads to, None if there is none; and what the URL leads to."""
    contents = store.contents()
    latest = contents[-1] if contents and not store.address.sha256 else None
    try:
        version = origin.look(latest.mark if latest else "")
    except UnreachableError as error:
        if latest is None or has_several(store.address.url):  # the copy may be of the other one
            raise
        tell(f"{error.cause.rstrip('.')}; its copy of {instant(latest.fetched)} is used")
        return latest, latest.version
    found = next((one for one in reversed(contents) if version.mark and version.mark == one.mark), None)
    if found is not None:
        store.drop_part()  # of a version that has gone again
    return found, version


def pinned(url: str, tell: Tell) -> str:
    """The same URL with the hash or revision of what it leads to now, which has been fetched; see `local_copy`."""
    return str(local_copy(url, tell).address)


class _Store:
    """The copies of what one URL leads to."""

    def __init__(self, address: Address):
        self.address = address
        name = cut_name(_UNFIT.sub("_", address.url.partition("?")[0].rstrip("/").rpartition("/")[2]), _LONGEST_NAME)
        key = hashlib.sha256(address.url.encode()).hexdigest()[:16]
        self.folder = cache_folder() / "fetched" / f"{name.lstrip('.') or 'data'}-{key}"

    def contents(self) -> list[_Content]:
        """What facts.json lists and is there, the latest last."""
        listed = found_json(self.folder / "facts.json").get("contents", [])
        found = []
        for entry in listed if isinstance(listed, list) else []:
            if isinstance(entry, dict) and entry.keys() == {field.name for field in fields(_Content)}:
                found.append(_Content(**entry))
        return [content for content in found if self._is_whole(content)]

    def lasting(self, sha256: str, mark: str) -> _Content | None:
        """The content of a hash, or else of a mark, if it is there."""
        if not (sha256 or mark):
            return None
        fits = lambda content: content.sha256 == sha256 if sha256 else content.mark == mark
        return next(filter(fits, reversed(self.contents())), None)

    def copy(self, content: _Content, origin: Origin) -> Copy:
        """As it is to be used."""
        whole = self._path(content)
        try:
            os.utime(self.folder / "facts.json")  # used now: pruned last
        except OSError:  # of a cache that may only be read
            pass
        address = origin.pinned(content.version, content.sha256)
        inner = _inside(whole, self.address)
        return Copy(inner, whole, address, content.sha256, content.told, content.bytes, content.fetched)

    @contextmanager
    def held(self, tell: Tell) -> Iterator[bool]:
        """Inside, no other process of this machine fetches from this URL; whether one was waited for."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = open(self.folder / ".lock", "a")
        except OSError as error:
            cause = f"The cache folder {self.folder} cannot be written: {error.strerror}."
            raise ConfigError(cause, "Name another in the environment variable TFPIPE_CACHE.") from error
        with lock:
            waits = False
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not waits:
                        tell(f"Another process fetches {self.address.url}; this one waits for it")
                    waits = True
                    time.sleep(0.2)
                except OSError:  # a file system without locks
                    break
            yield waits

    def drop_part(self) -> None:
        """Removes what is not whole, unless another process fetches it just now."""
        part = self.folder / "part"
        if not part.exists():
            return
        with suppress(OSError), open(self.folder / ".lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(part, ignore_errors=True)

    def fetch(self, origin: Origin, version: Version, tell: Tell) -> _Content:
        """Fetches a content, and lists it once it is whole."""
        size = "of unknown size" if version.bytes is None else f"of {megabytes(version.bytes)}"
        files = f"{counted(version.files, 'file')}, " if version.files > 1 else ""
        told = f" ({version.told})" if version.told else ""
        part = self.folder / "part"
        begun = version.mark and found_json(part / "mark.json").get("mark") == version.mark
        there = f", of which {megabytes(_facts(part)[0])} are there" if begun else ""
        tell(f"Fetching {self.address.url}{told}, {files}{size}{there}, once, into {self.folder}")
        try:
            self._require_room(version, part)
            part.mkdir(exist_ok=True)
            fetched = origin.fetch(version, part, tell)
            content = self._kept(fetched, _content(fetched, version))
            same = (content.sha256, content.told)  # two revisions may have the same content
            others = [asdict(one) for one in self.contents() if (one.sha256, one.told) != same]
            write_json(self.folder / "facts.json", {"url": self.address.url, "contents": [*others, asdict(content)]})
            shutil.rmtree(part, ignore_errors=True)
        except BaseException as error:
            if not origin.goes_on(version):
                shutil.rmtree(part, ignore_errors=True)
            if isinstance(error, OSError):
                raise resource_error(error, self.folder) from error
            raise
        return content

    def _kept(self, fetched: Path, content: _Content) -> _Content:
        """Moves a whole content to its place; the same one that is there stays, since runs may be reading it."""
        path = self._path(content)
        if there := next((one for one in self.contents() if one.sha256 == content.sha256), None):
            return replace(content, name=there.name, changed=there.changed)
        if path.parent.exists():  # files of it have gone, or have been changed
            shutil.rmtree(path.parent)
        path.parent.mkdir()
        os.replace(fetched, path)
        return content

    def _path(self, content: _Content) -> Path:
        return self.folder / content.sha256[:16] / content.name

    def _is_whole(self, content: _Content) -> bool:
        """Whether a content is there as it was fetched; a file that has been touched is hashed again, once."""
        path = self._path(content)
        try:
            facts = _facts(path)
            if facts == (content.bytes, content.files, content.changed):
                return True
            if facts[:2] != (content.bytes, content.files) or _hash(path) != content.sha256:
                return False
        except OSError:
            return False
        with suppress(OSError):  # of a cache that may only be read
            for file in _files(path):
                own = file.stat()
                if own.st_mtime_ns > content.changed or own.st_mtime_ns == facts[2]:
                    os.utime(file, ns=(own.st_atime_ns, content.changed))
        return True

    def _require_room(self, version: Version, part: Path) -> None:
        there = _facts(part)[0] if part.is_dir() else 0
        room, wanted = shutil.disk_usage(self.folder).free, max(0, (version.bytes or 0) - there)
        if wanted > room:
            cause = f"{self.address.url} has {megabytes(wanted)}, and {self.folder} has room for {megabytes(room)}."
            raise ResourceError(cause, "Name a folder with more room in the environment variable TFPIPE_CACHE.")


def _content(path: Path, version: Version) -> _Content:
    size, files, changed = _facts(path)
    if not path.is_dir():
        with open(path, "rb+") as file:
            os.fsync(file.fileno())
    name = cut_name(version.name, _LONGEST)
    return _Content(_hash(path), name, size, files, changed, version.mark, version.told, now())


def _inside(path: Path, address: Address) -> Path:
    """The file or folder that is meant; within an archive it may be, too.

    Raises:
        DataError: if it leads out.
    """
    if not address.inside:
        return path
    if ".." in address.inside.split("/") or address.inside.startswith("/"):
        raise DataError(f"inside={address.inside} leads out of {address.url}.", "Name a file or folder in it.")
    return path / address.inside


def _files(path: Path) -> list[Path]:
    """A file, or all of a folder, by their names."""
    if not path.is_dir():
        return [path]
    return sorted(Path(folder, name) for folder, _, names in os.walk(path) for name in names)


def _facts(path: Path) -> tuple[int, int, int]:
    """Bytes, number and latest time of modification of the files."""
    each = [file.stat() for file in _files(path)]
    return sum(one.st_size for one in each), len(each), max((one.st_mtime_ns for one in each), default=0)


def _hash(path: Path) -> str:
    """SHA-256 of a file; of a folder that of the hashes and names of its files."""
    if not path.is_dir():
        return file_hash(path)
    lines = [f"{file_hash(file)}  {file.relative_to(path).as_posix()}\n" for file in _files(path)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def told(copy: Copy) -> str:
    """What a finding says of it."""
    version = f", {copy.told}" if copy.told else ""
    facts = f"{megabytes(copy.bytes)}, fetched {instant(copy.fetched)}{version}, SHA-256 {copy.sha256}"
    return f"{copy.address.url} is read from its copy {copy.whole} ({facts})"


def print_it(text: str) -> None:
    """Tells what is fetched where nobody else does, on stderr."""
    print(plain_text(text), file=sys.stderr, flush=True)

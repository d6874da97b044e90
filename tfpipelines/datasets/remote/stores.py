"""Files and folders of object stores, s3:// and gs://, and of memory, read by fsspec."""

import errno
import hashlib
import logging
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ...core.files import TEMPORARY, write_json
from ...core.run_files import found_json
from ...core.urls import Address, masked
from ...core.words import megabytes
from ...errors import ConfigError, DataError, ResourceError
from .origin import PATIENCE, Origin, Pace, Tell, UnreachableError, Version

_AT_ONCE = 8  # files
_CHUNK = 2**22
_LOOK = 0.5  # seconds between looks at how far it is
_AWS = {"connect_timeout": PATIENCE, "read_timeout": PATIENCE, "retries": {"max_attempts": 3}}
_GOOGLE = {"requests_timeout": PATIENCE}
_OPTIONS: dict[str, dict[str, Any]] = {"s3": {"config_kwargs": _AWS}, "gs": _GOOGLE, "gcs": _GOOGLE}
_NO_FILE = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
_MARKS = ("ETag", "etag", "md5Hash", "generation", "LastModified", "updated", "mtime", "modified", "created")
_LOGIN = {
    "s3": "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, to an account that may read it.",
    **dict.fromkeys(("gs", "gcs"), "Log in to an account that may read it: gcloud auth application-default login."),
}


@dataclass(frozen=True)
class _Object:
    """A file of a store: its name there, its bytes, and what another content has another one of."""

    name: str
    bytes: int
    mark: str


class Store(Origin):
    """A file, or a folder with all that is below it."""

    def __init__(self, address: Address):
        super().__init__(address)
        self._store: Any = None
        self._place = ""
        self._stopped, self._bytes = threading.Event(), dict[str, int]()  # what is there, by names
        self._objects: dict[str, _Object] = {}  # path below the folder, "" of a file itself -> what is there

    def look(self, known: str) -> Version:
        self._store = self._opened({})
        self._place = str(self._store._strip_protocol(self.address.url)).rstrip("/")
        try:
            try:
                self._objects = self._found()
            except Exception as error:
                if type(error).__name__ != "NoCredentialsError":
                    raise
                self._store = self._opened({"anon": True})  # a public bucket, perhaps
                self._objects = self._found()
        except Exception as error:  # each store has kinds of errors of its own
            raise self._failed(error) from error
        if not self._objects:
            raise DataError(f"{self.address.url} holds no files.", "Check the URL.")
        lines = [f"{inner}\0{one.bytes}\0{one.mark}" for inner, one in sorted(self._objects.items())]
        mark = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        size, name = sum(one.bytes for one in self._objects.values()), PurePosixPath(self._place).name or "data"
        return Version(name, size, len(lines), mark if all(one.mark for one in self._objects.values()) else "")

    def fetch(self, version: Version, part: Path, tell: Tell) -> Path:
        files, facts = part / "files", part / "mark.json"
        if not version.mark or found_json(facts).get("mark") != version.mark:
            shutil.rmtree(files, ignore_errors=True)
        write_json(facts, {"mark": version.mark})
        files.mkdir(exist_ok=True)
        pool, pace = ThreadPoolExecutor(_AT_ONCE), Pace(version.bytes, 0, tell)
        self._stopped, self._bytes = threading.Event(), {one.name: 0 for one in self._objects.values()}
        try:
            jobs = [pool.submit(self._one, one, files / (inner or "one")) for inner, one in self._objects.items()]
            for number, job in enumerate(jobs):
                while not wait([job], _LOOK).done:
                    if reason := pace.too_slow(sum(self._bytes.values()), number):
                        remedy = "Try again: what was fetched stays in the cache, and it goes on from there."
                        raise DataError(f"{self.address.url} broke off: {reason}.", remedy)
                job.result()
        finally:
            self._stopped.set()
            pool.shutdown(cancel_futures=True)
        return files / "one" if "" in self._objects else files

    def _opened(self, options: dict[str, Any]) -> Any:
        """The file system.

        Raises:
            ConfigError: if a package is missing.
        """
        scheme = self.address.scheme
        try:
            import fsspec

            for name in ("fsspec", "s3fs", "gcsfs"):  # else what they log of errors goes to stderr, with tracebacks
                logging.getLogger(name).addHandler(logging.NullHandler())
            return fsspec.filesystem(scheme, **_OPTIONS.get(scheme, {}), **options)
        except ImportError as error:
            cause = f"{self.address.url}: reading {scheme}:// needs packages that are not installed."
            raise ConfigError(cause, "Install them: pip install 'tfpipelines[remote]'.") from error

    def _found(self) -> dict[str, _Object]:
        self._store.invalidate_cache()
        info = self._store.info(self._place)
        if info["type"] != "directory":
            return {"": _object(self._place, info)}
        found = {}
        for name, of_one in self._store.find(self._place, detail=True).items():
            inner = name.removeprefix(self._place).lstrip("/")
            if not inner or inner.endswith("/") or of_one.get("type") == "directory":  # marks of empty folders
                continue
            if ".." in inner.split("/") or "\0" in inner:
                cause = f"{self.address.url} holds a path that leads out of it: {inner!r}."
                raise DataError(cause, "Do not trust it; nothing of it is used.")
            found[inner] = _object(name, of_one)
        return found

    def _one(self, one: _Object, target: Path) -> None:
        """Fetches a file, unless it is there whole; of one that is there in part the rest."""
        try:
            if target.is_file() and target.stat().st_size == one.bytes:
                self._bytes[one.name] = one.bytes
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            begun = target.with_name(f"{TEMPORARY}{hashlib.sha256(target.name.encode()).hexdigest()[:16]}")
            with open(begun, "ab") as file:
                done = file.tell()
                if done > one.bytes:
                    done = file.truncate(0)
                reason = self._received(one, done, file)
            there = begun.stat().st_size
            if not reason and there == one.bytes:
                os.replace(begun, target)
                return
        except OSError as error:
            if error.errno not in _NO_FILE:
                raise
            cause = f"{self.address.url} holds {one.name!r}, which cannot be a file here: {error.strerror}."
            raise DataError(cause, "Name a part of it, or copy it with other names.") from error
        what = f"{megabytes(there)} of {megabytes(one.bytes)}: {reason or 'it ended too early'}"
        remedy = "Try again: what was fetched stays in the cache, and it goes on from there."
        raise DataError(f"{self.address.url}: {one.name} broke off after {what}.", remedy)

    def _received(self, one: _Object, done: int, file: Any) -> str:
        """Writes what comes behind the first `done` bytes; why that ended too early, or ""."""
        try:
            source = self._store.open(one.name, "rb")
        except Exception as error:
            raise self._failed(error) from error
        with source:
            source.seek(done)
            while done < one.bytes:
                self._bytes[one.name] = done
                if self._stopped.is_set():
                    return "it was stopped"
                try:
                    piece = source.read(min(_CHUNK, one.bytes - done))
                except Exception as error:
                    return _words(error)
                if not piece:
                    break
                file.write(piece)
                done += len(piece)
        self._bytes[one.name] = done
        return ""

    def _failed(self, error: Exception) -> Exception:
        """What is to be told of an error of a store."""
        if isinstance(error, (DataError, ResourceError)):
            return error
        url, code = self.address.url, str(getattr(error, "code", ""))
        if isinstance(error, FileNotFoundError) or code == "404":
            return DataError(f"{url} does not exist.", "Check the URL, and that its bucket is yours to read.")
        if isinstance(error, PermissionError) or code in ("401", "403"):
            return DataError(f"{url} is refused: {_words(error)}.", _LOGIN.get(self.address.scheme, "Check the URL."))
        remedy = f"Check the connection, then try again. {_LOGIN.get(self.address.scheme, '')}".rstrip()
        return UnreachableError(f"{url} cannot be reached: {_words(error)}.", remedy)


def _object(name: str, info: dict[str, Any]) -> _Object:
    size = info.get("size")
    if not isinstance(size, int):
        raise DataError(f"{name}: its size is not known.", "Copy it to a local disk, and give that path.")
    return _Object(name, size, str(next((info[key] for key in _MARKS if info.get(key)), "")))


def _words(error: Exception) -> str:
    """An error in one line."""
    lines = str(getattr(error, "strerror", None) or error).split("\n")
    return masked(lines[0].strip().rstrip(".")) or type(error).__name__

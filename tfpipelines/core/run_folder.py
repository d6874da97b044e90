"""The run folder: created once, locked while in use, written only through `atomic_write`."""

import os
import shlex
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import ArtifactError, ConfigError, Interrupted, ResourceError, TakenOverError, TfpipelinesError
from .files import TEMPORARY, atomic_write, is_silent, json_text, now, require_held, resource_error
from .lock import in_use, locked
from .manifest import MANIFEST, STATUS, write_manifest
from .run_files import damaged, found_json, read_json, shown
from .words import brief, plain_text

# Number of the run folder's format, in status.json. It grows when earlier versions cannot read what this one writes.
FORMAT = 1
UNDECIDED = "undecided"  # key of status.json: fields of `train` that the machine decided, as they were asked for
DEFAULT_BATCH_SIZE = "default_batch_size"  # key of status.json: nobody has asked for the batch size of pipeline.yaml
PARTS = ("checkpoints", "plots", "logs")  # folders of each
_UNFINISHED = ("running", "interrupted", "failed")  # states: running is also that of a run that was killed
PRODUCTS = "products"  # kind of a folder with a run of each product, and the name of the folder these lie in
START = "start-"  # prefix of files of an earlier run that this one starts from
THRESHOLD = "threshold.json"  # a detector's, beside its model
THRESHOLD_BEFORE = "threshold.before.json"  # the one before the last recalibration


class RunFolder:
    """One run's folder.

    Args:
        path: of an existing folder; `RunFolder.create` makes a new one.

    Attributes:
        token: of the lease on it while this process holds it; else "".
    """

    def __init__(self, path: Path):
        self.path = path
        self.token = ""

    def __truediv__(self, name: str | Path) -> Path:
        return self.path / name

    def __str__(self) -> str:
        return shown(self.path)

    @classmethod
    def create(cls, parent: Path, stem: str, name: str | None = None, bare: bool = False) -> "RunFolder":
        """Makes `parent/stem-<n>`, or `parent/name`, and points `parent/latest` at it.

        Args:
            bare: whether the folder may be there already, with nothing begun in it.

        Raises:
            ConfigError: if `name` is no plain folder name or is taken.
            ResourceError: if the folder cannot be made.
        """
        if name is not None and (
            name in ("", ".", "..", "latest")
            or os.sep in name
            or plain_text(name) != name
            or len(os.fsencode(name)) > 255
        ):
            remedy = "Give one word; --out names the folder it lies in."
            raise ConfigError(f"--name {brief(name)} is not the name of a folder.", remedy)
        try:
            parent.mkdir(exist_ok=True)
            path = parent / name if bare and name else _make_folder(parent, stem, name)
            for part in PARTS:
                (path / part).mkdir(parents=bare, exist_ok=bare)
        except OSError as error:
            cause = f"The run folder cannot be made in {parent}: {error.strerror}."
            raise ResourceError(cause, "Choose a folder you may write to with --out.") from error
        _point(parent / "latest", path.name)
        return cls(path.resolve())

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """The folder of an earlier run.

        Raises:
            ConfigError: if it is not one.
            ArtifactError: if it is of a later format than this version knows.
        """
        folder = Path(path).resolve()
        if not (folder / "status.json").is_file():
            remedy = "Name a folder that `tfpipe run` has made, such as runs/latest."
            raise ConfigError(f"{path} is not a run folder.", remedy)
        opened = cls(folder)
        if opened.format > FORMAT:
            cause = f"{path} is of format {opened.format}, written by a later version of tfpipelines; this one reads"
            remedy = "Update tfpipelines: pip install --upgrade tfpipelines"
            raise ArtifactError(f"{cause} formats up to {FORMAT}.", remedy)
        return opened

    def child(self, name: str) -> "RunFolder":
        """A run folder inside this one, made if it is missing; it shares this one's lock."""
        inner = RunFolder(self.path / name)
        inner.complete()
        return inner

    def complete(self) -> None:
        """Makes the folders inside that are missing.

        Raises:
            ArtifactError: if something else bears the name of one.
            ResourceError: if one cannot be made.
        """
        for part in PARTS:
            try:
                (self.path / part).mkdir(parents=True, exist_ok=True)
            except FileExistsError as error:
                damaged(self.path / part, "it is no folder", error)
            except OSError as error:
                raise resource_error(error, self.path / part) from error

    @contextmanager
    def locked(self, take_over: bool = False, within: str = ""):
        """Holds the folder for this process; arguments and errors as those of `lock.locked`."""
        with locked(self.path, take_over=take_over, within=within) as self.token:
            try:
                yield self
            finally:
                self.token = ""

    def as_new_run(self) -> str:
        """The command that repeats this run in a new folder, from its weights where it has any."""
        if found_json(self.path / "status.json").get("kind") == "search":
            return f"tfpipe tune {shlex.quote(f'{self}/pipeline.yaml')}"
        start = f" --from {shlex.quote(str(self))}" if (self / "model.keras").is_file() else ""
        return f"tfpipe run {shlex.quote(f'{self}/pipeline.yaml')}{start}"

    @property
    def status(self) -> dict[str, Any]:
        """The content of status.json.

        Raises:
            ArtifactError: if it is damaged.
        """
        return read_json(self.path / "status.json")

    def finished_products(self) -> list["RunFolder"]:
        """The run folders of the products whose runs are done, in the order of their names."""
        paths = sorted(self.path.glob(f"{PRODUCTS}/*/{STATUS}"))
        return [RunFolder(path.parent) for path in paths if found_json(path).get("state") == "done"]

    @property
    def format(self) -> int:
        """The number of the folder's format; 1 where none is named, as by version 0.1.0."""
        number = found_json(self.path / "status.json").get("format")
        return number if isinstance(number, int) else 1

    def set_status(self, state: str, **facts: Any) -> None:
        """Updates status.json: `state` is running, done, interrupted or failed; `facts` are merged into what stands
        there.

        The first time it also names the format, so a folder that is gone on with keeps its own.
        """
        if is_silent(self.path / STATUS):
            return
        if state == "running":
            require_held(self.path / MANIFEST)
            with suppress(OSError):  # what was whole before is so no more
                (self.path / MANIFEST).unlink(missing_ok=True)
        atomic_write(self.path / STATUS, self._status_text(state, facts))

    def finish(self) -> None:
        """Writes manifest.json, and after it that the run is done."""
        if is_silent(self.path / STATUS):
            return
        text = self._status_text("done", {"manifest": True})
        kind = found_json(self.path / STATUS).get("kind")
        write_manifest(self.path, kind if isinstance(kind, str) else "run", {STATUS: text.encode()})
        atomic_write(self.path / STATUS, text)

    def _status_text(self, state: str, facts: dict[str, Any]) -> str:
        before = found_json(self.path / STATUS) or {"format": FORMAT}
        if state == "running":
            before.pop("reason", None)
        owner = {"pid": os.getpid(), "host": socket.gethostname()}
        content = {**before, "state": state, **owner, "updated": now(), **facts}
        content.setdefault("started", content["updated"])
        return json_text(content)


def _record_end(folder: RunFolder, state: str, reason: str) -> None:
    """Says in status.json how a run ended, where disk and memory suffice: the error itself is on its way to the
    user.
    """
    with suppress(ResourceError, MemoryError, TakenOverError):
        folder.set_status(state, reason=reason)


@contextmanager
def ending(folder: RunFolder):
    """Says in status.json how what happens inside has ended: done, interrupted or failed."""
    try:
        yield
        folder.finish()
    except Interrupted as signal:
        signal.remedy = f"Go on with: tfpipe resume {folder}"
        _record_end(folder, "interrupted", signal.cause)
        raise
    except TakenOverError:  # nothing of it may be written by this process
        raise
    except BaseException as error:
        told = error.cause if isinstance(error, TfpipelinesError) else f"{type(error).__name__}: {error}"
        _record_end(folder, "failed", told)
        raise


def _make_folder(parent: Path, stem: str, name: str | None) -> Path:
    if name is not None:
        try:
            (parent / name).mkdir()
        except FileExistsError:
            raise ConfigError(
                f"{parent / name} exists already.", "Choose another --name; a run folder is never overwritten."
            ) from None
        return parent / name
    taken = [path.name.removeprefix(f"{stem}-") for path in parent.glob(f"{stem}-*")]
    number = max((int(text) for text in taken if text.isdecimal()), default=0)
    while True:
        number += 1
        try:
            (parent / f"{stem}-{number}").mkdir()
        except FileExistsError:  # another process was faster
            continue
        return parent / f"{stem}-{number}"


def _point(link: Path, target: str) -> None:
    """Makes `link` a symbolic link to `target`, unless something else of the user's bears its name."""
    if link.exists() and not link.is_symlink():
        return
    temporary = link.with_name(f"{TEMPORARY}{os.getpid()}-{link.name}")
    try:
        temporary.symlink_to(target)
        os.replace(temporary, link)
    except OSError:  # a file system without links: the link is a convenience only
        temporary.unlink(missing_ok=True)


def last_finished(folder: RunFolder) -> Path | None:
    """The run of the same task beside another one that was finished last and has a model; None if there is none."""
    task, found = found_json(folder / "status.json").get("task"), []
    for path in folder.path.parent.glob("*/status.json"):
        status = found_json(path)
        if status.get("state") == "done" and status.get("task") == task and (path.parent / "model.keras").is_file():
            found.append((str(status.get("updated")), path.parent))
    return max(found)[1] if found else None


def newest_unfinished(parent: Path) -> Path | None:
    """The run or search in a folder that was changed last of those that have not finished and no process here works
    on, failed ones last; None if there is none.
    """
    found = []
    for path in parent.glob("*/status.json"):
        status, folder = found_json(path), path.parent
        if not folder.is_symlink() and status.get("state") in _UNFINISHED and not in_use(folder):
            found.append((status["state"] != "failed", str(status.get("updated")), folder))
    return max(found)[2] if found else None

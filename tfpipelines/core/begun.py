"""Runs and searches of job scripts that are started again: whether a folder of the name is there, and of what it is."""

from pathlib import Path

from ..errors import ConfigError
from . import config
from .config.search import BUDGETS
from .files import TEMPORARY, file_hash
from .lock import LOCK
from .manifest import STATUS
from .pipeline_files import undecided, with_decisions
from .run_folder import DEFAULT_BATCH_SIZE, PARTS, PRODUCTS, START, UNDECIDED, RunFolder
from .urls import Address, is_remote

_BEFORE = (STATUS, LOCK, config.CODE_COPY)  # files that are there before pipeline.yaml


def begun(parent: str | Path, name: str | None) -> RunFolder | None:
    """The run folder of a name; None if there is none, or nothing has been begun in it yet.

    Raises:
        ConfigError: if no name is given, or the folder is no run's.
    """
    if name is None:
        cause = "--resume-if-exists needs the name of the run, by which it is found again."
        raise ConfigError(cause, "Add --name NAME.")
    path = Path(parent) / name
    if not path.is_dir() or is_bare(path):
        return None
    return RunFolder.open(path)


def is_bare(path: Path) -> bool:
    """Whether a folder has just been made for a run, whose process died before it wrote what is to be run."""
    ours = lambda name: name in (*_BEFORE, *PARTS) or name.startswith((f"{LOCK}.", TEMPORARY, START))
    if path.is_symlink() or not all(ours(entry.name) for entry in path.iterdir()):
        return False
    return not any(inner.name for part in PARTS if (path / part).is_dir() for inner in (path / part).iterdir())


def require_begun_as(
    folder: RunFolder, pipeline: config.Pipeline, *, search: bool = False, any_batch_size: bool = False
) -> None:
    """Refuses to go on with a run or search that is not of this pipeline.

    Args:
        pipeline: resolved, with absolute paths; URLs may yet lack the hash of what they lead to.
        search: whether a search is asked for. Its budgets may differ: they can be raised.
        any_batch_size: whether nobody has asked for the batch size.

    Raises:
        ConfigError: with what differs.
    """
    status = folder.status
    is_search, several = status.get("kind") == "search", status.get("kind") == PRODUCTS
    if is_search != search:
        names = {True: "a search", False: "a run"}
        cause = f"{folder} is {names[is_search]}, and {names[search]} of that name is asked for."
        raise ConfigError(cause, "Choose another --name.")
    before = config.read_yaml(folder / "pipeline.yaml")
    if not search and undecided(pipeline) == status.get(UNDECIDED, {}):
        pipeline = with_decisions(folder, pipeline)
    passed = [f"search.{budget}" for budget in BUDGETS] if search else []
    if any_batch_size and status.get(DEFAULT_BATCH_SIZE):
        passed.append("train.batch_size")  # it may have been fitted to the data
    for field in config.fields_that(type(pipeline.data), config.Role.PATH):
        asked = getattr(pipeline.data, field)
        if asked and is_remote(asked) and _same_place(before.get("data", {}).get(field), asked, several):
            passed.append(f"data.{field}")
            if several and dict(pipeline.data).get("products") is None:
                passed.append("data.products")
    changed = [line for line in config.changed_since(before, pipeline) if line.partition(":")[0] not in passed]
    if changed:
        remedy = "Choose another --name, or give the values that it began with."
        raise ConfigError(f"{folder} is {'a search' if search else 'a run'} of another pipeline.", remedy, changed)


def require_same_start(folder: RunFolder, files: list[Path]) -> None:
    """Refuses to go on with a run that began from other weights.

    Args:
        files: those of the earlier run that is asked for; [] without one.

    Raises:
        ConfigError: if the run began from others, or from none.
    """
    asked = {f"{START}{path.name}": file_hash(path) for path in files}
    began = {path.name: file_hash(path) for path in folder.path.glob(f"{START}*") if path.is_file()}
    if asked != began:
        words = ["no earlier run", "weights of an earlier run"]
        other = "other weights of an earlier run" if asked and began else words[bool(began)]
        cause = f"{folder} began from {other}, and --from asks for {'these' if asked else words[0]}."
        raise ConfigError(cause, "Choose another --name, or give the --from that it began with.")


def _same_place(before: object, asked: str, inside: bool) -> bool:
    """Whether a URL that a run has fetched is the one that is asked for.

    Args:
        inside: whether the former may name a folder in what the latter leads to.
    """
    if not isinstance(before, str) or not is_remote(before):
        return False
    old, new = Address.of(before), Address.of(asked)
    same = old.url == new.url and new.sha256 in ("", old.sha256) and new.revision in ("", old.revision)
    return same and (inside or old.inside == new.inside)

"""Writes report.html and README.md, at the end of a run or when asked to."""

import traceback
from dataclasses import dataclass
from pathlib import Path

from ..core.files import atomic_write
from ..core.observer import Observer
from ..core.outputs import is_stream, write_output
from ..core.run_files import open_own, read_text
from ..core.run_folder import RunFolder
from ..errors import ArtifactError, ConfigError, TakenOverError, TfpipelinesError
from ..result import Result
from .advice import Advice, advice
from .card import card, is_ours
from .page import page, summary
from .reading import read_facts

PAGE, CARD = "report.html", "README.md"


@dataclass(frozen=True)
class Report:
    """What has been written, and what it says in short.

    Args:
        page: the HTML file.
        card: the model card; None where none was written.
        summary: the result, in a sentence.
        advice: what to do next; [] where there is nothing to say.
        notes: what was left out of the page or not written, and why.
    """

    page: Path
    card: Path | None
    summary: str
    advice: list[Advice]
    notes: list[str]


def report(run: str | Path | Result, out: str | Path | None = None) -> Report:
    """Writes the report of a run, a cross-validation or a search, finished or not, as one HTML file that needs nothing
    beside it.

    Args:
        run: a run folder, or what `run`, `tune` or `load` gave.
        out: where to write the page, an existing file included, `-` for stdout; None: report.html in the run folder,
            and README.md, the model card, if the folder has a model. A card that someone has changed is left as it is.

    Raises:
        ConfigError: if the folder is no run folder, or the folder of `out` is missing.
        ResourceError: if the files cannot be written.
    """
    folder = RunFolder.open(run.folder if isinstance(run, Result) else run)
    if out is None:
        return _write(folder)
    path = Path(out)
    if not is_stream(out) and (path.is_dir() or not path.parent.is_dir()):
        wrong = "that is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        remedy = f"Name a file, such as {path / PAGE if path.is_dir() else PAGE}."
        raise ConfigError(f"--out {path}: {wrong}.", remedy)
    return _write(folder, path)


def write_reports(folder: RunFolder, observer: Observer) -> None:
    """What `report` writes, for a folder and the folds or final runs inside of it.

    Nothing that goes wrong here makes a run fail: a note tells of it.
    """
    inner = [path.parent for part in ("fold-*", "final/seed-*") for path in folder.path.glob(f"{part}/status.json")]
    for one in [*map(RunFolder, sorted(inner)), folder]:
        try:
            written = _write(one)
            if one is folder and folder.status.get("state") == "done":
                observer.advised([(entry.text, entry.command) for entry in written.advice])
        except TakenOverError:  # whoever has the folder now will write it
            return
        except Exception as error:
            _tell(folder, one, error, observer)


def _write(folder: RunFolder, out: Path | None = None) -> Report:
    """Page and card of a run folder; or the page alone, in a file that the user has named."""
    facts = read_facts(folder)
    found = advice(facts)
    html, notes = page(facts, found)
    if out is not None:
        write_output(out, html)
        return Report(out, None, summary(facts), found, notes)
    path, written = folder / PAGE, None
    atomic_write(path, html)
    if facts.has_model:
        target = folder / CARD
        if target.is_symlink() or (target.exists() and not _ours(target)):
            notes = [*notes, f"{target.name} has been changed by someone and is left as it is."]
        else:
            atomic_write(target, card(facts, found))
            written = target
    return Report(path, written, summary(facts), found, notes)


def _ours(path: Path) -> bool:
    try:
        return is_ours(read_text(path))
    except (OSError, ValueError):
        return False


def _tell(folder: RunFolder, one: RunFolder, error: Exception, observer: Observer) -> None:
    if isinstance(error, TfpipelinesError):
        observer.warning(f"The report of {one} could not be written: {error.cause}")
        return
    log = folder / "logs" / "run.log"
    try:
        with open_own(log, "a") as file:
            traceback.print_exception(error, file=file)
        where = f"its traceback is in {log}"
    except (OSError, ArtifactError):
        where = "its traceback could not be written either"
    observer.warning(
        f"The report of {one} could not be written, by a bug in tfpipelines: {type(error).__name__}: {error}; {where}"
    )

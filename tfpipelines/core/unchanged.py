"""Whether a run or search that goes on is what it began as: its data, and the environment it is in."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from . import config
from .files import atomic_write
from .pipeline_files import DECIDED
from .run_files import read_json, read_needed
from .run_folder import DEFAULT_BATCH_SIZE, RunFolder

_ROWS = 50_000  # that are written at once
_TIMES, _LARGER = 8, 2**22  # of the expected splits.csv, and bytes: what is larger is no table of other rows

if TYPE_CHECKING:
    import pandas as pd


_NETWORKS: tuple[tuple[str, str, Any], ...] = (  # key of data.json, what it is, what its absence means
    ("backbone", "backbone", {}),
    ("features", "network of evaluation.features", {}),
    ("encoders", "sentence encoder", []),
    ("scaling", "scaling of pixels that model.scaling=auto stands for", "levels"),
)


def with_resumption(before: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """The content of environment.json of what goes on: what it began in, and another entry of `resumed`.

    Args:
        before: its content so far; {} if there is none.
        facts: of now, as `training.environment_facts` gives them.
    """
    if not before:
        return facts
    again = {key: facts[key] for key in ("command", "started", "versions")}
    return {**before, "resumed": [*before.get("resumed", []), again]}


def require_same_pipeline(folder: RunFolder, pipeline: config.Pipeline) -> None:
    """Refuses another pipeline than the one that a run began with.

    Args:
        pipeline: of pipeline.yaml now.

    Raises:
        ConfigError: with what differs.
    """
    began_with = read_json(folder / "environment.json").get("pipeline")
    changed = config.changed_since(began_with, pipeline) if began_with else []
    begun = (folder / "candidates").exists() or any((folder / "checkpoints").glob("*.json"))
    if folder.status.get(DEFAULT_BATCH_SIZE) and not begun:
        changed = [line for line in changed if not line.startswith("train.batch_size:")]  # see `Runner`
    if pipeline.train.time is not None and not begun:  # see `decisions`
        changed = [line for line in changed if not line.startswith(tuple(f"train.{name}:" for name in DECIDED))]
    if changed:
        cause = f"{folder / 'pipeline.yaml'} has changed since the run began."
        raise ConfigError(cause, f"Undo the change, or start a new run: {folder.as_new_run()}", changed)


def require_same_data(folder: RunFolder, text: str, facts: dict[str, Any]) -> None:
    """`require_same_splits` and `require_same_networks`."""
    require_same_networks(folder, facts)
    require_same_splits(folder, text)


def require_same_networks(folder: RunFolder, facts: dict[str, Any]) -> None:
    """Refuses other networks than those that data.json of a run names.

    Args:
        facts: the content that data.json would have now.

    Raises:
        ConfigError: with what differs.
    """
    began = read_json(folder / "data.json")
    for key, name, unsaid in _NETWORKS:
        before, now = began.get(key, unsaid), facts.get(key, unsaid)
        if before != now:
            cause = f"The {name} is not the one that {folder} began with."
            remedy = f"Bring it back, or train as a new run: {folder.as_new_run()}"
            raise ConfigError(cause, remedy, config.difference({key: before}, {key: now}))


def splits_text(table: "pd.DataFrame") -> str:
    """The content of splits.csv."""
    return "".join(_parts_of(table))


def write_splits(path: Path, table: "pd.DataFrame") -> None:
    """Writes splits.csv, some rows at a time: millions of them would fill the memory as one text."""

    def write(temporary: Path) -> None:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            file.writelines(_parts_of(table))

    atomic_write(path, write)


def _parts_of(table: "pd.DataFrame") -> Iterator[str]:
    for first in range(0, max(1, len(table)), _ROWS):
        some = table.iloc[first : first + _ROWS]
        if "fingerprint" in some:
            some = some.assign(fingerprint=some["fingerprint"].map("{:016x}".format))
        yield some.to_csv(index=False, header=not first, lineterminator="\n")


def require_same_splits(folder: RunFolder, text: str) -> None:
    """Refuses data that are not those of a run.

    Args:
        text: the content that splits.csv would have now.

    Raises:
        ConfigError: with the rows in which they differ.
        ArtifactError: if splits.csv is damaged, or far larger than these data would make it.
    """
    written = read_needed(folder / "splits.csv", _TIMES * len(text) + _LARGER)
    if written == text:
        return
    before, after = set(written.splitlines()), set(text.splitlines())
    gone, new = before - after, after - before
    change = "the order of rows, or the number of copies of one, has changed"
    if before != after:
        change = f"{len(gone)} rows are gone or changed, {len(new)} are new"
    lines = [*(f"was: {line}" for line in sorted(gone)[:5]), *(f"is: {line}" for line in sorted(new)[:5])]
    remedy = f"Bring them back, or train on them as a new run: {folder.as_new_run()}"
    raise ConfigError(f"The data are not those that {folder} began with: {change}.", remedy, lines)

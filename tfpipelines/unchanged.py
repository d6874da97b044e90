"""Whether data are still those that a run began with."""

from typing import TYPE_CHECKING, Any

from . import config
from .errors import ConfigError
from .runs import RunFolder, read_json

if TYPE_CHECKING:
    import pandas as pd


def require_same_data(folder: RunFolder, text: str, facts: dict[str, Any]) -> None:
    """`require_same_splits`, and the networks that data.json names must be the same.

    Args:
        text: see there.
        facts: the content that data.json would have now.

    Raises:
        ConfigError: with what differs.
    """
    began = read_json(folder / "data.json")
    for key, name in (("backbone", "backbone"), ("features", "network of evaluation.features")):
        before, now = began.get(key, {}), facts.get(key, {})
        if before != now:
            raise ConfigError(
                f"The {name} is not the one that {folder} began with.",
                f"Bring it back, or train as a new run: {folder.as_new_run()}",
                config.difference(before, now, f"{key}."),
            )
    require_same_splits(folder, text)


def splits_text(table: "pd.DataFrame") -> str:
    """The content of splits.csv."""
    return table.to_csv(index=False, lineterminator="\n")


def require_same_splits(folder: RunFolder, text: str) -> None:
    """Refuses data that are not those of a run.

    Args:
        text: the content that splits.csv would have now.

    Raises:
        ConfigError: with the rows in which they differ.
    """
    written = (folder / "splits.csv").read_text(encoding="utf-8")
    if written == text:
        return
    before, after = set(written.splitlines()), set(text.splitlines())
    lines = [f"was: {line}" for line in sorted(before - after)[:5]] + [
        f"is: {line}" for line in sorted(after - before)[:5]
    ]
    change = (
        f"{len(before - after)} rows are gone or changed, {len(after - before)} are new"
        if before != after
        else "the order of rows, or how often one occurs, is another"
    )
    raise ConfigError(
        f"The data are not those that {folder} began with: {change}.",
        f"Bring them back, or train on them as a new run: {folder.as_new_run()}",
        lines,
    )

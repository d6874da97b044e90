"""A run's own samples as raw input, found again to be replayed through an exported model."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DataError


@dataclass(frozen=True)
class Replay:
    """Some samples.

    Args:
        kind: of the samples, in the singular.
        items: what they are called in splits.csv and predictions.csv.
        truth: of each what it is (its class, its classes joined by |, normal or anomaly), None where that is not known.
        read: position -> the sample as the model file takes it, without the batch.
        missing: how many samples of these parts were not found.
    """

    kind: str
    items: list[str]
    truth: list[str | None]
    read: Callable[[int], Any]
    missing: int = 0

    def __iter__(self) -> Iterator[Any]:
        return map(self.read, range(len(self.items)))


def replay(
    frame: pd.DataFrame,
    splits: pd.DataFrame,
    parts: tuple[str, ...],
    count: int,
    seed: int,
    truth: Callable[[pd.DataFrame], list],
    read: Callable[[int], Any],
) -> Replay:
    """At most `count` samples of some parts, a seeded choice, those of the first part first.

    Args:
        frame: samples as they are read now: `item`, and `fingerprint` where contents have one.
        splits: the run's splits.csv, as strings.
        truth: of rows of the frame, see `Replay`.
        read: row -> raw sample.

    Raises:
        DataError: if none of them is there any more, or some have another content.
    """
    place = dict(zip(_keys(frame), frame.index))
    hashed = "fingerprint" in frame and "fingerprint" in splits
    contents = frame["fingerprint"].map("{:016x}".format) if hashed else None
    keys, rows, lost, changed = _keys(splits), [], 0, []
    for part in parts:
        found = []
        for number in np.flatnonzero(splits["split"] == part).tolist():
            row = place.get(keys[number])
            if row is None:
                lost += 1
                continue
            found.append(row)
            if contents is not None and str(contents.at[row]) != str(splits["fingerprint"].iat[number]):
                changed.append(keys[number][0])
        rows += list(np.random.default_rng([seed, 5]).permutation(np.array(found, np.int64)))
    if changed:
        message = f"{len(changed)} of the samples that are to be replayed are no longer what they were."
        raise DataError(message, "Bring the run's data back, or name where they are: data.path=PLACE.", changed[:10])
    if not rows and lost:
        message = f"None of the {lost} samples that are to be replayed is there any more."
        raise DataError(message, "Bring the run's data back, or name where they are: data.path=PLACE.")
    chosen = frame.loc[rows[:count]]
    return Replay("held-out sample", list(chosen["item"]), truth(chosen), lambda place: read(chosen.index[place]), lost)


def _keys(table: pd.DataFrame) -> list[tuple[str, int]]:
    """A key of each row: its item, and how many rows before it have the same."""
    return list(zip(table["item"], table.groupby("item").cumcount()))

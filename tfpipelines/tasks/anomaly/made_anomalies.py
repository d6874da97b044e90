"""Anomalies made of normal rows that neither train nor calibrate, by which detectors are chosen where none is known.

Several kinds are made, since no one knows which are to come: of each as many, and each counts as much. What is near to
normal rows is meant to be hard.
"""

from dataclasses import dataclass

import numpy as np

from .steps import on_steps

_OF_EACH_KIND = 200


@dataclass(frozen=True)
class Features:
    """What is known of the features of rows.

    Args:
        groups: int64 (features,), the column of the table that each is of.
        numbers: features that are numbers; they come first, and others are 0 or 1.
        center, spread: mean and deviation of each feature over the training rows, float64 (features,).
        whole: which have whole numbers in all training rows, bool (features,), and are given no others: rows between
            them would be told by that alone.
        steps, origins: of those that have others in steps, see `steps_of`; None: none has.
    """

    groups: np.ndarray
    numbers: int
    center: np.ndarray
    spread: np.ndarray
    whole: np.ndarray
    steps: np.ndarray | None = None
    origins: np.ndarray | None = None


def made_anomalies(rows: np.ndarray, features: Features, seed: int) -> dict[str, np.ndarray]:
    """Rows that are odd, made of normal ones.

    swapped: some columns are those of other rows. shifted: some numbers are 1 to 3 deviations away, up or down.
    extreme: few are 3 to 6 away. moved: all are .5 to 1.5 away, each up or down. scaled: the distance of all numbers
    from their mean is multiplied by 1.3 to 2.2. noisy: noise of .3 to 1 deviations is added. mixed: halfway between two
    rows. flat: some numbers are their mean. unusual: some categories have any value, each as probable. Numbers that are
    constant in training stay.

    Args:
        rows: float32 (rows, features), at least one.
        seed: of the choice.

    Returns:
        Name of each kind -> 200 of them, float32 (200, features); only the kinds that there can be.
    """
    generator = np.random.default_rng([seed, 9])
    count, width = _OF_EACH_KIND, rows.shape[1]
    free = (features.spread > 0) & (np.arange(width) < features.numbers)
    spread = np.where(free, features.spread, 0.0)
    columns = int(features.groups.max()) + 1

    def drawn() -> np.ndarray:
        return rows[generator.integers(0, len(rows), count)].astype(np.float64)

    def some(share: float, of: np.ndarray) -> np.ndarray:
        """Which features are changed: those of a share of the columns, at least of one."""
        among = np.unique(features.groups[of])
        chosen = np.zeros((count, columns), bool)
        chosen[:, among] = generator.random((count, len(among))) < share
        none = np.flatnonzero(~chosen.any(1))
        chosen[none, generator.choice(among, len(none))] = True
        return chosen[:, features.groups] & of

    sides = lambda: generator.choice([-1.0, 1.0], (count, width))
    between = lambda low, high, size: generator.uniform(low, high, (count, size))
    every = np.ones(width, bool)
    found = {}
    if len(rows) > 1 and columns > 1:
        donors = generator.integers(0, len(rows), (count, columns))[:, features.groups]
        found["swapped"] = np.where(some(0.5, every), rows[donors, np.arange(width)], drawn())
    if free.any():
        found["shifted"] = drawn() + some(0.2, free) * sides() * between(1, 3, width) * spread
        found["extreme"] = drawn() + some(0.1, free) * sides() * between(3, 6, width) * spread
        found["moved"] = drawn() + sides() * between(0.5, 1.5, 1) * spread
        base = drawn()
        found["scaled"] = base + (between(1.3, 2.2, 1) - 1) * np.where(free, base - features.center, 0.0)
        found["noisy"] = drawn() + generator.normal(size=(count, width)) * between(0.3, 1, 1) * spread
        base, share = drawn(), between(0.3, 0.7, 1)
        mixed = share * base + (1 - share) * drawn()
        found["mixed"] = np.where(free, mixed, base)
        found["flat"] = np.where(some(0.3, free), features.center, drawn())
    if features.numbers < width:
        found["unusual"] = _unusual(drawn(), some(0.2, np.arange(width) >= features.numbers), features, generator)
    whole = features.whole & free
    found = {name: np.where(whole, np.round(made), made) for name, made in found.items()}
    if features.steps is not None and features.origins is not None:
        steps = np.where(free & ~features.whole, features.steps, 0.0)
        found = {name: on_steps(made, steps, features.origins) for name, made in found.items()}
    return {name: made.astype(np.float32) for name, made in found.items()}


def _unusual(rows: np.ndarray, changed: np.ndarray, features: Features, generator) -> np.ndarray:
    """The rows with any value in the categories that are changed.

    Args:
        changed: bool (rows, features).
    """
    for group in np.unique(features.groups[features.numbers :]):
        (places,) = np.nonzero((features.groups == group) & (np.arange(len(features.groups)) >= features.numbers))
        chosen = generator.integers(0, len(places), len(rows))
        values = (
            np.arange(len(places)) == chosen[:, None] if len(places) > 1 else generator.random((len(rows), 1)) < 0.5
        )
        rows[:, places] = np.where(changed[:, places], values, rows[:, places])
    return rows

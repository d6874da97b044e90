"""Splits and folds that keep the rows of a group together, or go by time."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..core.splits import SPLITS
from ..core.words import counted, listed
from ..errors import DataError
from .findings import Findings, Severity
from .sample_table import is_multi_label, label_names, strata

_DRAWS, _STEPS = 20, 300_000  # most random orders that are tried, and most steps of a round of them all together
_ROUNDS = 8  # in which groups may change places
_STREAM = 2  # of random numbers
_SHOWN = 5


def cut_by_group_or_time(frame: pd.DataFrame, shares: dict[str, float], seed: int, purpose: str) -> np.ndarray:
    """The split of each row, object (rows,): `train`, or a name of `shares`.

    With a column `time` the splits follow each other in time, see `cut_times`; with a column `group` alone groups are
    dealt out so that every class has its share of each split, see `deal`.

    Args:
        frame: sample table with `group` or `time`, or both.
        shares: of the rows, of the splits besides training.
        purpose: for messages.

    Raises:
        DataError: if there are too few groups, times, or groups of a class.
    """
    if "time" in frame:
        return cut_times(frame, shares, purpose)
    names = ["train", *shares]
    _require_groups(frame, len(names), purpose)
    parts = np.array([1 - sum(shares.values()), *shares.values()])
    return np.array(names, object)[deal(_kinds(frame, len(names)), frame["group"].to_numpy(object), parts, seed)]


def group_folds(frame: pd.DataFrame, folds: int, seed: int) -> np.ndarray:
    """The fold of each row, int (rows,), all rows of a group in one, classes shared out evenly."""
    _require_groups(frame, folds, f"data.folds={folds}")
    return deal(_kinds(frame, folds), frame["group"].to_numpy(object), np.full(folds, 1 / folds), seed)


def time_blocks(frame: pd.DataFrame, folds: int) -> np.ndarray:
    """The block of each row, int (rows,), from 0 to `folds`, in order of time: fold k is tested on block k + 1, and
    learns from those before it. Rows of one time, and of one group, are in one block.
    """
    shares = {str(block): 1 / (folds + 1) for block in range(folds, 0, -1)}
    names = _latest_first(frame, shares, "0", f"data.folds={folds}")
    return names.astype(int)


def cut_times(frame: pd.DataFrame, shares: dict[str, float], purpose: str) -> np.ndarray:
    """The split of each row by time: training, then validation, then calibration, then test, the latest.

    Rows of one time stay together. Groups stay whole, in order of their latest row.
    """
    latest_first = {name: shares[name] for name in reversed(SPLITS) if name in shares}
    return _latest_first(frame, latest_first, "train", purpose)


def _latest_first(frame: pd.DataFrame, shares: dict[str, float], rest: str, purpose: str) -> np.ndarray:
    """The part of each row; the first of `shares` takes the latest, and so on; `rest` what is left."""
    times = frame["time"]
    if "group" in frame:
        times = times.groupby(frame["group"]).transform("max")
    values, place = np.unique(times.to_numpy(), return_inverse=True)
    if len(values) <= len(shares):
        what = counted(len(values), "different time") + (" (the latest of each group)" if "group" in frame else "")
        there = f"There {'is' if len(values) == 1 else 'are'} {what}"
        message = f"{there} in data.time_column; {purpose} needs at least {len(shares) + 1}."
        raise DataError(message, "Name a column of more times, or leave data.time_column out.")
    before = np.concatenate([[0], np.cumsum(np.bincount(place))])  # rows before each time
    result = np.full(len(values), rest, object)
    end, wanted = len(values), float(before[-1])
    for left, (name, share) in zip(range(len(shares), 0, -1), shares.items()):
        wanted -= share * before[-1]
        start = int(np.abs(before - wanted).argmin())
        start = min(max(start, left), end - 1)
        result[start:end], end = name, start
    return result[place]


def deal(kinds: Sequence[list[str]], groups: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """Deals groups out to parts, so that each part has its share of the rows of every kind: the part of each row, int
    (rows,).

    Groups come in a random order, those of rare kinds first, each to the part to which it brings the least difference
    from what is wanted (chi-squared); then groups change places as long as that lessens it. Of several orders the one
    with the least difference counts.

    Args:
        kinds: of each row: the names of its classes, or its stratum.
        groups: of each row.
        shares: wanted, which add up to 1.
    """
    names, place = np.unique(groups.astype(str), return_inverse=True)
    numbers = {name: number for number, name in enumerate(sorted({name for row in kinds for name in row} | {""}))}
    found: list[Counter] = [Counter() for _ in names]
    for group, row in zip(place, kinds):
        found[group].update(numbers[name] for name in row or [""])
    held = [list(counter.items()) for counter in found]  # (kind, rows) of each group
    total, groups_of = np.zeros(len(numbers)), np.zeros(len(numbers), int)
    for items in held:
        for kind, rows in items:
            total[kind] += rows
            groups_of[kind] += 1
    rarest = np.array([min(groups_of[kind] for kind, _ in items) for items in held])
    rarest = np.where(rarest < 2 * len(shares), rarest, 2 * len(shares))
    targets = [[share * rows for rows in total] for share in shares]
    reward = 10 * len(groups) / min(shares)  # of a kind that a part has none of
    draws = max(1, min(_DRAWS, _STEPS // (sum(map(len, held)) * len(shares))))
    best, least = np.zeros(len(names), int), np.inf
    for draw in range(draws):
        order = np.random.default_rng([seed, _STREAM, draw]).permutation(len(names))
        parts, difference = _dealt(held, order[np.argsort(rarest[order], kind="stable")], targets, reward)
        if difference < least:
            best, least = parts, difference
    return best[place]


def _dealt(
    held: list[list[tuple[int, int]]], order: np.ndarray, targets: list[list[float]], reward: float
) -> tuple[np.ndarray, float]:
    """The part of each group, and how far the parts are from their targets."""
    filled = [[0.0] * len(target) for target in targets]
    parts = np.full(len(held), -1)
    for _ in range(_ROUNDS):
        before = parts.copy()
        for group in order.tolist():
            for kind, rows in held[group] if parts[group] >= 0 else ():
                filled[parts[group]][kind] -= rows
            costs = []
            for have, want in zip(filled, targets):
                cost = 0.0
                for kind, rows in held[group]:
                    cost += rows * (rows + 2 * (have[kind] - want[kind])) / want[kind]
                    if not have[kind]:
                        cost -= reward
                costs.append(cost)
            part = parts[group] = costs.index(min(costs))
            for kind, rows in held[group]:
                filled[part][kind] += rows
        if (parts == before).all():
            break
    difference = sum(
        (have - want) ** 2 / want + (reward if not have else 0.0)
        for row, target in zip(filled, targets)
        for have, want in zip(row, target)
        if want
    )
    return parts, difference


def _kinds(frame: pd.DataFrame, least: int) -> list[list[str]]:
    return label_names(frame) if is_multi_label(frame) else [[str(name)] for name in strata(frame, least)]


def _require_groups(frame: pd.DataFrame, least: int, purpose: str) -> None:
    count = frame["group"].nunique()
    needs = f"{purpose} needs at least {least}"
    remedy = "Name a column of more groups, or leave data.group_column out."
    if count < least:
        there = f"There {'is' if count == 1 else 'are'} {counted(count, 'group')} in data.group_column"
        raise DataError(f"{there}; {needs}.", remedy)
    pairs = {(name, group) for names, group in zip(label_names(frame), frame["group"]) for name in names}
    few = {name: count for name, count in Counter(name for name, _ in pairs).items() if count < least}
    if few:
        name = min(few, key=lambda name: (few[name], name))
        held = listed([repr(group) for other, group in sorted(pairs) if other == name], _SHOWN)
        what = f"Class {name!r} is in {counted(few[name], 'group')} of data.group_column ({held})"
        remedy = "Add groups of it, leave the class out, or make fewer splits, such as by data.test=0."
        items = [f"{name}: {counted(few[name], 'group')}" for name in sorted(few)]
        raise DataError(f"{what}; {needs} of each class.", remedy, items[:10])


# --- checks and facts
def check_given(frame: pd.DataFrame, on_leak: str, findings: Findings) -> None:
    """Whether splits and folds that the source gives keep groups together, and are in order of time.

    A group in two of them is a leak: `data.on_leak` decides whether it is an error.

    Args:
        frame: with `given`, and `fold` where a column names folds.
    """
    if "group" in frame:
        _check_groups(frame, on_leak, findings)
    if "time" in frame:
        first = frame["time"][frame["given"] == "test"].min()
        late = int((frame["time"][frame["given"].isin(SPLITS[:-1])] > first).sum())
        if late:
            what = f"{counted(late, 'sample')} of the other given splits are later than the first of test"
            message = f"{what} (data.time_column): test metrics may be too optimistic"
            findings.add("time_leak", "warning", message, "Let the test split be the latest part")


def _check_groups(frame: pd.DataFrame, on_leak: str, findings: Findings) -> None:
    test = np.where(frame["given"] == "test", "test", "folds")
    for what, parts in (("split", frame["given"]), ("fold", frame.get("fold")), ("split", test)):
        if parts is None:
            continue
        named = pd.DataFrame({"group": frame["group"], "part": parts}).dropna().drop_duplicates()
        of_group = named.groupby("group", sort=True)["part"].agg(list)
        of_group = of_group[of_group.map(len) > 1]
        if len(of_group):
            items = [f"{group}: {', '.join(map(str, parts))}" for group, parts in of_group.items()]
            message = f"{counted(len(items), 'group')} of data.group_column in more than one given {what}"
            remedy = f"Give all rows of a group one {what}, or leave the column of {what}s out."
            severity: Severity = "error" if on_leak == "error" else "warning"
            findings.add("group_leak", severity, f"{message}: test metrics may be too optimistic", remedy, items)
            return


def describe_split(frame: pd.DataFrame, split_by: dict[str, dict]) -> tuple[dict[str, dict], list[str]]:
    """For data.json how the splits were made, {role: {column, ...}}, and the same in sentences.

    Args:
        split_by: {role: {"column": name}}.
    """
    there = [split for split in SPLITS if (frame["split"] == split).any()]
    if not there:  # they could not be split
        return split_by, []
    found, about = {}, []
    if "group" in split_by:
        column = split_by["group"]["column"]
        counts = {split: int(frame["group"][frame["split"] == split].nunique()) for split in there}
        found["group"] = {"column": column, "groups": counts}
        told = ", ".join(f"{count} in {split}" for split, count in counts.items())
        about.append(f"split by groups of column {column}: {told}")
    if "time" in split_by:
        column = split_by["time"]["column"]
        ends = {split: _ends(frame["time"][frame["split"] == split]) for split in there}
        found["time"] = {"column": column, "times": ends}
        told = ", ".join(f"{split} {first} to {last}" for split, (first, last) in ends.items())
        order = "the latest time of each group" if "group" in split_by else "time"
        about.append(f"split in order of {order} (column {column}): {told}")
    return found, about


def _ends(times: pd.Series) -> list[str]:
    """The first and the last time, as text."""
    ends = [times.min(), times.max()]
    if not isinstance(ends[0], pd.Timestamp):
        return [f"{end:.12g}" for end in ends]
    bare = all(end == end.normalize() for end in ends)
    return [end.strftime("%Y-%m-%d") if bare else end.isoformat(sep=" ", timespec="seconds") for end in ends]

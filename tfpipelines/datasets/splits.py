"""Splits and folds: seeded, stratified, fixed before anything is shuffled."""

from typing import Literal

import numpy as np
import pandas as pd

from ..core.splits import SPLITS
from ..core.words import counted
from ..errors import DataError
from .group_splits import cut_by_group_or_time, group_folds, time_blocks
from .label_advice import NUMBER_REMEDY, number_reason
from .sample_table import class_order, label_names, strata, target_of

_VALIDATION = _CALIBRATION = 0.15  # share of rows, where none is stated
_MOST_CALIBRATION = 500  # rows
_BY_KEY = ("test", "validation", "calibration")  # the last one's share may depend on the number of rows


def assign_splits(
    frame: pd.DataFrame, validation: float, test: float, seed: int, calibration: float = 0.0
) -> pd.DataFrame:
    """Fills the `split` column where it is not given.

    Given splits stay as they are; missing validation and calibration splits are cut from the training rows. Every class
    gets at least one row in each split. The split depends on seed, the order of rows, their labels, groups and times
    alone; calibration rows would be training rows without that split.

    Args:
        frame: sample table with `label` and `split`; with `group` or `time`, see `group_splits`; else with `key`, see
            `cut_by_key`.
        validation, test, calibration: shares of all rows of a class; 0 leaves the split out.

    Returns:
        A new frame.

    Raises:
        DataError: if a class has too few rows; it names the class and the least count.
    """
    frame = frame.copy()
    if frame["split"].isna().all():
        frame["split"] = _cut(frame, {"validation": validation, "test": test, "calibration": calibration}, seed)
        return frame
    missing = {"validation": validation, "calibration": calibration}
    missing = {name: share for name, share in missing.items() if share and not (frame["split"] == name).any()}
    if missing:
        train = frame["split"] == "train"
        frame.loc[train, "split"] = _cut(frame[train], missing, seed)
    return frame


def assign_fold(
    frame: pd.DataFrame,
    folds: int | str,
    fold: int,
    validation: float | Literal["auto"],
    seed: int,
    calibration: float = 0.0,
) -> pd.DataFrame:
    """The splits of one fold of a cross-validation: the fold is the test split, validation and calibration are cut from
    the rest.

    With `validation="auto"`, where a column names three folds or more, the next of them is the validation split, so
    what it keeps together stays together; the one after it is the calibration split, where there is one and the column
    names four folds or more. With times the rest is what comes before the fold, see `time_blocks`.

    Rows of a given test split take no part: they stay unopened.

    Args:
        folds: a number of seeded, stratified folds, or the name of the column they came from (then `fold` is in the
            frame).
        fold: which one, from 0.

    Returns:
        A new frame without the rows that take no part; the index stays.

    Raises:
        DataError: if a class has fewer rows than there are folds.
    """
    frame = frame[frame["split"] != "test"].copy()
    numbers = fold_numbers(frame, folds, seed)
    frame["split"] = np.where(numbers == fold, "test", "train")
    shares = {"validation": validation_share(validation), "calibration": calibration}
    if isinstance(folds, str):
        count, following = numbers.max() + 1, 1
        for name in [name for name in shares if shares[name] and validation == "auto"]:
            if count > 1 + following:
                frame.loc[numbers == (fold + following) % count, "split"] = name
                following += 1
                del shares[name]
    elif "time" in frame:
        frame = frame[numbers <= fold]
    if any(shares.values()):
        train = frame["split"] == "train"
        frame.loc[train, "split"] = _cut(frame[train], shares, seed)
    return frame


def validation_share(setting: float | Literal["auto"]) -> float:
    """The share that `data.validation` stands for."""
    return _VALIDATION if setting == "auto" else setting


def calibration_share(setting: float | Literal["auto"], promised: bool, rows: int = 0) -> float:
    """The share that `data.calibration` stands for.

    Args:
        promised: whether the run makes a promise that needs rows which have chosen nothing.
        rows: of which it is the share; auto takes 500 of very many, by which a coverage of 0.9 is known to 0.03.
    """
    if setting != "auto":
        return setting
    return min(_CALIBRATION, _MOST_CALIBRATION / max(rows, 1)) if promised else 0.0


def fold_numbers(frame: pd.DataFrame, folds: int | str, seed: int) -> np.ndarray:
    """The fold of each row, from 0, shape (rows,), int; -1 for rows that are only ever learned from, the earliest."""
    if isinstance(folds, str):
        missing = frame["fold"].isna()
        if missing.any():
            message = f"{counted(missing.sum(), 'row')} without a fold in column {folds!r}."
            raise DataError(message, "Name a fold in every row.", list(frame["item"][missing][:10]))
        names = class_order(frame["fold"])
        if len(names) < 2:
            raise DataError(f"Column {folds!r} names one fold only.", "Cross-validation needs two at least.")
        return frame["fold"].astype(str).map({name: number for number, name in enumerate(names)}).to_numpy()
    if "time" in frame:
        return time_blocks(frame, folds) - 1
    if "group" in frame:
        return group_folds(frame, folds, seed)
    _require(frame, folds, f"data.folds={folds}")
    from sklearn.model_selection import StratifiedKFold

    labels = strata(frame, folds)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    numbers = np.zeros(len(frame), int)
    for number, (_, held_out) in enumerate(splitter.split(labels, labels)):
        numbers[held_out] = number
    return numbers


def limit_rows(frame: pd.DataFrame, limit: int | None, seed: int) -> np.ndarray:
    """Mask of at most `limit` rows of each split, every class keeping its share and one row at least."""
    keep = np.ones(len(frame), bool)
    if limit is None:
        return keep
    for split in frame["split"].unique():
        rows = np.flatnonzero(frame["split"].isna() if pd.isna(split) else frame["split"] == split)
        if len(rows) > limit:
            chosen = _stratified(strata(frame, 1).to_numpy()[rows], limit, seed)
            keep[np.delete(rows, chosen)] = False
    return keep


def _cut(frame: pd.DataFrame, shares: dict[str, float], seed: int) -> np.ndarray:
    """The name of the split of each row; every class is split by itself."""
    others = {name: share for name, share in shares.items() if share}
    purpose = f"a split into train, {', '.join(sorted(others, key=SPLITS.index))}" if others else "training"
    grouped = "group" in frame or "time" in frame
    if not grouped:
        _require(frame, 1 + len(others), purpose)
    if sum(others.values()) >= 1:
        what = "data.validation, data.calibration" if "calibration" in others else "data.validation"
        raise DataError(f"{what} and data.test leave nothing to train on.", "Let them add up to less than 1.")
    if grouped and others:
        return cut_by_group_or_time(frame, others, seed, purpose)
    if "key" in frame and others:
        return cut_by_key(frame, others, seed)
    result = np.full(len(frame), "train", object)
    values = strata(frame, 1 + len(others)).to_numpy()
    for number, name in enumerate(class_order(values)):
        rows = np.flatnonzero(values == name)
        order = np.random.default_rng([seed, number]).permutation(rows)
        start = 0
        for split, share in others.items():
            # One row is left for each later split and for training.
            room = len(rows) - start - (len(others) - list(others).index(split))
            size = min(max(1, round(share * len(rows))), room)
            result[order[start : start + size]] = split
            start += size
    return result


def cut_by_key(frame: pd.DataFrame, shares: dict[str, float], seed: int) -> np.ndarray:
    """The split of each row by its key and the seed alone, object (rows,): rows that are added move no others.

    Shares are met in the mean. Of a class without any training row the row with the largest hash becomes one.

    Args:
        frame: sample table with `key`, uint64.
        shares: of the rows, of the splits besides training.

    Raises:
        DataError: if a split gets no row.
    """
    places = _mixed(frame["key"].to_numpy(np.uint64), seed)
    ends = np.cumsum([shares[name] for name in _BY_KEY if name in shares])
    names = np.array([*(name for name in _BY_KEY if name in shares), "train"], object)
    result = names[np.searchsorted(ends, places, side="right")]
    labels = strata(frame, 1).to_numpy()
    for rows in pd.Series(np.arange(len(frame))).groupby(labels).indices.values():
        if not (result[rows] == "train").any():
            result[rows[int(places[rows].argmax())]] = "train"
    for name in shares:
        if not (result == name).any():
            message = f"No sample is in the {name} split, which takes {shares[name]:.0%} of them by their keys."
            raise DataError(message, "Add samples, or give the splits yourself.")
    return result


def _mixed(keys: np.ndarray, seed: int) -> np.ndarray:
    """Numbers from 0 to 1 of 64-bit hashes and a seed, by SplitMix64 (Steele et al. 2014), float64 (keys,)."""
    with np.errstate(over="ignore"):
        mixed = keys + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return (mixed ^ (mixed >> np.uint64(31))).astype(np.float64) / 2.0**64


def _require(frame: pd.DataFrame, least: int, purpose: str) -> None:
    if target_of(frame) == "number":
        if len(frame) < least:
            there = f"There {'is' if len(frame) == 1 else 'are'} {counted(len(frame), 'sample')}"
            raise DataError(f"{there}; {purpose} needs at least {least}.", "Add samples, or give the splits yourself.")
        return
    few = pd.Series([name for names in label_names(frame) for name in names], dtype=object).value_counts()
    few = few[few < least]
    if len(few):
        remedy = "Add samples, or give the splits yourself."
        if number_reason(frame["label"].dropna()):
            remedy = NUMBER_REMEDY
        names = [f"{name}: {count}" for name, count in few.items()]
        need = f"{purpose} needs at least {least} of each class"
        message = f"Class {few.index[0]!r} has {counted(few.iloc[0], 'sample')}; {need}."
        raise DataError(message, remedy, names[:10])


def _stratified(labels: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """Positions of `limit` rows, dealt out class by class in turn, so that shares stay and each class comes first."""
    rank = np.zeros(len(labels))
    for number, name in enumerate(class_order(labels)):
        rows = np.flatnonzero(labels == name)
        places = np.random.default_rng([seed, 1, number]).permutation(len(rows))
        rank[rows] = places / len(rows)
    return np.sort(np.argsort(rank, kind="stable")[: max(limit, len(set(labels)))])

"""How normal samples are parted: for training, for the choice of an epoch, for the threshold, for the test.

The threshold is made from calibration samples, which choose nothing: no epoch, no network, no hyperparameter.
"""

from typing import Any

import numpy as np
import pandas as pd

from ...core.splits import SPLITS
from ...core.words import counted
from ...datasets.findings import Findings
from ...datasets.group_splits import check_given, cut_by_group_or_time
from ...datasets.splits import limit_rows
from .config import AnomalyImageData, AnomalyTableData

_SHARE = 0.2  # of the normal samples, held out for the test, and for validation and calibration together
_CALIBRATING = 0.8  # share of the latter that makes the threshold
_Data = AnomalyImageData | AnomalyTableData


def split_normals(frame: pd.DataFrame, data: _Data, least: int, seed: int, findings: Findings) -> np.ndarray:
    """Parts the samples, in the column `split`.

    Given splits stay, but for a calibration split, which is taken from that of validation where it has the samples,
    since those were held out like new ones, and else from the normal training samples, as a missing validation split
    is. Anomalies are left out but in the test. Where no split is given at all, all anomalies go to the test; with
    groups or times only those that are in groups, or in the time, of the test.

    Args:
        frame: with `split` and `anomalous`; with `group` or `time`, see `group_splits`; `split` is changed in place.
        data: tells the shares, and the limit.
        least: normal calibration samples that the threshold needs; `auto` gives as many, but no more than half.

    Returns:
        Mask of the samples in use, bool (samples,).

    Raises:
        DataError: if there are too few groups or times.
    """
    if "group" in frame or "time" in frame:
        check_given(frame, data.on_leak, findings)
    given = frame["split"].notna().any()
    split, keep = (_completed if given else _divided)(frame, data, least, seed)
    if not keep.all():
        counts = pd.Series(split[~keep]).value_counts().to_dict()
        where = " and ".join(f"{count} of {name}" for name, count in counts.items())
        message = f"Samples that are not normal are left out of training and threshold: {where}"
        if not given:
            where = "before the test begins" if "time" in frame else "in groups of other splits than the test"
            message = f"{counted(int((~keep).sum()), 'sample')} that are not normal are left out: they are {where}"
        findings.add("left_out", "note", message)
    frame["split"] = split
    keep[keep] = limit_rows(frame[keep].reset_index(drop=True), data.limit, seed)
    return keep


def has_calibration(facts: dict[str, Any]) -> bool:
    """Whether the splits that a run's data.json tells of have calibration rows, which those of earlier versions have
    not; also where it tells of none.
    """
    return "calibration" in facts.get("rows", {"calibration": 0})


def _completed(frame: pd.DataFrame, data: _Data, least: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The given splits with those that are missing, and which samples are in use."""
    anomalous, split = frame["anomalous"].to_numpy(bool), frame["split"].to_numpy(object).copy()
    normal = lambda name: np.flatnonzero((split == name) & ~anomalous)
    train, held_out = normal("train"), normal("validation")
    sizes = _sizes(len(train), len(train), data, least)
    for name in sizes.keys() & set(split):
        del sizes[name]
    if "calibration" in sizes and data.calibration == "auto" and (size := _calibrating(len(held_out), least)):
        del sizes["calibration"]
        split[held_out] = _parts(frame, held_out, {"calibration": size}, "validation", seed)
    split[train] = _parts(frame, train, sizes, "train", seed)
    return split, ~(anomalous & (split != "test"))


def _divided(frame: pd.DataFrame, data: _Data, least: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The splits of samples of which none has one, and which samples are in use."""
    anomalous = frame["anomalous"].to_numpy(bool)
    split, keep = np.full(len(frame), "test", object), np.ones(len(frame), bool)
    rows = np.flatnonzero(~anomalous)
    base = len(rows)
    tested = round(((_SHARE if anomalous.any() else 0.0) if data.test == "auto" else data.test) * base)
    by_group = "group" in frame and "time" not in frame
    if by_group and anomalous.any():
        in_test = frame["group"].isin(_groups_of_test(frame, anomalous, tested, seed)).to_numpy()
        keep &= ~anomalous | in_test
        tested = max(tested - int((in_test & ~anomalous).sum()), 0)
        rows = np.flatnonzero(~anomalous & ~in_test)
    sizes = {"test": tested, **_sizes(len(rows) - tested, base, data, least)}
    split[rows] = _parts(frame, rows, sizes, "train", seed)
    if "time" in frame:
        early = frame["time"] < frame["time"][~anomalous & (split == "test")].min()
        if "group" in frame:
            early |= frame["group"].isin(frame["group"][~anomalous & (split != "test")])
        keep &= ~(anomalous & early.to_numpy())
    return split, keep


def _groups_of_test(frame: pd.DataFrame, anomalous: np.ndarray, tested: int, seed: int) -> set[str]:
    """Groups with anomalies that go to the test: those without normal samples, and some of the others, a seeded choice
    until they have as many normal samples as the test is to have.
    """
    normal, taken, count = frame["group"][~anomalous].value_counts(), set(), 0
    for name in np.random.default_rng([seed, 0]).permutation(sorted(set(frame["group"][anomalous]))).tolist():
        if name not in normal or count < tested:
            taken.add(name)
            count += int(normal.get(name, 0))
    return taken


def _parts(frame: pd.DataFrame, rows: np.ndarray, sizes: dict[str, int], rest: str, seed: int) -> np.ndarray:
    """The split of some rows, object (rows,): about so many of each, the others `rest`."""
    sizes = {name: size for name, size in sizes.items() if size}
    names = np.full(len(rows), rest, object)
    if not sizes:
        return names
    if "group" in frame or "time" in frame:
        together = frame["group" if "group" in frame else "time"].iloc[rows]
        more = len(rows) / together.nunique()  # whole groups, and rows of one time, give no exact numbers
        if "calibration" in sizes and more > 1:
            sizes["calibration"] = min(sizes["calibration"] + round(more), len(rows) // 2)
        shares = {name: size / len(rows) for name, size in sizes.items()}
        purpose = f"a split into {', '.join(sorted({rest, *sizes}, key=SPLITS.index))}"
        found = cut_by_group_or_time(frame.iloc[rows].assign(label="normal"), shares, seed, purpose)
        return np.where(found == "train", rest, found)
    order, start = np.random.default_rng([seed, 0]).permutation(len(rows)), 0
    for name, size in sizes.items():
        names[order[start : start + size]] = name
        start += size
    return names


def _sizes(count: int, base: int, data: _Data, least: int) -> dict[str, int]:
    """How many of `count` normal samples are held out, by split; shares that are stated are those of `base` samples.

    Calibration and validation share what was held out for both: as long as there are enough for the threshold, a
    validation split costs no training samples.
    """
    together = min(max(round(_SHARE * count), least), count // 2)
    if data.calibration == 0:
        return {"validation": together if data.validation == "auto" else min(round(data.validation * base), count)}
    if data.calibration == "auto":
        calibration = _calibrating(together, least) or min(together, least)
    else:
        calibration = min(round(data.calibration * base), count)
    if data.validation == "auto":
        validation = max(1, round((1 - _CALIBRATING) * together))
        validation = max(validation, together - calibration) if data.calibration == "auto" else validation
    else:
        validation = round(data.validation * base)
    return {"calibration": calibration, "validation": min(validation, count - calibration)}


def _calibrating(held_out: int, least: int) -> int:
    """How many of the samples that are held out make the threshold: most of them, but no more than give a whole number
    of alarms at the false-alarm rate, which then is not lower than asked for; 0 if there are too few.

    Args:
        least: samples with which one of them may be above the threshold.
    """
    alarms = int((_CALIBRATING * held_out + 1) / (least + 1))
    return alarms * (least + 1) - 1 if alarms else least if held_out > least else 0

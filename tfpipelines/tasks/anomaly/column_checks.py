"""Looks at the numbers of columns: what would spoil their scale, or is no measurement."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.words import counted, percent
from ...datasets.findings import Findings

_FAR = 20.0  # robust standard deviations from the median
_APART = 5.0  # times the distance of the next value, which is then no tail of the same distribution
_TOO_FAR = 1000.0  # robust standard deviations from which on that does not matter
_FEW = 0.05  # share of a column's values from which on they are a mode of their own
_REPEATED = 3  # times that a code for missing values occurs at least
_BEYOND = 3.0  # robust standard deviations beyond the other values that it lies
_CODES = [-99.0, *(10.0**power for power in range(5, 13)), 32767.0, -32768.0, 65535.0, 2.0**31 - 1, -(2.0**31)]
_EPOCHS = tuple((9.4e8 * unit, 2.6e9 * unit) for unit in (1.0, 1e3, 1e6, 1e9))  # the years 1999 to 2052
_DEVIATION = 1.4826  # of normal numbers, by their median distance from the median


def look_at_columns(values: np.ndarray, columns: list[str], findings: Findings, words: Sequence[str] = ()) -> None:
    """Says which columns of the training rows may not be what they seem.

    Args:
        values: float64 (rows, columns), NaN where there is none.
        columns: names of these.
        words: names of columns of one word.
    """
    if not len(values):
        return
    leave = lambda names: f"Leave them out with data.exclude=[{','.join(names)}]"
    known = [_finite(numbers) for numbers in values.T]
    constant = [*(name for name, numbers in zip(columns, known) if len(numbers) and np.ptp(numbers) == 0), *words]
    if constant:
        what = f"{counted(len(constant), 'column')} with one value only among the training rows"
        message = f"{what}: any other value there will be an anomaly"
        findings.add("constant", "warning", message, f"{leave(constant)} if that is not meant", constant)
    stamps = [name for name, numbers in zip(columns, known) if _is_epoch(numbers) and np.ptp(numbers)]
    if stamps and len(values) > 20:
        what = f"{counted(len(stamps), 'column')} of whole numbers like times since 1970"
        message = f"{what}: rows of another time would be anomalies"
        findings.add("timestamps", "warning", message, leave(stamps), stamps)
    counting = [name for name, numbers in zip(columns, known) if _counts(numbers) and name not in stamps]
    if counting:
        what = f"{counted(len(counting), 'column')} of whole numbers that rise from row to row"
        message = f"{what}, like a counter or an identifier: new rows would be anomalies"
        findings.add("counting", "warning", message, leave(counting), counting)
    coarse = [name for name, numbers in zip(columns, known) if _is_coarse(numbers)]
    coarse = [name for name in coarse if name not in stamps]
    if coarse:
        what = counted(len(coarse), "column")
        message = f"{what} whose numbers are so far from 0 that float32 can hardly distinguish them"
        findings.add("coarse", "warning", message, "Subtract a constant from them", coarse)


def _finite(numbers: np.ndarray) -> np.ndarray:
    """Those that float32 can hold; others count as missing."""
    with np.errstate(over="ignore"):
        return numbers[np.isfinite(numbers.astype(np.float32))]


def _counts(numbers: np.ndarray) -> bool:
    """Whether whole numbers rise from row to row."""
    return len(numbers) > 20 and bool((np.diff(numbers) > 0).all() and (numbers == np.round(numbers)).all())


def _is_coarse(numbers: np.ndarray) -> bool:
    """Whether float32 can hardly distinguish them."""
    spread = numbers.std() if len(numbers) else 0.0
    return bool(spread and np.spacing(np.abs(numbers).max().astype(np.float32)) > 0.05 * spread)


def look_for_extremes(values: np.ndarray, columns: list[str], places: Sequence[Any], findings: Findings) -> None:
    """Names columns with a few values far from all others, and with a repeated value like a code for missing ones.

    Args:
        values: of the samples that training and threshold use, float64 (rows, columns).
        places: what each row is called, such as `line 2`.
    """
    codes: dict[str, str] = {}
    extremes: dict[str, str] = {}
    with np.errstate(over="ignore"):
        values = np.where(np.isfinite(values.astype(np.float32)), values, np.nan)  # others count as missing
    for name, numbers in zip(columns, values.T):
        coded = _codes_in(numbers)
        if coded.any():
            codes[name] = _told(name, numbers, coded, places)
        far = _far_values(np.where(coded, np.nan, numbers))
        if far.any():
            extremes[name] = _told(name, numbers, far, places, coded)
    correct = "Correct these cells, or empty them and leave such rows out with data.on_bad=skip"
    if codes:
        what = (
            f"{counted(len(codes), 'column')} with a repeated value far from all others, like a code for missing ones"
        )
        remedy = f"{correct}; data.exclude={_list(codes)} leaves out the columns"
        findings.add("sentinel", "warning", f"{what}: the model learns it as normal", remedy, codes.values())
    if extremes:
        what = f"{counted(len(extremes), 'column')} with a few extreme values far from all others"
        message = f"{what}: they spoil the scale of the column, and are learned as normal"
        remedy = f"{correct}; or leave the oddest rows out of training with train.contamination=0.01"
        findings.add("extreme_values", "warning", message, f"{remedy}, or try data.scaling=auto", extremes.values())


def _list(names: dict[str, str]) -> str:
    return f"[{','.join(names)}]"


def _told(name: str, numbers: np.ndarray, marked: np.ndarray, places: Sequence[Any], more: Any = False) -> str:
    """What is marked in a column, in words."""
    first = int(np.flatnonzero(marked)[0])
    others = numbers[np.isfinite(numbers) & ~marked & ~np.asarray(more)]
    share = f" ({percent(marked.sum() / len(numbers))})" if marked.sum() > 1 else ""
    values = np.unique(numbers[marked])
    shown = ", ".join(f"{value:.6g}" for value in values[:3]) + (" ..." if len(values) > 3 else "")
    cells = f"{shown} in {counted(int(marked.sum()), 'cell')}{share}, first at {places[first]}"
    return f"{name}: {cells}; all others lie between {others.min():.6g} and {others.max():.6g}"


def _is_epoch(numbers: np.ndarray) -> bool:
    """Whether all are whole numbers like seconds, or thousandths, millionths or billionths, since 1970."""
    if not len(numbers):
        return False
    low, high = numbers.min(), numbers.max()
    whole = bool((numbers == np.round(numbers)).all())
    return whole and any(first <= low and high <= last for first, last in _EPOCHS)


def _spread(numbers: np.ndarray) -> tuple[float, float]:
    """Median, and the robust standard deviation; 0 if all are equal. Where most are, it is that of the others."""
    middle = float(np.median(numbers))
    distances = np.abs(numbers - middle)
    usual = float(np.median(distances))
    if usual == 0 and distances.any():
        usual = float(np.median(distances[distances > 0]))
    return middle, _DEVIATION * usual


def _far_values(numbers: np.ndarray) -> np.ndarray:
    """Which values, NaN excepted, are far from all others, bool (rows,)."""
    known = numbers[np.isfinite(numbers)]
    if len(known) < 20:
        return np.zeros(len(numbers), bool)
    middle, spread = _spread(known)
    distances = np.abs(numbers - middle)
    beyond = np.sort(distances[distances > _FAR * spread])
    if not spread or not len(beyond):
        return np.zeros(len(numbers), bool)
    near = distances[distances <= _FAR * spread].max(initial=spread)
    apart = beyond >= _APART * np.concatenate([[near], beyond[:-1]])
    limit = min(beyond[apart].min(initial=np.inf), beyond[beyond > _TOO_FAR * spread].min(initial=np.inf))
    far = distances >= limit
    return far if far.sum() <= max(_FEW * len(known), 1) else np.zeros(len(numbers), bool)


def _codes_in(numbers: np.ndarray) -> np.ndarray:
    """Which values are usual codes for missing ones, repeated and outside of the other values, bool (rows,)."""
    none = np.zeros(len(numbers), bool)
    values, counts = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
    repeated = values[counts >= _REPEATED]
    found = repeated[_are_codes(repeated)]
    if not len(found):
        return none
    others = numbers[np.isfinite(numbers) & ~np.isin(numbers, values[_are_codes(values)])]
    if len(np.unique(others)) < 20:  # settings are no measurements
        return none
    _, spread = _spread(others)
    low, high = others.min(), others.max()
    apart = [value for value in found if max(low - value, value - high) > _BEYOND * spread or (value < 0 <= low)]
    return np.isin(numbers, apart)


def _are_codes(values: np.ndarray) -> np.ndarray:
    """Which values are usual codes for missing ones."""
    return np.isin(values, _CODES) | np.fromiter(map(_is_nines, values), bool, len(values))


def _is_nines(value: float) -> bool:
    digits = f"{abs(value):.10g}".replace(".", "")
    return len(digits) > 2 and set(digits) == {"9"}

"""What labels and columns look like that are no classes: several labels in one, numbers, one-hot columns, groups."""

import math
import re
from collections import Counter
from collections.abc import Iterable

import pandas as pd

from ..core.words import counted, listed
from .cells import is_numeric
from .findings import Findings
from .table_cells import LINE
from .times import are_dates, is_clock

_NUMBER = re.compile(r"[-+]?\d*[.,]?\d+(e[-+]?\d+)?", re.I)
_MANY, _MANY_FRACTIONS = 20, 10  # more distinct whole numbers, or such with fractions, are rather measured
_LOOKED_AT = 100  # values of a column, before all of them are
_MISTAKES = 0.05  # share of labels that are no numbers among numbers
_GROUPS = {
    "patient", "subject", "user", "person", "participant", "individual", "speaker", "author", "donor", "animal",
    "session", "video", "clip", "scene", "sequence", "recording", "study", "visit", "specimen", "lesion", "family",
    "group",
}  # fmt: skip
_PLACES = {"source", "site", "hospital", "camera", "device", "scanner", "location", "batch", "plate", "slide", "case"}
_LEAST_PLACES = 5  # values of a column of such a name that are groups: few of them are no more than an attribute
_LEAST_GROUPS = 20  # the same of columns of other names
_SUFFIXES = {"id", "ids", "no", "nr", "number", "name"}  # what may follow the name of a group
_VAGUE = {"group", "subject"}  # groups only where the values have digits, as identifiers do
_FEW_ROWS = 10  # a value of a column of any other name, on average
_LEAST_TIMES = 10  # different dates of a column that is pointed out
_CODE = re.compile(r"(?=.*\d)(?=.*[^\d.,eE+-])\S+")  # letters and digits, such as HAM_0012


# --- labels
def several_labels(labels: Iterable[str]) -> tuple[str, dict[str, list[str]]] | None:
    """The separator by which several labels seem to stand in one, and those labels with their pieces; None where none.

    A bar, a semicolon or a tight comma is one where a piece recurs, alone or in another label. A comma and a blank are
    part of ordinary names (`hot dog`; `New York, NY`): there most labels must be made of pieces that recur, alone or in
    more than one place; at a blank every piece must also be a label by itself, and most labels have several.
    """
    names = sorted({label for label in labels if not _NUMBER.fullmatch(label)})
    for separator in ("|", ";", ",", " "):
        split = {name: [piece.strip() for piece in name.split(separator) if piece.strip()] for name in names}
        composite = {name: pieces for name, pieces in split.items() if len(pieces) > 1}
        if not composite:
            continue
        uses = Counter(piece for pieces in split.values() for piece in set(pieces))
        strict = separator == " " or (separator == "," and any(", " in name for name in composite))
        if separator == " " and not (set(uses) <= set(names) and len(composite) > len(names) / 2):
            continue
        recurring = [name for name, pieces in composite.items() if any(uses[piece] > 1 for piece in pieces)]
        if recurring and (not strict or _sets(split, composite, uses)):
            return separator, {name: composite[name] for name in recurring}
    return None


def _sets(split: dict[str, list[str]], composite: dict[str, list[str]], uses: Counter) -> bool:
    """Whether labels of several pieces are sets of labels rather than names of several words."""
    whole = [name for name, pieces in composite.items() if all(uses[piece] > 1 for piece in pieces)]
    begins = {tuple(pieces) for pieces in split.values()}
    longer = [
        name for name, pieces in composite.items() if any(tuple(pieces[:n]) in begins for n in range(1, len(pieces)))
    ]
    places: dict[str, set[int]] = {}
    for pieces in composite.values():
        for place, piece in enumerate(pieces):
            places.setdefault(piece, set()).add(place)
    alone = any(len(pieces) == 1 and uses[pieces[0]] > 1 for pieces in split.values())
    free = alone or any(len(seen) > 1 for seen in places.values())
    return bool(whole) and free and len({*whole, *longer}) >= 0.8 * len(composite)


NUMBER_REMEDY = "Set data.target=number to predict them as numbers, or bin them into classes, such as 20 to 30."


def number_reason(labels: Iterable[str]) -> str:
    """Why labels are rather measured numbers than classes, in a sentence; "" where they look like classes.

    Three or more distinct numbers are measured if most rows have one of their own; with fractions from eleven distinct
    ones on; whole ones from twenty-one on, unless they count classes from 0 or 1 without a gap. A few labels may be no
    numbers: these are mistakes.
    """
    given = list(labels)
    labels = [label for label in given if _numbers({label})]
    if len(given) - len(labels) > _MISTAKES * len(given):
        return ""
    numbers = _numbers(set(labels))
    if len(numbers) < 3:
        return ""
    fractions = any(number != int(number) for number in numbers)
    own = 2 * len(numbers) > len(labels) and (fractions or len(numbers) > _MANY)
    if not (own or (len(numbers) > (_MANY_FRACTIONS if fractions else _MANY) and not _counts_classes(numbers, labels))):
        return ""
    span = f"from {min(numbers):g} to {max(numbers):g}"
    return f"The labels are {len(numbers)} distinct numbers {span} in {counted(len(labels), 'row')}"


def class_numbers(labels: Iterable[str]) -> str:
    """A sentence on many numbers that are taken for classes, though they may be measured; "" where there are none."""
    labels = list(labels)
    numbers = _numbers(set(labels))
    if len(numbers) <= (_MANY_FRACTIONS if any(number != int(number) for number in numbers) else _MANY):
        return ""
    span = f"from {min(numbers):g} to {max(numbers):g}"
    return f"The labels are {len(numbers)} numbers {span}, each of which is a class"


def _counts_classes(numbers: set[float], labels: list[str]) -> bool:
    """Whether numbers are those of classes: all from 0 or 1 on, each several times."""
    whole = sorted(numbers)
    first = whole[0]
    return first in (0, 1) and whole == [first + place for place in range(len(whole))] and 2 * len(whole) <= len(labels)


def warn_decimal_labels(labels: Iterable[str], findings: Findings) -> None:
    """Adds a note where labels are whole numbers with decimals."""
    names = set(labels)
    if _numbers(names) and all("." in name for name in names):
        message = f"The labels are whole numbers with decimals ({listed(sorted(names), 3)}), each of which is a class"
        findings.add("decimal_labels", "note", message)


def _numbers(names: set[str]) -> set[float]:
    """What the names are as numbers; nothing where one is no finite number."""
    try:
        numbers = {float(name) for name in names}
    except ValueError:
        return set()
    return numbers if all(map(math.isfinite, numbers)) else set()


# --- columns
def one_hot_columns(cells: pd.DataFrame) -> list[str]:
    """The columns of only 0 and 1, or of true and false, both of them, where there are two or more."""
    found = []
    for column in cells.columns:
        values = set(cells[column].dropna().unique()) if column != LINE else set()
        if len(values) == 2 and {mark_of(value) for value in values} == {True, False}:
            found.append(column)
    return found if len(found) > 1 else []


def mark_of(cell: str) -> bool | None:
    """What a cell of a one-hot column says, None for one that says nothing."""
    word = cell.strip().lower()
    if word in ("true", "false"):
        return word == "true"
    return {1.0: True, 0.0: False}.get(next(iter(_numbers({word})), -1.0))


def warn_groups(cells: pd.DataFrame, taken: Iterable[str | None], label: str | None, findings: Findings) -> None:
    """Adds a warning for each column that looks like the groups which samples come from, such as patients.

    Args:
        cells: of the table.
        taken: columns that play a role.
        label: the column of labels.
    """
    for column in cells.columns:
        if column == LINE or column in taken:
            continue
        groups = cells[column].dropna()
        if not _is_group(column, groups) or (label is not None and _is_attribute(groups, cells[label])):
            continue
        what = f"Column {column!r} looks like a group: {groups.nunique()} values in {counted(len(cells), 'row')}"
        message = f"{what}. Samples of one group will be in several splits: test metrics may be too optimistic"
        remedy = f"Set data.group_column={column}, which keeps all samples of a group in one split, or in one fold"
        findings.add("groups", "warning", message, remedy)


def note_times(cells: pd.DataFrame, taken: Iterable[str | None], findings: Findings) -> None:
    """Adds a note for the first column of dates that plays no role: a random split does not test the future.

    Args:
        cells: of the table.
        taken: columns that play a role.
    """
    for column in cells.columns:
        known = cells[column].dropna() if column != LINE and column not in taken else pd.Series([], dtype=object)
        if known.nunique() < _LEAST_TIMES or is_numeric(known) or is_clock(known) or not are_dates(known):
            continue
        what = f"Column {column!r} holds dates: a random split tests on samples between those of training"
        remedy = f"Set data.time_column={column} to test on the latest ones, as a model meets them in use"
        findings.add("times", "note", what, remedy)
        return


def _is_group(column: str, groups: pd.Series) -> bool:
    words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", column).lower())
    head = words[:-1] if len(words) > 1 and words[-1] in _SUFFIXES else words
    names = {head[0], head[0].removesuffix("s"), head[0].removesuffix("id")} if len(head) == 1 else set()
    named = bool(names & (_GROUPS | _PLACES))
    if not named and not all(_CODE.fullmatch(name) for name in groups.iloc[:_LOOKED_AT]):
        return False
    sizes = groups.value_counts()
    if len(sizes) < 2 or sizes.max() < 2 or len(sizes) > 0.9 * len(groups):
        return False
    if names & _VAGUE and head == words and not all(re.search(r"\d", name) for name in sizes.index):
        return False
    if named:
        return len(sizes) >= _LEAST_PLACES
    codes = all(_CODE.fullmatch(name) for name in sizes.index)
    few = len(groups) <= _FEW_ROWS * len(sizes)
    return len(sizes) >= _LEAST_GROUPS and codes and few and bool((sizes > 1).mean() >= 0.9)


def _is_attribute(groups: pd.Series, labels: pd.Series) -> bool:
    """Whether the label tells the value, as it does of a class's number or Latin name."""
    return bool((groups.groupby(labels).nunique() <= 1).all())

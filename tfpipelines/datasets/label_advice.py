"""What labels and columns look like that are no classes: several labels in one, numbers, one-hot columns, groups."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import pandas as pd

from ..core.words import counted, listed
from .findings import Findings
from .table_files import LINE

_NUMBER = re.compile(r"[-+]?\d*[.,]?\d+(e[-+]?\d+)?", re.I)
_MANY, _SHARE = 20, 1 / 3  # more distinct numbers than this, in more than this share of the rows, are no classes
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


def warn_several_labels(labels: Iterable[str], unit: str, findings: Findings) -> None:
    """Adds a warning where labels look like several in one.

    Args:
        unit: what has the labels, such as `image`.
    """
    if found := several_labels(labels):
        separator, names = found
        look = "looks" if len(names) == 1 else "look"
        what = f"{counted(len(names), 'label')} {look} like several labels joined by {separator!r}"
        message = f"{what}: each {unit} has one label here, so every combination is a class of its own"
        remedy = (
            f"Give each {unit} one label: keep the main one, or make a column of each label and train on one at a time "
            "by data.label_column"
        )
        findings.add(
            "several_labels", "warning", message, remedy, [f"{name!r}: {listed(names[name])}" for name in names]
        )


NUMERIC_REMEDY = (
    "Numbers are not predicted here (no regression): bin them into classes, such as 20 to 30, or name another "
    "data.label_column."
)


def numeric_labels(labels: Iterable[str]) -> str:
    """A sentence that says that labels look like measured numbers; "" where they look like classes."""
    labels = list(labels)
    numbers = _numbers(set(labels))
    if len(numbers) < 3 or 2 * len(numbers) <= len(labels):  # values of several rows each are classes
        return ""
    fractions = any(number != int(number) for number in numbers)
    if not fractions and not (len(numbers) > _MANY and len(numbers) > _SHARE * len(labels)):
        return ""
    span = f"from {min(numbers):g} to {max(numbers):g}"
    return f"The labels look numeric: {len(numbers)} distinct values {span} in {counted(len(labels), 'row')}"


def warn_numeric_labels(labels: Iterable[str], findings: Findings) -> None:
    """Adds a warning where labels look like measured numbers, and a note where they are whole ones with decimals."""
    labels = list(labels)
    if message := numeric_labels(labels):
        findings.add("numeric_labels", "warning", message, NUMERIC_REMEDY.rstrip("."))
        return
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
    """The columns of only 0 and 1, both of them, where there are two or more."""
    found = []
    for column in cells.columns:
        values = set(cells[column].dropna().unique()) if column != LINE else set()
        if len(values) == 2 and _numbers(values) == {0.0, 1.0}:
            found.append(column)
    return found if len(found) > 1 else []


def one_hot_remedy(cells: pd.DataFrame, columns: Sequence[str], several: bool) -> str:
    """How one-hot columns become a column of labels.

    Args:
        several: whether the task knows several labels a row.
    """
    ones = (cells[columns].astype(float) == 1).sum(axis=1)
    names = "[" + ", ".join(map(repr, columns)) + "]"
    if (ones == 1).all():
        return (
            "Write the class of each row into one column, by pandas for example: "
            f"table['label'] = table[{names}].idxmax(axis=1); then set data.label_column=label."
        )
    if several:
        return "Write the names of each row's labels into one column, joined by |, and set data.label_column to it."
    most, least = int(ones.max()), int(ones.min())
    rows = f"rows have {least} to {most} labels" if least != most else f"rows have {most} labels each"
    return f"One label a row is learned, and {rows}: train on one of them at a time by data.label_column={columns[0]}."


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
        message = (
            f"{what}. A random split puts samples of one group into several splits: test metrics may be too optimistic"
        )
        remedy = (
            "Give all rows of a group one split in a column of its own (data.split_column=COLUMN), or one fold "
            f"(data.folds=COLUMN, or data.folds={column})"
        )
        findings.add("groups", "warning", message, remedy)


def _is_group(column: str, groups: pd.Series) -> bool:
    sizes = groups.value_counts()
    if len(sizes) < 2 or sizes.max() < 2 or len(sizes) > 0.9 * len(groups):
        return False
    words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", column).lower())
    head = words[:-1] if len(words) > 1 and words[-1] in _SUFFIXES else words
    names = {head[0], head[0].removesuffix("s"), head[0].removesuffix("id")} if len(head) == 1 else set()
    if names & _VAGUE and head == words and not all(re.search(r"\d", name) for name in sizes.index):
        return False
    if names & (_GROUPS | _PLACES):
        return len(sizes) >= _LEAST_PLACES
    codes = all(_CODE.fullmatch(name) for name in sizes.index)
    few = len(groups) <= _FEW_ROWS * len(sizes)
    return len(sizes) >= _LEAST_GROUPS and codes and few and bool((sizes > 1).mean() >= 0.9)


def _is_attribute(groups: pd.Series, labels: pd.Series) -> bool:
    """Whether the label tells the value, as it does of a class's number or Latin name."""
    return bool((groups.groupby(labels).nunique() <= 1).all())

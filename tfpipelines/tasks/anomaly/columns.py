"""Which columns of a table are measurements, which one holds labels, and which may not be what they seem."""

import re
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

import pandas as pd

from ...core.words import counted, listed
from ...datasets.cells import SHOWN, is_missing_word, is_numeric
from ...datasets.columns.types import Found, Kind, kind_of
from ...datasets.columns.types import choose_columns as kinds_of_columns
from ...datasets.findings import Findings, Severity
from ...datasets.identifiers import named_like_identifier
from ...datasets.source.base import SampleTable
from ...datasets.source.table_labels import clean_label
from ...datasets.table_cells import LINE
from ...datasets.times import are_dates
from .normal_samples import means_normal, means_normal_in

_NO_MEASUREMENT = {"id", "index", "row", "row_id", "uuid", "time", "timestamp", "date", "datetime", "unnamed: 0", ""}
_MOST_LABELS = 50  # different ones in a column that is only by its name taken for that of labels
_MOST_CODES = 20  # the same of one that is only pointed out
_RARE = 0.2  # share of the rarer of two words
_MOST_FLAGS = 3  # columns of 0 and 1 from which on they are rather features than labels
_LABELS = set(  # without "is_", and without what is between letters: such a column of two values is taken for labels
    "label labels class target y groundtruth anomaly anomalous anomalies outlier outliers abnormal fraud fraudulent "
    "attack intrusion malicious defect defective fault faulty".split()
)
_PERHAPS_LABELS = _LABELS | set(  # such a column is pointed out
    "failure failed fail churn churned default alarm alert event error incident status state flag result outcome "
    "diagnosis category type response normal good ok healthy inlier novelty attackcat attacktype machinefailure".split()
)
_LABELS_IN_WORDS = {"attackcat", "attacktype", "diagnosis", "outcome", "failure", "machinefailure", "groundtruth"}
_SAY_NORMAL = {"normal", "good", "ok", "healthy", "inlier", "valid", "passed"}  # in which 1 means normal
_ABNORMAL = set(  # words which, beside one that means normal, are labels
    "abnormal anomaly anomalous anomalies outlier outliers fraud fraudulent attack intrusion malicious malware defect "
    "defective fault faulty failure fail failed broken scrap reject rejected nok".split()
)
_PLAIN = {"no", "n", "false", "0", "0.0"}  # words that mean normal only under a name that says so
_MARKED = re.compile(r"(^|[_\W])(label|anomaly|outlier|fraud|fault|failure|attack|defect)([_\W]|$)")
_MARKS = re.compile(
    r"^(is|has|label|anomaly|outlier|fraud|fault|failure|attack|defect)[_\W]"
    r"|[_\W](flag|label|class|target|anomaly|outlier|fraud|fault|failure|defect)$"
)


def settle_label(
    table: SampleTable,
    given: str | None,
    features: tuple[str, ...] | None,
    excluded: tuple[str, ...] | None,
    findings: Findings,
) -> str | None:
    """The column of labels, or None; the frame's labels become those of it, in place.

    Args:
        table: with its cells.
        given: by the user.
        features: columns that the user, or a model, names; without `given` none of them holds labels.
        excluded: columns that are not looked at.
    """
    cells, label = table.cells, table.columns["label"]
    if label and not given and (label in (features or ()) or label in (excluded or ()) or _is_measured(cells[label])):
        label = None
    if not label and not given:
        free = [name for name in _names(cells) if name not in {*(features or ()), *(excluded or ())}]
        free = [name for name in free if name not in table.columns.values()]
        found = [name for name in free if _stem(name) in _LABELS and _is_flag(cells[name])]
        if found and (len(found) == 1 or _stem(found[0]) != "y"):
            label = found[0]
            message = f"Column {label} has two values, one of which means normal: it is taken for the labels"
            findings.add("label_column", "note", message, f"Keep it as a feature with data.columns=[...,{label}]")
    labels = [clean_label(value) for value in cells[label]] if label else [None] * len(cells)
    table.frame["label"] = pd.Series(labels, dtype=object)
    return label


def choose_columns(
    rows: pd.DataFrame,
    wanted: tuple[str, ...] | None,
    others: set[str | None],
    findings: Findings,
    *,
    excluded: tuple[str, ...] | None = None,
    types: Mapping[str, str] = MappingProxyType({}),
    time_format: str | None = None,
    labelled: bool = False,
    numbers_only: bool = False,
) -> dict[str, Kind]:
    """The columns that are looked at, and what each holds: those wanted, or all but `others`, what counts or dates
    rows, and what may be labels.

    Args:
        excluded: columns that are left out.
        types: what some of them hold, as the user says.
        time_format: of dates, as the user says.
        labelled: whether one of `others` holds labels.
        numbers_only: whether columns of words are left out, too.

    Raises:
        DataError: if one is missing or there is none.
    """
    doubtful: set[str] = set()
    if wanted is not None:  # by the user, or by a model, whose columns are all that new tables have to have
        others, excluded = others - {*wanted}, tuple(name for name in excluded or () if name in rows)
    else:
        free = [name for name in _names(rows) if name not in {*others, *(excluded or ()), *types}]
        free = [name for name in free if name.strip().lower() not in _NO_MEASUREMENT]
        numbers = [name for name in free if is_numeric(rows[name].dropna())]
        words = [name for name in free if name not in numbers]
        doubtful = _look_for_labels(rows, numbers, words, labelled, numbers_only, findings)
        _look_for_identifiers(rows, numbers, findings)
    return kinds_of_columns(
        rows, {name for name in others if name}, columns=wanted, excluded=excluded, types=types,
        time_format=time_format, findings=findings, plain="number",
        told_by=partial(_kind_of, doubtful=doubtful, numbers_only=numbers_only),
    )  # fmt: skip


def _kind_of(
    name: str,
    cells: pd.Series,
    given: str | None,
    asked: bool,
    time_format: str | None,
    *,
    doubtful: set[str],
    numbers_only: bool,
) -> Found:
    """What a column holds, see `kind_of`. A value that training rows lack is what is looked for: numbers stay
    numbers although they are constant or few, a constant word is a category, and dates and texts, which are always new,
    count only if they are asked for.
    """
    if given is None and not asked and name.strip().lower() in _NO_MEASUREMENT:
        return Found("", "counts or dates rows")
    if given is None and (is_numeric(cells.dropna()) or (asked and numbers_only)):
        return Found("number")
    if numbers_only:
        return Found("", _about(cells))
    found = kind_of(name, cells, given, asked, time_format)
    if not (given is not None or asked) and name in doubtful:
        return Found("", "may be labels")
    if given is None and not found.kind and found.why not in ("lists", "empty") and _known(cells).nunique() == 1:
        found = Found("", _about(cells)) if are_dates(_known(cells)) and not asked else Found("category")
    if given is not None or asked or found.kind in ("", "boolean", "category"):
        return found
    return Found("", _about(cells))


def _names(rows: pd.DataFrame) -> list[str]:
    return [column for column in rows.columns if column != LINE]


def _stem(name: str) -> str:
    """`Is Fraud`, `is_fraud` and `isFraud` as fraud."""
    return re.sub(r"[\W_]", "", re.sub(r"^is(?=[\W_A-Z])|^is(?=[a-z]{4})", "", name.strip())).lower()


def _is_measured(cells: pd.Series) -> bool:
    """Whether there are too many different values for labels."""
    return cells.nunique() > _MOST_LABELS


def _is_flag(cells: pd.Series) -> bool:
    """Whether there are at most two values, and one of them means normal."""
    names = [clean_label(name) or "" for name in cells.dropna().unique()]
    return 1 <= len(names) <= 2 and sum(map(means_normal, names)) == 1


def _about(cells: pd.Series) -> str:
    """What a column of no numbers holds, in words."""
    known = cells.dropna()
    if not len(known):
        return "empty"
    return "dates" if are_dates(known) else counted(known.nunique(), "word")


def _look_for_labels(
    rows: pd.DataFrame, numbers: list[str], words: list[str], labelled: bool, numbers_only: bool, findings: Findings
) -> set[str]:
    """Points out columns that no field names, and that may hold labels.

    Args:
        labelled: whether another column holds labels.
        numbers_only: whether columns of words are no features.

    Returns:
        Columns of words that are no features therefore.
    """
    doubtful = {name for name in words if _stem(name) in _LABELS | _LABELS_IN_WORDS and len(_known(rows[name]))}
    normal = lambda name: " and data.normal=1" if _stem(name) in _SAY_NORMAL else ""
    set_key = lambda name: (
        f"Set data.label_column={name}{normal(name)} if it holds labels, or data.exclude={name} if it tells them"
    )
    keep = "; name the features in data.columns if it is one of them"
    two = lambda name: rows[name].dropna().nunique() == 2
    flags = [name for name in numbers if two(name) and set(_numbers(rows[name])) == {0.0, 1.0}]
    named = [name for name in numbers if name in flags or _are_codes(rows[name])]
    named = [name for name in named if _stem(name) in _PERHAPS_LABELS or _MARKS.search(name.strip().lower())]
    if labelled:
        named = [name for name in named if name in flags and _stem(name) in _LABELS]
        if named:
            what = f"{counted(len(named), 'further column')} named like labels"
            message = f"{what}: the model learns from {listed(named, SHOWN)}"
            findings.add("second_labels", "warning", message, f"Set data.exclude=[{','.join(named)}]")
        return doubtful
    doubtful |= {name for name in words if _tell_labels(name, rows[name])}
    left = [name for name in words if name in doubtful]
    rare = [name for name in words if name not in doubtful and _is_rare(rows[name])]
    unused = [name for name in words if means_normal_in(rows[name]) or name in rare] if numbers_only else []
    if unused:
        what = f"{counted(len(unused), 'column')} of few words that may be labels: {listed(unused, SHOWN)}"
        message = f"{what}: if one holds labels, anomalies are being trained on"
        remedy = f"Set data.label_column={unused[0]} if it holds labels, and data.normal to what means normal"
        findings.add("perhaps_labels", "warning", message, remedy, unused)
    elif rare and not numbers_only:
        what = f"{counted(len(rare), 'column')} of two different words, one of them rare: {listed(rare, SHOWN)}"
        message = f"{what}: as features; if they are labels, the model learns what it is to find"
        remedy = f"Set data.label_column={rare[0]} and data.normal to the label that means normal if it holds labels"
        findings.add(
            "perhaps_labels", "warning", message, f"{remedy}, or data.exclude={rare[0]} if it tells them", rare
        )
    if left and not numbers_only:
        what = f"{counted(len(left), 'column')} of words that may be labels: {listed(left, SHOWN)}"
        message = f"{what}: they are left out of the features"
        types = ", ".join(f"{name}: category" for name in left)
        which = f"data.label_column={left[0]} if it holds labels"
        which = which if len(left) == 1 else f"data.label_column to the one that holds labels, such as {left[0]}"
        keep = f"data.types={{{types}}} to keep {'it as a feature' if len(left) == 1 else 'them as features'}"
        findings.add("perhaps_labels", "warning", message, f"Set {which}, or {keep}", left)
    if named:
        what = f"Column {named[0]} has few different numbers and a name of labels"
        message = f"{what}: as a feature, it makes the model learn what it is to find"
        findings.add("perhaps_labels", "warning", message, set_key(named[0]) + keep, named)
    elif flags:
        what = f"{counted(len(flags), 'column')} of only 0 and 1: {listed(flags, SHOWN)}"
        severity: Severity = "warning" if len(flags) <= _MOST_FLAGS and not (unused or left) else "note"
        message = f"{what}: features, as no field names them"
        findings.add("perhaps_labels", severity, message, set_key(flags[0]) + keep, flags)
    return doubtful


def _tell_labels(name: str, cells: pd.Series) -> bool:
    """Whether the name of a column, or its words, say that it may hold labels. Yes and no alone do not."""
    if not means_normal_in(cells):
        return False
    stem, words = _stem(name), {str(word).strip().casefold() for word in _known(cells).unique()}
    if stem in _PERHAPS_LABELS or _MARKED.search(name.strip().lower()):
        return True
    told = any(means_normal(word) for word in words - _PLAIN)
    return bool(words & _ABNORMAL) or (told and _is_rare(cells))


def _is_rare(cells: pd.Series) -> bool:
    """Whether there are two values, one of them rare."""
    shares = _known(cells).value_counts(normalize=True)
    return len(shares) == 2 and bool(shares.min() <= _RARE)


def _known(cells: pd.Series) -> pd.Series:
    return cells[~is_missing_word(cells)]


def _are_codes(cells: pd.Series) -> bool:
    """Whether all are whole numbers, few of them different, from 0 on, or -1 and 1."""
    values = _numbers(cells)
    few_whole = values.nunique() <= _MOST_CODES and bool((values == values.round()).all())
    return few_whole and (values.min() >= 0 or set(values) == {-1.0, 1.0})


def _numbers(cells: pd.Series) -> pd.Series:
    return pd.to_numeric(cells.dropna(), errors="coerce")


def _look_for_identifiers(rows: pd.DataFrame, numbers: list[str], findings: Findings) -> None:
    found = [name for name in numbers if named_like_identifier(name)]
    values = {name: _numbers(rows[name]) for name in found}
    found = [name for name in found if (values[name] == values[name].round()).all()]
    if found:
        what = f"{counted(len(found), 'column')} of whole numbers named like an identifier"
        message = f"{what}: the model would learn from {listed(found, SHOWN)}"
        findings.add("identifiers", "warning", message, f"Leave them out with data.exclude=[{','.join(found)}]", found)

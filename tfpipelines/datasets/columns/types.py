"""What the columns of a table hold, told by their cells."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from ...core.words import counted, listed, nearest, percent
from ...errors import DataError
from ..cells import floats_of, is_missing_word, joined
from ..findings import Findings
from ..identifiers import named_like_identifier
from ..table_cells import LINE, Listed
from ..times import are_dates, fits_format, format_of_dates

Kind = Literal["number", "boolean", "category", "date", "text"]
KINDS: tuple[str, ...] = get_args(Kind)
WITH_COMMAS: tuple[str, ...] = ("number", "boolean")  # kinds in whose cells commas are those of numbers
SHOWN = 10
BOOLEANS = (
    ("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("0", "1"), ("off", "on"), ("0.0", "1.0"),
)  # fmt: skip
_CODE = re.compile(r"0\d+")  # a number with a leading zero may be a code, such as that of a place
_CODES_AMONG = re.compile(r"\0\s*0\d+\s*\0")  # in what `joined` gives
_CODES = 0.05  # share of such cells above which a column holds codes
_WIDTH = 4  # digits from which on numbers of one width, of which some begin with a zero, are codes, too
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|\d[/.-]\d{1,2}[/.-]\d\d|(?:19|20)\d{6}")  # 1st alone is no date
_LEAST_ROWS = 20  # below, distinct values say nothing
WORDS_AMONG_NUMBERS = 0.1  # share of the cells of a column of numbers that may be words
_LEAST_NUMBERS = 10  # distinct numbers of a column that holds words, too, and is one of numbers
_DISTINCT = 0.95  # share of different values from which on words are identifiers
_SEVERAL_WORDS = 3.0  # of a cell, on average, from which on a column is one of texts
_OF_TEXTS = 0.5  # the same of different values of texts
_NEARLY_EMPTY = 0.95
_MOST_SPELLINGS = 64  # of two words of at most five letters


@dataclass(frozen=True)
class Found:
    """What a column holds.

    Args:
        kind: as a feature; "" where it is left out.
        why: it is left out, or what is odd about it; "" for nothing.
        unclear: why dates that it seems to hold cannot be read as such; None: they can, or are none.
    """

    kind: Kind | Literal[""]
    why: str = ""
    unclear: DataError | None = None


def choose_columns(
    cells: pd.DataFrame,
    others: Iterable[str],
    *,
    columns: tuple[str, ...] | None,
    excluded: tuple[str, ...] | None,
    types: Mapping[str, str],
    time_format: str | None = None,
    findings: Findings,
    told_by: "Callable[..., Found] | None" = None,
    plain: Kind | None = None,
) -> dict[str, Kind]:
    """The columns that a model learns from, and what each holds.

    Args:
        cells: str or None, numbers with decimal points; and `LINE`.
        others: columns of another role, such as the target.
        columns: those wanted; None: all but identifiers, constants and lists.
        excluded: those that are left out.
        types: what some of them hold, as the user says.
        time_format: how dates are written, as for strptime, as the user says.
        findings: says what was inferred, and what was left out.
        told_by: what tells what a column holds, with the arguments of `kind_of`, which is the default.
        plain: of which all columns are expected to be: if they are, that is not told.

    Raises:
        DataError: if a column that is named is not there, or nothing is left.
    """
    there, taken = [name for name in cells.columns if name != LINE], set(others)
    for key, names in (("data.columns", columns), ("data.exclude", excluded), ("data.types", types)):
        for name in names or ():
            if name not in there:
                seen = f"Columns seen: {', '.join(there[:30])}."
                close = nearest(name, there)
                remedy = f"Name {close!r} in {key} instead." if close else f"Leave it out of {key}."
                raise DataError(f"The table has no column {name!r} for {key}. {seen}", remedy)
            if name in taken and key != "data.exclude":
                raise DataError(f"Column {name!r} of {key} plays another role already.", f"Leave it out of {key}.")
    wanted = [name for name in columns or there if name not in taken and name not in (excluded or ())]
    asked = {*(columns or ()), *types}
    told_by = told_by or kind_of
    found = {name: told_by(name, cells[name], types.get(name), name in asked, time_format) for name in wanted}
    _tell(found, cells, findings, plain)
    kinds: dict[str, Kind] = {name: one.kind for name, one in found.items() if one.kind}
    if not kinds:
        raise DataError(
            f"No column is left to learn from. Columns seen: {', '.join(there[:30])}.", "Name some by data.columns."
        )
    return kinds


def kind_of(
    name: str, cells: pd.Series, given: str | None = None, asked: bool = False, time_format: str | None = None
) -> Found:
    """What a column holds.

    Args:
        cells: str or None; or numbers, of an array.
        given: what the user says.
        asked: whether the user names the column, which then is left out only if nothing can be learned from it.
        time_format: how dates are written, as for strptime.
    """
    if pd.api.types.is_numeric_dtype(cells):
        return Found(given or "number") if cells.notna().any() else Found("", "empty")  # type: ignore[arg-type]
    if any(isinstance(cell, Listed) for cell in cells):
        return Found("", "lists")
    known = cells[~is_missing_word(cells)].str.strip()
    if given is not None:
        return Found(given) if len(known) else Found("", "empty")  # type: ignore[arg-type]  # checked by the schema
    if not len(known):
        return Found("", "empty")
    distinct = known.nunique()
    if distinct == 1 and len(known) == len(cells):
        return Found("", f"{known.iloc[0]!r} in every row")
    if distinct <= _MOST_SPELLINGS and is_boolean(known):
        return Found("boolean")
    if (numeric := _numeric(name, known, len(cells), asked)) is not None:
        return numeric
    unclear = None
    if fits_format(known, time_format) or (known.str.contains(_YEAR).mean() > 0.9 and are_dates(known)):
        try:
            format_of_dates(known, time_format, f"column {name!r}")
            return Found("date")
        except DataError as error:
            unclear = error
    many, words = len(known) >= _LEAST_ROWS, [len(cell.split()) for cell in known]
    if many and not unclear and distinct >= _OF_TEXTS * len(known) and np.mean(words) >= _SEVERAL_WORDS:
        return Found("text")
    if many and not asked and distinct >= _DISTINCT * len(known) and len(known) > 0.5 * len(cells):
        return Found("", f"{counted(distinct, 'different word')}, like an identifier", unclear)
    return Found("category", unclear=unclear)


def is_boolean(known: pd.Series) -> bool:
    """Whether cells are both words of a pair such as yes and no."""
    words = set(known.str.lower().unique())
    return len(words) == 2 and any(words == set(pair) for pair in BOOLEANS)


def _numeric(name: str, known: pd.Series, rows: int, asked: bool) -> Found | None:
    """What cells hold that are numbers; None for others."""
    if _are_codes(known):
        return None
    numbers = floats_of(known)
    words = np.isnan(numbers)
    values = numbers[~words]
    if words.mean() > WORDS_AMONG_NUMBERS or (words.any() and len(np.unique(values)) < _LEAST_NUMBERS):
        return None
    if not asked and not words.any() and len(values) == rows >= _LEAST_ROWS and len(np.unique(values)) == rows:
        steps = np.diff(values)
        if bool((values == np.round(values)).all()):
            if (steps == steps[0]).all() and abs(steps[0]) == 1:
                return Found("", "counts rows")
            if named_like_identifier(name, widely=True):
                return Found("", "an identifier: whole numbers, each once")
    return Found("number")


def _are_codes(known: pd.Series) -> bool:
    """Whether cells are codes: more than a few have a leading zero, or it fills all up to one width."""
    if not _CODES_AMONG.search(joined(known)):
        return False
    codes = known[known.str.fullmatch(_CODE)]
    if len(codes) > _CODES * len(known):
        return True
    width = len(codes.iloc[0]) if len(codes) else 0
    return width >= _WIDTH and bool(known.str.fullmatch(rf"\d{{{width}}}").all())


def _tell(found: dict[str, Found], cells: pd.DataFrame, findings: Findings, plain: Kind | None) -> None:
    """Adds what was inferred, and which columns are left out, or odd."""
    of = lambda kind: [name for name, one in found.items() if one.kind == kind]
    plural = {"number": "numbers", "boolean": "booleans", "category": "categories", "date": "dates", "text": "texts"}
    told = [f"{plural[kind]}: {listed(of(kind), SHOWN)}" for kind in KINDS if of(kind)]
    if {one.kind for one in found.values()} - {"", plain}:
        findings.add(
            "column_types",
            "note",
            f"Columns are taken for {'; '.join(told)}",
            "Others are set by data.types={NAME: KIND}",
        )
    lists = [name for name, one in found.items() if one.why == "lists"]
    for name in lists:
        row = next(place for place, cell in enumerate(cells[name]) if isinstance(cell, Listed))
        message = f"Column {name!r} holds lists, such as in line {cells[LINE].iloc[row]}: it is left out"
        findings.add("list_column", "warning", message, "Write a column for each of their elements")
    left = [f"{name} ({one.why})" for name, one in found.items() if not one.kind and name not in lists]
    if left:
        why = "" if plain else ", since a model would learn nothing from them that holds for new rows"
        message = f"Columns left out{why}: {listed(left, SHOWN)}"
        findings.add("columns_left_out", "note", message, "Name them in data.columns or data.types to keep them", left)
    empty = {name: float(is_missing_word(cells[name]).mean()) for name in found if found[name].kind}
    empty = {name: share for name, share in empty.items() if share >= _NEARLY_EMPTY}
    if empty:
        names = [f"{name} ({percent(share)} missing)" for name, share in empty.items()]
        message = f"{counted(len(names), 'column')} nearly empty: {listed(names, SHOWN)}"
        findings.add("nearly_empty", "warning", message, f"Leave them out with data.exclude=[{','.join(empty)}]", names)
    for name, one in found.items():
        if one.unclear is not None:
            message = f"{one.unclear.cause.rstrip('.')}; it is {'a category' if one.kind else 'left out'}"
            remedy = f"{one.unclear.remedy.rstrip('.')}; or set data.exclude={name} or data.types={{{name}: category}}"
            findings.add("unclear_dates", "warning", message, remedy, one.unclear.details)
    for name in of("number"):
        _tell_of_zeros(name, cells, findings)


def _tell_of_zeros(name: str, cells: pd.DataFrame, findings: Findings) -> None:
    """Names the cells of a column of numbers that may be codes."""
    if pd.api.types.is_numeric_dtype(cells[name]):
        return
    if not _CODES_AMONG.search(joined(map(str, cells[name]))):
        return
    codes = np.array([bool(_CODE.fullmatch(cell)) for cell in map(str.strip, map(str, cells[name]))], bool)
    if codes.any():
        what = f"Column {name!r} holds numbers with a leading zero in {counted(int(codes.sum()), 'cell')}"
        remedy = f"Set data.types={{{name}: category}} if they are codes"
        places = [f"line {line}: {cell!r}" for line, cell in zip(cells[LINE][codes], cells[name][codes])]
        findings.add("leading_zeros", "note", f"{what}: they are read as numbers", remedy, places)

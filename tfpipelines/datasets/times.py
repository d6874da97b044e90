"""Dates and times of day in the cells of tables.

Numbers are taken as they are. Dates that begin with the year are read as ISO 8601 says. Where the day and the month
come first, all rows of a table are read in one order: that in which some row can only be read, or that of the data that
a model was trained on; where nothing tells, `data.time_format` is asked for.
"""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..core.words import brief
from ..errors import DataError
from .cells import is_missing_word, is_numeric, with_decimal_points
from .findings import Findings
from .table_cells import LINE

CLOCK = re.compile(r"\s*\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|[+-]\d{2}:?\d{2})?\s*")
YEAR_LAST = re.compile(r"\s*(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)(.*)", re.DOTALL)
_ISO = re.compile(r"\s*\d{4}-\d\d?-\d\d?(?!\d)")
ORDERS = {"day": "day-first", "month": "month-first"}
_LIKE_DATE = re.compile(  # `m12` is none, though a lenient parser takes it for the twelfth minute
    r"\d\s*[-/.:, ]\s*\d|\d{8}|\d.*(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec).*\d",
    re.I,
)
_CENTURY = 69  # years of two digits from here on are of the 20th century, as strptime has it
_LONGEST = 50  # characters of a date
_FEW = 0.1  # share of the cells of a column of dates that may be none
_LOOKED_AT = 1000  # cells of a column, to see whether they are dates


@dataclass(frozen=True)
class TimeFormat:
    """How dates are written.

    Args:
        given: `data.time_format`, as for strptime; None: found by what is there.
        order: `day` or `month`, whichever comes first where the year comes last and nothing else tells; None: unknown.
    """

    given: str | None = None
    order: str | None = None


def date_and_clock(rows: pd.DataFrame, columns: list[str]) -> tuple[str, ...]:
    """The only column of dates without a time of day, and the only one of times of day; () where there are not both."""
    words = [column for column in columns if column != LINE and not is_numeric(rows[column].dropna())]
    clocks = [column for column in words if is_clock(rows[column])]
    if len(clocks) != 1:
        return ()
    bare = lambda cells: not cells.str.contains(":", na=False, regex=False).any()
    days = [column for column in words if column not in clocks and bare(rows[column]) and are_dates(rows[column])]
    return (days[0], clocks[0]) if len(days) == 1 else ()


def order_of_dates(cells: pd.Series, how: TimeFormat, named: str, short_years: bool = False) -> str | None:
    """`day` or `month`, whichever comes first; None where the year does, or months have names.

    Args:
        how: tells the order where the cells do not.
        named: where the cells are.
        short_years: whether years of two digits are told by the numbers; without, only `how` tells which they are.

    Raises:
        DataError: if it cannot be told, or differs from row to row.
    """
    matches = [match for cell in cells if (match := YEAR_LAST.match(str(cell)))]
    if not matches:
        return None
    pairs = np.array([(int(match[1]), int(match[3])) for match in matches])
    first, second = bool((pairs[:, 0] > 12).any()), bool((pairs[:, 1] > 12).any())
    example = matches[0]
    after = _time_of_day(example[5])
    year = "%y" if len(example[4]) == 2 else "%Y"
    mark = example[2]
    ways = [mark.join((*parts, year)) + after for parts in (("%d", "%m"), ("%m", "%d"))]
    if year == "%y":
        ways.append(mark.join((year, "%m", "%d")) + after)
    remedy = f"Set data.time_format='{ways[0]}' or '{ways[1]}', whichever they are."
    if first and second:
        message = f"The dates in {named} are partly day-first, partly month-first."
        lines = [match[0].strip() for match, (left, right) in zip(matches, pairs) if max(left, right) > 12]
        raise DataError(message, "Write them in one way, best as 2026-01-31.", lines[:10])
    order = "day" if first else "month" if second else how.order
    short = any(len(match[4]) == 2 for match in matches)
    if short and short_years and order is not None and _years_come_last(matches):
        return order
    if order is None or (short and how.order is None):
        orders = "which of their numbers is day, month and year" if short else "whether day or month comes first"
        message = f"The dates in {named} do not tell {orders}: {example[0].strip()}."
        quoted = " or ".join(f"'{way}'" for way in ways)
        raise DataError(message, f"Set data.time_format={quoted}, whichever it is." if short else remedy)
    return order


def _years_come_last(matches: list[re.Match]) -> bool:
    """Whether dates whose years have two digits end with them: the last number can be no day, or differs less.

    13/02/24 may be a day of 2024 or of 2013; in a column whose first number takes all values from 1 to 31, and whose
    last one only few, the last one is the year.
    """
    numbers = np.array([(int(m[1]), int(m[3]), int(m[4])) for m in matches if len(m[4]) == 2])
    if (numbers[:, 0] > 31).any():
        return False
    if (numbers[:, 1] > 12).any() or ((numbers[:, 2] > 31) | (numbers[:, 2] == 0)).any():
        return True
    return bool(np.ptp(numbers[:, 2]) < np.ptp(numbers[:, 0]))


def parse_dates(cells: pd.Series, how: TimeFormat) -> pd.Series:
    """The dates as Timestamps in UTC, NaT for what is none.

    Args:
        how: its `order` is that of dates that end with the year.
    """
    if how.given is not None:
        return pd.to_datetime(cells, errors="coerce", utc=True, format=how.given)
    if how.order is not None:
        cells = cells.map(lambda cell: _year_first(cell, how.order))
    return pd.to_datetime(cells, errors="coerce", utc=True, format="mixed")


def format_of_dates(cells: pd.Series, given: str | None, named: str, few: float = _FEW) -> TimeFormat:
    """How the dates of a column are written.

    Args:
        cells: str or None.
        given: `data.time_format`, which is that of columns whose cells it fits.
        named: where the cells are.
        few: share of the cells that may be dates of no clear order; `read_dates` gives none for these.

    Raises:
        DataError: if the order of day and month cannot be told.
    """
    known = cells[~is_missing_word(cells)]
    if fits_format(known, given):
        return TimeFormat(given)
    try:
        return TimeFormat(order=order_of_dates(known, TimeFormat(), named, short_years=True))
    except DataError:
        if _ambiguous(known).mean() <= few:  # the others are read without it
            return TimeFormat()
        raise


def fits_format(known: pd.Series, given: str | None) -> bool:
    """Whether most cells are dates of a format."""
    return given is not None and bool(parse_dates(known, TimeFormat(given)).notna().mean() > 1 - _FEW)


def read_dates(cells: pd.Series, how: TimeFormat) -> pd.Series:
    """The dates of a column, all in one order, as Timestamps in UTC; NaT where there is none.

    Where the training table does not tell the order, since its dates begin with the year, that of other dates is told
    by all cells; where these do not tell it either, such dates are missing. Dates in the form 2026-01-31 are read
    unless another one begins with the year, too.
    """
    written = cells.where(~is_missing_word(cells), "").astype(str)
    if how.given is not None:
        dates = parse_dates(written, how)
        other = dates.isna() & written.str.match(_ISO) & (not how.given.lstrip().startswith("%Y"))
        return dates.where(~other, parse_dates(written.where(other, ""), TimeFormat()))
    last = written.str.match(YEAR_LAST)
    if how.order is None and last.any():
        try:
            how = TimeFormat(order=order_of_dates(written[last], how, "", short_years=True))
        except DataError:
            written = written.where(~_ambiguous(written), "")
    return parse_dates(written, how)


def _ambiguous(cells: pd.Series) -> pd.Series:
    """Which are other dates, or none, if read with the month first: not 03/03/2024; bool."""
    matches = [YEAR_LAST.match(cell) for cell in cells]
    found = [match and (int(match[1]) != int(match[3]) or len(match[4]) == 2) for match in matches]
    return pd.Series(found, index=cells.index).astype(bool)


def seconds(dates: pd.Series) -> np.ndarray:
    """Since 1970, float64."""
    return dates.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6


def are_dates(cells: pd.Series) -> bool:
    """Whether most cells are dates, in whatever order; of many, every n-th is looked at."""
    cells = cells.dropna()
    cells = cells[:: max(1, len(cells) // _LOOKED_AT)]
    short = cells[cells.str.len() <= _LONGEST]
    if not short.str.contains(_LIKE_DATE, na=False).sum() > 0.9 * len(cells):
        return False
    order = "day" if any(int(match[1]) > 12 for cell in cells if (match := YEAR_LAST.match(cell))) else None
    return bool(parse_dates(cells, TimeFormat(order=order)).notna().mean() > 0.9)


def _year_first(cell: str, order: str | None) -> str:
    match = YEAR_LAST.match(cell)
    if not match:
        return cell
    day, month = (match[1], match[3]) if order == "day" else (match[3], match[1])
    century = "" if len(match[4]) == 4 else "19" if int(match[4]) >= _CENTURY else "20"
    return f"{century}{match[4]}-{month:0>2}-{day:0>2}{match[5]}"


def _time_of_day(rest: str) -> str:
    """The format of what stands behind a date, as far as it can be told."""
    half = bool(re.search(r"[AaPp][Mm]\s*$", rest))
    rest = re.sub(r"\d{1,2}:\d{2}", "%I:%M" if half else "%H:%M", rest.rstrip(), count=1)
    rest = re.sub(r"(?<=%M):\d{2}", ":%S", rest)
    rest = re.sub(r"(?<=%S)\.\d+", ".%f", rest)
    return re.sub(r"[AaPp][Mm]$", "%p", rest)


def is_clock(cells: pd.Series) -> bool:
    known = cells.dropna()
    return len(known) > 0 and all(isinstance(cell, str) and CLOCK.fullmatch(cell) for cell in known)


def times_of_rows(rows: pd.DataFrame, columns: tuple[str, ...], how: TimeFormat, findings: Findings) -> pd.Series:
    """When each row of a table is, to put them in order.

    Args:
        rows: cells as text, None where they are empty, with `LINE`.
        columns: one of numbers or dates, or one of dates and one of times of day.

    Returns:
        Dates as datetime64[us] in UTC, or numbers as float64; missing where a cell is empty or can be read as neither.

    Raises:
        DataError: if nothing can be read, or the order of day and month cannot be told.
    """
    cells = with_decimal_points(rows[[columns[0], LINE]], set(), findings)[columns[0]]
    for column in columns[1:]:
        cells = cells.str.strip() + " " + rows[column].str.strip()
    cells = cells.astype(object).where(cells.notna(), None)
    known, named = cells.dropna(), " and ".join(map(repr, columns))
    if how.given is None and is_numeric(known):
        numbers = pd.to_numeric(cells, errors="coerce").astype(np.float64)
        return numbers.where(np.isfinite(numbers))
    if how.given is None and is_clock(known):
        message = f"Column {named} holds times of day without a date, such as {known.iloc[0]}."
        remedy = "Set data.time_column=[DATE,TIME] where another column holds the date, or write the date into it."
        raise DataError(message, remedy)
    how = how if how.given else format_of_dates(known, None, f"column {named}", few=0.0)
    dates = read_dates(known, how).reindex(cells.index)
    if dates.isna().all():
        form = f"no dates of the format {how.given}" if how.given else "neither numbers nor dates"
        example = f", such as {brief(known.iloc[0])}" if len(known) else ": it is empty"
        raise DataError(f"Column {named} holds {form}{example}.", "Set data.time_format, or another data.time_column.")
    if how.order:
        first = next(cell for cell in known if YEAR_LAST.match(cell))
        message = f"Dates such as {first.strip()} in column {named} are read {ORDERS[how.order]}"
        findings.add("date_order", "note", message, "Set data.time_format if they are not")
    return dates.dt.tz_localize(None).astype("datetime64[us]")

"""The times of a series: which columns hold them, and how they are read.

Numbers are taken as they are. Dates that begin with the year are read as ISO 8601 says. Where the day and the month
come first, all rows of a table are read in one order: that in which some row can only be read, or that of the data that
a model was trained on; where nothing tells, `data.time_format` is asked for.
"""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core.words import counted, nearest
from ...datasets.findings import Findings
from ...datasets.table_files import LINE
from ...errors import DataError
from .cells import is_numeric, to_numbers

_TIMES = ("time", "timestamp", "date", "datetime", "ts", "t")
_PERHAPS_TIMES = {"ts", "t"}  # if they rise
_CLOCK = re.compile(r"\s*\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|[+-]\d{2}:?\d{2})?\s*")
_YEAR_LAST = re.compile(r"\s*(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)(.*)", re.DOTALL)
_COMPACT = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_OFFSET = re.compile(r"(Z|UTC|GMT|[:\d][+-]\d{2}(:?\d{2})?)\s*$")
_ORDERS = {"day": "day-first", "month": "month-first"}
_LOOKED_AT = 1000  # cells of a column, to see whether they are dates
_SPOKEN = 5  # columns of dates that a message names


@dataclass(frozen=True)
class TimeFormat:
    """How dates are written.

    Args:
        given: `data.time_format`, as for strptime; None: found by what is there.
        order: `day` or `month`, whichever comes first where the year comes last and nothing else tells; None: unknown.
    """

    given: str | None = None
    order: str | None = None


@dataclass(frozen=True)
class Times:
    """When the points of a table are.

    Args:
        seconds: since 1970, or the numbers as they are, or row numbers, float64 (points,).
        written: as in the table, str (points,).
        columns: that hold them, none, one or two.
        dates: whether they are dates.
        order: of day and month, where the year comes last; None else.
    """

    seconds: np.ndarray
    written: np.ndarray
    columns: tuple[str, ...] = ()
    dates: bool = False
    order: str | None = None

    @property
    def named(self) -> str:
        """The columns, as messages call them."""
        return " and ".join(map(repr, self.columns))


def find_times(
    rows: pd.DataFrame, given: str | tuple[str, str] | None, others: set[str | None], findings: Findings
) -> tuple[str, ...]:
    """The columns of times: those given, or the one with a usual name, or the only one of dates; none without.

    Two columns, one of dates and one of times of day, are joined.

    Args:
        others: columns of another role.

    Raises:
        DataError: if a column that is given is missing, or several could be meant.
    """
    names = [column for column in rows.columns if column != LINE]
    seen = f"Columns seen: {', '.join(names)}."
    if given:
        columns = (given,) if isinstance(given, str) else given
        for column in columns:
            if column not in names:
                guess = nearest(column, names) or "COLUMN"
                raise DataError(f"The table has no column {column!r}. {seen}", f"Set data.time_column={guess}.")
        return tuple(columns)
    free = [column for column in names if column not in others]
    usual = [column for alias in _TIMES for column in free if column.strip().lower() == alias]
    usual = [column for column in usual if column.strip().lower() not in _PERHAPS_TIMES or _rises(rows[column])]
    if len(usual) == 1 and not _is_clock(rows[usual[0]]):
        return (usual[0],)
    if pair := date_and_clock(rows, free):
        message = f"Columns {' and '.join(pair)} are joined to the time of each point"
        remedy = f"That is data.time_column=[{','.join(pair)}]; name other columns by it"
        findings.add("time_column", "note", message, remedy)
        return pair
    if len(usual) == 1:
        return (usual[0],)
    if usual:
        message = f"Several columns could be the time: {', '.join(usual)}. {seen}"
        raise DataError(message, f"Set data.time_column={usual[0]} or another.")
    words = [column for column in free if not is_numeric(rows[column])]
    dates = [column for column in words if are_dates(rows[column])]
    if len(dates) == 1:
        message = f"Column {dates[0]} holds dates: it is taken for the time"
        findings.add("time_column", "note", message, "Name another by data.time_column")
        return (dates[0],)
    several = f" ({', '.join(dates[:_SPOKEN])} hold dates)" if dates else ""
    message = f"No time column was found{several}: the rows count as evenly spaced, without gaps"
    findings.add("no_time", "note", message, "Name it by data.time_column")
    return ()


def date_and_clock(rows: pd.DataFrame, columns: list[str]) -> tuple[str, ...]:
    """The only column of dates without a time of day, and the only one of times of day; () where there are not both."""
    words = [column for column in columns if column != LINE and not is_numeric(rows[column].dropna())]
    clocks = [column for column in words if _is_clock(rows[column])]
    if len(clocks) != 1:
        return ()
    bare = lambda cells: not cells.str.contains(":", na=False, regex=False).any()
    days = [column for column in words if column not in clocks and bare(rows[column]) and are_dates(rows[column])]
    return (days[0], clocks[0]) if len(days) == 1 else ()


def read_times(rows: pd.DataFrame, columns: tuple[str, ...], how: TimeFormat, findings: Findings) -> Times:
    """The times of a table's rows.

    Raises:
        DataError: if cells are neither numbers nor dates, or the order of day and month cannot be told.
    """
    if not columns:
        return Times(np.arange(len(rows), dtype=np.float64), np.arange(len(rows)).astype(str))
    cells = rows[columns[0]].fillna("")
    for column in columns[1:]:
        cells = cells.str.strip() + " " + rows[column].fillna("").str.strip()
    written, named = cells.to_numpy(str), " and ".join(map(repr, columns))
    if how.given is None and is_numeric(cells):
        if all(_COMPACT.fullmatch(cell) for cell in cells):
            message = f"Column {named} holds numbers such as {cells.iloc[0]}, which are taken as they are, not as dates"
            findings.add("compact_dates", "warning", message, "Set data.time_format=%Y%m%d if they are dates")
        values = to_numbers(rows, [columns[0]])[:, 0]
        if np.isnan(values).any():
            lines = [f"line {line}" for line in rows[LINE][np.isnan(values)]]
            message = f"Column {named} is empty in {counted(len(lines), 'row')}."
            raise DataError(message, "Fill the cells, or set another column with data.time_column.", lines[:10])
        return Times(values, written, columns)
    if all(_CLOCK.fullmatch(cell) for cell in cells) and how.given is None:
        message = f"Column {named} holds times of day without a date, such as {cells.iloc[0]}."
        remedy = "Set data.time_column=[DATE,TIME] where another column holds the date, or write the date into it."
        raise DataError(message, remedy)
    order = None if how.given else order_of_dates(cells, how, f"column {named}")
    dates = parse_dates(cells, TimeFormat(how.given, order))
    wrong = dates.isna()
    if wrong.any():
        lines = [f"line {line}: {cell!r}" for line, cell in zip(rows[LINE][wrong], cells[wrong])]
        what = f"no dates of the format {how.given}" if how.given else "neither numbers nor dates"
        message = f"Column {named} holds {counted(len(lines), 'cell that is', 'cells that are')} {what}."
        remedy = "Fix them, set data.time_format, or set another column with data.time_column."
        raise DataError(message, remedy, lines[:10])
    if order:
        first = next(cell for cell in cells if _YEAR_LAST.match(cell))
        message = f"Dates such as {first.strip()} in column {named} are read {_ORDERS[order]}"
        findings.add("date_order", "note", message, "Set data.time_format if they are not")
    return Times(seconds(dates), written, columns, dates=True, order=order)


def order_of_dates(cells: pd.Series, how: TimeFormat, named: str) -> str | None:
    """`day` or `month`, whichever comes first; None where the year does, or months have names.

    Args:
        how: tells the order where the cells do not.
        named: where the cells are.

    Raises:
        DataError: if it cannot be told, or differs from row to row.
    """
    matches = [match for cell in cells if (match := _YEAR_LAST.match(str(cell)))]
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
    if order is None or (short and how.order is None):
        orders = "which of their numbers is day, month and year" if short else "whether day or month comes first"
        message = f"The dates in {named} do not tell {orders}: {example[0].strip()}."
        quoted = " or ".join(f"'{way}'" for way in ways)
        raise DataError(message, f"Set data.time_format={quoted}, whichever it is." if short else remedy)
    return order


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


def seconds(dates: pd.Series) -> np.ndarray:
    """Since 1970, float64."""
    return dates.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6


def are_dates(cells: pd.Series) -> bool:
    """Whether most cells are dates, in whatever order; of many, every n-th is looked at."""
    cells = cells.dropna()
    cells = cells[:: max(1, len(cells) // _LOOKED_AT)]
    if not cells.str.contains(r"\d", na=False).mean() > 0.9:
        return False
    order = "day" if any(int(match[1]) > 12 for cell in cells if (match := _YEAR_LAST.match(cell))) else None
    return bool(parse_dates(cells, TimeFormat(order=order)).notna().mean() > 0.9)


def repeats_an_hour(times: Times, back: np.ndarray) -> bool:
    """Whether points that are not later than the one before are those of local time where clocks are set back.

    Args:
        back: numbers of the points before them.
    """
    if not times.dates or any(_OFFSET.search(when) for when in times.written[back]):
        return False
    steps = times.seconds[back + 1] - times.seconds[back]
    when = pd.DatetimeIndex(times.seconds[back + 1].astype("datetime64[s]"))
    nights = (when.dayofweek == 6) & (when.hour < 4) & when.month.isin([3, 4, 9, 10, 11])
    return bool((steps >= -3600).all() and nights.all())


def _year_first(cell: str, order: str | None) -> str:
    match = _YEAR_LAST.match(cell)
    if not match:
        return cell
    day, month = (match[1], match[3]) if order == "day" else (match[3], match[1])
    year = match[4] if len(match[4]) == 4 else f"20{match[4]}"
    return f"{year}-{month:0>2}-{day:0>2}{match[5]}"


def _time_of_day(rest: str) -> str:
    """The format of what stands behind a date, as far as it can be told."""
    half = bool(re.search(r"[AaPp][Mm]\s*$", rest))
    rest = re.sub(r"\d{1,2}:\d{2}", "%I:%M" if half else "%H:%M", rest.rstrip(), count=1)
    rest = re.sub(r"(?<=%M):\d{2}", ":%S", rest)
    rest = re.sub(r"(?<=%S)\.\d+", ".%f", rest)
    return re.sub(r"[AaPp][Mm]$", "%p", rest)


def _is_clock(cells: pd.Series) -> bool:
    known = cells.dropna()
    return len(known) > 0 and all(isinstance(cell, str) and _CLOCK.fullmatch(cell) for cell in known)


def _rises(cells: pd.Series) -> bool:
    if not is_numeric(cells):
        return False
    values = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
    return bool((np.diff(values) > 0).mean() > 0.9)

"""The times of a series: which columns hold them, and how they are read; how dates are written: `datasets/times.py`."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core.words import counted, nearest
from ...datasets.cells import is_numeric, to_numbers
from ...datasets.findings import Findings
from ...datasets.table_cells import LINE
from ...datasets.times import (
    CLOCK,
    ORDERS,
    YEAR_LAST,
    TimeFormat,
    are_dates,
    date_and_clock,
    is_clock,
    order_of_dates,
    parse_dates,
    seconds,
)
from ...errors import DataError

_TIMES = ("time", "timestamp", "date", "datetime", "ts", "t")
PERHAPS_TIMES = {"ts", "t"}  # if they rise
_COMPACT = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])[0-5]\d([0-5]\d)?)?")
_COMPACT_FORMATS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # by their digits
_OFFSET = re.compile(r"(Z|UTC|GMT|[:\d][+-]\d{2}(:?\d{2})?)\s*$")
_SPOKEN = 5  # columns of dates that a message names


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
    usual = [column for column in usual if column.strip().lower() not in PERHAPS_TIMES or _rises(rows[column])]
    if len(usual) == 1 and not is_clock(rows[usual[0]]):
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


def read_times(rows: pd.DataFrame, columns: tuple[str, ...], how: TimeFormat, findings: Findings) -> Times:
    """The times of a table's rows.

    Raises:
        DataError: if cells are neither numbers nor dates, or the order of day and month cannot be told.
    """
    if not columns:
        return Times(np.arange(len(rows), dtype=np.float64), np.arange(len(rows)).astype(str))
    if len(columns) > 1:
        _refuse_empty(rows, columns)
    cells = rows[columns[0]].fillna("")
    for column in columns[1:]:
        cells = cells.str.strip() + " " + rows[column].fillna("").str.strip()
    written, named = cells.to_numpy(str), " and ".join(map(repr, columns))
    if how.given is None and is_numeric(cells):
        if all(_COMPACT.fullmatch(cell) for cell in cells):
            message = f"Column {named} holds numbers such as {cells.iloc[0]}, which are taken as they are, not as dates"
            form = _COMPACT_FORMATS[len(cells.iloc[0])]
            findings.add("compact_dates", "warning", message, f"Set data.time_format={form} if they are dates")
        values = to_numbers(rows, [columns[0]])[:, 0]
        if np.isnan(values).any():
            lines = [f"line {line}" for line in rows[LINE][np.isnan(values)]]
            message = f"Column {named} is empty in {counted(len(lines), 'row')}."
            raise DataError(message, "Fill the cells, or set another column with data.time_column.", lines[:10])
        return Times(values, written, columns)
    if all(CLOCK.fullmatch(cell) for cell in cells) and how.given is None:
        message = f"Column {named} holds times of day without a date, such as {cells.iloc[0]}."
        remedy = "Set data.time_column=[DATE,TIME] where another column holds the date, or write the date into it."
        raise DataError(message, remedy)
    order = None if how.given else order_of_dates(cells, how, f"column {named}")
    dates = parse_dates(cells, TimeFormat(how.given, order))
    wrong = dates.isna()
    if wrong.any():
        lines = [f"line {line}: {cell!r}" for line, cell in zip(rows[LINE][wrong], cells[wrong])]
        dates_of = "no date" if len(lines) == 1 else "no dates"
        what = f"{dates_of} of the format {how.given}" if how.given else "neither numbers nor dates"
        message = f"Column {named} holds {counted(len(lines), 'cell that is', 'cells that are')} {what}."
        remedy = "Fix them, set data.time_format, or set another column with data.time_column."
        raise DataError(message, remedy, lines[:10])
    if order:
        first = next(cell for cell in cells if YEAR_LAST.match(cell))
        message = f"Dates such as {first.strip()} in column {named} are read {ORDERS[order]}"
        findings.add("date_order", "note", message, "Set data.time_format if they are not")
    return Times(seconds(dates), written, columns, dates=True, order=order)


def _refuse_empty(rows: pd.DataFrame, columns: tuple[str, ...]) -> None:
    """Raises DataError where one of two columns is empty: a date without a time of day would be midnight."""
    for column in columns:
        empty = rows[column].isna() | (rows[column].astype(str).str.strip() == "")
        if empty.any():
            lines = [f"line {line}" for line in rows[LINE][empty]]
            message = f"Column {column!r} is empty in {counted(len(lines), 'row')}."
            raise DataError(message, "Fill the cells, or set other columns with data.time_column.", lines[:10])


def repeats_an_hour(times: Times, back: np.ndarray) -> bool:
    """Whether points that are not later than the one before are those of local time where clocks are set back.

    Args:
        back: numbers of the points before them.
    """
    if not times.dates or have_offsets(times.written[back]):
        return False
    steps = times.seconds[back + 1] - times.seconds[back]
    when = pd.DatetimeIndex(times.seconds[back + 1].astype("datetime64[s]"))
    nights = (when.dayofweek == 6) & (when.hour < 4) & when.month.isin([3, 4, 9, 10, 11])
    return bool((steps >= -3600).all() and nights.all())


def have_offsets(written: np.ndarray) -> bool:
    """Whether some of the times say how far they are from UTC."""
    return any(_OFFSET.search(when) for when in written)


def _rises(cells: pd.Series) -> bool:
    if not is_numeric(cells):
        return False
    values = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
    return bool((np.diff(values) > 0).mean() > 0.9)

"""Dates as numbers that float32 holds well.

Seconds since 1970 are too large for it: near 1.7e9 it tells only every 128th apart. A date becomes these columns:

- `days`: since the earliest day of the training rows, with fractions (a step of 1.3 minutes after 30 years);
- `year part`: the share of its year that has passed, 0 to 1;
- `month`: 1 to 12;
- `weekday`: 0 (Monday) to 6;
- `hour`: 0 to 24, with fractions; where the training rows have times of day.
"""

import re

import numpy as np
import pandas as pd

from ...errors import DataError
from ..cells import is_missing_word
from ..times import YEAR_LAST, TimeFormat, order_of_dates, parse_dates

_ISO = re.compile(r"\s*\d{4}-\d\d?-\d\d?(?!\d)")
_FEW = 0.1  # share of the cells of a column of dates that may be none
PARTS = ("days", "year part", "month", "weekday", "hour")


def format_of_dates(cells: pd.Series, given: str | None, named: str) -> TimeFormat:
    """How the dates of a column are written.

    Args:
        cells: str or None.
        given: `data.time_format`, which is that of columns whose cells it fits.
        named: where the cells are.

    Raises:
        DataError: if the order of day and month cannot be told.
    """
    known = cells[~is_missing_word(cells)]
    if fits(known, given):
        return TimeFormat(given)
    try:
        return TimeFormat(order=order_of_dates(known, TimeFormat(), named, short_years=True))
    except DataError:
        if _ambiguous(known).mean() <= _FEW:  # the others are read without it
            return TimeFormat()
        raise


def fits(known: pd.Series, given: str | None) -> bool:
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


def date_parts(dates: pd.Series, first: str, clock: bool) -> np.ndarray:
    """The numbers of dates.

    Args:
        dates: Timestamps in UTC, NaT where there is none.
        first: the earliest day of the training rows, as 2026-01-31.
        clock: whether there is a column of hours.

    Returns:
        float32 (rows, 4 or 5), the columns of `PARTS`; NaN where there is no date.
    """
    day = pd.Timedelta(days=1)
    days = (dates - pd.Timestamp(first, tz="UTC")) / day
    start = pd.to_datetime(
        dates.dt.year.map(lambda year: f"{year:.0f}-01-01", na_action="ignore"), utc=True, errors="coerce"
    )
    length = np.where(dates.dt.is_leap_year, 366, 365)
    hours = (dates - dates.dt.normalize()) / pd.Timedelta(hours=1)
    parts = [days, (dates - start) / day / length, dates.dt.month, dates.dt.weekday, *([hours] if clock else [])]
    return np.stack([np.asarray(part, np.float64) for part in parts], 1).astype(np.float32)


def has_clock(dates: pd.Series) -> bool:
    """Whether some have a time of day."""
    known = dates.dropna()
    return bool((known != known.dt.normalize()).any())


def first_day(dates: pd.Series) -> str:
    """The earliest, as 2026-01-31."""
    return dates.min().strftime("%Y-%m-%d")

"""Dates as numbers that float32 holds well.

Seconds since 1970 are too large for it: near 1.7e9 it tells only every 128th apart. A date becomes these columns:

- `days`: since the earliest day of the training rows, with fractions (a step of 1.3 minutes after 30 years);
- `year part`: the share of its year that has passed, 0 to 1;
- `month`: 1 to 12;
- `weekday`: 0 (Monday) to 6;
- `hour`: 0 to 24, with fractions; where the training rows have times of day.
"""

import numpy as np
import pandas as pd

PARTS = ("days", "year part", "month", "weekday", "hour")


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

"""Series whose points come one by one."""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from ...datasets.cells import PLAIN_NUMBER, is_numeric
from ...datasets.columns.encoder import Columns
from ...datasets.columns.single_rows import RowEncoder
from ...datasets.findings import Findings
from ...datasets.input_columns import cell_name
from ...datasets.row_stream import Unread
from ...datasets.source.requests import SERIES, Request
from ...datasets.source.table_columns import find_column
from ...datasets.table_cells import LINE, cell_text
from ...datasets.times import TimeFormat
from ...errors import DataError
from ..following import By
from .by_point import Told, errors_of_points, scores_of_last
from .config import AnomalySeriesData
from .points import GAP
from .times import PERHAPS_TIMES, find_times, read_times

_MOST_SERIES = 10_000  # that are remembered
_STEPS = 101  # the last ones, whose median is the usual step
_ISO = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{3}|\.\d{6})?)?)?")


@dataclass
class _Series:
    """The last points of one series.

    Args:
        length: points of a window.
    """

    length: int
    points: deque = field(init=False)  # (values, time as written, step before it), without a cut among them
    steps: deque = field(default_factory=lambda: deque(maxlen=_STEPS))
    last: float | None = None  # seconds
    split: str | None = None
    since: int = 0  # points since the last cut

    def __post_init__(self):
        self.points = deque(maxlen=self.length)

    def cut(self) -> None:
        """No window reaches across here."""
        self.points.clear()
        self.since = 0

    def add(self, values: np.ndarray, written: str, when: float) -> None:
        """Takes a point that is later than the last one."""
        step = None if self.last is None else when - self.last
        self.last = when
        if step is not None:
            self.steps.append(step)
            if step > GAP * self.usual:
                self.cut()
        if not np.isfinite(values).all():
            self.cut()
            return
        self.points.append((values, written, step))
        self.since += 1

    @property
    def usual(self) -> float:
        """The median of the last steps."""
        return float(np.median(self.steps))

    def window(self) -> np.ndarray | None:
        """The window that ends with the last point, float32 (length, channels); None where there is none."""
        if len(self.points) < self.length:
            return None
        steps = [step for _, _, step in list(self.points)[1:]]
        if max(steps, default=0.0) > (GAP * self.usual if self.steps else 0.0):  # as seen now
            return None
        return np.stack([values for values, _, _ in self.points])


class SeriesFollower:
    """A `Follower` of points: the last ones of each series are remembered.

    It differs from reading a whole table in what only a whole table tells: the usual step is the median of the last
    101, a column `ts` or `t` holds times, commas are read cell by cell, and a point that is not later than the one
    before has an error by itself. Of more than 10,000 series, that which has been without a point for longest is
    forgotten: it begins anew where it comes again.

    Args:
        columns: the channels.
        length: points of a window.
        data: tells how to read.
        order: of day and month, see `TimeFormat`.
        tell: what the model says of windows.
        table: items, scores, distances (NaN where there is no window), errors and series (None where they have no
            names) of points -> a table of predictions.
        by: each row of which is a point, judged by the window that ends with it, or a window, side by side.
    """

    def __init__(
        self,
        columns: list[str],
        length: int,
        data: AnomalySeriesData,
        order: str | None,
        tell: Told,
        table: Callable[[list[str], np.ndarray, np.ndarray, list[str], list[str | None]], pd.DataFrame],
        by: By,
    ):
        self._columns, self._encoder = columns, RowEncoder(Columns.of_numbers(columns))
        self._length, self._data, self._order = length, data, order
        self._tell, self._table, self._by = tell, table, by
        self._series: dict[str, _Series] = {}
        self._roles: dict[str, Any] | None = None  # which columns hold what; None before the first row
        self._times: tuple[str, ...] = ()
        self._dates = False
        self._count = 0

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """See `Follower`."""
        items, errors, windows, places = list[str](), list[str](), list[np.ndarray](), list[int]()
        groups = list[str | None]()
        for row in rows:
            item, error, window = self._next(row)
            if self._by == "window" and window is None and not error:
                continue
            if window is not None:
                windows.append(window)
                places.append(len(items))
            items.append(item)
            errors.append(error)
            of_series = (self._roles or {}).get("series")
            groups.append(cell_name(row.get(of_series)) if of_series and not isinstance(row, Unread) else None)
        scores, distances = np.full((2, len(items)), np.nan)
        if windows:
            scores[places], distances[places] = scores_of_last(self._tell(np.stack(windows)))
        table = self._table(items, scores, distances, errors, groups)
        return table if "error" in table else table.assign(error=errors)

    def _next(self, row: Mapping[str, Any]) -> tuple[str, str, np.ndarray | None]:
        """What the next row is called, why it cannot be read, or "", and the window that it ends, if there is one."""
        number = self._count
        self._count += 1
        if isinstance(row, Unread):
            for series in self._series.values():
                series.cut()
            return str(number), str(row), None
        cells = {name: cell_text(cell) for name, cell in row.items()}
        if self._roles is None:
            self._begin(cells)
        assert self._roles is not None
        name = cells.get(self._roles["series"]) or ""
        head = f"{name} " if self._roles["series"] else ""
        series = self._series[name] = self._series.pop(name) if name in self._series else _Series(self._length)
        if len(self._series) > _MOST_SERIES:
            del self._series[next(iter(self._series))]
        try:
            when, written = self._time(cells, number)
        except DataError as reason:
            return str(number), " ".join(str(reason).split()), None
        item = f"{head}{written}"
        if series.last is not None and not when > series.last:
            return item, "not later than the point before it: left out", None
        split = cells.get(self._roles["split"])
        if split != series.split:
            series.split = split
            series.cut()
        values = self._encoder.encode([cells]).numbers
        (error,) = errors_of_points(values, self._columns)
        series.add(values[0], written, when)
        if error or (self._by == "window" and (not series.since or series.since % self._length)):
            return item, error, None
        window = series.window()
        if window is not None and self._by == "window":
            item = f"{head}{series.points[0][1]} to {item}"
        return item, "", window

    def _begin(self, cells: dict[str, str | None]) -> None:
        """Finds the columns by the first row.

        Raises:
            DataError: if it lacks channels, or several columns could be the time.
        """
        Columns.of_numbers(self._columns).require_names(list(cells))
        frame = pd.DataFrame({name: pd.Series([cell], dtype=object) for name, cell in cells.items()} | {LINE: [2]})
        request = replace(Request.of(SERIES, self._data, training=False), labelled=False)
        self._roles = {role: find_column(frame, role, request) for role in SERIES.roles}
        data, others = self._data, {*self._columns, *self._roles.values()}
        perhaps = [name for name in cells if name.strip().lower() in PERHAPS_TIMES and name not in others]
        given = data.time_column or (perhaps[0] if len(perhaps) == 1 else None)
        self._times = find_times(frame, given, {*others, *(data.exclude or ())}, Findings())
        self._dates = data.time_format is not None or not all(is_numeric(frame[name]) for name in self._times)

    def _time(self, cells: dict[str, str | None], number: int) -> tuple[float, str]:
        """When a point is, in seconds or as a number, and as it is written.

        Raises:
            DataError: if that cannot be read.
        """
        if not self._times:
            return float(number), str(number)
        given = [cells.get(name) or "" for name in self._times]
        written = given[0] if len(given) == 1 else " ".join(cell.strip() for cell in given)
        if not self._dates and PLAIN_NUMBER.fullmatch(written):
            return float(written), written
        if self._dates and self._data.time_format is None and _ISO.fullmatch(written):
            try:
                return datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp(), written
            except ValueError:  # such as the 31st of April
                pass
        frame = pd.DataFrame({name: pd.Series([cells.get(name)], dtype=object) for name in self._times} | {LINE: [2]})
        times = read_times(frame, self._times, TimeFormat(self._data.time_format, self._order), Findings())
        if times.dates != self._dates:
            kinds = ("a number", "a date")[:: -1 if self._dates else 1]
            raise DataError(f"The time {written!r} is {kinds[1]}, unlike those before, of which each is {kinds[0]}.")
        return float(times.seconds[0]), written

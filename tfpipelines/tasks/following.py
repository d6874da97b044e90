"""Answers rows of a table as they come."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tfpipelines import datasets, evaluation

if TYPE_CHECKING:
    import pandas as pd


By = Literal["point", "window"]  # what a row of the answer to a series is


class Follower(Protocol):
    """Answers rows in the order in which they come. What it remembers of them does not grow."""

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
        """Predictions for the next rows, as `predict` gives them, and always with a column `error`.

        Args:
            rows: column -> cell; or, as a `datasets.Unread`, why a row cannot be read. The first row has all columns
                that the model needs; where a later one lacks some, they are missing.

        Raises:
            DataError: if the first row lacks columns.
        """


class RowFollower:
    """A `Follower` where each row is answered by itself.

    Args:
        columns: that the model takes.
        tell: items, the encoded rows and why some cannot be read, or "" -> a table of predictions.
        keep_columns: whether all columns of the rows are kept beside the predictions; else the one that identifies
            them by its name.
        header: the columns that rows have; None: those of the first row.
        by: a column whose cells `tell` gets as a further argument, str or None; None: no such argument.

    Raises:
        DataError: if columns are missing.
    """

    def __init__(
        self,
        columns: "datasets.Columns",
        tell: Callable[..., "pd.DataFrame"],
        keep_columns: bool,
        header: Sequence[str] | None,
        by: str | None = None,
    ):
        self._columns, self._encoder, self._tell = columns, datasets.RowEncoder(columns), tell
        self._keeps, self._kept, self._count = keep_columns, list[str](), 0
        self._begun, self._by = False, by
        if header is not None:
            self._begin(list(header))

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
        """See `Follower`."""
        read = [{} if isinstance(row, datasets.Unread) else row for row in rows]
        if not self._begun and any(read):
            self._begin(list(next(row for row in read if row)))
        items = [str(self._count + number) for number in range(len(rows))]
        self._count += len(rows)
        errors = [str(row) if isinstance(row, datasets.Unread) else "" for row in rows]
        more = [] if self._by is None else [[datasets.cell_name(row.get(self._by)) for row in read]]
        table = self._tell(items, self._encoder.encode(read), errors, *more)
        table = evaluation.with_input_columns(table, datasets.cells_of_rows(read, self._kept))
        return with_errors(table, len(rows))

    def _begin(self, header: list[str]) -> None:
        self._columns.require_names(header)
        self._kept = header if self._keeps else datasets.identifiers_among(header)
        self._begun = True


def with_errors(table: "pd.DataFrame", count: int) -> "pd.DataFrame":
    """The table with a column `error`, whether there are some or not."""
    return table if "error" in table else table.assign(error=[""] * count)

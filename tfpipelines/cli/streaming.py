"""Rows on stdin that are answered as they come."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..datasets.row_stream import RowStream

_SHOWN = 10  # errors
_CHUNK = 1 << 16  # bytes


def follow_stdin(
    terminal, loaded, overrides: list[str], batch_size: int, out: str | None, safe_csv: bool, keep_columns: bool
) -> None:
    """Predicts for the rows on stdin: lines of CSV on stdout or in `out`; of JSON, with --json or if `out` ends in
    .json, .jsonl or .ndjson.

    Raises:
        DataError: in the end, if some rows could not be read, or there were none.
    """
    from ..core.files import plain
    from ..core.outputs import line_output
    from ..core.words import json_line, plain_lines
    from ..errors import DataError
    from ..evaluation.predictions import to_csv, to_records

    terminal.lines = True
    as_json = Path(out).suffix.lower() in (".json", ".jsonl", ".ndjson") if out else not terminal.results
    on_screen = not out and sys.stdout.isatty()
    count, bad, details = 0, 0, list[str]()
    with line_output(out) as write:
        rows = rows_of_stdin(loaded, overrides)
        follower = loaded.follower(overrides, keep_columns=keep_columns, header=rows.header)
        for some in rows.batches(batch_size):
            table = follower.answer(some)
            if as_json:
                text = "".join(f"{json_line(plain(record))}\n" for record in to_records(table))
            else:
                text = to_csv(table, safe_csv, short=on_screen, header=not count)
            write(plain_lines(text) if on_screen else text)
            count += len(table)
            wrong = table[table["error"] != ""]
            bad += len(wrong)
            details = [*details, *(f"{item}: {error}" for item, error in zip(wrong["item"], wrong["error"]))][:_SHOWN]
    if bad or not count:
        told = f"{bad} of {count} inputs could not be read." if count else "stdin holds no rows."
        raise DataError(told, "The others are predicted." if bad < count else "", details)


def rows_of_stdin(loaded, overrides: list[str]) -> "RowStream":
    """The rows of a table on stdin.

    Raises:
        DataError: if its first line tells that it is no table with columns of the model.
    """
    from ..datasets.row_stream import RowStream
    from ..errors import DataError

    stdin: Any = sys.stdin.buffer
    rows = RowStream(lambda: stdin.read1(_CHUNK))
    if not loaded.takes_table(rows.header, rows.first, overrides):
        cause = "stdin gives no table whose first line names columns of the model."
        raise DataError(cause, "Give CSV below a line of column names, or JSON lines.")
    return rows


def batches_of_stdin(loaded, overrides: list[str], most: int) -> Iterator[list[Any]]:
    """The rows of a table on stdin, as many at a time as have come; for a model of images the path in each line."""
    from ..tasks import task_class
    from ..tasks.abilities import Ability

    if Ability.FOLLOWS in task_class(loaded.pipeline.task).abilities:
        yield from rows_of_stdin(loaded, overrides).batches(most)
        return
    for line in sys.stdin:
        if name := line.rstrip("\r\n"):
            yield [name]

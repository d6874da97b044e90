"""Tables in JSON: an object a line, or all of it in one piece."""

import json
from pathlib import Path
from typing import TypeGuard

import pandas as pd

from ..core.words import counted
from ..errors import DataError
from .table_cells import frame_of


def read_json(path: Path, text: str, lines: bool) -> pd.DataFrame:
    """JSON lines, or JSON in one piece: an array of objects, by itself or as the only array of an object; an object of
    columns, each an array, or an object of values by the number of the row; columns, data and perhaps index, as pandas
    writes it; or an object that is the only row.

    Args:
        lines: whether the name says that there is an object a line.
    """
    if lines and not text.lstrip().startswith("["):
        return _read_jsonl(path, text)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        if lines or (isinstance(error, json.JSONDecodeError) and error.msg == "Extra data"):
            return _read_jsonl(path, text)
        told = "its brackets are nested too deep" if isinstance(error, RecursionError) else error
        raise DataError(f"{path}: not JSON: {told}.", "Write an array of objects, one a row.") from error
    if lines and not _are_objects(content):
        return _read_jsonl(path, text)
    header, rows = _rows_of_json(path, content)
    return frame_of(path, header, rows, list(range(1, len(rows) + 1)))


def _rows_of_json(path: Path, content: object) -> tuple[list[str], list[list]]:
    """Columns and rows of what JSON held."""
    if isinstance(content, dict):
        names, data = content.get("columns"), content.get("data")
        if isinstance(names, list) and isinstance(data, list) and all(isinstance(row, list) for row in data):
            wrong = next((row for row in data if len(row) != len(names)), None)
            if wrong is None:
                return [str(name) for name in names], data
            cause = f"{path}: a row of data has {len(wrong)} values, but there are {counted(len(names), 'column')}."
            raise DataError(cause, "Give every row as many values as there are columns.")
        lists = [value for value in content.values() if isinstance(value, list)]
        if len(lists) == 1 and _are_objects(lists[0]):
            content = lists[0]
        elif lists and len(lists) == len(content) and len({len(value) for value in lists}) == 1:
            return list(content), [list(row) for row in zip(*lists)]
        elif columns := _columns_by_row(content):
            return columns
        elif content and not any(isinstance(value, (list, dict)) for value in content.values()):
            content = [content]  # a single row
    if not _are_objects(content):
        remedy = "Write an array of objects, one a row, with the names of the columns as keys."
        raise DataError(f"{path} holds JSON that is no table.", remedy)
    header = list(dict.fromkeys(key for record in content for key in record))
    return header, [[record.get(key) for key in header] for record in content]


def _columns_by_row(content: dict) -> tuple[list[str], list[list]] | None:
    """Columns and rows of columns that are objects of values by row, as pandas writes them: rows have numbers, the same
    in all columns.
    """
    columns = list(content.values())
    if not columns or not all(isinstance(column, dict) and column for column in columns):
        return None
    rows = list(columns[0])
    if not all(row.isdecimal() for row in rows) or any(column.keys() != columns[0].keys() for column in columns):
        return None
    return list(content), [[column[row] for column in columns] for row in rows]


def _are_objects(value: object) -> TypeGuard[list[dict]]:
    return isinstance(value, list) and bool(value) and all(isinstance(record, dict) for record in value)


def _read_jsonl(path: Path, text: str) -> pd.DataFrame:
    records, lines, remedy = [], [], "Each line must hold one JSON object."
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}, line {number}: not JSON: {error}.", remedy) from error
        if not isinstance(record, dict):
            raise DataError(f"{path}, line {number}: not a JSON object.", remedy)
        records.append(record)
        lines.append(number)
    header = list(dict.fromkeys(key for record in records for key in record))
    return frame_of(path, header, [[record.get(key) for key in header] for record in records], lines)

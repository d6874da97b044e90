"""What is read from files that may be missing or damaged: the shape that is asked for, or nothing."""

import csv
import sys
from pathlib import Path
from typing import Any

from ..core.run_files import require_table

_LONGEST = 2**31 - 1  # characters of a field: a text of any length is one


def number(value: Any) -> float | None:
    """A finite number, or None."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return value if good else None


def mapping(value: Any) -> dict[str, Any]:
    """A dict, or {}."""
    return value if isinstance(value, dict) else {}


def records(value: Any) -> list[dict[str, Any]]:
    """The dicts of a list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def figures(value: Any) -> dict[str, float]:
    """The entries of a dict that are numbers."""
    return {name: entry for name, entry in mapping(value).items() if number(entry) is not None}


def tables(value: Any) -> dict[str, dict[str, float]]:
    """The entries of a dict that are dicts of numbers."""
    return {name: row for name, entry in mapping(value).items() if (row := figures(entry))}


def intervals(value: Any) -> dict[str, tuple[float, float]]:
    """The entries of a dict that are pairs of numbers."""
    return {
        name: (entry[0], entry[1])
        for name, entry in mapping(value).items()
        if isinstance(entry, (list, tuple)) and len(entry) == 2 and None not in map(number, entry)
    }


def text(value: Any) -> str:
    """A str or number as text, else ""."""
    return str(value) if isinstance(value, str) or number(value) is not None else ""


def texts(value: Any) -> list[str]:
    """The texts and numbers of a list, as texts."""
    return [text(entry) for entry in value if text(entry)] if isinstance(value, list) else []


def rows_of(path: Path, most: int) -> list[dict[str, str]]:
    """The first rows of a CSV file; [] if it is missing or is none."""
    rows: list[dict[str, str]] = []
    before = csv.field_size_limit(_LONGEST)
    try:
        require_table(path)
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if len(rows) == most:
                    break
                known = ((name, value) for name, value in row.items() if isinstance(name, str))
                rows.append({name: value for name, value in known if isinstance(value, str)})
    except (OSError, ValueError, csv.Error):
        return []
    finally:
        csv.field_size_limit(before)
    return rows


def parsed(value: Any) -> float | None:
    """A number written as text, or None."""
    try:
        return number(float(value))
    except (TypeError, ValueError):
        return None

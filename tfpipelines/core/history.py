"""history.csv, read back."""

import csv
from pathlib import Path
from typing import Any

from .run_files import require_table


def history_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a folder's history.csv, numbers as floats; [] before the first epoch."""
    try:
        require_table(folder / "history.csv")
        with open(folder / "history.csv", newline="", encoding="utf-8") as file:
            return [
                {name: _number(value) for name, value in row.items() if value not in ("", None)}
                for row in csv.DictReader(file)
            ]
    except FileNotFoundError:
        return []


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:  # the name of a phase
        return text

"""Sheets of workbooks: Excel and OpenDocument. The extra `excel` reads them."""

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pandas as pd

from ..core.words import listed
from ..errors import DataError
from .table_cells import cell_text, frame_of

ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")


def read_sheet(path: Path, sheet: str | None) -> pd.DataFrame:
    """A sheet of a workbook, whose first row with anything in it names the columns."""
    try:
        from python_calamine import CalamineWorkbook
    except ImportError:
        message = f"{path}: reading workbooks needs python-calamine."
        raise DataError(message, "Install it: pip install 'tfpipelines[excel]', or save the sheet as CSV.") from None
    try:
        book = CalamineWorkbook.from_path(str(path))
        names = book.sheet_names
        if sheet is not None and sheet not in names:
            raise DataError(f"{path} has no sheet {sheet!r}.", f"Set data.sheet to one of: {listed(names)}.")
        rows = book.get_sheet_by_name(sheet or names[0]).to_python(skip_empty_area=False) if names else []
    except DataError:
        raise
    except Exception as error:  # its errors have no class in common
        cause = f"{path} is not a readable workbook: {error}."
        raise DataError(cause, "Save it again, without a password, or the sheet as CSV.") from error
    whole = [(number, row) for number, row in enumerate(rows, 1) if any(cell != "" for cell in row)]
    header = [(cell_text(_of_sheet(cell)) or "").strip() for cell in whole[0][1]] if whole else []
    named, nameless = ([place for place, name in enumerate(header) if bool(name) is there] for there in (True, False))
    for number, row in whole[1:]:
        beyond = next((row[place] for place in nameless if row[place] != ""), None)
        if beyond is not None:
            cause = f"{path}, row {number}: {cell_text(beyond)!r} stands below no name of a column."
            raise DataError(cause, "Name every column in the first row, and put nothing else on the sheet.")
    cells = frame_of(
        path,
        [header[place] for place in named],
        [[_of_sheet(row[place]) for place in named] for _, row in whole[1:]],
        [number for number, _ in whole[1:]],
    )
    if len(names) > 1:
        others = [name for name in names if name != (sheet or names[0])]
        cells.attrs["as"] = [f"the sheet {sheet or names[0]!r} alone, without {listed(others, 5)}"]
    return cells


def _of_sheet(cell: object) -> object:
    """A cell as other tables have it: None where it is empty, dates as ISO 8601 has them."""
    if isinstance(cell, (datetime, date, time)):
        return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return None if cell == "" else cell

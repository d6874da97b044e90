"""Which columns of a table play which role."""

import re
from collections.abc import Iterable, Sequence

import pandas as pd

from ...core.words import listed, nearest
from ...errors import DataError
from ..label_advice import one_hot_columns
from ..table_cells import LINE
from .requests import TEXTS, Column, Request

_LOOKED_AT = 1_000  # cells of a column, to tell what it holds
_LIKELY = {  # parts of a column's name that make it likely to play a role
    "image": ("image", "img", "file", "path", "photo", "picture"),
    "label": ("label", "class", "target", "categor", "tag", "diagnos"),
}


def find_column(cells: pd.DataFrame, role: str, request: Request) -> Column:
    """The column that plays a role: the one given, or the only one with a usual name for it. Without one for labels
    those of 0 and 1, if there are several.

    Raises:
        DataError: if it is missing, or several columns could be meant; it lists the columns seen and the key to set.
    """
    columns = [column for column in cells.columns if column != LINE]
    seen = f"Columns seen: {', '.join(columns)}."
    given, key = request.columns.get(role), request.kind.key(role)
    wanted = (given,) if isinstance(given, str) else given or ()
    lost = [name for name in wanted if name not in columns]
    if wanted and not lost:
        return given
    if lost and (role not in request.optional or (role == "text" and len(lost) < len(wanted))):
        raise _absent(lost[0], wanted, columns, key)
    candidates = usual_columns(columns, role, request)
    if len(candidates) == 1:
        return candidates[0]
    if candidates and (request.required(role) or request.labelled):
        message = f"Several columns could be the {role}: {', '.join(candidates)}. {seen}"
        raise DataError(message, f"Set {key}={candidates[0]} or another.")
    if role == "label" and (marks := _marks(cells, request)):
        return marks
    if request.required(role):
        raise _unrecognized(cells, columns, request)
    return None


def usual_columns(columns: Iterable[str], role: str, request: Request) -> list[str]:
    """The columns with a usual name for a role."""
    usual = request.kind.roles.get(role, ())
    return [column for alias in usual for column in columns if column.strip().lower() == alias]


def _marks(cells: pd.DataFrame, request: Request) -> tuple[str, ...]:
    """The columns of 0 and 1 that are labels where no column has a usual name."""
    may = request.required("label") and request.kind.files and request.target != "number"
    return tuple(one_hot_columns(cells)) if may else ()


def _absent(name: str, wanted: Sequence[str], columns: list[str], key: str) -> DataError:
    """A table lacks a column that was named, perhaps among others."""
    cause = f"The table has no column {name!r}. Columns seen: {', '.join(columns)}."
    parts = [part.strip() for part in name.split(",")]
    if len(parts) > 1 and all(part in columns for part in parts):
        return DataError(cause, f"Write several columns in brackets: {key}=[{','.join(parts)}].")
    likely = [nearest(one, columns) or "COLUMN" if one not in columns else one for one in wanted]
    return DataError(cause, f"Set {key}={likely[0] if len(likely) == 1 else '[' + ','.join(likely) + ']'}.")


def _unrecognized(cells: pd.DataFrame, columns: list[str], request: Request) -> DataError:
    """No column plays a role that one must play: names all such roles, and the likeliest column of each."""
    known = {role: _known(cells, columns, role, request) for role in request.kind.roles}
    missing = [role for role in request.kind.roles if request.required(role) and not known[role]]
    if any(_is_data(name) for name in columns):
        remedy = "The first line seems to hold data: a table begins with a line of column names. Add one."
    else:
        likely = _likely(cells, columns, missing, request)
        keys = [f"{request.kind.key(role)}={likely.get(role, 'COLUMN')}" for role in missing]
        remedy = f"Set {' '.join(f'{request.kind.key(role)}=COLUMN' for role in missing)}"
        remedy += f", perhaps {' '.join(keys)}." if likely else "."
        if "image" in missing and any(column.lower() in TEXTS.roles["text"] for column in columns):
            remedy += " For texts: tfpipe run text-cls, or tfpipe check --pipeline text-cls."
    found = ", ".join(f"{listed(list(names))} ({role})" for role, names in known.items() if names)
    seen = f"Columns seen: {', '.join(columns)}.{f' Recognized: {found}.' if found else ''}"
    return DataError(f"No column of the table is recognized as {' or '.join(missing)}. {seen}", remedy)


def _known(cells: pd.DataFrame, columns: list[str], role: str, request: Request) -> Sequence[str]:
    """The columns that play a role, or could."""
    given = request.columns.get(role)
    named = [name for name in ((given,) if isinstance(given, str) else given or ()) if name in columns]
    return named or usual_columns(columns, role, request) or (_marks(cells, request) if role == "label" else ())


def _likely(cells: pd.DataFrame, columns: list[str], missing: list[str], request: Request) -> dict[str, str]:
    """The likeliest column of each role that none is recognized for, where one is likely by its name or its cells."""
    others = {name for role, usual in request.kind.roles.items() if role not in missing for name in usual}
    taken = {name for name in request.columns.values() if isinstance(name, str)}
    plain = lambda column: re.fullmatch(r"[\w -]+", column) and column.strip().lower() not in others
    rest = [column for column in columns if plain(column) and column not in taken]
    likely: dict[str, str] = {}
    for role in missing:  # a label is what is left beside the text
        named = [column for column in rest if any(word in column.lower() for word in _LIKELY.get(role, ()))]
        shown = [column for column in rest if _looks_like(cells[column], role)]
        for candidates in (named, shown, rest if role == "label" else []):
            if len(candidates) == 1:
                likely[role] = candidates[0]
                rest.remove(candidates[0])
                break
    return likely


def _looks_like(cells: pd.Series, role: str) -> bool:
    """Whether cells are sentences (of a text), or a few words again and again (of a label)."""
    words = [str(cell) for cell in cells[:_LOOKED_AT] if cell is not None]
    spaces = sum(word.strip().count(" ") for word in words)
    if role == "text":
        return spaces >= 2 * max(1, len(words))
    return role == "label" and len(words) >= 4 * len(set(words)) and len(set(words)) > 1


def _is_data(name: str) -> bool:
    """Whether what stands in the place of a column's name is rather the path of a file, a number or a sentence."""
    return bool(re.search(r"[/\\]|\.\w{3,4}$|^-?\d+([.,]\d+)?$", name)) or len(name.split()) > 5

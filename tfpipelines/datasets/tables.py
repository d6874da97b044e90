"""Tables of samples: CSV, TSV, JSONL and Parquet, checked before pandas gets to see them."""

import csv
import io
import json
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import DataError, counted, nearest
from .findings import Findings
from .table import SEPARATOR, split_of

LINE = "line of the file"  # the column that says where a row begins
TABLES = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"}
ALIASES = {
    "image": (
        "image",
        "path",
        "file",
        "filename",
        "file_name",
        "filepath",
        "file_path",
        "image_path",
        "image_id",
        "id",
        "img",
        "item",
    ),
    "text": (
        "text",
        "sentence",
        "review",
        "content",
        "body",
        "message",
        "comment",
        "document",
        "tweet",
        "utterance",
        "question",
        "headline",
    ),
    "label": ("label", "class", "target", "category", "class_name", "label_name", "y"),
    "split": ("split", "subset", "set", "partition", "fold_type"),
}


def read_table(path: Path) -> pd.DataFrame:
    """Reads a table; every cell is text, an absent one None. Row i stands for the sample; column `LINE` is where it
    begins.

    Raises:
        DataError: naming line and byte of what is wrong with the file.
    """
    kind = path.suffix.lower()
    if kind == ".parquet":
        return _read_parquet(path)
    text = _read_text(path)
    if kind in (".jsonl", ".ndjson"):
        return _read_jsonl(path, text)
    return _read_csv(path, text, "\t" if kind == ".tsv" else ",")


def find_column(
    frame: pd.DataFrame,
    role: str,
    given: str | None,
    key: str,
    required: bool = True,
    aliases: tuple[str, ...] | None = None,
) -> str | None:
    """The column that plays a role: the one given, or the only one with a usual name for it.

    Args:
        frame: the table.
        role: a key of `ALIASES`.
        given: what the user has set, if anything.
        key: the config field to speak of.
        required: whether its absence is an error.
        aliases: usual names for it, where they are not those in `ALIASES`.

    Raises:
        DataError: if it is missing, or several columns could be meant; it lists the columns seen and the key to set.
    """
    columns = [column for column in frame.columns if column != LINE]
    seen = f"Columns seen: {', '.join(columns)}."
    if given is not None:
        if given not in columns:
            guess = nearest(given, columns)
            raise DataError(f"The table has no column {given!r}. {seen}", f"Set {key}={guess or 'COLUMN'}.")
        return given
    candidates = [column for alias in aliases or ALIASES[role] for column in columns if column.strip().lower() == alias]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise DataError(
            f"Several columns could be the {role}: {', '.join(candidates)}. {seen}",
            f"Set {key}={candidates[0]} or another.",
        )
    if required:
        texts = role == "image" and any(column.lower() in ALIASES["text"] for column in columns)
        raise DataError(
            f"No column of the table is known as {role}. {seen}",
            f"Set {key}=COLUMN." + (" For texts there is the pipeline text-cls." if texts else ""),
        )
    return None


def parse_splits(frame: pd.DataFrame, column: str | None, findings: Findings) -> list[str | None] | None:
    """The splits named in a column, by their usual names; None without one.

    Unknown words are an error finding with their lines.
    """
    if column is None:
        return None
    splits = [split_of(word) if word is not None else None for word in frame[column]]
    unknown = [
        f"line {line}: {word!r}" for split, word, line in zip(splits, frame[column], frame[LINE]) if split is None
    ]
    if unknown:
        findings.add(
            "unknown_split",
            "error",
            f"{counted(len(unknown), 'row')} with an unknown word for the split in column {column}",
            "Use train, validation or test.",
            unknown,
        )
    return splits


def read_columns(
    path: Path,
    names: dict[str, str | None],
    keys: dict[str, str],
    required: tuple[str, ...],
    strict: bool = True,
    aliases: dict[str, tuple[str, ...]] | None = None,
) -> tuple[pd.DataFrame, dict[str, str | None]]:
    """A table, and which of its columns plays each role.

    Args:
        names: role -> the column that the user has named, if any.
        keys: role -> the config field to speak of.
        required: the roles without which nothing goes.
        strict: False takes a column that is named but absent as not named.
        aliases: role -> usual names for it, where they are not those in `ALIASES`.
    """
    rows = read_table(path)
    columns = {}
    for role, name in names.items():
        name = name if strict or name in rows else None
        if role == "fold":
            columns[role] = find_column(rows, role, name, keys[role]) if name else None
        else:
            columns[role] = find_column(rows, role, name, keys[role], role in required, (aliases or {}).get(role))
    return rows, columns


def clean_label(value: str | None) -> str | None:
    """A label without surrounding space, in Unicode's composed form; None if nothing is left."""
    text = unicodedata.normalize("NFC", value).strip() if value is not None else ""
    return text or None


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    if b"\0" in content:
        byte = content.index(b"\0")
        line = content.count(b"\n", 0, byte) + 1
        raise DataError(
            f"{path}, line {line}: a NUL byte at byte {byte}.", "Save the table as plain UTF-8 text (not UTF-16)."
        )
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: byte {error.start} (0x{content[error.start]:02x}) is not UTF-8.",
            "Save the table as UTF-8, for example: iconv -f latin1 -t utf-8 OLD > NEW.",
        ) from error


def _read_csv(path: Path, text: str, delimiter: str) -> pd.DataFrame:
    longest = csv.field_size_limit(len(text) + 1)  # Python's own is 131,072 characters
    try:
        return _read_csv_rows(path, text, delimiter)
    finally:
        csv.field_size_limit(longest)


def _read_csv_rows(path: Path, text: str, delimiter: str) -> pd.DataFrame:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, lines = [], []
    header: list[str] = []
    start = 1
    try:
        for row in reader:
            if not header:
                header = [name.strip() for name in row]
                if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
                    raise DataError(
                        f"{path}, line {start}: the header is one column, {header[0]!r}.",
                        "Separate columns by commas in .csv files, by tabs in .tsv files.",
                    )
            elif row:  # an empty line is no row
                if len(row) != len(header):
                    raise DataError(
                        f"{path}, line {start}: {len(row)} fields, but the header has {len(header)}.",
                        "Mend the line; quote fields that hold commas.",
                    )
                rows.append(row)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, line {start}: {error}.", "Mend the line; quotes inside quotes are doubled."
        ) from error
    return _frame(path, header, rows, lines)


def _read_jsonl(path: Path, text: str) -> pd.DataFrame:
    records, lines = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise DataError(
                f"{path}, line {number}: not JSON: {error}.", "Each line must hold one JSON object."
            ) from error
        if not isinstance(record, dict):
            raise DataError(f"{path}, line {number}: not a JSON object.", "Each line must hold one JSON object.")
        records.append(record)
        lines.append(number)
    header = list(dict.fromkeys(key for record in records for key in record))
    return _frame(path, header, [[record.get(key) for key in header] for record in records], lines)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise DataError(
            f"{path}: reading Parquet needs pyarrow.", "Install it: pip install 'tfpipelines[parquet]'."
        ) from None
    try:
        frame = pd.read_parquet(path)
    except Exception as error:  # pyarrow has many kinds of errors for a damaged file
        raise DataError(f"{path} is not a readable Parquet file: {error}.", "Write it again.") from error
    return table_of(frame, path)


def table_of(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """A DataFrame as `read_table` gives it; `path` is what messages call it."""
    frame = frame.astype(object).where(frame.notna(), None)
    return _frame(path, [str(name) for name in frame.columns], frame.values.tolist(), list(range(1, len(frame) + 1)))


def _frame(path: Path, header: list[str], rows: list[list], lines: list[int]) -> pd.DataFrame:
    if not header or not rows:
        raise DataError(f"{path} holds no rows.", "A table begins with a line of column names.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{path}: the column {twice[0]!r} stands twice in the header.", "Rename one of them.")
    columns = {name: pd.Series([_text(row[i]) for row in rows], dtype=object) for i, name in enumerate(header)}
    return pd.DataFrame({**columns, LINE: lines})


def _text(value) -> str | None:
    if isinstance(value, (list, tuple, np.ndarray)):  # several labels; none of them is not the same as a missing one
        return SEPARATOR.join(map(str, value)) or SEPARATOR
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of whole numbers with gaps comes as floats
    return str(value)

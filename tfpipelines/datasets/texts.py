"""Any source of texts -> sample table."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ..errors import DataError, counted
from .findings import Findings
from .folders import list_files, read_folder
from .sources import locate, without_missing_labels
from .table import SEPARATOR, SampleTable, make_frame, make_multi_label, places
from .tables import ALIASES, LINE, TABLES, clean_label, parse_splits, read_columns

_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]"
)
_ALIASES = {"label": (*ALIASES["label"], "labels", "sentiment", "intent", "topic", "tags")}
_CASED = re.compile("[^\x00-\x7f]")


def read_text_source(
    path: str,
    *,
    layout: str = "auto",
    text_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    fold_column: str | None = None,
    multi_label: bool | str = "auto",
    follow_links: bool = False,
    on_bad: str = "error",
    labelled: bool = True,
    training: bool = True,
) -> SampleTable:
    """Reads texts and their labels; the frame has a column `text`.

    Args:
        path: a folder of text files in class folders, a table, or `sample:NAME`.
        fold_column: a table's column to be kept as `fold`.
        multi_label: `auto`: where a label is a list, or holds a `|`.
        labelled: whether rows need a label; False reads a table without one, and a folder as a list of files.
        training: False for data that only a trained model is to see: then split folders need not hold one for training,
            and a column that is named but absent is looked for by its usual names.
        (others): the fields of the same name in `TextData`.

    Raises:
        ConfigError, DataError: if the source as a whole cannot be used.
    """
    located = locate(path)
    if located.is_dir():
        table = _read_text_folder(located, layout, follow_links, on_bad, labelled, training)
    elif located.suffix.lower() in TABLES:
        names = {"text": text_column, "label": label_column, "split": split_column, "fold": fold_column}
        table = _read_text_table(located, names, labelled, training)
    else:
        raise DataError(
            f"{located} is no source of texts that is known by its ending.",
            f"Give a folder, or a file that ends in {', '.join(sorted(TABLES))}.",
        )
    if fold_column and "fold" not in table.frame:
        raise DataError(
            f"{located} has no column {fold_column!r} for data.folds.",
            "Only tables can name folds; give data.folds a number instead.",
        )
    if not labelled:
        return table
    table = without_missing_labels(table, on_bad)
    if multi_label is True or (
        multi_label == "auto" and table.frame["label"].str.contains(SEPARATOR, regex=False).any()
    ):
        table.frame = make_multi_label(table.frame)
        table.findings.add(
            "multi_label",
            "note",
            "Rows may have several labels, or none: each label is told by itself",
            "" if multi_label is True else "data.multi_label=false takes them as they are",
        )
    return table


def read_text_file(path: Path) -> str:
    """The content of a UTF-8 text file, without a byte order mark.

    Raises:
        DataError: if it cannot be read or is no text.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}.") from error
    if b"\0" in content:
        raise DataError(f"{path}: a NUL byte at byte {content.index(0)}: no text.")
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} (0x{content[error.start]:02x}) is not UTF-8.") from error


def text_fingerprints(texts: Iterable[str]) -> list[int]:
    """64-bit hash of each text as it is."""
    return [int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) for text in texts]


def without_form(text: str) -> str:
    """The text in one case, with single spaces, in Unicode's composed form: the same for texts that say the same."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def clean_text(text: str) -> str:
    """The text without NUL, and with U+FFFD for halves of surrogate pairs, which no UTF-8 can hold."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def unspaced_share(texts: Iterable[str]) -> float:
    """Share of letters that belong to scripts written without spaces: Chinese, Japanese, Thai, Lao, Khmer, Burmese."""
    letters = unspaced = 0
    for text in texts:
        letters += sum(map(str.isalpha, text))
        unspaced += len(_UNSPACED.findall(text))
    return unspaced / max(letters, 1)


def is_unspaced(texts: Iterable[str]) -> bool:
    """Whether so many letters are of scripts without spaces that words are no good tokens."""
    return unspaced_share(texts) > 0.3


def has_foreign_capitals(texts: Iterable[str]) -> bool:
    """Whether there are capital letters outside of A to Z, which the text front leaves as they are."""
    return any(
        _CASED.search(text) and text.lower() != text and any(c > "\x7f" and c.isupper() for c in text) for text in texts
    )


def _read_text_folder(
    root: Path, layout: str, follow_links: bool, on_bad: str, labelled: bool, training: bool
) -> SampleTable:
    if labelled:
        table = read_folder(root, layout, follow_links, training, "text file")
    else:
        findings = Findings()
        items = list_files(root, follow_links, findings)
        table = SampleTable(make_frame(items, [None] * len(items)), root, findings=findings)
    texts, bad = [], []
    for item in table.frame["item"]:
        try:
            texts.append(read_text_file(root / item))
        except DataError as error:
            texts.append(None)
            bad.append(error.cause.removeprefix(f"{root}/").rstrip("."))
    if bad:
        table.findings.bad(
            "unreadable",
            on_bad,
            f"{len(bad)} of {counted(len(texts), 'file')} cannot be read as UTF-8 text",
            "Convert or remove them.",
            bad,
        )
    table.frame["text"] = pd.Series(texts, dtype=object)
    return table.keep(table.frame["text"].notna().to_numpy())


def _read_text_table(path: Path, names: dict[str, str | None], labelled: bool, training: bool) -> SampleTable:
    keys = {
        "text": "data.text_column",
        "label": "data.label_column",
        "split": "data.split_column",
        "fold": "data.folds",
    }
    rows, column = read_columns(path, names, keys, ("text", "label") if labelled else ("text",), training, _ALIASES)
    findings = Findings()
    labels = [clean_label(value) for value in rows[column["label"]]] if column["label"] else [None] * len(rows)
    frame = make_frame(
        map(str, range(len(rows))),
        labels,
        parse_splits(rows, column["split"], findings),
        rows[column["fold"]] if column["fold"] else None,
        rows[LINE],
    )
    frame["text"] = pd.Series([clean_text(text or "") for text in rows[column["text"]]], dtype=object)
    return SampleTable(frame, None, findings=findings)


def drop_bad(table: SampleTable, bad: list[bool], code: str, on_bad: str, message: str, remedy: str) -> SampleTable:
    """The table without some rows, which are reported by `data.on_bad`.

    Args:
        bad: of each row.
        message: what is wrong with them, to stand behind `3 rows`.
    """
    if not any(bad):
        return table
    mask = pd.Series(bad, index=table.frame.index).to_numpy(bool)
    table.findings.bad(code, on_bad, f"{counted(int(mask.sum()), 'row')} {message}", remedy, places(table.frame[mask]))
    return table.keep(~mask)

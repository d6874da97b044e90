"""Any source of texts -> sample table."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

import numpy as np
import pandas as pd

from ..core.config.texts import TextSource
from ..core.words import counted
from ..errors import DataError
from .sample_table import given_splits
from .source import open_source, settle_labels
from .source.base import SampleTable
from .source.requests import TEXTS, Request
from .targets import settle_target
from .text_form import TextForm

UNSPACED = (  # letters of scripts written without spaces between words
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]"
)
_CASED = re.compile("[^\x00-\x7f]")


def read_text_source(
    data: TextSource, *, labelled: bool = True, training: bool = True, normal: bool = True
) -> SampleTable:
    """Reads texts and their labels; the frame has a column `text`.

    Args:
        labelled, training: see `Request`.
        normal: see `TextForm`.

    Raises:
        ConfigError, DataError: if the source as a whole cannot be used.
    """
    request = Request.of(TEXTS, data, labelled=labelled, training=training)
    table = open_source(data.path, TEXTS).read(request)
    texts = texts_of(table, TextForm(normal, data.replace))
    bad = np.array([bool(error) for _, error in texts], bool)
    if bad.any():
        items = [f"{item}: {error}" for item, (_, error) in zip(table.frame["item"], texts) if error]
        message = f"{len(items)} of {counted(len(texts), 'file')} cannot be read as UTF-8 text"
        table.findings.bad(
            "unreadable", data.on_bad, message, "Convert or remove them.", items, given_splits(table.frame), bad
        )
    table.frame["text"] = pd.Series([text for text, _ in texts], dtype=object)
    table = settle_labels(table.keep(~bad), request)
    return settle_target(table, data, "text") if labelled else table


def texts_of(table: SampleTable, form: TextForm) -> list[tuple[str, str]]:
    """The text of each row in its form, and why it cannot be read, or ""."""
    if "text" in table.frame:
        return [(form(clean_text(text)), "") for text in table.frame["text"]]
    texts = []
    for item in table.frame["item"]:
        try:
            texts.append((form(text_of(table.source.open(item))), ""))
        except OSError as error:
            texts.append(("", error.strerror or str(error)))
        except DataError as error:
            texts.append(("", error.cause))
    return texts


def text_of(content: bytes | np.ndarray) -> str:
    """The text in a UTF-8 file, without a byte order mark.

    Raises:
        DataError: if it is no text.
    """
    if isinstance(content, np.ndarray):
        raise DataError("an array: no text")
    if b"\0" in content:
        raise DataError(f"a NUL byte at byte {content.index(0)}: no text")
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise DataError(f"byte {error.start} (0x{content[error.start]:02x}) is not UTF-8") from error


def text_fingerprints(texts: Iterable[str]) -> list[int]:
    """64-bit hash of each text as it is."""
    return [int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) for text in texts]


def without_form(text: str) -> str:
    """The text in one case, with single spaces, in Unicode's composed form: the same for texts that say the same."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def clean_text(text: str) -> str:
    """The text without NUL, and with U+FFFD for halves of surrogate pairs, which no UTF-8 can hold."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def has_content(text: str) -> bool:
    """Whether there is anything in a text that can be read: a letter, a digit, a sign, a pictogram."""
    return any(character.isprintable() and not character.isspace() for character in text)


def unspaced_share(texts: Iterable[str]) -> float:
    """Share of letters that belong to scripts written without spaces: Chinese, Japanese, Thai, Lao, Khmer, Burmese."""
    letters = unspaced = 0
    for text in texts:
        letters += sum(map(str.isalpha, text))
        unspaced += len(re.findall(UNSPACED, text))
    return unspaced / max(letters, 1)


def is_unspaced(texts: Iterable[str]) -> bool:
    """Whether so many letters are of scripts without spaces that words are no good tokens."""
    return unspaced_share(texts) > 0.3


def has_foreign_capitals(texts: Iterable[str]) -> bool:
    """Whether there are capital letters outside of A to Z, which the preprocessing of texts leaves as they are."""
    return any(
        _CASED.search(text) and text.lower() != text and any(c > "\x7f" and c.isupper() for c in text) for text in texts
    )

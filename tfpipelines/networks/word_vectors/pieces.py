"""How BERT's uncased tokenizer cuts texts into words and words into pieces (Devlin et al. 2019; WordPiece: Wu et al.
2016)."""

import unicodedata
from collections.abc import Callable, Container

MARK = "##"  # before a piece that continues a word
_LONGEST = 100  # characters of a word that is cut; a longer one is unknown
_CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def split_words(text: str) -> list[str]:
    """The words of a text: lower case without accents; each punctuation mark, ASCII symbol and Chinese character is
    one of its own; control characters are left out.
    """
    if text.isascii() and text.isalnum():
        return [text.lower()]
    plain = unicodedata.normalize("NFD", text.translate(_CLEAN)).translate(_SPLIT)
    return plain.lower().split()


def pieces_of(word: str, entries: Container[str]) -> list[str] | None:
    """The pieces of one word of `split_words`, each the longest that `entries` has, those behind the first with "##"
    before them; None if no such pieces make up the word.
    """
    if len(word) > _LONGEST:
        return None
    pieces, start = [], 0
    while start < len(word):
        mark = MARK if start else ""
        for end in range(len(word), start, -1):
            if (piece := mark + word[start:end]) in entries:
                break
        else:
            return None
        pieces.append(piece)
        start = end
    return pieces


class _Characters(dict):
    """A table for `str.translate`, whose entries are found when they are first asked for."""

    def __init__(self, rule: Callable[[str], str]):
        super().__init__()
        self._rule = rule

    def __missing__(self, code: int) -> str:
        self[code] = self._rule(chr(code))
        return self[code]


def _cleaned(character: str) -> str:
    """Between spaces if it is Chinese, a space if it is white, nothing if it is a control character."""
    category = unicodedata.category(character)
    if character in "\t\n\r" or category == "Zs":
        return " "
    if category in ("Cc", "Cf", "Co") or character == "\ufffd":
        return ""
    code = ord(character)
    return f" {character} " if any(low <= code <= high for low, high in _CHINESE) else character


def _split(character: str) -> str:
    """Between spaces if it is of Unicode's punctuation or ASCII's symbols, nothing if it is an accent."""
    category = unicodedata.category(character)
    if category == "Mn":
        return ""
    return f" {character} " if category[0] == "P" or character.isascii() and category[0] == "S" else character


_CLEAN, _SPLIT = _Characters(_cleaned), _Characters(_split)

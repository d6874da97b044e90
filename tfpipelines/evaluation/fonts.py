"""Fonts for characters that the font of the plots lacks, such as those of classes in Chinese, Thai or Hindi."""

import re
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from ..core.words import listed

_GLYPH = re.compile(r"Glyph (\d+) .*missing from", re.DOTALL)
_PICTURES = ("Emoji", "Last Resort", "LastResort")  # fonts of pictures and of boxes
_SHOWN = 5
_boxes: set[str] = set()  # characters that no font has, until they are told


def drawn_with_fonts(figure: Figure, draw: Callable[[], object]) -> None:
    """Draws a figure; where its font lacks characters, again with the fonts of the system that have them.

    Those that no font has are boxes, which `told_boxes` tells.

    Args:
        draw: draws the figure, as often as it is called.
    """
    missing = _drawn(draw)
    if not missing:
        return
    found = {character: _font_of(character) for character in missing}
    _boxes.update(character for character, font in found.items() if font is None)
    fonts = sorted({font for font in found.values() if font is not None})
    if fonts:
        for text in figure.findobj(Text):
            text.set_fontfamily([*text.get_fontfamily(), *fonts])
        _drawn(draw)


def told_boxes() -> str:
    """A sentence that names the characters which plots showed as boxes since it was asked last; "" without any."""
    characters = sorted(_boxes)
    _boxes.clear()
    if not characters:
        return ""
    what = f"Plots show boxes for characters that no installed font has: {listed(characters, _SHOWN)}"
    return f"{what}. Install a font that has them, such as Noto Sans or Noto Sans CJK"


def _drawn(draw: Callable[[], object]) -> set[str]:
    """Draws; the characters that no font of the figure has, of which matplotlib's warnings are kept."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        draw()
    matches = [(entry, _GLYPH.match(str(entry.message))) for entry in caught]
    for entry, match in matches:
        if match is None:
            warnings.warn_explicit(entry.message, entry.category, entry.filename, entry.lineno)
    return {chr(int(match[1])) for _, match in matches if match}


@cache
def _font_of(character: str) -> str | None:
    """The family of a font that has a character, an upright one before others; None without any."""
    _add_new_fonts()
    entries = [entry for entry in font_manager.fontManager.ttflist if not any(word in entry.name for word in _PICTURES)]
    plain = lambda entry: (entry.style != "normal", "Sans" not in entry.name, entry.weight != 400, entry.name)
    return next((entry.name for entry in sorted(entries, key=plain) if _has(entry.fname, character)), None)


@cache
def _add_new_fonts() -> None:
    """Lets matplotlib know fonts that were installed after it has made its list."""
    known = {Path(entry.fname) for entry in font_manager.fontManager.ttflist}
    for path in font_manager.findSystemFonts():
        if Path(path) not in known and not any(word in Path(path).name for word in _PICTURES):
            try:
                font_manager.fontManager.addfont(path)
            except (OSError, RuntimeError, ValueError):  # a damaged file
                continue


@cache
def _characters(path: str) -> frozenset[int]:
    """Those that a font file has; none of one that cannot be drawn at any size, or not be read."""
    try:
        font = FT2Font(path)
    except (OSError, RuntimeError, ValueError):
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()


def _has(path: str, character: str) -> bool:
    return ord(character) in _characters(path)

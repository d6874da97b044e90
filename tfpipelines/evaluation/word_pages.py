"""Texts with their words shaded by weight, as an HTML page and as data for other pages."""

from pathlib import Path
from typing import Any

from ..core.files import atomic_write, write_json
from ..output.pages import render


def write_words(path: Path, title: str, entries: list[dict[str, Any]]) -> None:
    """An HTML page of texts with their words shaded by weight; it needs no network.

    Args:
        entries: dicts of `item`, `text`, `predicted`, `confidence`, `explanation`, and `label` where it is known.
    """
    pages = [{**entry, "pieces": pieces(entry["text"], entry["explanation"])} for entry in entries]
    atomic_write(path, render(Path(__file__).with_name("words.html.j2"), title=title, entries=pages))


def write_words_data(path: Path, title: str, entries: list[dict[str, Any]]) -> None:
    """What `write_words` makes a page of, as JSON, for pages that show it among other things; arguments as there."""
    names = ("item", "text", "label", "predicted", "confidence", "explanation")
    told = [{name: entry[name] for name in names if name in entry} for entry in entries]
    write_json(path, {"title": title, "entries": told})


def pieces(text: str, explanation: dict[str, Any], most: int | None = None) -> list[dict[str, Any]]:
    """The text in pieces, each with its weight and its share of the largest one; 0 for what lies between words.

    Args:
        explanation: of `explain_texts`.
        most: characters after which the rest is left out; None: all.
    """
    largest = max((abs(word["weight"]) for word in explanation["words"]), default=0.0) or 1.0
    found, end = [], 0
    shown = text if most is None else text[:most]
    for word in explanation["words"]:
        if word["end"] > len(shown):
            break
        found.append({"text": shown[end : word["start"]], "weight": 0.0, "share": 0.0})
        found.append({"text": word["word"], "weight": word["weight"], "share": abs(word["weight"]) / largest})
        end = word["end"]
    found.append({"text": shown[end:] + ("…" if len(shown) < len(text) else ""), "weight": 0.0, "share": 0.0})
    return [piece for piece in found if piece["text"]]

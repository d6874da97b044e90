"""Pieces of Markdown, from text that is none."""

import re
from collections.abc import Iterable, Sequence


def escaped(text: str) -> str:
    """Text in which nothing but single backticks has a meaning."""
    parts = re.split(r"(`[^`\n]+`)", " ".join(text.split()))
    plain = lambda part: re.sub(r"([\\*_<>\[\]{}|$#~`])", r"\\\1", part)
    return "".join(part if index % 2 else plain(part) for index, part in enumerate(parts))


def code(text: object) -> str:
    """Text as code."""
    fence = "``" if "`" in str(text) else "`"
    return f"{fence}{text}{fence}"


def codes(values: Iterable[object]) -> str:
    """Several of them."""
    return ", ".join(map(code, values))


def sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    text = text.strip()
    return text and f"{text[0].upper()}{text[1:]}" + ("" if text[-1] in ".:?!" else ".")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int]) -> str:
    """A table whose cells are Markdown of one line each."""
    lines = ["```{list-table}", ":header-rows: 1", f":widths: {' '.join(map(str, widths))}", ""]
    for row in [head, *rows]:
        lines += [f"{'  -' if index else '* -'} {cell}".rstrip() for index, cell in enumerate(row)]
    return "\n".join([*lines, "```", ""])

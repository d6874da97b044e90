"""Pieces of Markdown, from text that is none."""

import re
from collections.abc import Iterable, Sequence


def escaped(text: str) -> str:
    """Text in which nothing but single backticks has a meaning; options such as --json are code."""
    parts = re.split(r"(`[^`\n]+`)", " ".join(text.split()))
    parts[::2] = [re.sub(r"([\\*_<>\[\]{}|$#~`])", r"\\\1", part) for part in parts[::2]]
    parts[::2] = [re.sub(r"(?<![\w-])(--[a-z][a-z-]*)", r"`\1`", part) for part in parts[::2]]
    return "".join(parts)


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

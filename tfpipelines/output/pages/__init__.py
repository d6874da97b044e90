"""What HTML pages share: their look (style.css.j2) and the pieces they are made of (parts and words_parts.html.j2)."""

import base64
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from ...core.words import plain_lines


@cache
def environment(folder: Path, finalize: Callable[[Any], str] | None = None) -> jinja2.Environment:
    """The templates of a folder, beside those that all pages share.

    Args:
        finalize: escapes what is put into templates that are no HTML; None: they are, and all of it is escaped as such.
    """
    loader = jinja2.FileSystemLoader([folder, Path(__file__).parent])
    return jinja2.Environment(
        loader=loader, autoescape=finalize is None, finalize=finalize, trim_blocks=True, lstrip_blocks=True
    )


def render(template: Path, **content: Any) -> str:
    """An HTML page by the file of its template; nothing in it is hidden, see `plain_text`."""
    return plain_lines(environment(template.parent).get_template(template.name).render(content))


def data_uri(content: bytes, kind: str = "image/png") -> str:
    """A picture's file as it stands in a page that needs nothing beside it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"

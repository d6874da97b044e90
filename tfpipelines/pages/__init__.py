"""What HTML pages share: their look (style.css.j2) and the pieces they are made of (parts.html.j2)."""

from functools import cache
from pathlib import Path

import jinja2


@cache
def environment(*folders: Path) -> jinja2.Environment:
    """Templates of some folders, beside those that all pages share; whatever is put into them is escaped."""
    loader = jinja2.FileSystemLoader([*folders, Path(__file__).parent])
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)

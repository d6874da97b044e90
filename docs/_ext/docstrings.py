"""Sphinx extension: docstrings of the package as the reST that Napoleon expects.

In `Returns:` a line may be indented more or less than the one before, without a meaning.
"""

import re
from typing import Any

from sphinx.application import Sphinx

_SECTION = re.compile(r"^\w+:$")
_KEY = re.compile(r"^`\w+`:")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _process, priority=400)  # before Napoleon
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _process(app: Sphinx, what: str, name: str, kind: Any, options: Any, lines: list[str]) -> None:
    changed, section = list[str](), ""
    for line in lines:
        if _SECTION.match(line):
            section = line
        elif section == "Returns:" and line.strip():
            line = f"    {line.strip()}"
            if _KEY.match(line.strip()) and changed[-1].strip() != section:  # a paragraph for each key
                changed.append("")
        changed.append(line)
    lines[:] = changed

"""Sphinx extension: docstrings and types of the package as Sphinx expects them.

In `Returns:` a line may be indented more or less than the one before, without a meaning. Types that only type checkers
import are text in signatures, such as "tuning.SearchResult": where the last part is a public name, it is a link.
"""

import re
from typing import Any

from sphinx.application import Sphinx

_SECTION = re.compile(r"^\w+:$")
_KEY = re.compile(r"^`\w+`:")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _process, priority=400)  # before Napoleon
    app.connect("missing-reference", _public)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _public(app: Sphinx, env: Any, node: Any, content: Any) -> Any:
    """The link to a public name that is meant by the last part of a type."""
    name = f"tfpipelines.{node.get('reftarget', '').rpartition('.')[2]}"
    domain = env.domains["py"]
    if node.get("refdomain") != "py" or name not in domain.objects:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, content)


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

"""Sphinx extension: writes before each build what is generated of the reference, and checks links of the root's files.

Pages and fragments lie in docs/reference/configuration/ and docs/_generated/, which are not committed.
"""

import re
from pathlib import Path
from typing import Any

from configuration_pages import configuration_pages
from fragments import fragments
from sphinx.application import Sphinx
from sphinx.util import logging

_LOG = logging.getLogger(__name__)
_ROOT_FILES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("builder-inited", _write_all)
    app.connect("env-updated", _check_root_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _write_all(app: Sphinx) -> None:
    docs = Path(app.srcdir)
    wanted = {docs / "_generated" / f"{name}.md": text for name, text in fragments(docs.parent).items()}
    wanted |= {docs / "reference/configuration" / f"{task}.md": text for task, text in configuration_pages().items()}
    for folder in {path.parent for path in wanted}:
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*.md"):
            if path not in wanted:
                path.unlink()
    for path, text in wanted.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:  # unchanged pages are not built again
            path.write_text(text, encoding="utf-8")


def _check_root_files(app: Sphinx, env: Any) -> None:
    """Warns of links in the files of the root that lead to no file, or to no heading of a page."""
    docs = Path(app.srcdir)
    for name in _ROOT_FILES:
        source = docs.parent / name
        for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
            for target in _LINK.findall(line):
                if not re.match(r"[a-z]+:", target) and not _leads_somewhere(target, source, docs, env):
                    _LOG.warning("dead link: %s", target, location=f"{source}:{number}")


def _leads_somewhere(target: str, source: Path, docs: Path, env: Any) -> bool:
    path, _, heading = target.partition("#")
    place = (source.parent / path).resolve() if path else source
    if not place.exists():
        return False
    if not heading or not place.is_relative_to(docs.resolve()):
        return True
    page = place.relative_to(docs.resolve()).with_suffix("").as_posix()
    return heading in env.metadata.get(page, {}).get("myst_slugs", {})

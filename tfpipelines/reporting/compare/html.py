"""A comparison as an HTML page that needs nothing but itself."""

from pathlib import Path
from typing import Any

from ...core.outputs import is_stream, write_output
from ...errors import ConfigError
from ...output.pages import render
from .text_tables import tables_of


def require_file(path: str | Path) -> None:
    """Refuses what no page can be written to.

    Raises:
        ConfigError: if it is a folder, or in none.
    """
    if is_stream(path):
        return
    path = Path(path)
    if path.is_dir() or not path.name or not path.parent.is_dir():
        raise ConfigError(
            f"--html {path}: it is a folder, or its folder does not exist.", "Name a file, such as compare.html."
        )


def write_page(path: str | Path, result: dict[str, Any]) -> None:
    """Writes what `compare` gives as one page, to be read on any screen and in print.

    Raises:
        ResourceError: if it cannot be written.
    """
    names = [run["name"] for run in result["runs"]]
    template, tables = Path(__file__).with_name("comparison.html.j2"), tables_of(result, cut=False)
    page = render(template, names=names, tables=tables, about=result["about"], worse=result.get("worse", ()))
    write_output(path, page)

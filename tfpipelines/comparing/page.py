"""A comparison as an HTML page that needs nothing but itself."""

from pathlib import Path
from typing import Any

from ..pages import environment
from ..runs import atomic_write
from .tables import tables_of


def write_page(path: str | Path, result: dict[str, Any]) -> None:
    """Writes what `compare` gives as one page, to be read on any screen and in print.

    Raises:
        ResourceError: if it cannot be written.
    """
    names = [run["name"] for run in result["runs"]]
    page = environment(Path(__file__).parent).get_template("comparison.html.j2").render(names=names, tables=tables_of(result, cut=False), about=result["about"], worse=result.get("worse", ()))
    atomic_write(Path(path), page)

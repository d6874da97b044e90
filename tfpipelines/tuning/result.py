"""What a search has left."""

from pathlib import Path
from typing import Any

from ..result import Run
from ..runs import RunFolder, read_json


class SearchResult:
    """The folder of a search and what is in it.

    Args:
        folder: of the search.
    """

    def __init__(self, folder: RunFolder):
        self._folder = folder

    def __repr__(self) -> str:
        return f"SearchResult({str(self._folder)!r}, {self.status.get('state')})"

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._folder.path

    @property
    def status(self) -> dict[str, Any]:
        """The content of status.json."""
        return self._folder.status

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of metrics.json; {} before the search is done."""
        return read_json(self.folder / "metrics.json")

    @property
    def leaderboard(self):
        """leaderboard.csv as a DataFrame, the best trial first."""
        import pandas as pd

        return pd.read_csv(self.folder / "leaderboard.csv")

    @property
    def best(self) -> Path:
        """best.yaml, which `run` accepts."""
        return self.folder / "best.yaml"

    @property
    def runs(self) -> list[Run]:
        """The final runs with the best values, by seed."""
        folders = [path for path in (self.folder / "final").glob("seed-*") if (path / "status.json").is_file()]
        return [Run(RunFolder(path)) for path in sorted(folders, key=lambda path: int(path.name.removeprefix("seed-")))]

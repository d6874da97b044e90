"""The result of a search."""

from pathlib import Path

from ..core.run_files import read_table
from ..core.run_folder import RunFolder
from ..result import Result, Run


class SearchResult(Result):
    """The folder of a search and what is in it."""

    @property
    def leaderboard(self):
        """leaderboard.csv as a DataFrame, the best trial first."""
        return read_table(self.folder / "leaderboard.csv", dtype=None, keep_default_na=True)

    @property
    def best(self) -> Path:
        """best.yaml, which `run` accepts."""
        return self.folder / "best.yaml"

    @property
    def runs(self) -> list[Run]:
        """The final runs with the best values, by seed."""
        folders = [path for path in (self.folder / "final").glob("seed-*") if (path / "status.json").is_file()]
        return [Run(RunFolder(path)) for path in sorted(folders, key=lambda path: int(path.name.removeprefix("seed-")))]

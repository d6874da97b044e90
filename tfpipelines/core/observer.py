"""What a run reports while it is running. This observer prints nothing; `tfpipelines.LogObserver` logs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import Pipeline
    from .run_folder import RunFolder


class Observer:
    """Every method is called at one point of a run and may be overridden."""

    def preparing(self) -> None:
        """A run or search is to begin; there is no folder yet, but its network may be tried."""

    def started(self, folder: "RunFolder", pipeline: "Pipeline") -> None:
        """The run folder is made and locked; nothing heavy is loaded yet.

        Args:
            pipeline: resolved.
        """

    def environment(self, facts: dict[str, Any]) -> None:
        """Versions and device are known: the content of environment.json."""

    def data(self, facts: dict[str, Any]) -> None:
        """Data are read and checked: the content of data.json."""

    def model(self, facts: dict[str, Any]) -> None:
        """The network is built: name, parameters, input shape."""

    def phase(self, facts: dict[str, Any]) -> None:
        """A phase of a training that has several begins: name, number of weights that are trained, epochs at most."""

    def step(self, epoch: int, done: int, total: int) -> None:
        """`done` of `total` steps of the epoch are done; epochs count from 1."""

    def epoch(self, row: dict[str, float], epochs: int, samples: int) -> None:
        """An epoch has ended: its row of history.csv, the number of epochs, training samples in it."""

    def search(self, facts: dict[str, Any]) -> None:
        """The trials begin: algorithm, metric, direction, fields, trial limit, epochs of each, workers, trials done,
        number of final runs.
        """

    def trial_epoch(self, number: int, epoch: int, epochs: int, value: float | None) -> None:
        """A trial has done `epoch` of its `epochs`; `value`: its objective, if it is measured in each epoch."""

    def trial(self, facts: dict[str, Any]) -> None:
        """A trial has ended: number, status, score, epochs, seconds, reason, values; best, its trial; seconds left,
        those of the final runs included.
        """

    def finals(self, facts: dict[str, Any]) -> None:
        """The final runs begin: `seeds` of those to be trained, `trial` whose values they have, `epochs` of each at
        most, `seconds` that they will take, by what trials took (0 if that is unknown).
        """

    def final_epoch(self, seed: int, epoch: int, epochs: int) -> None:
        """The final run with a seed has done `epoch` of its `epochs`."""

    def final(self, seed: int, metrics: dict[str, Any]) -> None:
        """The best values have been trained again with a seed: the content of that run's metrics.json."""

    def product(self, name: str, number: int, count: int) -> None:
        """The run of a product begins, the `number`-th of `count`; what is told up to its end is of that run."""

    def products(self, folder: "RunFolder", metrics: dict[str, Any]) -> None:
        """The runs of all products have ended, and all is written: the content of the metrics.json over them."""

    def note(self, text: str) -> None:
        """A message."""

    def warning(self, text: str) -> None:
        """A message that should not be overlooked; passed on to `note` unless overridden."""
        self.note(text)

    def finished(self, folder: "RunFolder", metrics: dict[str, Any]) -> None:
        """All is written: the content of metrics.json."""

    def advised(self, advice: list[tuple[str, str]]) -> None:
        """The report of a finished run or search is written: what it advises, the most important first, each with a
        command or "".
        """

    def searched(self, folder: "RunFolder", metrics: dict[str, Any]) -> None:
        """All of a search is written: the content of its metrics.json."""

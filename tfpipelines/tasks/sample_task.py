"""What every task of samples has in common, whatever becomes of them."""

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tfpipelines import datasets
from tfpipelines.core.config import Pipeline
from tfpipelines.core.files import write_json

from .base import Answering, Task
from .trainable import Trainable

if TYPE_CHECKING:
    import pandas as pd


class Sampled(Task, Trainable, Answering):
    """A task that reads samples from a source; it becomes each of the steps itself.

    Attributes:
        unit: what a sample is.
        samples: of the run, or, of a finished one, those that were read last.
        read_columns: of the table that a finished run was trained on: role -> column; {} if it was none, and for runs
            of earlier versions.
        preprocessor: what a sample goes through before the network; None before it is known.
    """

    unit: ClassVar[str] = "sample"
    samples: "datasets.Samples"
    preprocessor: Any = None

    def __init__(self, pipeline: Pipeline):
        super().__init__(pipeline)
        self.trained_on: frozenset[str] = frozenset()
        self.read_columns: dict[str, Any] = {}

    @abstractmethod
    def _read(self, findings, path: str, splitting: bool) -> "datasets.Samples":
        """Reads a source; without `splitting` rows keep the splits they were given."""

    def load(self, findings: "datasets.Findings") -> Self:
        self.samples = self._read(findings, self.pipeline.data.path, splitting=True)
        return self

    def restore(self, facts: dict[str, Any]) -> Self:
        self.trained_on, self.read_columns = facts.get("trained_on", frozenset()), facts.get("read_columns", {})
        return self

    def evaluate_new(self, model: Any, path: str, split: str | None, out: Path | None) -> dict[str, Any]:
        samples, findings = self._read_again(path)
        split = datasets.select_split(samples, path, split)
        self.samples = samples
        datasets.warn_train_overlap(samples.frame, self.trained_on, self.unit, findings)
        figures = self._measure(model, path, findings, out)
        figures |= {"split": split, "findings": findings.as_list()}
        if out is not None:
            write_json(out / "metrics.json", figures)
        return figures

    @abstractmethod
    def _measure(self, model: Any, path: str, findings: "datasets.Findings", out: Path | None) -> dict[str, Any]:
        """Figures of the samples that `evaluate_new` has read from a path, and with `out` their tables and plots."""

    def split_table(self) -> "pd.DataFrame":
        return self.samples.split_table()

    def _read_again(self, path: str | None = None, splitting: bool = False):
        """`Samples` of a source, by default the run's own, and `Findings`, what there is to say of them.

        Raises:
            DataError: with all that is wrong with them.
        """
        findings = datasets.Findings()
        samples = self._read(findings, self.pipeline.data.path if path is None else path, splitting=splitting)
        findings.raise_errors()
        return samples, findings

    def _steps(self, first_step: int, last_step: int) -> dict[str, Any]:
        """Which batches of training are asked for; arguments as in `training_batches`."""
        batch_size, seed = self.pipeline.train.batch_size, self.pipeline.seed
        told: dict[str, Any] = {
            "batch_size": batch_size,
            "seed": seed,
            "first_step": first_step,
            "last_step": last_step,
        }
        if self.pipeline.train.steps_per_epoch != "auto":
            told["steps_per_epoch"] = self.steps_per_epoch()
        if self.share is not None:
            told["share"] = self.share
        return told

    def _steps_of(self, samples: int) -> int:
        """Training steps of an epoch: whole batches of so many samples, at most `train.steps_per_epoch`; 0 if a batch
        is larger.
        """
        steps, wanted = samples // self.pipeline.train.batch_size, self.pipeline.train.steps_per_epoch
        return steps if wanted == "auto" else min(steps, wanted)

    def _data(self, *names: str) -> dict[str, Any]:
        """Fields of the section `data`."""
        return {name: getattr(self.pipeline.data, name) for name in names}


def add_explanations(table: "pd.DataFrame", explanations: list) -> None:
    """Adds the column of what moved each prediction, before that of what could not be read."""
    table.insert(len(table.columns) - ("error" in table), "explanation", explanations)

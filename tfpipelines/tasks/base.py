"""What a pipeline's `task` names, step by step: each gives what the next one is asked of.

Task --load--> Loaded --check--> Trainable      a run: see tfpipelines/runner.py
Task --restore--> Answering                      a finished run: see `Run` in tfpipelines/result.py
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from tfpipelines import datasets, models
from tfpipelines.core.config import Pipeline

from .abilities import Ability, Kind
from .trainable import Loaded, Stage, Trainable

if TYPE_CHECKING:
    import pandas as pd


class Products(NamedTuple):
    """The data sets of which `data.path` holds several.

    Args:
        pipelines: of each by its name; {} where the data are one set.
        asked: the pipeline of all, which names them; None where the data are one set.
        notes: what there is to say of them.
    """

    pipelines: dict[str, Pipeline] = {}
    asked: Pipeline | None = None
    notes: tuple[str, ...] = ()


class Task(Stage, ABC):
    """A pipeline's task before anything is read. One object serves one run, or all folds of a cross-validation."""

    schema: ClassVar[type[Pipeline]]
    kind: ClassVar[Kind]
    abilities: ClassVar[frozenset[Ability]] = frozenset()

    def preflight(self) -> list[str]:
        """Refuses what can be told before anything is made on disk or trained; what the user should know before the
        run.

        Raises:
            ConfigError, DataError: if the run could not begin.
        """
        return []

    def products(self) -> Products:
        """The data sets that have a run each, where the pipeline names a folder of several; only names are looked at.

        Raises:
            ConfigError, DataError: if there are others than those that the pipeline names.
        """
        return Products()

    def begin(self) -> None:
        """Fetches and loads what a run needs besides data, so that it fails before they are read."""
        return

    def resume(self, facts: dict[str, Any]) -> None:
        """Takes over how a run that goes on has read its data.

        Args:
            facts: its data.json, {} where it has none yet.
        """
        return

    @abstractmethod
    def load(self, findings: "datasets.Findings") -> Loaded:
        """Reads and decodes the samples, and splits them unless there are folds; adds what there is to say to
        `findings`.
        """

    @abstractmethod
    def restore(self, facts: dict[str, Any]) -> "Answering":
        """Takes what a finished run has left, instead of data.

        Args:
            facts: the run's data.json, what its model file says of itself, `trained_on` (the fingerprints of the
                training samples, frozenset) and `folder` (the run's, a Path).
        """


class Answering(Stage, ABC):
    """A task that knows what a finished run has learned; `model` is always that run's."""

    @abstractmethod
    def evaluate_new(self, model: Any, path: str, split: str | None, out: Path | None) -> dict[str, Any]:
        """Figures on other labelled data; with `out`, an existing folder, also its tables and plots."""

    @abstractmethod
    def predict(
        self, model: Any, inputs: Any, batch_size: int, explain: bool, keep_columns: bool = False
    ) -> "pd.DataFrame":
        """Predictions for raw inputs, with a column `error` if some could not be read.

        Args:
            explain: add a column `explanation`; only asked for where the task EXPLAINS.
            keep_columns: add all columns of the tables among the inputs, by `evaluation.with_input_columns`.
        """

    def takes_table(self, header: list[str], line: str) -> bool:
        """Whether raw input that comes as text is a table, rather than a path or a text in each line.

        Args:
            header: the columns, if it is one.
            line: its first line.

        Raises:
            DataError: if it is neither.
        """
        return False

    @abstractmethod
    def served(self, model: Any) -> "models.Served":
        """What is exported of the model."""

    @abstractmethod
    def replayed(self, splits: "pd.DataFrame", parts: tuple[str, ...], count: int) -> "datasets.Replay":
        """Samples of the run's own data as raw input.

        Args:
            splits: the run's splits.csv, of strings.
            parts: names of splits; the first ones come first.
            count: most samples.
        """


def checked(task: Task, fold: int | None = None, findings: "datasets.Findings | None" = None) -> Trainable:
    """The task with its data read and checked, ready to be trained.

    Args:
        findings: to which is added what there is to say of the data.

    Raises:
        DataError: with all that is wrong with them.
    """
    findings = datasets.Findings() if findings is None else findings
    loaded = task.load(findings)
    findings.raise_errors()
    ready = loaded.check(findings, fold)
    findings.raise_errors()
    ready.prepare_training()
    return ready

"""What all targets can do: everything that hangs on whether a class, several labels or a number is learned."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tfpipelines import datasets, models, training
from tfpipelines.core.config import Pipeline
from tfpipelines.core.config.losses import LOSSES, loss_of
from tfpipelines.core.config.targets import TARGETS, misfit
from tfpipelines.errors import ConfigError

from ..abilities import Kind

if TYPE_CHECKING:
    import keras
    import pandas as pd

Rows = tuple[
    np.ndarray, Callable[[], np.ndarray]
]  # targets of some rows, and what gives the network's outputs for them


class Target(ABC):
    """The target of a run: what `data.target` means for its data.

    Targets are as `datasets.encode_labels` gives them. Outputs are those of the network, float (rows, `outputs`);
    answers are what the artifact says: probabilities (rows, classes), or numbers in their own unit (rows,).

    Attributes:
        name: as `data.target` calls it.
        kind: of a run that learns it.
        classes: names of the classes, in the order of the outputs; [] of numbers.
    """

    name: ClassVar[str]
    kind: ClassVar[Kind]
    classes: list[str] = []

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many numbers the network tells."""

    @property
    @abstractmethod
    def learnable(self) -> bool:
        """Whether the training rows have anything to learn from; where not, a finding says why."""

    def require(self, pipeline: Pipeline) -> None:
        """Refuses fields that do not go with the target.

        Raises:
            ConfigError: naming the first of them.
        """
        wrong, remedy = misfit(pipeline, self.name)
        if wrong:
            raise ConfigError(f"{wrong}, and these data have {TARGETS[self.name]}.", f"{remedy}.")

    def advise(self, samples: "datasets.Samples", pipeline: Pipeline, findings: "datasets.Findings") -> None:
        """Adds what there is to say of how the samples serve the target."""
        return

    # --- training
    def repeated(self, targets: np.ndarray) -> np.ndarray:
        """Positions of the rows that an epoch has with `data.oversample`, int64."""
        return np.arange(len(targets))

    def training_targets(self, targets: np.ndarray, pipeline: Pipeline) -> "datasets.Targets":
        """Targets of training batches."""
        return self.batch_targets(targets)

    @abstractmethod
    def batch_targets(self, targets: np.ndarray) -> "datasets.Targets":
        """Targets of batches that are not trained on."""

    def loss(self, pipeline: Pipeline) -> "keras.losses.Loss":
        """Of the network's outputs."""
        self.require(pipeline)  # a search changes it after `check`
        return training.make_loss(pipeline.train, self.name)

    def loss_words(self, pipeline: Pipeline) -> str:
        """The name of the loss in words."""
        return LOSSES[loss_of(pipeline.train.loss, self.name)].words

    @abstractmethod
    def compiled_metrics(self) -> list["keras.metrics.Metric"]:
        """What is measured after each epoch beside the loss."""

    def metrics_of_parts(self) -> list["keras.metrics.Metric"]:
        """The same where the network has parts with losses of their own, whose sum says little; the last one tells the
        best epoch.
        """
        return self.compiled_metrics()

    # --- answers
    @abstractmethod
    def artifact(self, preprocessor: Any, network: "keras.Model") -> "models.Artifact":
        """The model file around a network."""

    def reset(self) -> None:
        """Forgets what `fit` has found for another artifact."""
        return

    def fit(self, artifact: "models.Artifact", pipeline: Pipeline, validation: Rows, calibration: Rows) -> None:
        """Fits what belongs to the artifact and is not trained.

        Args:
            validation, calibration: rows of these splits, of which there may be none.
        """
        return

    @abstractmethod
    def answers(self, outputs: np.ndarray) -> np.ndarray:
        """Answers by the network's outputs."""

    def of_model(self, predicted: np.ndarray) -> np.ndarray:
        """Answers by what the artifact's model has predicted."""
        return predicted

    @abstractmethod
    def metrics(self, targets: np.ndarray, answers: np.ndarray) -> dict[str, float]:
        """Metrics of some rows."""

    @abstractmethod
    def evaluate(self, targets: np.ndarray, answers: np.ndarray, pipeline: Pipeline) -> dict[str, Any]:
        """The part of metrics.json that speaks of some rows."""

    @abstractmethod
    def write(
        self, folder: Path, plots: Path, figures: dict[str, Any], targets: np.ndarray, answers: np.ndarray,
        frame: "pd.DataFrame",
    ) -> np.ndarray:  # fmt: skip
        """Writes predictions.csv and plots.

        Args:
            figures: what `evaluate` gave.
            frame: of the rows.

        Returns:
            Positions of the mistakes, or of the rows with the largest errors; the worst first.
        """

    def facts(self) -> dict[str, Any]:
        """What metrics.json says of the model as a whole."""
        return {}

    # --- words
    @abstractmethod
    def table(self, items: Any, answers: np.ndarray, **known: Any) -> "pd.DataFrame":
        """The table of predictions.

        Args:
            known: `labels`, `errors`, `text` of each row, where they are known.
        """

    @abstractmethod
    def chosen(self, answers: np.ndarray) -> np.ndarray:
        """The output whose reasons are asked for, int (rows,)."""

    @abstractmethod
    def told(self, label: str, answer: np.ndarray) -> str:
        """One row's label and answer, in two short lines."""

    @abstractmethod
    def heading(self, shown: int, of: int) -> str:
        """Above the worst rows.

        Args:
            shown, of: how many of them there are, and of how many.
        """

    @abstractmethod
    def served(self) -> "models.ServedAnswer":
        """The answers as others get them."""

"""What tasks declare of themselves. Nothing outside of a task asks for its class, its methods or its files.

Light: nothing here, and no file of a task at its top, loads TensorFlow.
"""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tfpipelines.metrics.registry import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from tfpipelines import datasets, metrics, training

    from .following import By, Follower


__all__ = ["Ability", "ByPoint", "Explains", "Follows", "Generates", "Kind", "OneLoss", "Recalibrates"]


class Ability(Enum):
    """What not every task can. Where an ability has methods, they are those of the protocol named beside it."""

    EXPLAINS = "says why"  # `Explains`
    GENERATES = "draws samples"  # `Generates`
    RECALIBRATES = "has a threshold that can be fitted to other data"  # `Recalibrates`
    FOLLOWS = "answers rows of a table as they come"  # `Follows`
    BY_POINT = "answers each point of a series"  # `ByPoint`
    ONE_LOSS = "trains one network by one loss"  # `OneLoss`
    FITS_TIME = "its number of epochs can be fitted to train.time"
    DIVIDES = "trains by several processes or devices, each on its share of every batch"
    FINETUNES = "trains a head on a pretrained backbone"
    COMPARES_IMAGES = "its last features tell images apart, such as generated from real ones"


class Explains(Protocol):
    """`predict` takes `explain=True`, and adds a column `explanation`."""

    def draw_explanations(self, table: "pd.DataFrame", path: Path) -> None:
        """Writes what `predict` has explained as a picture: an HTML page at `path`."""


class Generates(Protocol):
    """Draws images."""

    def generate(
        self, model: Any, count: int, seed: int, label: str | None = None, truncation: float | None = None
    ) -> tuple[Any, list[str] | None]:
        """Images, uint8 (count, height, width, channels), and their classes, None without; the first ones are the
        same for every `count`.

        Args:
            model: the artifact's.
            label: the class of all; None: as frequent as in training.
            truncation: see `generation.draw_noise`.

        Raises:
            ConfigError: for an unknown class, or any without labels.
        """


class Recalibrates(Protocol):
    """Has a threshold beside the model."""

    threshold: "metrics.Threshold"

    def recalibrate(self, model: Any, path: str, rate: float | None, out: Path) -> "metrics.Threshold":
        """Fits the threshold to new normal data, and writes it.

        Args:
            rate: of false alarms; None: as before.
            out: the run folder.

        Returns:
            The new threshold; what there is to say of the data is in its attribute `findings`.
        """

    def watched(self, model: Any, inputs: Any, batch_size: int) -> "pd.DataFrame":
        """What `predict` gives, of samples that do not overlap."""


class Follows(Protocol):
    """Rows need not be there all at once."""

    def follower(
        self, model: Any, keep_columns: bool, header: "Sequence[str] | None" = None, by: "By" = "point"
    ) -> "Follower":
        """Answers rows as they come.

        Args:
            keep_columns: add all columns of the rows.
            header: the columns that rows have; None: those of the first row.
            by: of a series: each row of the answer is a `point`, or a `window` of points that do not overlap.
        """


class ByPoint(Protocol):
    """Takes series."""

    def predict_points(self, model: Any, inputs: Any, batch_size: int) -> "pd.DataFrame":
        """What `predict` gives, with a row for each point instead of each window."""


class OneLoss(Protocol):
    """Trained by one loss, which can be measured again."""

    samples: "datasets.Samples"

    def objective(self, model: Any) -> "training.Objective":
        """What the training made small.

        Args:
            model: a model.keras of the run, which may be changed.
        """

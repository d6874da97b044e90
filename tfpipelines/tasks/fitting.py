"""Networks that are fitted before they are built: targets, weights, and the one epoch that measures them."""

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tfpipelines.core.config import Pipeline

from . import targets
from .trainable import Phase

if TYPE_CHECKING:
    from tfpipelines.core.config.train import Training


class FittedPhase(Phase):
    """An epoch that trains nothing, and measures what has been fitted."""

    quick = True

    @property
    def settings(self) -> "Training":
        plain = {"epochs": 1, "schedule": "constant", "warmup_epochs": 0.0, "ema": None, "early_stopping": None}
        return self.task.pipeline.train.model_copy(update={**plain, "optimizer": "sgd", "checkpoint_steps": None})


def fitted_phases(phase: FittedPhase) -> Iterator[Phase]:
    """That phase alone; Keras need not say that there is nothing to train in it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The model does not have any trainable weights")
        yield phase


def fitted_targets(target: "targets.Target", labels: np.ndarray) -> np.ndarray:
    """What a network is fitted to.

    Args:
        labels: as `datasets.encode_labels` gives them.
    """
    return target.scale.learned(labels) if isinstance(target, targets.Number) else labels


def row_weights(target: "targets.Target", train: np.ndarray, labels: np.ndarray, pipeline: Pipeline) -> Any:
    """The weight of each row by `data.class_weights`, None where all are equal.

    Args:
        train: labels of the training rows, which tell what is balanced.
        labels: of the rows that are weighed.

    Returns:
        float64 (rows,), of several labels (rows, labels).
    """
    if isinstance(target, targets.SeveralLabels) and target.weights is not None:
        return np.where(labels > 0.5, target.weights[0], target.weights[1]).astype(np.float64)
    if isinstance(target, targets.OneClass):
        weights = target.training_targets(train, pipeline).weights
        return None if weights is None else np.asarray(weights, np.float64)[labels]
    return None

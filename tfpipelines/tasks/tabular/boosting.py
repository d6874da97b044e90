"""Boosted trees as a network of a run: what they are fitted to, and the one epoch that measures them."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tfpipelines.core.config import Pipeline

from .. import targets
from ..trainable import Phase

if TYPE_CHECKING:
    from tfpipelines.core.config.train import Training

BOOSTING = "boosting"
_LOSSES = {"mae": "absolute_error", "huber": "absolute_error", "quantile": "quantile"}  # of a number; others: mse


class BoostingPhase(Phase):
    """An epoch that trains nothing, and measures what has been fitted."""

    quick = True

    @property
    def settings(self) -> "Training":
        plain = {"epochs": 1, "schedule": "constant", "warmup_epochs": 0.0, "ema": None, "early_stopping": None}
        return self.task.pipeline.train.model_copy(update={**plain, "optimizer": "sgd", "checkpoint_steps": None})


def loss_of_trees(settings: Any, pipeline: Pipeline, target: str) -> Any:
    """`BoostingSettings` with the loss that `train.loss` names; for huber, which trees lack, the absolute error."""
    if target != "number":
        return settings
    return replace(settings, loss=_LOSSES.get(pipeline.train.loss, "squared_error"), quantile=pipeline.train.quantile)


def tree_targets(
    target: "targets.Target", labels: np.ndarray, pipeline: Pipeline
) -> tuple[np.ndarray, np.ndarray | None]:
    """What trees are fitted to, and the weight of each row, None where all are equal.

    Args:
        labels: as `datasets.encode_labels` gives them.
    """
    if isinstance(target, targets.Number):
        return target.scale.learned(labels), None
    setting = pipeline.data.class_weights  # type: ignore[attr-defined]  # of data that have a target
    if target.name == "class" and setting is not None:
        weights = target.training_targets(labels, pipeline).weights
        return labels, None if weights is None else np.asarray(weights, np.float64)[labels]
    return labels, None

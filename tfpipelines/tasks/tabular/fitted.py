"""Networks that scikit-learn fits: boosted trees and linear models; what they are fitted to, and the one epoch that
measures them.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tfpipelines.core.config import Pipeline
from tfpipelines.core.config.losses import loss_of

from .. import targets
from ..trainable import Phase

if TYPE_CHECKING:
    from tfpipelines.core.config.train import Training

BOOSTING, LINEAR = "boosting", "linear"
_SOLVED = ("cross_entropy", "mse")  # losses of linear models
_LOSSES = {"mae": "absolute_error", "huber": "absolute_error", "quantile": "quantile"}  # of a number; others: mse


class FittedPhase(Phase):
    """An epoch that trains nothing, and measures what has been fitted."""

    quick = True

    @property
    def settings(self) -> "Training":
        plain = {"epochs": 1, "schedule": "constant", "warmup_epochs": 0.0, "ema": None, "early_stopping": None}
        return self.task.pipeline.train.model_copy(update={**plain, "optimizer": "sgd", "checkpoint_steps": None})


def is_fitted(pipeline: Pipeline, target: str) -> bool:
    """Whether the network of a pipeline is fitted by scikit-learn, not trained."""
    return pipeline.network == BOOSTING or (
        pipeline.network == LINEAR and pipeline.model.fit == "exact" and has_solver(pipeline, target)
    )


def has_solver(pipeline: Pipeline, target: str) -> bool:
    """Whether a linear model can be fitted to the loss; else it is trained."""
    return loss_of(pipeline.train.loss, target) in _SOLVED and not pipeline.train.label_smoothing


def loss_of_trees(settings: Any, pipeline: Pipeline, target: str) -> Any:
    """`BoostingSettings` with the loss that `train.loss` names; for huber, which trees lack, the absolute error."""
    if target != "number":
        return settings
    return replace(settings, loss=_LOSSES.get(pipeline.train.loss, "squared_error"), quantile=pipeline.train.quantile)


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


def foreign_loss(pipeline: Pipeline, target: str) -> str:
    """Why trees do not lessen the loss that is asked for, a sentence; "" where they do."""
    asked = loss_of(pipeline.train.loss, target)
    if target == "number":
        return "boosting has no Huber loss: its trees are fitted to the absolute error" if asked == "huber" else ""
    smooth = pipeline.train.label_smoothing > 0
    if asked == "cross_entropy" and not smooth:
        return ""
    what = f"train.loss={asked}" if asked != "cross_entropy" else "train.label_smoothing"
    return f"boosting's trees are fitted to the plain cross-entropy, without {what}"

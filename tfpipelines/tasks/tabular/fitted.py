"""Networks that scikit-learn fits: boosted trees and linear models, and what they are fitted to."""

from dataclasses import replace
from typing import Any

from tfpipelines.core.config import Pipeline
from tfpipelines.core.config.losses import loss_of

BOOSTING, LINEAR = "boosting", "linear"
_SOLVED = ("cross_entropy", "mse")  # losses of linear models
_LOSSES = {"mae": "absolute_error", "huber": "absolute_error", "quantile": "quantile"}  # of a number; others: mse


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

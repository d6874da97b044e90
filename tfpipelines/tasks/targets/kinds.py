"""The target of some samples, and that of a finished run."""

from typing import Any

import numpy as np

from tfpipelines import datasets, metrics, models
from tfpipelines.core.config import Pipeline

from .base import Target
from .classes import OneClass, SeveralLabels
from .number import Number


def target_of(samples: "datasets.Samples", classes: list[str], pipeline: Pipeline) -> Target:
    """The target that samples are read for, with what their training rows say of it.

    Args:
        samples: in their splits.
        classes: those of the training rows; [] if they cannot be learned.
    """
    kind = datasets.target_of(samples.frame)
    if kind == "number":
        values = samples.labels("train", [])
        log = pipeline.data.target_scale == "log"  # type: ignore[attr-defined]  # of labelled data
        varied = len(values) > 0 and bool((values != values[0]).any())
        return Number(models.NumberScale.of(values, log) if varied else None)
    if kind == "class":
        return OneClass(classes)
    target = SeveralLabels(classes)
    if classes:
        target.learn_weights(samples.labels("train", classes), pipeline)
    return target


def restored_target(facts: dict[str, Any]) -> Target:
    """That of a finished run.

    Args:
        facts: its data.json and what its model file says of itself.
    """
    if facts.get("target") == "number":
        interval = facts.get("interval")
        told = None if interval is None else metrics.PredictionInterval.of_facts(interval)
        return Number(models.NumberScale.of_facts(facts["scale"]), told)
    kind = SeveralLabels if facts.get("multi_label") else OneClass
    thresholds = facts.get("thresholds")
    line = None if thresholds is None else np.asarray(thresholds, np.float64)
    return kind(list(facts["classes"]), facts.get("temperature", 1.0), line)

"""What pipelines can be of: each name leads to a class, loaded when it is asked for."""

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config import Pipeline
    from .base import Task

TASKS = {
    "image-cls": "tfpipelines.tasks.image_cls:ImageClassification",
    "text-cls": "tfpipelines.tasks.text_cls:TextClassification",
    "finetune": "tfpipelines.tasks.finetune:ImageFinetuning",
    "finetune-text": "tfpipelines.tasks.finetune_text:TextFinetuning",
    "anomaly": "tfpipelines.tasks.anomaly:ImageAnomalies",
    "anomaly-table": "tfpipelines.tasks.anomaly_table:RowAnomalies",
    "anomaly-series": "tfpipelines.tasks.anomaly_series:SeriesAnomalies",
    "dcgan": "tfpipelines.tasks.dcgan:ImageGeneration",
}


def task_class(name: str) -> "type[Task]":
    """The class of a task, which declares what it is and can do; loading it does not load TensorFlow.

    Raises:
        KeyError: for an unknown name.
    """
    module, _, attribute = TASKS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def new_task(pipeline: "Pipeline") -> "Task":
    """The task object that carries out a resolved pipeline."""
    return task_class(pipeline.task)(pipeline)


class _Schemas(Mapping[str, "type[Pipeline]"]):
    """Task name -> class of its pipelines."""

    def __getitem__(self, name: str) -> "type[Pipeline]":
        return task_class(name).schema

    def __iter__(self) -> Iterator[str]:
        return iter(TASKS)

    def __len__(self) -> int:
        return len(TASKS)


SCHEMAS = _Schemas()

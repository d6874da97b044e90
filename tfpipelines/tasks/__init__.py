"""What pipelines can be of: each name leads to a class, loaded when it is asked for."""

import importlib
from collections.abc import Iterator, Mapping

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


def task_class(name: str) -> type:
    """The class of a task.

    Raises:
        KeyError: for an unknown name.
    """
    module, _, attribute = TASKS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def new_task(pipeline):
    """The task object that carries out a resolved pipeline."""
    return task_class(pipeline.task)(pipeline)


class _Schemas(Mapping):
    """Task name -> Pipeline class."""

    def __getitem__(self, name: str) -> type:
        return task_class(name).Pipeline

    def __iter__(self) -> Iterator[str]:
        return iter(TASKS)

    def __len__(self) -> int:
        return len(TASKS)


SCHEMAS = _Schemas()

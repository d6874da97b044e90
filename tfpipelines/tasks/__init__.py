"""What pipelines can be of: each name leads to a class, loaded when it is asked for. Installed packages may bring more:
see `plugins`.
"""

import importlib
from collections.abc import Iterator, Mapping
from functools import cache, partial
from inspect import isabstract
from typing import TYPE_CHECKING, cast

from ..core.plugins import Plugin, is_free, leave_out, plugins, reason
from ..errors import ConfigError

if TYPE_CHECKING:
    from ..core.config import Pipeline
    from .abilities import Kind
    from .base import Task

TASKS = {
    "image-cls": "tfpipelines.tasks.classification.image_cls:ImageClassification",
    "text-cls": "tfpipelines.tasks.classification.text_cls:TextClassification",
    "finetune": "tfpipelines.tasks.finetuning.images:ImageFinetuning",
    "finetune-text": "tfpipelines.tasks.finetuning.texts:TextFinetuning",
    "tabular": "tfpipelines.tasks.tabular.task:Tabular",
    "anomaly": "tfpipelines.tasks.anomaly.images:ImageAnomalies",
    "anomaly-table": "tfpipelines.tasks.anomaly.table:RowAnomalies",
    "anomaly-series": "tfpipelines.tasks.anomaly.series:SeriesAnomalies",
    "dcgan": "tfpipelines.tasks.generation.dcgan:ImageGeneration",
}


def task_class(name: str) -> "type[Task]":
    """The class of a task, which declares what it is and can do; loading it does not load TensorFlow.

    Raises:
        KeyError: for an unknown name.
        ConfigError: for that of a package's task which cannot be used.
    """
    if name not in TASKS:
        return _added(name)
    module, _, attribute = TASKS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def known_class(name: object) -> "type[Task] | None":
    """The same; None for what is no name of a task, or of one that cannot be used."""
    try:
        return task_class(str(name))
    except (ConfigError, KeyError):
        return None


def has_several_labels(data: Mapping[str, object]) -> bool:
    """Whether the samples of a run may have several labels each.

    Args:
        data: content of data.json.
    """
    return data.get("target") == "labels" or data.get("multi_label") is True


def kind_of(task: object, data: Mapping[str, object]) -> "Kind | None":
    """What a run makes of a sample: of a number as target it is a regressor, else what its task says.

    Args:
        task: its name, or its class.
        data: content of data.json; {} where there is none.

    Returns:
        None for what is no name of a task, or of one that cannot be used.
    """
    known = cast("type[Task]", task) if isinstance(task, type) else known_class(task)
    if known is None:
        return None
    from .abilities import Kind

    return Kind.REGRESSOR if data.get("target") == "number" else known.kind


def added() -> dict[str, Plugin]:
    """The tasks of packages by their names; nothing of them is loaded."""
    found: dict[str, Plugin] = {}
    for plugin in plugins("tasks"):
        if is_free(plugin, plugin.name, {*TASKS, *found}):
            found[plugin.name] = plugin
    return found


@cache
def _added(name: str) -> "type[Task]":
    plugin = added()[name]
    try:
        return plugin.load(partial(_fault, name))
    except ConfigError as error:
        leave_out(plugin, error)
        raise ConfigError(f"task: {reason('tasks', name)}", error.remedy) from error


def _fault(name: str, kind: object) -> str:
    from .base import Task

    if not (isinstance(kind, type) and issubclass(kind, Task)):
        return f"is no class derived from {Task.__module__}.Task"
    if isabstract(kind) or not hasattr(kind, "kind"):
        return f"lacks {', '.join(sorted(kind.__abstractmethods__)) or 'kind'}"
    field = getattr(getattr(kind, "schema", None), "model_fields", {}).get("task")
    return "" if field is not None and field.default == name else f"has no schema whose field task is {name}"


def new_task(pipeline: "Pipeline") -> "Task":
    """The task object that carries out a resolved pipeline.

    Raises:
        ConfigError: if it cannot fit its epochs to a time that the pipeline sets.
    """
    kind = task_class(pipeline.task)
    if pipeline.train.time is not None:
        from .abilities import Ability

        if Ability.FITS_TIME not in kind.abilities:
            cause = f"train.time: the task {pipeline.task} cannot fit its epochs to a time."
            raise ConfigError(cause, "Set train.epochs.")
    return kind(pipeline)


class _Schemas(Mapping[str, "type[Pipeline]"]):
    """Task name -> class of its pipelines."""

    def __getitem__(self, name: str) -> "type[Pipeline]":
        return task_class(name).schema

    def __iter__(self) -> Iterator[str]:
        return iter([*TASKS, *added()])

    def __len__(self) -> int:
        return len(TASKS) + len(added())


SCHEMAS = _Schemas()

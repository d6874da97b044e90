"""What has a name: pipelines and pretrained networks."""

import json
from pathlib import Path
from typing import Any

from .core import config
from .core.words import nearest
from .errors import ConfigError

_TEMPLATES = Path(__file__).parent / "core" / "config" / "templates"
_TEMPLATE_OF = {
    "image-cls": "images", "text-cls": "texts", "tabular": "tables",
    "anomaly": "autoencoders", "anomaly-table": "autoencoders", "anomaly-series": "autoencoders",
}  # fmt: skip


def list_pipelines() -> list[dict[str, str]]:
    """Name, task and description of every packaged pipeline."""
    entries = []
    for name in config.pipeline_names():
        path = config.find_pipeline(name)
        task = str(config.read_yaml(path).get("task"))
        entries.append({"name": name, "task": task, "description": config.description(path)})
    return entries


def with_schema(source: Path, target: Path) -> dict[Path, str]:
    """The files of a copy of a pipeline file: itself, and the JSON schema that its first line names for editors.

    Args:
        source: the pipeline file.
        target: where the copy will be; the schema is NAME.schema.json beside it.
    """
    from .tasks import SCHEMAS

    text, task = source.read_text(encoding="utf-8"), str(config.read_yaml(source).get("task"))
    if task not in SCHEMAS:  # a file of the user's own, which `tfpipe run` will refuse with the reason
        return {target: text}
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith(config.SCHEMA_COMMENT)]
    schema = target.with_suffix(".schema.json")
    fields = json.dumps(config.file_schema(SCHEMAS[task]), indent=1, ensure_ascii=False)
    return {target: "".join([f"{config.SCHEMA_COMMENT}{schema.name}\n", *lines]), schema: f"{fields}\n"}


def list_backbones() -> list[dict[str, Any]]:
    """Name, number of parameters, input size in pixels and origin of the weights of every backbone that has a name.

    Where KerasHub is installed, its presets are among them; their input size is not known before they are loaded.
    """
    import importlib.util

    told = ("name", "parameters", "size", "origin")
    entries = [{name: getattr(entry, name) for name in told} for entry in config.known_backbones()]
    if importlib.util.find_spec("keras_hub") is not None:
        from .networks.backbones import hub_presets

        entries += hub_presets()
    return entries


def network_template(target: Path, task: str) -> tuple[str, str]:
    """A network of the user's own to start from, and a command that trains it.

    Args:
        target: where it will be; its function is called after the file.
        task: that it is for.

    Raises:
        ConfigError: if the task takes no such network, or the file's name is none of Python's.
    """
    if task not in _TEMPLATE_OF:
        guess = nearest(task, _TEMPLATE_OF)
        remedy = f"Did you mean {guess}?" if guess else f"Those that do: {', '.join(_TEMPLATE_OF)}."
        raise ConfigError(f"--task: {task} takes no network of your own.", remedy)
    function = target.stem
    if target.suffix != ".py" or not function.isidentifier():
        raise ConfigError(f"{target} is no name of a Python file.", "Name it as in mixer.py.")
    text = (_TEMPLATES / f"{_TEMPLATE_OF[task]}.py").read_text(encoding="utf-8")
    named = text.replace("def network(", f"def {function}(").replace("FILE:network", f"{target}:{function}")
    return named.replace("TASK", task), f"tfpipe run {task} model.name={target}:{function}"

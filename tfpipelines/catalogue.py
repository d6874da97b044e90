"""What has a name: pipelines and pretrained networks."""

from typing import Any

from . import config


def list_pipelines() -> list[dict[str, str]]:
    """Name, task and description of every packaged pipeline."""
    entries = []
    for name in config.pipeline_names():
        path = config.find_pipeline(name)
        task = str(config.read_yaml(path).get("task"))
        entries.append({"name": name, "task": task, "description": config.description(path)})
    return entries


def list_backbones() -> list[dict[str, Any]]:
    """Name, number of parameters, input size in pixels and origin of the weights of every backbone that has a name.

    Where KerasHub is installed, its presets are among them; their input size is not known before they are loaded.
    """
    import importlib.util

    told = ("name", "parameters", "size", "origin")
    entries = [{name: getattr(entry, name) for name in told} for entry in config.known_backbones()]
    if importlib.util.find_spec("keras_hub") is not None:
        from .models import hub_presets

        entries += hub_presets()
    return entries

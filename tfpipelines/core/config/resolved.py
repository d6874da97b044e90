"""Resolved pipelines as nested dicts and YAML, and how two of them differ."""

from pathlib import Path
from typing import Any

from ..words import is_url
from .backbones import WORDS, is_path, text_encoder
from .candidates import AutoNetwork
from .files import dump_yaml
from .own import AUTO
from .pipeline import Pipeline
from .section import Role, Section, fields_that
from .texts import BUNDLED


def with_absolute_paths(pipeline: Pipeline) -> Pipeline:
    """The same pipeline with absolute paths, so that its file means the same from any folder."""
    sections = ("data", "model", "evaluation")
    return pipeline.model_copy(update={name: _with_absolute_paths(getattr(pipeline, name)) for name in sections})


def _with_absolute_paths(section: Section) -> Section:
    changes: dict[str, Any] = {}
    for role, of_role in _ABSOLUTE.items():
        for field in fields_that(type(section), role):
            if value := getattr(section, field):
                changes[field] = of_role(value)
    if isinstance(section, AutoNetwork):
        changes["candidates"] = tuple(map(_with_absolute_paths, section.candidates))
    return section.model_copy(update=changes)


def _absolute(value: str) -> str:
    return value if value.startswith("sample:") or is_url(value) else str(Path(value).expanduser().absolute())


def absolute_backbone(value: str) -> str:
    """The absolute path, where a backbone or its weights are given by a path."""
    return str(Path(value).expanduser().absolute()) if is_path(value) else value


def _absolute_run(value: str) -> str:
    return value if value == "backbone" else str(Path(value).expanduser().resolve())  # not `latest`, which will move


def _absolute_vectors(value: str) -> str:
    return value if value == BUNDLED else _absolute(value)


def _absolute_encoder(value: str) -> str:
    chosen = text_encoder(value)
    return chosen if chosen == WORDS else absolute_backbone(chosen)


_ABSOLUTE = {
    Role.PATH: _absolute,
    Role.BACKBONE: absolute_backbone,
    Role.RUN: _absolute_run,
    Role.VECTORS: _absolute_vectors,
    Role.ENCODER: _absolute_encoder,
}


def to_yaml(pipeline: Pipeline) -> str:
    """The resolved pipeline as YAML that `load` accepts and that resolves to an equal pipeline."""
    return dump_yaml(as_dict(pipeline))


def as_dict(pipeline: Pipeline) -> dict[str, Any]:
    """The resolved pipeline as nested dicts of JSON values, `task` first."""
    content = pipeline.model_dump(mode="json")
    content["search"]["space"] = {
        path: {key: value for key, value in dimension.items() if value not in (None, {}, "linear")}
        for path, dimension in content["search"]["space"].items()
    }
    content["model"] = _name_first(content["model"])
    order = ("task", "name", "seed", "split_seed", "data", "model", "train")
    return {**{key: content[key] for key in order}, **content}


def _name_first(model: dict[str, Any]) -> dict[str, Any]:
    """The section `model`, and each of its candidates, with the name of the network first."""
    named = {"name": model["name"], **model} if "name" in model else model
    each = {"candidates": list(map(_name_first, model["candidates"]))} if named.get("name") == AUTO else {}
    return named | each


def difference(before: dict[str, Any], after: dict[str, Any], path: str = "") -> list[str]:
    """One line, `key: before -> after`, for each leaf in which two resolved pipelines differ."""
    return [f"{key}: {old} -> {new}" for key, (old, new) in differing([before, after], path)]


def differing(contents: list[dict[str, Any]], path: str = "", missing: Any = None) -> list[tuple[str, list[Any]]]:
    """(dotted key, value in each) of every leaf in which nested dicts differ; `missing` where one has no such key."""
    rows = []
    for key in dict.fromkeys(key for content in contents for key in content):
        here, values = f"{path}{key}", [content.get(key, missing) for content in contents]
        if all(isinstance(value, dict) for value in values):
            rows += differing(values, f"{here}.", missing)
        elif any(value != values[0] for value in values):
            rows.append((here, values))
    return rows

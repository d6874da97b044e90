"""Presets: bundles of fields that a pipeline file names, such as `fast` and `best`, and that `preset=NAME` takes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...errors import ConfigError
from ..words import brief, nearest
from .overrides import keys_of, put
from .own import names_in

if TYPE_CHECKING:
    from .pipeline import Pipeline

_SECTIONS = ("data", "model", "train", "evaluation", "search")
PRESETS, PRESET = "presets", "preset"  # the key of the file, and the one of the override
AS_IT_IS = "good"  # the file without any of them
_SCHEMA = {
    "type": "object",
    "default": {},
    "description": f"bundles of fields by name, each a mapping of dotted keys to values; `{PRESET}=NAME` takes one of "
    f"them before all other overrides, `{PRESET}={AS_IT_IS}` takes none",
    "additionalProperties": {"type": "object"},
}


def take_preset(content: dict[str, Any], changes: dict[str, Any], origin: str) -> dict[str, Any]:
    """Takes the presets out of a file's content, and the wish for one out of the overrides, both in place.

    Args:
        content: nested dicts of a pipeline file.
        changes: overrides by dotted key.
        origin: what to call the file in errors.

    Returns:
        The fields of the preset that is wished for, by dotted key; {} where there is none.

    Raises:
        ConfigError: if there is no such preset, or if the presets of the file are no mappings of fields.
    """
    presets, name = content.pop(PRESETS, None) or {}, changes.pop(PRESET, None)
    if not isinstance(presets, dict) or not all(isinstance(fields, dict) for fields in presets.values()):
        shape = "presets: {fast: {train.epochs: 5}}"
        raise ConfigError(f"{origin}: {PRESETS} must be a mapping of names to fields.", f"Write {shape}.")
    if AS_IT_IS in presets:
        cause = f"{origin}: {PRESETS}.{AS_IT_IS} cannot be given: it is the pipeline as the file has it."
        raise ConfigError(cause, "Choose another name.")
    for key, fields in presets.items():
        if PRESET in fields or PRESETS in fields:
            raise ConfigError(f"{origin}: {PRESETS}.{key} names a preset itself.", "Write its fields out.")
        if "task" in fields:
            raise ConfigError(f"{origin}: {PRESETS}.{key} cannot change the task.", "Write a file for each task.")
    if name is None or name == AS_IT_IS:
        return {}
    if not isinstance(name, str) or name not in presets:
        allowed = [*map(str, presets), AS_IT_IS]
        guess = nearest(str(name), allowed)
        meant = f" Did you mean {guess}?" if guess else ""
        raise ConfigError(f"{origin} has no preset {brief(name)}.{meant}", f"Presets: {', '.join(allowed)}.")
    fields = dict(_flat(presets[name]))
    nested: dict[str, Any] = {}
    for key, value in fields.items():
        put(nested, keys_of(key), value)
    if own := names_in(nested):
        cause = f"{origin}: {PRESETS}.{name} names a network of your own, {own[0]}."
        raise ConfigError(cause, "Name it under `model` of the file, or write another file.")
    return fields


def _flat(fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Fields by dotted key, also where those of a section are nested."""
    for key, value in fields.items():
        if key in _SECTIONS and isinstance(value, dict):
            yield from ((f"{key}.{inner}", told) for inner, told in value.items())
        else:
            yield str(key), value


def file_schema(schema_class: "type[Pipeline]") -> dict[str, Any]:
    """The JSON schema of a pipeline file: that of the pipeline, and what a file may have besides."""
    schema = schema_class.model_json_schema()
    schema["properties"][PRESETS] = _SCHEMA
    return schema

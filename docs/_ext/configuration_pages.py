"""A page for each task: the fields of its pipeline files, from the schema that checks them."""

import json
from collections.abc import Iterator
from typing import Any

from markdown_parts import code, codes, escaped, sentence, table

from tfpipelines import list_pipelines
from tfpipelines.core import config
from tfpipelines.core.config.kinds import KINDS
from tfpipelines.core.config.own import AUTO
from tfpipelines.tasks import SCHEMAS, TASKS

_SECTIONS = {
    "data": "Where the samples are, how they are read and how they are split.",
    "train": "How the weights are found. Lengths are in epochs.",
    "evaluation": "What is measured once training has ended.",
    "search": "How `tfpipe tune` looks for better values. The test set plays no part in it.",
}
_TYPES = {"integer": "whole number", "number": "number", "string": "text", "null": "`null`", "object": "mapping"}
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
_HEAD, _WIDTHS = ("field", "allowed", "default", "description"), (20, 24, 15, 41)
_BUILT_IN = {name for kind in KINDS for name in kind.names}


def configuration_pages() -> dict[str, str]:
    """{task: its page}."""
    return {task: "\n".join(_page(task)) for task in TASKS}


def _page(task: str) -> Iterator[str]:
    pipeline = SCHEMAS[task]
    schema = config.file_schema(pipeline)
    fields, names = schema["properties"], [entry["name"] for entry in list_pipelines() if entry["task"] == task]
    yield f"(config-{task})=\n# `{task}`\n"
    yield f"{sentence(escaped(pipeline.__doc__ or ''))}\n"
    yield f"The model takes {escaped(pipeline.takes)}, and gives {escaped(pipeline.gives)}.\n"
    yield f"Pipelines of this task in the package: {codes(names)}. A search looks for {code(pipeline.objective)} unless"
    yield "`search.objective` says otherwise. Fields marked * cannot be searched by `tfpipe tune`.\n"
    yield "## Top level\n"
    top = {name: node for name, node in fields.items() if name != "model" and "$ref" not in node}
    yield table(_HEAD, _rows(top, schema), _WIDTHS)
    yield from _section("data", fields["data"], schema)
    yield from _models(fields["model"], schema)
    for name in ("train", "evaluation", "search"):
        yield from _section(name, fields[name], schema)
    dimension = schema["$defs"]["Dimension"]["properties"]
    yield "### Each field of `search.space`\n"
    yield "The key is a field's path, such as `train.learning_rate`. The value is a list of values, or a mapping:\n"
    yield table(_HEAD, _rows(dimension, schema, searched=True), _WIDTHS)


def _section(name: str, node: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    yield f"## `{name}`\n"
    yield f"{_SECTIONS[name]}\n"
    searched = name in ("evaluation", "search")
    yield table(_HEAD, _rows(_followed(node, schema)["properties"], schema, searched=searched), _WIDTHS)


def _models(node: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    yield "## `model`\n"
    if "oneOf" not in node:  # a backbone with a new head
        section = _followed(node, schema)
        yield f"{sentence(escaped(section['description']))}\n"
        yield table(_HEAD, _rows(section["properties"], schema), _WIDTHS)
        return
    mapping = node["discriminator"]["mapping"]
    networks = {name: _followed({"$ref": ref}, schema) for name, ref in mapping.items() if name in _BUILT_IN}
    each = [network["properties"] for network in networks.values()]
    shared = {key: field for key, field in each[0].items() if all(other.get(key) == field for other in each)}
    yield f"`model.name` chooses the network: {codes(networks)}; default {code(node['default']['name'])}."
    shared.pop("name", None)
    if shared:
        yield "Each network has the fields that all share, and its own.\n"
        yield "### All networks\n"
        yield table(_HEAD, _rows(shared, schema), _WIDTHS)
    else:
        yield "Each network has fields of its own.\n"
    for name, network in networks.items():
        own = {key: field for key, field in network["properties"].items() if key not in {*shared, "name"}}
        yield f"### `model.name={name}`\n"
        yield f"{sentence(escaped(network['description']))}\n"
        if own:
            yield table(_HEAD, _rows(own, schema), _WIDTHS)
    if AUTO in mapping:
        auto = _followed({"$ref": mapping[AUTO]}, schema)
        yield f"### `model.name={AUTO}`\n"
        yield f"{sentence(escaped(auto['description']))} See [](../../howto/choose_a_network.md).\n"
        own = {key: field for key, field in auto["properties"].items() if key != "name"}
        yield table(_HEAD, _rows(own, schema), _WIDTHS)


def _rows(
    fields: dict[str, Any], schema: dict[str, Any], before: str = "", searched: bool = False
) -> Iterator[tuple[str, str, str, str]]:
    """A row for each field, and for those of sections inside of it."""
    for name, node in fields.items():
        inner = _followed(node, schema)
        if "properties" in inner:
            yield from _rows(inner["properties"], schema, f"{before}{name}.", searched)
            continue
        mark = "" if node.get("searchable", True) or searched else " \\*"
        default = code(_yaml(node["default"])) if "default" in node else "required"
        text = escaped(node.get("description", ""))
        yield f"{code(before + name)}{mark}", _allowed(node, schema), default, text


def _followed(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return node


def _allowed(node: dict[str, Any], schema: dict[str, Any]) -> str:
    """Type, range and choices of a field."""
    node = _followed(node, schema)
    if "oneOf" in node:
        return "mapping of a network's name and fields"
    if "anyOf" in node:
        return ", or ".join(dict.fromkeys(_allowed(member, schema) for member in node["anyOf"]))
    if "const" in node:
        return code(node["const"])
    if "enum" in node:
        return codes(node["enum"])
    kind = node.get("type", "")
    if kind == "boolean":
        return "`true`, `false`"
    if kind == "array" and "prefixItems" in node:
        return f"list of {len(node['prefixItems'])}: {_allowed(node['prefixItems'][0], schema)}"
    if kind == "array":
        inner = _allowed(node["items"], schema) if "items" in node else "value"
        sizes = {"minItems": "at least {}", "maxItems": "at most {}"}
        limits = ", ".join(text.format(node[key]) for key, text in sizes.items() if key in node)
        return f"list of: {inner}" + (f" ({limits})" if limits else "")
    if kind == "object" and isinstance(node.get("additionalProperties"), dict):
        of = _followed(node["additionalProperties"], schema)
        return "mapping" if "properties" in of else f"mapping to: {_allowed(of, schema)}"
    if "properties" in node:
        return f"mapping of {codes(node['properties'])}"
    limits = ", ".join(f"{sign} {_yaml(node[key])}" for key, sign in _BOUNDS.items() if key in node)
    return f"{_TYPES.get(kind, 'any value')} {escaped(limits)}".strip()


def _yaml(value: Any) -> str:
    """A value as it stands in a pipeline file."""
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, float):
        return f"{value:g}" if value != int(value) or abs(value) >= 1e6 else f"{value:.1f}"
    return value if isinstance(value, str) and value else json.dumps(value)

"""Turns the schema's complaints into messages: the path, what it got, what is allowed, the nearest right name."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ...errors import ConfigError
from ..plugins import reason
from ..words import brief, nearest
from .own import AUTO
from .synonyms import meant


def explain(
    error: ValidationError, schema: dict[str, Any], raw: dict[str, Any], origin: str, own: bool = False
) -> ConfigError:
    """One ConfigError for all that is wrong.

    Args:
        error: what pydantic raised.
        schema: JSON schema of the pipeline.
        raw: the nested dicts that were validated.
        origin: the file or name to speak of.
        own: whether the network may be the user's own.
    """
    lines: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        path = _config_path(detail, raw)
        lines.setdefault(path, _sentence(path, detail, schema, raw, own))
    first, *rest = lines.values()
    model = raw.get("model")
    name = model.get("name") if isinstance(model, dict) else None
    named = f" model.name={name}" if isinstance(name, str) and ":" in name else ""
    remedy = f"`tfpipe show {raw.get('task', 'NAME')}{named} --schema` lists every field."
    return ConfigError(f"{origin}: {first}", remedy, rest)


_WORDS = {
    "integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "text", "null": "null",
    "object": "key: value pairs",
}  # fmt: skip
_BOUNDS = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "up to", "exclusiveMaximum": "below"}
_SECTIONS = ("data", "model", "train", "evaluation")


def allowed(node: dict[str, Any], schema: dict[str, Any]) -> str:
    """What a field accepts, in words, from its JSON schema."""
    node = _follow(node, schema)
    if "oneOf" in node:
        return f"{{name: NAME, FIELD: VALUE}} with one of the names {', '.join(node['discriminator']['mapping'])}"
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(allowed(member, schema) for member in node["anyOf"]))
    if "enum" in node:
        return ", ".join(map(str, node["enum"]))
    if "const" in node:
        return str(node["const"])
    kind = node.get("type", "")
    if kind == "array":
        return f"a list of {allowed(node['items'], schema)}" if "items" in node else "a list of values"
    if kind == "object" and "properties" in node:
        return f"{_WORDS[kind]} of {', '.join(node['properties'])}; {{}} for the defaults"
    values = node.get("additionalProperties")
    if kind == "object" and isinstance(values, dict) and "enum" in (values := _follow(values, schema)):
        return f"{_WORDS[kind]}, each value one of {allowed(values, schema)}"
    bounds = [f"{text} {node[key]:g}" for key, text in _BOUNDS.items() if key in node]
    return " ".join([_WORDS.get(kind, "a value"), *bounds])


def properties_at(path: list[str], schema: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    """The fields that the section at `path` has, as JSON schema properties; a network's own where it is named."""
    node = _chosen(schema, schema, raw)
    value: Any = raw
    for key in path:
        inner = node.get("items", {}) if key.isdigit() else node.get("properties", {}).get(key, {})
        if key.isdigit() and isinstance(value, (list, tuple)):
            value = value[int(key)]
        else:
            value = value.get(key) if isinstance(value, dict) else None
        node = _chosen(inner, schema, value)
    return node.get("properties", {})


def _chosen(node: dict[str, Any], schema: dict[str, Any], value: Any) -> dict[str, Any]:
    """What a schema refers to; of several networks the one that is named, else the first."""
    node = _follow(node, schema)
    node = next((member for member in node.get("anyOf", ()) if "oneOf" in member), node)
    if "oneOf" not in node:
        return node
    mapping = node.get("discriminator", {}).get("mapping", {})
    first, name = next(iter(mapping.values())), value.get("name") if isinstance(value, dict) else None
    return _follow({"$ref": mapping.get(name, first)}, schema)


def _follow(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return node


def _config_path(detail: ErrorDetails, raw: Any) -> str:
    """The key path as the user wrote it: without the names of union members that pydantic mixes in."""
    path: list[str] = []
    node = raw
    for part in detail["loc"]:
        listed = isinstance(node, (list, tuple)) and isinstance(part, int) and part < len(node)
        if listed or (isinstance(node, dict) and part in node):
            path.append(str(part))
            node = node[part]
    if detail["type"] == "missing":
        path.append(str(detail["loc"][-1]))
    return ".".join(path)


def _dimension_sentence(detail: ErrorDetails, schema: dict[str, Any]) -> str:
    """What is wrong with a field of search.space, whose key has dots in it."""
    path, known = ".".join(map(str, detail["loc"])), schema["$defs"]["Dimension"]["properties"]
    if detail["type"] == "extra_forbidden":
        return _unknown(path, nearest(str(detail["loc"][-1]), known), known)
    if detail["type"] == "value_error":
        return f"{path}: {detail['ctx']['error']}."
    words = "a list of values, or {min: NUMBER, max: NUMBER} with step or scale"
    if len(detail["loc"]) > 3:
        words = allowed(known[str(detail["loc"][3])], schema)
    return f"{path}: got {brief(detail['input'])}; allowed: {words}."


def _unknown(path: str, guess: str, known: Iterable[str]) -> str:
    return f"unknown key {path if len(path) <= 200 else brief(path)}." + (
        _meant(guess) or f" Allowed here: {', '.join(known)}."
    )


def _meant(guess: str) -> str:
    return f" Did you mean {guess}?" if guess else ""


def _sentence(path: str, detail: ErrorDetails, schema: dict[str, Any], raw: dict[str, Any], own: bool) -> str:
    if detail["loc"][:2] == ("search", "space") and len(detail["loc"]) > 2:
        return _dimension_sentence(detail, schema)
    *parents, key = path.split(".") if path else [""]
    siblings = properties_at(parents, schema, raw)
    if path == "model.candidates" and detail["type"] == "extra_forbidden" and "name" in siblings:
        named = f"{path} goes with model.name=auto, and model.name is {siblings['name'].get('const')}"
        return f"{named}: set the one, or leave out the other."
    if detail["type"] == "extra_forbidden":
        sections = {section: properties_at([section], schema, raw) for section in _SECTIONS}
        guess = meant(key, siblings, [name for names in sections.values() for name in names])
        if guess in siblings:
            guess = ".".join([*parents, guess])
        elif guess:
            guess = next(f"{section}.{guess}" for section, names in sections.items() if guess in names)
        return _unknown(path, guess, siblings)
    if path == "model.candidates" and detail["type"] == "missing":
        such = "such as model.candidates=[NAME, {name: NAME, FIELD: VALUE}]"
        return f"{path} is missing: model.name=auto chooses among at least two networks; name them, {such}."
    if detail["type"] == "missing":
        return f"{path} is missing; allowed: {allowed(siblings.get(key, {}), schema)}."
    if detail["type"] == "union_tag_invalid":
        names, tag = str(detail["ctx"]["expected_tags"]).replace("'", "").split(", "), detail["ctx"]["tag"]
        if why := reason("networks", tag):
            return f"{path}.name: {why}"
        more = ", or FILE.py:FUNCTION of your own" if own else ""
        guess = f"{tag}:FUNCTION" if own and str(tag).endswith(".py") else nearest(str(tag), names)
        path = path if parents == ["model", "candidates"] else f"{path}.name"
        names = [name for name in names if parents != ["model", "candidates"] or name != AUTO]
        return f"{path}: got {brief(tag)}; allowed: {', '.join(names)}{more}." + _meant(guess)
    if detail["type"] == "value_error":
        text = str(detail["ctx"]["error"])  # our own words, which mostly name the key
        within = path.startswith(("search.", "model.candidates."))
        text = f"{path}: {text}" if within and path not in text else text
        return text if text.endswith("?") else f"{text}."
    value: Any = raw
    for part in path.split("."):
        value = value[int(part) if isinstance(value, (list, tuple)) else part] if part else value
    field = _innermost(path.split("."), schema, raw)
    if field is None:
        return f"{path}: got {brief(value)}; {detail['msg'].lower()}."
    members = [_follow(field, schema), *field.get("anyOf", [])]
    choices = [str(choice) for member in members for choice in member.get("enum", [])]
    guess = nearest(str(value), choices) if choices else ""
    return f"{path}: got {brief(value)}; allowed: {allowed(field, schema)}." + _meant(guess)


def _innermost(parts: list[str], schema: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of the last field along a path that has one of its own: list elements have none."""
    for place in reversed(range(len(parts))):
        known = properties_at(parts[:place], schema, raw)
        if parts[place] in known:
            return known[parts[place]]
    return None

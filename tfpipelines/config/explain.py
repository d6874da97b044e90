"""Turns the schema's complaints into messages: the path, what it got, what is allowed, the nearest right name."""

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..errors import ConfigError, nearest


def explain(error: ValidationError, schema: dict[str, Any], raw: dict[str, Any], origin: str) -> ConfigError:
    """One ConfigError for all that is wrong.

    Args:
        error: what pydantic raised.
        schema: JSON schema of the pipeline.
        raw: the nested dicts that were validated.
        origin: the file or name to speak of.
    """
    lines: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        path = _config_path(detail, raw)
        lines.setdefault(path, _sentence(path, detail, schema, raw))
    first, *rest = lines.values()
    return ConfigError(
        f"{origin}: {first}", f"`tfpipe show {raw.get('task', 'NAME')} --schema` lists every field.", rest
    )


def allowed(node: dict[str, Any], schema: dict[str, Any]) -> str:
    """What a field accepts, in words, from its JSON schema."""
    node = _follow(node, schema)
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(allowed(member, schema) for member in node["anyOf"]))
    if "enum" in node:
        return ", ".join(map(str, node["enum"]))
    if "const" in node:
        return str(node["const"])
    kind = node.get("type")
    if kind == "array":
        return f"a list of {allowed(node['items'], schema)}" if "items" in node else "a list of values"
    words = {
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "string": "text",
        "null": "null",
        "object": "key: value pairs",
    }
    bounds = [
        f"{text} {node[key]:g}"
        for key, text in (
            ("minimum", "from"),
            ("exclusiveMinimum", "above"),
            ("maximum", "up to"),
            ("exclusiveMaximum", "below"),
        )
        if key in node
    ]
    return " ".join([words.get(kind, "a value"), *bounds])


def properties_at(path: list[str], schema: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    """The fields that the section at `path` has, as JSON schema properties; a network's own where it is named."""
    node, value = schema, raw
    for key in [*path, None]:
        node = _follow(node, schema)
        if "oneOf" in node:
            mapping = node.get("discriminator", {}).get("mapping", {})
            name = value.get("name") if isinstance(value, dict) else None
            node = _follow({"$ref": mapping.get(name, next(iter(mapping.values())))}, schema)
        if key is None:
            break
        node = node.get("properties", {}).get(key, {})
        value = value.get(key) if isinstance(value, dict) else None
    return node.get("properties", {})


def _follow(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return node


def _config_path(detail: ErrorDetails, raw: Any) -> str:
    """The key path as the user wrote it: without the names of union members that pydantic mixes in."""
    path: list[str] = []
    node = raw
    for part in detail["loc"]:
        if (isinstance(node, dict) and part in node) or (
            isinstance(node, (list, tuple)) and isinstance(part, int) and part < len(node)
        ):
            path.append(str(part))
            node = node[part]
    if detail["type"] == "missing":
        path.append(str(detail["loc"][-1]))
    return ".".join(path)


def _dimension_sentence(detail: ErrorDetails, schema: dict[str, Any]) -> str:
    """What is wrong with a field of search.space, whose key has dots in it."""
    path, known = ".".join(map(str, detail["loc"])), schema["$defs"]["Dimension"]["properties"]
    if detail["type"] == "extra_forbidden":
        guess = nearest(str(detail["loc"][-1]), known)
        return f"unknown key {path}. " + (f"Did you mean {guess}?" if guess else f"Allowed here: {', '.join(known)}.")
    if detail["type"] == "value_error":
        return f"{path}: {detail['ctx']['error']}."
    if len(detail["loc"]) == 3:
        return (
            f"{path}: got {detail['input']!r}; allowed: a list of values, or {{min: NUMBER, max: NUMBER}} with "
            "step or scale."
        )
    name = str(detail["loc"][3])
    return f"{path}: got {detail['input']!r}; allowed: {allowed(known[name], schema)}."


def _sentence(path: str, detail: ErrorDetails, schema: dict[str, Any], raw: dict[str, Any]) -> str:
    if detail["loc"][:2] == ("search", "space") and len(detail["loc"]) > 2:
        return _dimension_sentence(detail, schema)
    *parents, key = path.split(".") if path else [""]
    siblings = properties_at(parents, schema, raw)
    if detail["type"] == "extra_forbidden":
        everywhere = [
            name
            for section in ("data", "model", "train", "evaluation")
            for name in properties_at([section], schema, raw)
        ]
        guess = nearest(key, siblings) or nearest(key, everywhere)
        if guess and guess not in siblings:
            guess = next(
                f"{section}.{guess}"
                for section in ("data", "model", "train", "evaluation")
                if guess in properties_at([section], schema, raw)
            )
        return f"unknown key {path}. " + (
            f"Did you mean {guess}?" if guess else f"Allowed here: {', '.join(siblings)}."
        )
    if detail["type"] == "missing":
        return f"{path} is missing; allowed: {allowed(siblings.get(key, {}), schema)}."
    if detail["type"] == "union_tag_invalid":
        names = str(detail["ctx"]["expected_tags"]).replace("'", "").split(", ")
        guess = nearest(str(detail["ctx"]["tag"]), names)
        return f"{path}.name: got {detail['ctx']['tag']!r}; allowed: {', '.join(names)}." + (
            f" Did you mean {guess}?" if guess else ""
        )
    if detail["type"] == "value_error":
        text = str(detail["ctx"]["error"])  # our own words, which mostly name the key
        text = f"{path}: {text}" if path.startswith("search.") and path not in text else text
        return text if text.endswith("?") else f"{text}."
    value = raw
    for part in path.split("."):
        value = value[int(part) if isinstance(value, (list, tuple)) else part] if part else value
    field = next(
        (properties_at(parents[:i], schema, raw)[name] for i, name in _field_positions(path, schema, raw)), None
    )
    if field is None:
        return f"{path}: got {value!r}; {detail['msg'].lower()}."
    text = f"{path}: got {value!r}; allowed: {allowed(field, schema)}."
    choices = [
        str(choice) for member in [_follow(field, schema), *field.get("anyOf", [])] for choice in member.get("enum", [])
    ]
    guess = nearest(str(value), choices) if choices else ""
    return text + (f" Did you mean {guess}?" if guess else "")


def _field_positions(path: str, schema: dict[str, Any], raw: dict[str, Any]):
    """Where along the path the innermost field with a schema of its own stands: list elements have none."""
    parts = path.split(".")
    for i in reversed(range(len(parts))):
        if parts[i] in properties_at(parts[:i], schema, raw):
            yield i, parts[i]

"""Overrides: from words to dotted keys, into the nested dicts of a file, and what of the file they make void."""

from copy import deepcopy
from pathlib import Path
from typing import Any

from ...errors import ConfigError
from ..urls import masked_word
from ..words import brief
from .backbones import BUNDLED
from .candidates import AutoNetwork
from .files import parse_yaml
from .own import short
from .pipeline import Pipeline
from .renamed import renames
from .search import Dimension
from .section import Role, fields_that


def parse_overrides(overrides: dict[str, Any] | list[str] | tuple[str, ...]) -> dict[str, Any]:
    """`a.b=value` words, or a dict, to a dict of dotted keys. Lists and mappings are given in YAML's [ ] and { }.

    Raises:
        ConfigError: if a word has no `=` or no key.
    """
    if isinstance(overrides, dict):
        return {key: str(value) if isinstance(value, Path) else value for key, value in overrides.items()}
    changes: dict[str, Any] = {}
    for word in overrides:
        key, mark, text = word.partition("=")
        if not mark or not key or not all(key.split(".")):
            raise ConfigError(
                f"{brief(masked_word(word))} is not an override.", "Write KEY=VALUE, as in train.epochs=5."
            )
        changes[key] = _value(text, word)
    return changes


def _value(text: str, word: str) -> Any:
    if text[:1] in ("[", "{"):
        return parse_yaml(text, f"The override {masked_word(word)}")
    return None if text in ("null", "~", "") else text


def keys_of(path: str) -> list[str]:
    """The keys on the way to a value; that of a field to be searched has dots in it."""
    keys = path.split(".")
    if keys[:2] != ["search", "space"] or len(keys) < 4:
        return keys
    inner = keys[-1:] if len(keys) > 4 and keys[-1] in Dimension.model_fields else []
    return ["search", "space", ".".join(keys[2 : len(keys) - len(inner)]), *inner]


def put(content: dict[str, Any], keys: list[str], value: Any) -> None:
    """Sets a value in nested dicts, in place; dicts on the way are made, and replace whatever else is there."""
    for key in keys[:-1]:
        if not isinstance(content.get(key), dict):
            content[key] = {}
        content = content[key]
    content[keys[-1]] = value


def with_new_names(
    content: dict[str, Any], changes: dict[str, Any], schema_class: type[Pipeline]
) -> tuple[dict[str, Any], list[str]]:
    """Puts what fields and values are called now into nested dicts, in place; the overrides so, and the notes."""
    names, found, given = renames(schema_class), dict[str, Any](), dict[str, str]()
    notes = names.content(content)
    for key, value in changes.items():
        keys, nested = keys_of(key), dict[str, Any]()
        put(nested, keys, deepcopy(value))
        notes += names.content(nested)
        path, inner = [], nested
        for _ in keys:
            ((part, inner),) = inner.items()
            path.append(part)
        if (new := ".".join(path)) in found:
            old = key if key != new else given[new]
            raise ConfigError(f"{old} is the earlier name of {new}, and both are given.", f"Leave out {old}.")
        found[new], given[new] = inner, key
    return found, list(dict.fromkeys(notes))


def _dropped(section: str, content: dict[str, Any], fields: list[str]) -> str:
    """Removes fields from a section; their names."""
    for field in fields:
        del content[field]
    return ", ".join(f"{section}.{field}" for field in fields)


def drop_layers(content: dict[str, Any], changes: dict[str, Any]) -> list[str]:
    """Where an override names another backbone: removes the file's names of layers, which it has not, and says so."""
    model = content.get("model")
    if not isinstance(model, dict) or "layers" not in model or "model.layers" in changes:
        return []
    own = model.get("backbone", BUNDLED)
    if changes.get("model.backbone", own) == own:
        return []
    return [f"model.backbone: left out {_dropped('model', model, ['layers'])} of the file, made for another backbone"]


def drop_other_data(content: dict[str, Any], changes: dict[str, Any], schema_class: type[Pipeline]) -> list[str]:
    """Where an override names other data: removes what the file says of its own alone, and says so."""
    data, notes = content.get("data"), []
    if not isinstance(data, dict) or changes.get("data.path", data.get("path")) == data.get("path"):
        return []
    folds, own = data.get("folds"), data.get("path")
    if isinstance(folds, str) and not folds.isdigit() and "data.folds" not in changes:
        notes.append(f"data.path: left out {_dropped('data', data, ['folds'])}={folds} of the file, a column of {own}")
    of_source = fields_that(schema_class.model_fields["data"].annotation, Role.OF_SOURCE)
    if fields := [field for field in of_source if field in data and f"data.{field}" not in changes]:
        are = "is" if len(fields) == 1 else "are"
        notes.append(f"data.path: left out {_dropped('data', data, fields)} of the file, which {are} for {own}")
    return notes


def drop_foreign_fields(content: dict[str, Any], changes: dict[str, Any], schema_class: type[Pipeline]) -> list[str]:
    """Where an override names another network: removes the file's fields that it lacks, and says so."""
    model, name = content.get("model"), changes.get("model.name")
    if not isinstance(model, dict) or name is None or name == model.get("name", schema_class.default_network):
        return []
    members = getattr(schema_class.model_fields["model"].annotation, "__args__", ())
    network = next((member for member in members if member.model_fields["name"].default == name), None)
    if network is None:
        return []
    if issubclass(network, AutoNetwork):
        return _hand_on(model, changes, network, schema_class.default_candidates)
    if isinstance(model.get("candidates"), list):
        _take_candidate(model, name)
        return []
    foreign = [key for key in model if key not in network.model_fields]
    left = _dropped("model", model, foreign)
    return (
        [f"model.name={short(str(name))}: left out {left} of the file, which {short(str(name))} does not have"]
        if foreign
        else []
    )


def _take_candidate(model: dict[str, Any], name: Any) -> None:
    """Where the file has candidates and an override names a network: puts the fields that it has as a candidate in
    their place.
    """
    each = [{"name": entry} if isinstance(entry, str) else entry for entry in model.pop("candidates")]
    model.update(next((entry for entry in each if isinstance(entry, dict) and entry.get("name") == name), {}))


def _hand_on(
    model: dict[str, Any], changes: dict[str, Any], network: type[AutoNetwork], usual: tuple[Any, ...]
) -> list[str]:
    """Where an override lets the network be chosen: gives the file's fields to those candidates that have them, as an
    override of `model.name` with a candidate's name would, and says so.
    """
    given = changes.get("model.candidates", list(usual))
    fields = {key: value for key, value in model.items() if key not in network.model_fields}
    _dropped("model", model, list(fields))
    if not fields or not given or not isinstance(given, (list, tuple)):
        return []  # what is wrong with them is said where they are checked
    known = {member.model_fields["name"].default: member.model_fields for member in network.members}
    candidates, taken, handed = [], set[str](), set[str]()
    for entry in given:
        own = entry if isinstance(entry, dict) else {"name": entry}
        has = known.get(own["name"], ()) if isinstance(own.get("name"), str) else ()
        more = {key: value for key, value in fields.items() if key in has and key not in own}
        taken |= {key for key in fields if key in has}
        handed |= more.keys()
        candidates.append(own | more if more else entry)
    changes["model.candidates"] = candidates
    told = [key for key in fields if key in handed], [key for key in fields if key not in taken]
    kept, left = (", ".join(f"model.{key}" for key in keys) for keys in told)
    notes = [f"model.name=auto: candidates that have {kept} take from the file what they are not given"] if kept else []
    return notes + ([f"model.name=auto: left out {left} of the file, which no candidate has"] if left else [])

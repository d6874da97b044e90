"""The networks that installed packages add. As all networks they are read as text, and imported when they are built."""

import ast
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, create_model

from ...errors import ConfigError
from ..plugins import Plugin, leave_out, plugins
from ..words import nearest
from .annotations import type_of
from .candidates import AutoNetwork, auto_of, one_of
from .family import Family
from .modules import located
from .own import AUTO, names_of
from .pipeline import Pipeline
from .section import Section
from .signature import NetworkSection, functions_of, read_network


@lru_cache(maxsize=1)
def plugged(kinds: Sequence[Family]) -> dict[str, dict[str, tuple[Plugin, type[NetworkSection]]]]:
    """The folder of a kind -> name of a network -> who brings it, and its section.

    What is of no use is left out: whose signature cannot be read, and whose name another network of the kind has.

    Args:
        kinds: all of them.
    """
    found: dict[str, dict[str, tuple[Plugin, type[NetworkSection]]]] = {kind.folder: {} for kind in kinds}
    for plugin in plugins("networks"):
        try:
            kind, section = _read(plugin, kinds)
            others = found[kind.folder]
            if plugin.name in (*kind.names, AUTO) or plugin.name in others:
                taken = f"that of {others[plugin.name][0].package}" if plugin.name in others else "a built-in one"
                raise ConfigError(f"its name is {taken} already.", plugin.remedy)
            others[plugin.name] = plugin, section
        except ConfigError as error:
            leave_out(plugin, error)
    return found


def _read(plugin: Plugin, kinds: Sequence[Family]) -> tuple[Family, type[NetworkSection]]:
    path = located(plugin.module)
    kind = _kind(plugin, _node(path, plugin.attribute), kinds)
    return kind, read_network(path, plugin.attribute, kind, trusted=True, name=plugin.name, module=plugin.module)


def _node(path: Path, function: str) -> ast.FunctionDef:
    try:
        return functions_of(str(path), path.read_bytes(), function)[function]
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None


def _kind(plugin: Plugin, node: ast.FunctionDef, kinds: Sequence[Family]) -> Family:
    """That which the entry point's name begins with, else that whose shared section the function takes."""
    known = {kind.folder: kind for kind in kinds}
    said = plugin.label.rpartition(".")[0]
    if said in known:
        return known[said]
    if said:
        guess = nearest(said, known)
        hint = f"did you mean {guess}?" if guess else f"known are {', '.join(known)}."
        raise ConfigError(f"there is no kind {said!r} of networks; {hint}", plugin.remedy)
    taken = [section for argument in node.args.args if (section := _section(argument))]
    found = [kind for kind in kinds if any(issubclass(section, kind.shared) for section in taken)]
    if len(found) == 1:
        return found[0]
    cause = "its signature does not show what kind it is; name the entry point KIND.NAME, KIND being one of"
    raise ConfigError(f"{cause} {', '.join(known)}.", plugin.remedy)


def _section(argument: ast.arg) -> type[Section] | None:
    """The section that an argument stands for, if it does."""
    try:
        kind = type_of(argument.annotation) if argument.annotation else None
    except (RecursionError, SyntaxError, TypeError, ValueError):  # which is said where the signature is read
        return None
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def packages_of(pipeline: Pipeline) -> dict[str, str]:
    """`network NAME` and `task NAME` -> package and version, of what installed packages bring to a pipeline."""
    origins = [getattr(one.model, "origin", None) for one in pipeline.candidates()]
    built = [(origin.module, origin.name) for origin in origins if origin is not None]
    found = [plugin for plugin in plugins("tasks") if plugin.name == pipeline.task]
    found += [plugin for plugin in plugins("networks") if (plugin.module, plugin.name) in built]
    return {plugin.called: plugin.package for plugin in found}


class LostNetwork(NetworkSection):
    """That of a package which is not installed any more: enough for a model that is built already."""

    model_config = ConfigDict(extra="allow")


def _lost(name: str, shared: type[Section]) -> type[NetworkSection]:
    make: Any = create_model  # its types do not know a name that is only known when it is called
    return make("LostNetwork", __base__=(shared, LostNetwork), __module__=__name__, name=(Literal[name], name))


def without_lost(content: dict[str, Any], schema: type[Pipeline]) -> tuple[dict[str, Any], type[Pipeline]] | None:
    """Content and schema that do without networks of packages which are not installed any more.

    Args:
        content: of the pipeline.yaml of a run.
        schema: of its task.

    Returns:
        The network's fields are taken as they stand, and no space is searched; None if no network is unknown.
    """
    field = schema.model_fields["model"]
    members = getattr(field.annotation, "__args__", (field.annotation,))
    sections = [kind for kind in members if isinstance(kind, type) and issubclass(kind, NetworkSection)]
    known = {section.origin.name: section.origin for section in sections}
    model, search = content.get("model"), content.get("search", {})
    names = [name for name in names_of(model) if isinstance(name, str) and name != AUTO]
    space = search.get("space") if isinstance(search, dict) else None
    tried = space.get("model.name") if isinstance(space, dict) else None
    tried = tried.get("values") if isinstance(tried, dict) else tried
    choices = [choice for choice in tried if isinstance(choice, str)] if isinstance(tried, (list, tuple)) else []
    if not known or not names or not {*names, *choices} - known.keys():
        return None
    if lost := [name for name in names if name not in known]:
        shared = next(iter(known.values())).kind.shared
        found = [*sections, *(_lost(name, shared) for name in dict.fromkeys(lost))]
        chosen = any(issubclass(kind, AutoNetwork) for kind in members if isinstance(kind, type))
        union = one_of([*found, auto_of(tuple(found))] if chosen else found)
        schema = create_model(schema.__name__, __base__=schema, __module__=__name__, model=(union, ...))
    return {**content, "search": {**search, "space": {}} if isinstance(search, dict) else search}, schema

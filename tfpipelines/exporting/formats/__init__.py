"""The formats that models are exported in, one file each; installed packages may bring more: see `plugins`."""

import importlib
import pkgutil
from functools import cache
from inspect import isabstract

from ...core.plugins import Plugin, is_free, leave_out, members
from ...errors import ConfigError
from ..exporter import Exporter


def built_in() -> dict[str, Exporter]:
    """Name -> exporter, of every file in this folder; those that take raw samples first."""
    modules = [importlib.import_module(f"{__name__}.{entry.name}") for entry in pkgutil.iter_modules(__path__)]
    kinds = [(kind, module) for module in modules for kind in vars(module).values() if isinstance(kind, type)]
    own = [kind for kind, module in kinds if issubclass(kind, Exporter) and kind.__module__ == module.__name__]
    found: list[Exporter] = [kind() for kind in own]
    return {exporter.name: exporter for exporter in sorted(found, key=lambda entry: (not entry.whole, entry.name))}


def exporters() -> dict[str, Exporter]:
    """Name -> exporter, the built-in ones first, then those of packages."""
    return {**built_in(), **{plugin.name: exporter for plugin, exporter in added().items()}}


@cache
def added() -> dict[Plugin, Exporter]:
    """The exporters of packages, called as their entry points are."""
    known, found = set(built_in()), dict[Plugin, Exporter]()
    for plugin, kind in members("exporters", _fault).items():
        if not is_free(plugin, plugin.name, known):
            continue
        try:
            exporter = plugin.guarded("cannot be made", kind)
        except ConfigError as error:
            leave_out(plugin, error)
            continue
        known.add(plugin.name)
        kind.name = plugin.name
        found[plugin] = exporter
    return found


def _fault(kind: object) -> str:
    if isinstance(kind, type) and issubclass(kind, Exporter) and not isabstract(kind):
        lacks = [name for name in ("runs_in", "file", "packages") if not hasattr(kind, name)]
        return f"lacks {', '.join(lacks)}" if lacks else ""
    return f"is no class derived from {Exporter.__module__}.Exporter"

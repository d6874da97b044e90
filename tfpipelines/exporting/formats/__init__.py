"""The formats that models are exported in, one file each."""

import importlib
import pkgutil

from ..exporter import Exporter


def exporters() -> dict[str, Exporter]:
    """Name -> exporter, of every file in this folder; those that take raw samples first."""
    modules = [importlib.import_module(f"{__name__}.{entry.name}") for entry in pkgutil.iter_modules(__path__)]
    kinds = [(kind, module) for module in modules for kind in vars(module).values() if isinstance(kind, type)]
    own = [kind for kind, module in kinds if issubclass(kind, Exporter) and kind.__module__ == module.__name__]
    found: list[Exporter] = [kind() for kind in own]
    return {exporter.name: exporter for exporter in sorted(found, key=lambda entry: (not entry.whole, entry.name))}

"""The formats that models are exported in, one file each."""

import importlib
import pkgutil

from ..exporter import Exporter


def exporters() -> dict[str, Exporter]:
    """Name -> exporter, of every file in this folder; those that take raw samples first."""
    modules = [importlib.import_module(f"{__name__}.{entry.name}") for entry in pkgutil.iter_modules(__path__)]
    found = [kind() for kind in Exporter.__subclasses__() if kind.__module__ in {module.__name__ for module in modules}]
    return {exporter.name: exporter for exporter in sorted(found, key=lambda entry: (not entry.whole, entry.name))}

"""Where a module's file is, found as an import would find it, but with nothing imported."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path

from ...errors import ConfigError


def located(module: str) -> Path:
    """The Python file of a module. Neither it nor the packages that it lies in are run.

    Args:
        module: its dotted name.

    Raises:
        ConfigError: if there is no such module, or it is no file of Python source.
    """
    if not all(part.isidentifier() for part in module.split(".")):
        raise ConfigError(f"{module!r} is no name of a module.", "Name it as in an import: package.module.")
    spec, path, name = None, None, ""
    for part in module.split("."):
        name = f"{name}.{part}".removeprefix(".")
        spec = _found(name, path)
        if spec is None:
            where = f" in the package {name.rpartition('.')[0]}" if "." in name else ""
            raise ConfigError(f"There is no module {part}{where} ({module}).", "Is its package installed?")
        path = spec.submodule_search_locations
        if path is None and name != module:
            raise ConfigError(f"{name} is no package, so {module} is not in it.")
    assert spec is not None
    if not spec.has_location or not spec.origin or not spec.origin.endswith(".py"):
        raise ConfigError(f"The module {module} is no file of Python source.", "Name the module that defines it.")
    return Path(spec.origin)


def _found(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """What the finders of this process say, those of editable installs among them."""
    if path is None and name in sys.modules:
        known = sys.modules[name].__spec__
        if known is not None:
            return known
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        if find is not None and (spec := find(name, path)) is not None:
            return spec
    return None

"""Package attributes that are imported on first use, so that asking for help loads nothing heavy."""

import importlib


def attach(package: str, sources: dict[str, tuple[str, ...]]):
    """The `__getattr__`, `__dir__` and `__all__` of a package whose names live in its submodules.

    Args:
        package: the package's `__name__`.
        sources: submodule name -> the names it gives to the package.

    Returns:
        A triple to be assigned to `__getattr__`, `__dir__`, `__all__`.
    """
    home = {name: module for module, names in sources.items() for name in names}

    def load(name: str):
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{home[name]}"), name)

    return load, lambda: sorted(home), sorted(home)

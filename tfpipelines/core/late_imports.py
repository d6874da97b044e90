"""Modules of TensorFlow and Keras that are loaded when they are first used, in processes of the command line.

Where scikit-learn, matplotlib, jax and SciPy are installed, TensorFlow and Keras import them for wrappers, drawings,
conversion to LiteRT and networks of Keras 2. Few commands use any of that, and it takes half of the time of the import.
"""

import functools
import importlib.util
import sys
import threading
from types import ModuleType
from typing import Any

_LATE = {  # importer of an optional library -> that library
    "keras.src.visualization": "matplotlib",
    "keras.visualization": "matplotlib",
    "keras._tf_keras.keras.visualization": "matplotlib",
    "keras.wrappers": "sklearn",
    "keras._tf_keras.keras.wrappers": "sklearn",
    "tensorflow.python.keras.engine.training_v1": "scipy",
}
_LITE = "tensorflow.lite.python.util"  # has the function `jax.jit`, or None where there is no jax
_REFUSED = {  # library -> modules that do without it
    "jax": (_LITE, "keras.src.callbacks.orbax_checkpoint"),  # the other adds a function to versions of jax that lack it
}
_loading = threading.RLock()


@functools.cache
def install() -> None:
    """From here on the modules are loaded late; those that are loaded already stay as they are."""
    sys.meta_path.insert(0, _Finder())


class _Finder:
    """Asks the other finders, and puts a loader around theirs."""

    def __init__(self):
        self.asks = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name in _REFUSED and _importer() in _REFUSED[name]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if self.asks or not (name in _LATE or name == _LITE):
            return None
        self.asks = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.asks = False
        if spec is not None and spec.loader is not None:
            loader: Any = _LiteLoader(spec.loader) if name == _LITE else _Loader(spec.loader)
            spec.loader = loader
        return spec


class _LiteLoader:
    def __init__(self, loader: Any):
        self.loader = loader

    def create_module(self, spec: Any) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        if getattr(module, "_jit", 0) is None and importlib.util.find_spec("jax") is not None:
            module._jit = _jit  # type: ignore[attr-defined]


def _jit(*words: Any, **options: Any) -> Any:
    import jax

    return jax.jit(*words, **options)


class _Loader:
    def __init__(self, loader: Any):
        self.loader = loader

    def create_module(self, spec: Any) -> ModuleType:
        return _LateModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["_load"] = self.loader.exec_module


class _LateModule(ModuleType):
    """A module that is loaded when it is asked for a name that it does not have yet."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":  # what tools ask of every module
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self._loaded()
        module = sys.modules.get(self.__name__, self)  # TensorFlow puts objects of its own into the place of modules
        if module is not self:
            return getattr(module, name)
        if name in self.__dict__:
            return self.__dict__[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        self._loaded()
        return sorted(self.__dict__)

    def _loaded(self) -> None:
        with _loading:
            load = self.__dict__.pop("_load", None)
            if load is not None:
                try:
                    load(self)
                except BaseException:
                    self.__dict__["_load"] = load
                    raise


def _importer() -> str:
    """The module whose import statement is being carried out."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        frame.f_globals.get("__name__") == __name__ or "importlib" in frame.f_code.co_filename
    ):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", ""))

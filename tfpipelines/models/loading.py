"""Model files loaded without trusting them: nothing in one is executed."""

import importlib
import json
import re
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import h5py
import keras

from ..errors import ArtifactError

_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_HUB_FILES = ("vocabulary", "merges", "proto")  # of tokenizers: in a model file they are among its assets
_HUB_LAYERS = "tfpipelines.networks.backbones.hub"  # which stands above this module, so it is imported by name
_MODULES = ("keras", "keras_hub", "tfpipelines")
_allowed: set[str] = set()  # modules of own networks whose code has been run
_LARGEST_RATIO = 100  # of unpacked to packed bytes: beyond it the archive is a trap
_DAMAGED = "The file is damaged or of another type; restore it, or train again."
_OWN_CODE = re.compile(  # Keras' words for what is not of Keras
    r"Could not locate (?:class|function) '([^']*)'.*Full object config: \{'module': (?:None|'builtins')", re.DOTALL
)
REBUILD = (
    "Code in model files is never run: rebuild the subclassed model, layer or Lambda from Keras' own layers, as a "
    "Functional or Sequential model, give it the weights of the old one with set_weights, and save that."
)


class CodeNeeded(ArtifactError):
    """A model file has layers of a user's own code, which has not been run."""


def allow_modules(names: set[str]) -> None:
    """From now on model files may have layers of these modules, whose code the user trusts and which has been run."""
    _allowed.update(names)


def own_layers(names: Iterable[str]) -> dict[str, type]:
    """The layers that allowed modules define, by the names that model files call them."""
    found = (kind for name in names if name in _allowed for kind in vars(sys.modules[name]).values())
    layers = (kind for kind in found if isinstance(kind, type) and issubclass(kind, keras.Layer))
    return {keras.saving.get_registered_name(kind): kind for kind in layers if kind.__module__ in _allowed}


class LoadedArtifact(NamedTuple):
    """A model file's model, and what the file says of it (`classes`, `temperature`, `multi_label`; {} if foreign)."""

    model: keras.Model
    facts: dict


def network_of(model: keras.Model) -> keras.Model:
    """The network inside an artifact's model.

    Raises:
        ArtifactError: if the model is not built like one of ours.
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            return layer
    raise ArtifactError(f"The model {model.name!r} has no inner network.", "Use a model.keras that a run has written.")


def take_weights(network: keras.Model, trained: keras.Model) -> keras.Model:
    """The network with the weights of another whose layers have the same names."""
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(trained.get_layer(layer.name).get_weights())
    return network


def load_artifact(path: Path) -> LoadedArtifact:
    """Loads a model file after looking at what is in it; nothing in it is executed.

    Only a local regular file is opened. The archive may hold a configuration, metadata, weights and assets, nothing
    with a path out of it; the configuration may name layers of Keras, of KerasHub and of this package, no Python code;
    the weights may not refer to other files.

    Raises:
        ArtifactError: if the file is missing, damaged, foreign or not safe, or was written by a Keras that this one
            cannot follow (then both versions are named).
    """
    if path.is_symlink() or not path.is_file():
        what = "not a regular file" if path.exists() or path.is_symlink() else "missing"
        raise ArtifactError(f"{path} is {what}.", "Restore it, or name a model.keras file on a local disk.")
    metadata, modules = _inspect(path)
    version = metadata.get("keras_version")
    try:
        model = keras.saving.load_model(path, own_layers(modules), compile=False, safe_mode=True)
        return LoadedArtifact(model, metadata.get("tfpipelines", {}))
    except Exception as error:  # Keras raises nearly every kind for a file it cannot make sense of
        if own := _OWN_CODE.search(str(error)):
            what = "a subclassed model, layer or function whose code neither Keras nor the file has"
            message = f"{path} cannot be loaded: it asks for {own[1]}, {what}."
            raise ArtifactError(message, REBUILD) from error
        reason = " ".join(str(error).split())[:300]
        if version != keras.__version__:
            versions = f"was saved by Keras {version} and cannot be loaded by Keras {keras.__version__}"
            message = f"{path} {versions}: {reason}."
            raise ArtifactError(message, f"Install Keras {version}, or train again.") from error
        raise ArtifactError(f"{path} cannot be loaded: {reason}.", _DAMAGED) from error


def require_plain_weights(path: Path) -> None:
    """Refuses a file of weights that is no HDF5 file on its own.

    Raises:
        ArtifactError: if it is a link, damaged, or refers to other files.
    """
    if path.is_symlink() or not path.is_file():
        raise ArtifactError(f"{path} is not a regular file.", "Name a file of weights on a local disk.")
    try:
        with h5py.File(path, "r") as file:
            _inspect_weights(path, file)
    except OSError as error:
        message = f"{path} is not a file of Keras weights: {' '.join(str(error).split())}."
        raise ArtifactError(message, "The file is damaged or foreign; restore it.") from error


def _untrusted(
    path: Path,
    reason: str,
    remedy: str = "Load models only from sources you know.",
    kind: type[ArtifactError] = ArtifactError,
) -> ArtifactError:
    return kind(f"{path} is not to be trusted: {reason}.", remedy)


def _inspect(path: Path) -> tuple[dict, set[str]]:
    """Refuses what is no plain model archive; its metadata, and the modules of own networks that it names."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            for member in members:
                parts = Path(member.filename).parts
                if member.filename not in _MEMBERS and not (parts[:1] == ("assets",) and ".." not in parts):
                    raise _untrusted(path, f"it holds {member.filename!r}")
            if sum(member.file_size for member in members) > _LARGEST_RATIO * max(path.stat().st_size, 1):
                raise _untrusted(path, "it unpacks to far more than its size")
            broken = archive.testzip()
            if broken or not {member.filename for member in members} >= _MEMBERS:
                raise ArtifactError(f"{path} is damaged: {broken or 'a part'} is missing or broken.", _DAMAGED)
            metadata, config = json.loads(archive.read("metadata.json")), json.loads(archive.read("config.json"))
            facts = metadata.get("tfpipelines", {}) if isinstance(metadata, dict) else None
            if not isinstance(config, dict) or not isinstance(facts, dict):
                raise ValueError("its metadata are no JSON objects")
            with archive.open("model.weights.h5") as weights, h5py.File(weights, "r") as file:
                _inspect_weights(path, file)
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"{path} is not a Keras model file: {' '.join(str(error).split())}.", _DAMAGED) from error
    modules = set[str]()
    _inspect_config(path, config, modules)
    return metadata, modules


def _inspect_config(path: Path, node, modules: set[str]) -> None:
    """Adds to `modules` those of own networks."""
    if isinstance(node, dict):
        module, name = node.get("module"), node.get("class_name")
        foreign = isinstance(module, str) and module.partition(".")[0] not in _MODULES and module != "builtins"
        if (foreign and module not in _allowed) or name in ("Lambda", "__lambda__"):
            kind = CodeNeeded if foreign else ArtifactError
            raise _untrusted(path, f"it asks for {module or 'code'} ({name})", REBUILD, kind)
        if foreign and isinstance(module, str):
            modules.add(module)
        if isinstance(module, str) and module.partition(".")[0] == "keras_hub":
            _import_hub(path)
            named = [key for key in _HUB_FILES if isinstance((node.get("config") or {}).get(key), str)]
            if named:
                raise _untrusted(path, f"its tokenizer refers to a file ({named[0]})")
        for value in node.values():
            _inspect_config(path, value, modules)
    elif isinstance(node, list):
        for value in node:
            _inspect_config(path, value, modules)


def _import_hub(path: Path) -> None:
    """Makes known the layers of KerasHub, and ours that hold some, which the file asks for."""
    try:
        import keras_hub  # noqa: F401

        importlib.import_module(_HUB_LAYERS)
    except ImportError as error:
        message = f"{path} has layers of KerasHub, which cannot be imported: {error}."
        raise ArtifactError(message, "pip install 'tfpipelines[hub]'") from error


def _inspect_weights(path: Path, group: h5py.Group) -> None:
    for name in group:
        link = group.get(name, getlink=True)
        item = None if isinstance(link, h5py.ExternalLink) else group.get(name)
        if item is None or (isinstance(item, h5py.Dataset) and (item.external or item.is_virtual)):
            raise _untrusted(path, f"its weights refer to other files ({name})")
        if isinstance(item, h5py.Group):
            _inspect_weights(path, item)

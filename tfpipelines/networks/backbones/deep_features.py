"""What a pretrained backbone says of each place of an image: its maps, on one grid."""

from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np

from ...core.config.backbones import BUNDLED, backbone_source
from ...core.words import nearest
from ...errors import ArtifactError, ConfigError
from ...models.image_preprocessing import resized
from ...models.loading import network_of
from ..reconstruction import Reconstructor
from .backbone import Backbone
from .efficientnet_lite import SMALLEST
from .finetuned import InferenceMode, backbone_of, scale
from .loading import load_backbone

FEATURES = "features"  # name of the layer that gives the features to be reconstructed
_STRIDES = (4, 8, 16)  # input pixels to a place of the layers that `auto` stands for
_LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue, as grey images are made when files are read
_WHOLE = 16  # pixels that have one place on the smallest of the maps
GRID = 8  # input pixels to a place of the grid that `auto` stands for


def place_features(
    input_shape: tuple[int, int, int],
    backbone: Backbone,
    layers: Sequence[str] | Literal["auto"] = "auto",
    grid: int | Literal["auto"] = "auto",
    neighbours: int = 1,
    strides: tuple[int, ...] = _STRIDES,
    *,
    for_training: bool = False,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """What a frozen backbone says of each place of images.

    Args:
        input_shape: of the images (height, width, channels), as the backbone takes them.
        layers: of the backbone; auto: see `default_layers`.
        grid: places of the longer side; auto: one for every 8 pixels. Maps of tiles are joined first.
        neighbours: see `join_maps`.
        strides: that `auto` layers are of.
        for_training: whether the network is to be trained, else it is made of layers that plain Keras can load.

    Returns:
        The input, levels 0 to 255 (batch, *input_shape), and the features (batch, rows, columns, channels).

    Raises:
        ConfigError: if the backbone has no such layers.
    """
    inputs = x = keras.Input(input_shape, name="levels")
    tiles, shape = backbone.tiles, input_shape
    if tiles is not None:
        x, shape = tiles.cut(inputs), (*tiles.tile, input_shape[-1])
    names = default_layers(backbone, shape, strides) if layers == "auto" else layers
    maps = backbone_maps(backbone, names)
    maps.trainable = False
    outputs = (InferenceMode(maps) if for_training else maps)(scale(x, backbone.scaling))
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    fine = -(-max(shape[:2]) // GRID)
    places = fine if grid == "auto" or tiles is not None else grid
    joined = join_maps(outputs, shape, places, neighbours)  # (B, rows, columns, D)
    if tiles is not None:
        joined = tiles.join(joined)
        if grid != "auto":
            rows, columns = (max(1, round(grid * side / max(input_shape[:2]))) for side in input_shape[:2])
            joined = on_grid(joined, (rows, columns), "grid")
    return inputs, keras.layers.Identity(name=FEATURES)(joined)


def join_maps(maps: Sequence[keras.KerasTensor], shape: tuple[int, ...], grid: int, neighbours: int = 1):
    """Feature maps of several sizes side by side on one grid, (batch, rows, columns, channels of all).

    Args:
        maps: symbolic, of images of `shape` (height, width, ...).
        grid: places of the longer side.
        neighbours: side of the mean filter over each of them; 1: none.
    """
    rows, columns = (max(1, round(grid * side / max(shape[:2]))) for side in shape[:2])
    joined = []
    for number, x in enumerate(maps, 1):
        if neighbours > 1:
            x = keras.ops.average_pool(x, min(neighbours, *x.shape[1:3]), 1, "same")
        joined.append(on_grid(x, (rows, columns), f"grid{number}"))
    return keras.ops.concatenate(joined, -1) if len(joined) > 1 else joined[0]


def on_grid(x, size: tuple[int, int], name: str):
    """A map (batch, rows, columns, channels) on another grid: means of whole places where they fit, else bilinear."""
    rows, columns = x.shape[1:3]
    if (rows, columns) == size:
        return x
    if rows % size[0] == 0 and columns % size[1] == 0:
        return keras.layers.AveragePooling2D((rows // size[0], columns // size[1]), name=name)(x)
    return resized(x, size, name)


def backbone_maps(backbone: Backbone, names: Sequence[str]) -> keras.Model:
    """The part of a backbone that leads to some of its layers: images, scaled -> their outputs."""
    known = [layer.name for layer in backbone.model.layers]
    for name in names:
        if name not in known:
            guess = nearest(name, known)
            remedy = f"Did you mean {guess}?" if guess else f"Its last ones: {', '.join(known[-10:])}."
            raise ConfigError(f"model.layers: {backbone.name} has no layer {name!r}.", remedy)
        if len(backbone.model.get_layer(name).output.shape) != 4:
            message = f"model.layers: the output of {name} is no feature map."
            raise ConfigError(message, "Name layers whose output is (batch, rows, columns, channels).")
    outputs = [backbone.model.get_layer(name).output for name in names]
    return keras.Model(backbone.model.input, outputs, name=f"{backbone.model.name}_maps")


def default_layers(
    backbone: Backbone, input_shape: tuple[int, int, int], strides: tuple[int, ...] = _STRIDES
) -> list[str]:
    """The last layer, an addition where there are some, before the map shrinks further than by each of `strides`.

    Raises:
        ConfigError: if it has no such layer.
    """
    is_map = lambda output: isinstance(output, keras.KerasTensor) and len(output.shape) == 4
    layers = [layer for layer in backbone.model.layers if not isinstance(layer, keras.layers.InputLayer)]
    layers = [layer for layer in layers if is_map(layer.output)]
    outputs = []
    if layers:
        maps = keras.Model(backbone.model.input, [layer.output for layer in layers])
        outputs = keras.tree.flatten(maps(np.zeros((1, *input_shape), np.float32), training=False))
    found = []
    for stride in strides:
        fits = [-(-input_shape[0] // output.shape[1]) == stride and output.shape[1] > 1 for output in outputs]
        there = [layer for layer, fit in zip(layers, fits) if fit]
        additions = [layer for layer in there if isinstance(layer, keras.layers.Add)]
        found += [(additions or there)[-1].name] if there else []
    if not found:
        shares = f"1/{strides[0]} to 1/{strides[-1]} as high as images of {input_shape[0]} pixels"
        message = f"{backbone.name} has no layer whose map is {shares}."
        raise ConfigError(message, "Name some with model.layers, or enlarge the images: data.size=128.")
    return found


def feature_network(network: keras.Model) -> keras.Model:
    """The part of a feature autoencoder that stands still: levels -> features."""
    return keras.Model(network.input, network.get_layer(FEATURES).output, name="features_model")


def looks_at_places(network: keras.Model) -> bool:
    """Whether a network is made of `place_features`."""
    return any(layer.name == FEATURES for layer in network.layers)


def told_of_features(network: keras.Model) -> tuple:
    """What tells the features of such networks with one backbone apart, besides the fields of `model`: its layers, and
    shape and dtype of the features.
    """
    features = network.get_layer(FEATURES).output
    layers = tuple(output._keras_history.operation.name for output in backbone_of(network).outputs)
    return layers, tuple(features.shape[1:]), features.dtype


def part_behind_features(network: keras.Model) -> keras.Model:
    """The part of such a network behind the features: features -> its outputs. It shares its layers."""
    return keras.Model(network.get_layer(FEATURES).output, network.output, name=network.name)


def reconstructing_part(network: keras.Model) -> Reconstructor:
    """The part that is trained: features -> the network's outputs.

    It shares its layers; of a saved network it does not know the loss.
    """
    part = Reconstructor(network.get_layer(FEATURES).output, network.output, name="reconstruction")
    part.loss_name = getattr(network, "loss_name", "")
    return part


def feature_extractor(input_shape: tuple[int, int, int], seed: int = 0) -> keras.Model:
    """Two middle stages of the bundled backbone: levels 0 to 255, grey or RGB -> features (batch, rows, columns,
    channels).

    Images smaller than the backbone takes are enlarged, and others to the next multiple of 16 pixels, so that both maps
    fit.
    """
    height, width = (max(-(-side // _WHOLE) * _WHOLE, SMALLEST) for side in input_shape[:2])
    size = height, width
    backbone = load_backbone(backbone_source(BUNDLED), size=size, seed=seed)
    inputs = x = keras.Input(input_shape, name="levels")
    if size != tuple(input_shape[:2]):
        x = resized(x, size, "enlarge")
    if input_shape[-1] == 1:
        x = keras.ops.repeat(x, 3, -1)
    outputs = backbone_maps(backbone, default_layers(backbone, (*size, 3), (8, 16)))(scale(x, backbone.scaling))
    return keras.Model(inputs, join_maps(outputs, size, -(-max(size) // GRID), 3), name="extractor")


def pooled_features(input_shape: tuple[int, int, int], seed: int = 0) -> keras.Model:
    """Means of `feature_extractor`'s maps over whole images: levels 0 to 255, grey or RGB -> (batch, features)."""
    extractor = feature_extractor(input_shape, seed)
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(extractor.output)
    return keras.Model(extractor.input, pooled, name="pooled_features")


def classifier_features(
    classifier: keras.Model, size: tuple[int, int], channels: int, input_shape: tuple[int, int, int]
) -> keras.Model:
    """What a classifier's last layer gets to see: levels 0 to 255 (batch, *input_shape) -> (batch, features).

    Args:
        classifier: the model of an image classifier's artifact.
        size, channels: of the images that it takes.

    Raises:
        ArtifactError: if it is not built like one of ours.
    """
    network = network_of(classifier)
    if "logits" not in [layer.name for layer in network.layers]:
        message = f"The model {classifier.name!r} has no layer of logits."
        raise ArtifactError(message, "Name the run of an image classifier.")
    inputs = x = keras.Input(input_shape, name="levels")
    if tuple(size) != tuple(input_shape[:2]):
        x = keras.layers.Resizing(*size, interpolation="bilinear", antialias=True, name="resize")(x, training=False)
    if channels > input_shape[-1]:
        x = keras.ops.repeat(x, channels, -1)
    elif channels < input_shape[-1]:
        x = keras.ops.sum(x * np.array(_LUMINANCE, np.float32), -1, keepdims=True)
    features = keras.Model(network.input, network.get_layer("logits").input, name="before_logits")
    return keras.Model(inputs, keras.layers.Flatten(name="flat")(features(x)), name="classifier_features")

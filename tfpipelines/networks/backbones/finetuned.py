"""A pretrained backbone with a new head, and the models that its two phases of training take out of it."""

from typing import Literal

import keras

from ...core.config.finetuned import Finetuned, FinetunedImages, FinetunedTexts
from ..layers import Builder
from .backbone import Backbone, Scaling
from .blocks import layer_blocks
from .loading import head_layer

FEATURES = "features"  # name of the layer that turns what the backbone gives into a vector


def finetuned_images(
    backbone: Backbone,
    input_shape: tuple[int, int, int],
    classes: int,
    settings: FinetunedImages,
    *,
    seed: int | None = None,
    for_training: bool = True,
) -> keras.Model:
    """Scaling, backbone, pooling over all positions, and a head.

    A backbone with batch normalization always runs in inference mode: its statistics stay those it was trained with.

    Args:
        backbone: of images.
        input_shape: (height, width, channels), as the backbone takes them.
        settings: of pooling over the feature map, and of the head.
        seed: of the head.
        for_training: whether it is to be trained; else it is made of layers that plain Keras can load.

    Returns:
        Model: levels 0 to 255 (batch, height, width, channels) -> logits float32 (batch, classes).
    """
    inputs = keras.Input(input_shape, name="levels")
    run = InferenceMode(backbone.model) if for_training and backbone.freezes_statistics else backbone.model
    x = run(scale(inputs, backbone.scaling))
    largest = settings.pooling == "max"
    if len(x.shape) == 4:
        pool = keras.layers.GlobalMaxPooling2D if largest else keras.layers.GlobalAveragePooling2D
    elif len(x.shape) == 3:  # patches
        pool = keras.layers.GlobalMaxPooling1D if largest else keras.layers.GlobalAveragePooling1D
    else:
        pool = keras.layers.Identity
    return keras.Model(inputs, head_logits(pool(name=FEATURES)(x), classes, settings, seed), name="finetuned")


def finetuned_texts(
    backbone: Backbone, classes: int, settings: FinetunedTexts, *, seed: int | None = None, pad: int = 0
) -> keras.Model:
    """A text backbone of KerasHub, pooling over the tokens, and a head.

    Args:
        backbone: of token ids.
        settings: of pooling over the tokens, and of the head.
        seed: of the head.
        pad: the tokenizer's id of padding.

    Returns:
        Model: token ids + 1, int32 (batch, length), 0 where there is none -> logits float32 (batch, classes).
    """
    inputs = keras.Input((None,), dtype="int32", name="tokens")
    x = keras.layers.Identity(name=FEATURES)(pooled_tokens(backbone, inputs, settings.pooling, pad))
    return keras.Model(inputs, head_logits(x, classes, settings, seed), name="finetuned")


def pooled_tokens(
    backbone: Backbone, inputs: keras.KerasTensor, pooling: Literal["mean", "first"], pad: int
) -> keras.KerasTensor:
    """What a text backbone tells of token ids + 1, int32 (batch, length), 0 where there is none: (batch, width).

    Args:
        pooling: mean of the tokens, or the first one.
        pad: the tokenizer's id of padding.
    """
    there = keras.ops.greater(inputs, 0)  # (B, T)
    ids = keras.ops.where(there, inputs - 1, pad)
    names = {tensor.name for tensor in backbone.model.inputs}
    fed = {"token_ids": ids, "padding_mask": keras.ops.cast(there, "int32"), "segment_ids": keras.ops.zeros_like(ids)}
    x = backbone.model({name: tensor for name, tensor in fed.items() if name in names})  # (B, T, D)
    if pooling == "first":
        return x[:, 0]
    weights = keras.ops.cast(there, x.dtype)[..., None]
    return keras.ops.sum(keras.ops.where(weights > 0, x, 0.0), 1) / keras.ops.maximum(keras.ops.sum(weights, 1), 1.0)


def head_logits(features: keras.KerasTensor, classes: int, settings: Finetuned, seed: int | None) -> keras.KerasTensor:
    """The head: normalization of the features, dense layers, dropout, and the output.

    Args:
        features: (batch, width).
        settings: fields of the head.
        seed: see `layers.Builder`.

    Returns:
        Logits float32 (batch, classes).
    """
    build, dropout = Builder(settings, seed=seed), settings.dropout
    x = build.normalize(features, "norm_features")
    for number, width in enumerate(settings.head_units, 1):
        x = build.dropout(x, dropout, f"dropout{number}")
        x = build.activate(build.normalize(build.dense(width, f"dense{number}")(x), f"norm{number}"), f"act{number}")
    return build.logits(classes)(build.dropout(x, dropout))


def scale(levels: keras.KerasTensor, scaling: Scaling | None) -> keras.KerasTensor:
    """Levels 0 to 255 -> what a backbone of images expects of them."""
    assert scaling is not None, "a backbone of texts"
    factor, offset, reverse = scaling
    x = levels[..., ::-1] if reverse else levels
    return x if (factor, offset) == (1.0, 0.0) else keras.layers.Rescaling(factor, offset, name="scale")(x)


def features_model(network: keras.Model) -> keras.Model:
    """The part of a fine-tuned network before its head: inputs -> features (batch, width)."""
    return keras.Model(network.inputs, network.get_layer(FEATURES).output, name="features_model")


def head_model(network: keras.Model) -> keras.Model:
    """The head of a fine-tuned network: features (batch, width) -> logits. It shares its layers."""
    return keras.Model(network.get_layer(FEATURES).output, network.output, name="head")


def map_and_rest(network: keras.Model) -> tuple[keras.Model, keras.Model] | None:
    """Any network for images, cut behind its last feature map: (inputs -> map, map -> logits); None without a map."""
    layer = (
        network.get_layer(FEATURES) if any(layer.name == FEATURES for layer in network.layers) else head_layer(network)
    )
    if layer is None or len(layer.input.shape) != 4:
        return None
    return keras.Model(network.inputs, layer.input), keras.Model(layer.input, network.output)


def unfreeze(network: keras.Model, blocks: int | Literal["all"]) -> int:
    """Makes the last blocks of the backbone trainable, and its other layers not.

    Args:
        blocks: how many, or `all`.

    Returns:
        How many blocks there are.
    """
    backbone = backbone_of(network)
    parts = layer_blocks(backbone)
    for layer in backbone._flatten_layers():  # each by itself: a file may have been saved with some of them frozen
        layer.trainable = True
    if blocks != "all":
        for block in parts[: max(len(parts) - blocks, 0)]:
            for layer in block:
                layer.trainable = False
    return len(parts)


def rates_by_depth(network: keras.Model, decay: float) -> list[float]:
    """What the learning rate of each trainable variable is multiplied by: 1 in the head, and in each block of the
    backbone `decay` times that of the block after it (Howard & Ruder 2018; Clark et al. 2020).
    """
    factors: dict[int, float] = {}
    for depth, block in enumerate(reversed(layer_blocks(backbone_of(network))), 1):
        factors |= {id(weight): decay**depth for layer in block for weight in layer.weights}
    return [factors.get(id(variable), 1.0) for variable in network.trainable_variables]


def backbone_of(network: keras.Model) -> keras.Model:
    """The pretrained network inside a fine-tuned one."""
    layer = next(layer for layer in network.layers if isinstance(layer, (keras.Model, InferenceMode)))
    return layer.model if isinstance(layer, InferenceMode) else layer


class InferenceMode(keras.layers.Layer):
    """A network inside of another one that runs in inference mode while that one is trained; its weights train
    nevertheless.

    `network(x, training=False)` in a Functional model does not do: Keras 3.15 overrides it when that model is trained.

    Args:
        model: the network; the layer has its name.
    """

    def __init__(self, model: keras.Model):
        super().__init__(name=model.name)
        self.model = model

    def call(self, inputs):
        return self.model(inputs, training=False)

"""An autoencoder of what a pretrained backbone says of each place of an image."""

import math
from typing import Annotated, Literal

import keras
from pydantic import Field

from tfpipelines.core.config.networks import Autoencoder
from tfpipelines.core.config.section import AutoCount, AutoNames, Count, Counts, NonNegative, Normalization
from tfpipelines.networks.backbones.deep_features import place_features
from tfpipelines.networks.backbones.loading import Backbone
from tfpipelines.networks.layers import Builder
from tfpipelines.networks.reconstruction import reconstructor, standardize

from ..autoencoder_blocks import dense_stack


def feature(
    input_shape: tuple[int, int, int],
    common: Autoencoder,
    backbone: Backbone,
    layers: AutoNames = "auto",
    grid: AutoCount = "auto",
    neighbours: Count = 1,
    bottleneck: Literal["place", "image"] = "place",
    kernel_size: Count = 3,
    units: Counts = (256,),
    latent: Count = 96,
    normalization: Normalization = "none",
    noise: NonNegative = 0.3,
    distance: Literal["l2", "l1", "cosine"] = "l2",
    loss: Literal["l2", "l1", "cosine"] = "l2",
    smoothing: Annotated[int, Field(ge=0)] = 0,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Reconstructs the features of a pretrained backbone at each place of an image, from several layers.

    After Shi et al. 2021 (DFR: deep feature reconstruction), with the neighbourhoods of Roth et al. 2022 (PatchCore).
    The outputs are standardized features (batch, rows, columns, channels).

    Args:
        layers: backbone layers whose outputs are used; auto: the last ones whose map is 1/4, 1/8 and 1/16 as high
            as the image.
        grid: places along the longer side that the outputs are resized to; auto: one for every 8 pixels.
        neighbours: side of the mean filter over each layer's output (Roth et al. 2022); 1: none.
        bottleneck: what passes through it: every place by itself (textures), or all places together (objects in one
            pose).
        kernel_size: bottleneck place: side of the convolutions, in places: how far a place looks to its neighbours.
        units: width of the encoder's layers, convolutions or dense; the decoder mirrors them.
        latent: dimensions of the bottleneck of each place, or of the image.
        noise: deviation of Gaussian noise on the standardized features while training, whose removal is learned.
        distance: of a place's features from their reconstruction.
        loss: minimized in training.
        smoothing: side in pixels of the mean filter applied twice to the distances, after upscaling to the size of the
            image; 0: none.

    Raises:
        ConfigError: if the backbone has no such layers.
    """
    build = Builder(common, seed=seed, for_training=for_training, normalization=normalization)
    inputs, features = place_features(input_shape, backbone, layers, grid, neighbours, for_training=for_training)
    target = standardize(features)
    x = build.noise(target, noise)
    whole, shape = bottleneck == "image", features.shape[1:]
    reach = None if whole else kernel_size
    x = keras.layers.Flatten(name="flatten")(x) if whole else x
    x = dense_stack(build, x, units, common.dropout, "encoder", reach)
    x = keras.layers.Dense(latent, name="latent", **build.kernel("glorot_uniform"))(x)
    x = dense_stack(build, x, units[::-1], common.dropout, "decoder", reach)
    x = keras.layers.Dense(math.prod(shape) if whole else shape[-1], name="output", **build.kernel("glorot_uniform"))(x)
    reconstruction = keras.layers.Reshape(shape, name="map")(x) if whole else x
    return reconstructor(inputs, {"target": target, "reconstruction": reconstruction}, "feature", loss, for_training)

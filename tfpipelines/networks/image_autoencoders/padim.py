"""A normal distribution of the features of each place."""

from typing import NamedTuple

import keras
import numpy as np
from sklearn.covariance import ledoit_wolf

from tfpipelines.core.config.networks import FittedImages
from tfpipelines.core.config.section import AutoCount, AutoNames, Count
from tfpipelines.networks.backbones.deep_features import GRID, place_features
from tfpipelines.networks.backbones.loading import Backbone
from tfpipelines.networks.constants import Constants, product
from tfpipelines.networks.normal_images import NormalImages, place_detector, statistics

_PLACES = 32  # along the longer side, of `auto`
_LEAST = 1e-5  # of a variance, as a share of that of a channel over all places


class Gaussians(NamedTuple):
    """The distributions of the places.

    Args:
        means: float32 (places, channels).
        scale: deviation of each channel over all places of training images, float32 (channels,); none is 0.
        whitening: float64 (places, channels, channels), W with |(x - mean) / scale W| the Mahalanobis distance of x.
    """

    means: np.ndarray
    scale: np.ndarray
    whitening: np.ndarray


def padim(
    input_shape: tuple[int, int, int],
    normals: NormalImages,
    common: FittedImages,
    backbone: Backbone,
    layers: AutoNames = "auto",
    grid: AutoCount = "auto",
    neighbours: Count = 1,
    channels: Count = 100,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Mahalanobis distance of each place's features from those of the same place in training images (PaDiM: Defard et
    al. 2021), for objects in one pose, and textures.

    Covariances are shrunk (Ledoit & Wolf 2004).

    Args:
        layers: backbone layers whose outputs are used; auto: the last ones whose map is 1/4, 1/8 and 1/16 as high
            as the image.
        grid: places along the longer side that the outputs are resized to; auto: one for every 8 pixels, at most 32,
            since each place has a matrix.
        neighbours: side of the mean filter over each layer's output; 1: none.
        channels: of the features that are used at most, of more a random choice by the seed; each place has a matrix of
            channels x channels.

    Raises:
        ConfigError: if the backbone has no such layers.
    """
    if grid == "auto" and max(input_shape[:2]) > _PLACES * GRID:
        grid = _PLACES
    inputs, features = place_features(input_shape, backbone, layers, grid, neighbours, for_training=for_training)
    constants, ops = Constants(features), keras.ops
    rows, columns, width = features.shape[1:]
    of_features = {"of_layers": layers, "of_grid": grid, "of_neighbours": neighbours}
    extractor = keras.Model(inputs, features)
    given = lambda: normals.features(extractor, seed)
    known = normals.fitted(fit_gaussians, given, seed, most=channels, **of_features)
    if width > channels:
        features = ops.take(features, constants.places(_chosen(width, channels, seed), "channels"), axis=-1)
    count = known.means.shape[-1]
    centred = ops.reshape(features, (-1, rows * columns, count)) - constants.array(known.means, "center")
    centred = ops.transpose(centred / constants.array(known.scale, "spread"), (1, 0, 2))  # (places, batch, channels)
    whitened = product(centred, constants.halves(known.whitening, "whitening"))
    distances = ops.sqrt(ops.sum(ops.square(whitened), -1))  # (places, batch)
    distances = ops.reshape(ops.transpose(distances), (-1, rows, columns, 1))
    return place_detector(inputs, distances, "padim", for_training)


def _chosen(width: int, channels: int, seed: int | None) -> np.ndarray:
    """Which channels are used, of more than `channels`."""
    return np.sort(np.random.default_rng([seed or 0, 12]).choice(width, channels, replace=False))


def fit_gaussians(features: np.ndarray, seed: int | None = None, most: int = 100) -> Gaussians:
    """The distributions of features, float32 (images, rows, columns, channels), of `most` channels."""
    width = features.shape[-1]
    places = features.reshape(len(features), -1, width)
    chosen = _chosen(width, most, seed) if width > most else np.arange(width)
    channels = len(chosen)
    scale = statistics(features).deviation[chosen].astype(np.float32)
    scale = np.where(scale > 0, scale, np.float32(1.0))
    means = np.zeros((places.shape[1], channels), np.float32)
    whitening = np.zeros((len(means), channels, channels))
    for place in range(len(means)):
        values = places[:, place, chosen]
        means[place] = mean = values.mean(0, dtype=np.float64).astype(np.float32)
        values = (values - mean).astype(np.float64) / scale
        # Of a single image nothing is known of a covariance.
        known = ledoit_wolf(values, assume_centered=True)[0] if len(values) > 1 else np.eye(channels)
        whitening[place] = np.linalg.inv(np.linalg.cholesky(known + _LEAST * np.eye(channels))).T
    return Gaussians(means, scale, whitening)

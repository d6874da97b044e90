"""Distance to the nearest features of training images."""

from collections.abc import Iterable
from typing import NamedTuple

import keras
import numpy as np

from tfpipelines.core.config.networks import FittedImages
from tfpipelines.core.config.section import AutoCount, AutoNames, Count, Share
from tfpipelines.networks.backbones.deep_features import place_features
from tfpipelines.networks.backbones.loading import Backbone
from tfpipelines.networks.constants import Constants, product
from tfpipelines.networks.normal_images import NormalImages, Statistics, place_detector

_STRIDES = (4, 8)  # of the layers that `auto` stands for
_MORE = 8  # candidates beside the nearest one
_MOST = 50_000  # places that the memory is chosen among
_SQUARES = "memory_squares"  # name of the layer of them, one number for each place that is kept
_PROJECTED = 64  # numbers of a random projection, in which distances are told for the choice


class Memory(NamedTuple):
    """What is kept.

    Args:
        center, spread: of each channel over the places of training images, float32 (channels,); no spread is 0.
        rows: features of some of these places, less the center, by the spread, float32 (places, channels).
    """

    center: np.ndarray
    spread: np.ndarray
    rows: np.ndarray


def memory(
    input_shape: tuple[int, int, int],
    normals: NormalImages,
    common: FittedImages,
    backbone: Backbone,
    layers: AutoNames = "auto",
    grid: AutoCount = "auto",
    neighbours: Count = 1,
    share: Share = 0.1,
    places: Count = 2000,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Distance of each place's features to the nearest ones of training images, wherever they were (PatchCore: Roth et
    al. 2022).

    The features of a choice of places are part of the model. Each channel is standardized first.

    Args:
        layers: backbone layers whose outputs are used; auto: the last ones whose map is 1/4 and 1/8 as high as the
            image.
        grid: places along the longer side that the outputs are resized to; auto: one for every 8 pixels.
        neighbours: side of the mean filter over each layer's output; 1: none.
        share: of the places of training images that is kept, chosen so that every other one is near to one of them
            (greedy coreset).
        places: that are kept at most.

    Raises:
        ConfigError: if the backbone has no such layers.
    """
    inputs, features = place_features(
        input_shape, backbone, layers, grid, neighbours, _STRIDES, for_training=for_training
    )
    of_features = {"of_layers": layers, "of_grid": grid, "of_neighbours": neighbours}
    extractor = keras.Model(inputs, features)
    blocks = lambda: normals.blocks(extractor)
    kept = normals.fitted(fit_memory, blocks, seed, images=normals.count, share=share, places=places, **of_features)
    constants, ops = Constants(features), keras.ops
    scaled = (features - constants.array(kept.center, "center")) / constants.array(kept.spread, "spread")
    x = ops.reshape(scaled, (-1, features.shape[-1]))  # (batch * places, channels)
    # As in `knn`: products only say which rows are near, and their distances are computed again.
    squares = constants.array(np.square(kept.rows).sum(1)[None], _SQUARES)
    large, small = constants.halves(kept.rows, "memory")
    near = squares - 2.0 * product(x, (ops.transpose(large), ops.transpose(small)))
    candidates = ops.top_k(-near, min(1 + _MORE, len(kept.rows)))[1]
    differences = ops.take(large + small, candidates, axis=0) - ops.expand_dims(x, 1)
    nearest = ops.sqrt(ops.min(ops.sum(ops.square(differences), -1), -1))  # (batch * places,)
    distances = ops.reshape(nearest, (-1, *features.shape[1:3], 1))
    return place_detector(inputs, distances, "memory", for_training)


def fit_memory(blocks: Iterable[np.ndarray], seed: int | None, images: int, share: float, places: int) -> Memory:
    """What is kept of features.

    Args:
        blocks: of the features, float32 (some images, rows, columns, channels) each. Only places that are drawn from
            them are held.
        images: how many there are in all.
        seed, share, places: as in `memory`.
    """
    told, first = Statistics(), 0
    parts: list[np.ndarray] = []
    generator = np.random.default_rng([seed or 0, 11])
    for block in blocks:
        rows = block.reshape(-1, block.shape[-1])
        if not parts:
            total = images * (len(rows) // len(block))
            drawn = np.arange(total)
            if total > _MOST:
                drawn = np.sort(generator.choice(total, _MOST, replace=False))
        told.add(rows)
        here = drawn[np.searchsorted(drawn, first) : np.searchsorted(drawn, first + len(rows))]
        parts.append(rows[here - first])
        first += len(rows)
    center, spread = told.mean.astype(np.float32), told.deviation.astype(np.float32)
    spread = np.where(spread > 0, spread, np.float32(1.0))
    count = max(1, min(places, round(share * total)))
    rows = (np.concatenate(parts) - center) / spread
    return Memory(center, spread, rows[coreset(rows, count, generator)])


def places_kept(model: keras.Model) -> int:
    """Places of training images whose features are part of a model, of each memory in it."""
    layers = (layer for layer in model._flatten_layers() if layer.name == _SQUARES)
    return sum(int(layer.output_dim) for layer in layers)


def coreset(rows: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """The places, in order, of rows such that every row is near to one of them: each is the farthest from those before
    it (Sener & Savarese 2018). Distances are those of a random projection.

    Args:
        rows: float32 (rows, numbers).
        count: how many, at most all.
    """
    if count >= len(rows):
        return np.arange(len(rows))
    width = rows.shape[1]
    if width > _PROJECTED:
        rows = rows @ (generator.normal(size=(width, _PROJECTED)) / np.sqrt(_PROJECTED)).astype(np.float32)
    squares = np.square(rows).sum(1)
    chosen = [int(generator.integers(len(rows)))]
    farthest = np.full(len(rows), np.inf, np.float32)  # squared distances from the nearest that is chosen
    while len(chosen) < count:
        last = chosen[-1]
        np.minimum(farthest, squares - 2.0 * (rows @ rows[last]) + squares[last], out=farthest)
        farthest[last] = -np.inf
        chosen.append(int(farthest.argmax()))
    return np.sort(chosen)

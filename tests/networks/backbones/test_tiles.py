"""A backbone that sees large images in tiles: where tiles lie, and that their features make one map."""

import keras
import numpy as np
import pytest

from tfpipelines.core import config
from tfpipelines.networks import backbones
from tfpipelines.networks.backbones import PLACE, Tiles
from tfpipelines.networks.backbones.deep_features import place_features

from ... import pretrained

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("size", [(512, 512), (512, 256), (1024, 768), (128, 120), (136, 64)])
@pytest.mark.parametrize("counts", [(1, 1), (2, 1), (2, 2), (3, 4)])
def test_tiles_cover_an_image_and_overlap(size, counts):
    tiles = Tiles.of(size, counts)
    for axis in (0, 1):
        starts, side = tiles.starts(axis), tiles.tile[axis]
        assert side % PLACE == 0 and len(starts) == counts[axis] and starts[0] == 0 and starts[-1] + side == size[axis]
        assert all(before < after < before + side for before, after in zip(starts, starts[1:]))


def test_tiles_fit_a_backbone_of_one_size():
    for tile in (64, 96, 224, 256, 384):
        for counts in ((1, 2), (2, 2), (3, 4), (8, 5)):
            size = Tiles.around((tile, tile), counts)
            assert Tiles.of(size, counts).tile == (tile, tile)


def test_maps_of_tiles_are_joined_where_they_were_cut():
    tiles = Tiles.of((72, 56), (3, 2))
    places = RANDOM.normal(size=(2, 9, 7, 4)).astype(np.float32)
    images = np.repeat(np.repeat(places, PLACE, 1), PLACE, 2)
    inputs = keras.Input((72, 56, 4))
    cut = tiles.cut(inputs)
    network = keras.Model(inputs, [cut, tiles.join(keras.layers.AveragePooling2D(PLACE)(cut))])
    told, joined = network(images)
    assert told.shape == (2 * 6, *tiles.tile, 4)
    np.testing.assert_array_equal(told[1], images[0, : tiles.tile[0], 56 - tiles.tile[1] :])
    np.testing.assert_allclose(joined, places, rtol=1e-5, atol=1e-5)


@pytest.mark.eager
def test_inside_of_tiles_features_are_those_of_the_whole(tmp_path):
    path = pretrained.tiny_backbone(tmp_path / "tiny.keras")
    backbone = backbones.load_backbone(config.backbone_source(str(path)))
    image = RANDOM.integers(0, 256, (1, 128, 128, 3)).astype(np.float32)
    tiles = Tiles.of((128, 128), (2, 2))
    whole, of_tiles = (
        np.asarray(keras.Model(*place_features((128, 128, 3), backbone._replace(tiles=cut)))(image))
        for cut in (None, tiles)
    )
    assert whole.shape == of_tiles.shape
    inner = np.s_[:, 2:6, 2:6]
    np.testing.assert_allclose(of_tiles[inner], whole[inner], atol=1e-4)
    coarse = keras.Model(*place_features((128, 128, 3), backbone._replace(tiles=tiles), grid=4))
    assert coarse.output.shape[1:3] == (4, 4)

"""The odd regions of an image, and where they are in the original."""

import keras
import numpy as np
import pytest
from scipy import ndimage

from tfpipelines.evaluation.predictions import _in_short
from tfpipelines.metrics import Threshold, pixel_threshold
from tfpipelines.tasks.anomaly import Original, regions_of, why_missed
from tfpipelines.tasks.anomaly.regions import MOST, outline_of

RANDOM = np.random.default_rng(0)


def shoelace(corners):
    """Area of a polygon, above 0 if it goes round clockwise (y points down)."""
    x, y = corners.T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def test_an_outline_goes_round_a_region_once():
    square = np.zeros((5, 6), bool)
    square[1:3, 2:5] = True
    assert outline_of(square).tolist() == [[2, 1], [5, 1], [5, 3], [2, 3]]
    touching = np.array([[1, 0, 0], [0, 1, 1], [1, 0, 1]], bool)  # in corners alone
    assert shoelace(outline_of(touching)) == 5
    for _ in range(20):
        labels, count = ndimage.label(RANDOM.random((12, 9)) < 0.45, np.ones((3, 3)))
        for number in range(1, count + 1):
            mask = labels == number
            corners = outline_of(mask)
            assert shoelace(corners) == ndimage.binary_fill_holes(mask).sum()
            steps = np.roll(corners, -1, 0) - corners
            assert (np.count_nonzero(steps, 1) == 1).all()  # along edges, and each corner is one
            assert (np.count_nonzero(steps[1:] * steps[:-1], 1) == 0).all()


def test_regions_are_connected_and_the_oddest_comes_first():
    distances = np.zeros((8, 8))
    distances[0, 0:3], distances[5:8, 5:8], distances[6, 6] = 2.0, 3.0, 0.0  # the second with a hole
    distances[1, 3] = 2.5  # touches the first in a corner
    told = regions_of(distances, 1.0)
    assert [(region.places, region.largest) for region in told] == [(8, 3.0), (4, 2.5)]
    assert told[0].outline.tolist() == [[5, 5], [8, 5], [8, 8], [5, 8]]
    assert regions_of(distances, 3.0) == []
    checks = np.kron(np.eye(2 * MOST), [[1, 0], [0, 0]])
    assert len(regions_of(checks, 0.5)) == MOST


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("original", [(60, 100), (37, 20), (16, 16)])
def test_places_are_found_again_in_the_original(resize, original):
    aspect = {"crop_to_aspect_ratio": resize == "crop", "pad_to_aspect_ratio": resize == "pad"}
    layer = keras.layers.Resizing(16, 24, interpolation="bilinear", antialias=True, **aspect)
    image = np.zeros((*original, 1), np.float32)
    rows, columns = slice(original[0] // 3, original[0] // 2), slice(original[1] // 2, int(original[1] * 0.7))
    image[rows, columns] = 255
    seen = np.asarray(layer(image[None]))[0, ..., 0]
    (region,) = regions_of(seen, 127)
    told = Original((16, 24), original, resize).told(region)
    expected = [columns.start, rows.start, columns.stop, rows.stop]
    place = np.repeat(Original((16, 24), original, resize).scale[None], 2, 0).ravel()
    np.testing.assert_allclose(told["box"], expected, atol=1.01 * place.max())
    assert told["area"] == pytest.approx(region.places * place[0] * place[1], abs=0.1)


def test_what_a_cell_says_of_regions():
    heat = [[0.0, 1.0], [0.0, 0.0]]
    one = {"box": [1.5, 2.0, 10.0, 4.0], "area": 12.25, "distance": 3.0, "outline": []}
    said = "left 1.5, top 2, right 10, bottom 4, area 12.25"
    assert _in_short({"heat": heat, "regions": [one]}) == said
    assert _in_short({"heat": heat, "regions": [one] * 5}) == "; ".join([said] * 3 + ["2 more"])
    assert _in_short({"heat": heat, "regions": []}) == _in_short({"heat": heat}) == "row 1 of 2, column 2 of 2"


def test_a_share_of_normal_images_has_a_pixel_above_the_limit(tmp_path):
    maps = RANDOM.random((39, 4, 4))
    limit = pixel_threshold(maps, 0.05)
    assert (maps.max((1, 2)) > limit).sum() == 1  # 40 * .05 of 39 and a new one
    assert pixel_threshold(maps, 0.01) == maps.max() and pixel_threshold(maps[:0], 0.05) is None
    threshold = Threshold.fit(maps.max((1, 2)), 0.05, "image", "somewhere")
    threshold.places = 0.5, 3.0
    assert threshold.odd_pixel == 2.0 and "pixel" not in threshold.facts()  # of runs of earlier versions
    threshold.pixel = limit
    threshold.write(tmp_path)
    again = Threshold.read(tmp_path)
    assert again.odd_pixel == again.facts()["pixel"] == limit


def test_what_is_not_found_may_be_too_small():
    assert why_missed(0.9, 0.004, 64, 1024, True) == []
    told = "most anomalies are not found: half of them cover at most 0.4 % of an image of 64 pixels; try data.size=128"
    assert why_missed(0.6, 0.004, 64, 1024, True) == why_missed(0.6, 0.004, 64, None, False) == [told]
    (tiled,) = why_missed(0.6, 0.004, 256, 1024, True)
    assert tiled.endswith("an image of 256 pixels, and the images have 1024; try data.size=auto data.tiles=4")
    other = "; try another detector (model.name) or backbone (model.backbone)"
    for case in ((64, 64, True), (256, 1024, False), (256, 300, True), (256, None, True), (1024, 1024, True)):
        assert why_missed(0.6, 0.004, *case)[0].endswith(other)  # there is no more to see, or no way to see it
    assert why_missed(0.6, 0.2, 64, 1024, True)[0].endswith(other)  # they are not small

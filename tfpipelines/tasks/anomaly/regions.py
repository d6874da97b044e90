"""The parts of an image that are odd: connected places beyond a distance, their outlines, and where they are in the
original image.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

_FOUND = 0.75  # roc_auc below which most anomalies are missed
_SMALL = 0.02  # share of an image that a small anomaly covers at most
_LARGEST = 256  # pixels of a side that are worth trying as a whole
_MOST_TILES = 8  # along a side
MOST = 50  # regions of an image that are told of


class Region(NamedTuple):
    """Connected places of a map, diagonal neighbours among them.

    Args:
        places: how many.
        largest: distance among them.
        outline: its corners (x, y) along the edges of places, clockwise, float64 (corners, 2); holes are part of it.
    """

    places: int
    largest: float
    outline: np.ndarray


def regions_of(distances: np.ndarray, limit: float) -> list[Region]:
    """The regions of a map, the largest distance first; 50 at most.

    Args:
        distances: float (height, width).
        limit: distance that their places are above.
    """
    labels, count = ndimage.label(distances > limit, np.ones((3, 3)))
    if not count:
        return []
    peaks = ndimage.maximum(distances, labels, np.arange(1, count + 1))
    found = []
    boxes = ndimage.find_objects(labels)
    for number in np.argsort(-peaks, kind="stable")[:MOST]:
        rows, columns = boxes[number]
        mask = labels[rows, columns] == number + 1
        outline = outline_of(mask) + [columns.start, rows.start]
        found.append(Region(int(mask.sum()), float(peaks[number]), outline))
    return found


def outline_of(mask: np.ndarray) -> np.ndarray:
    """The corners of the outer edge of one region, bool (height, width): (x, y), clockwise, float64 (corners, 2)."""
    filled = np.pad(ndimage.binary_fill_holes(mask), 1)
    inside = lambda row, column: bool(filled[row + 1, column + 1])
    edges: dict[tuple[int, int], list[tuple[int, int]]] = {}  # from a corner: the directions to go, region on the right
    for row, column in zip(*np.nonzero(filled[1:-1, 1:-1])):
        y, x = int(row), int(column)
        for there, start, way in (
            (inside(y - 1, x), (x, y), (1, 0)),
            (inside(y, x + 1), (x + 1, y), (0, 1)),
            (inside(y + 1, x), (x + 1, y + 1), (-1, 0)),
            (inside(y, x - 1), (x, y + 1), (0, -1)),
        ):
            if not there:
                edges.setdefault(start, []).append(way)
    first = min(edges, key=lambda corner: (corner[1], corner[0]))
    place, way = first, (1, 0)  # the first corner is that of a top edge
    corners = [first]
    edges[first].remove(way)
    while True:
        place = place[0] + way[0], place[1] + way[1]
        if place == first and not edges[first]:
            return np.array(corners, np.float64)
        ways = edges[place]
        left = way[1], -way[0]  # where two places touch in a corner, the way leads on to the other one
        after = left if len(ways) > 1 and left in ways else ways[0]
        ways.remove(after)
        if after != way:
            corners.append(place)
        way = after


class Original:
    """The way from places of what the network sees to an image as it was.

    Args:
        size: (height, width) that the network sees.
        original: (height, width) of the image.
        resize: how the one was made of the other, see `ImagePreprocessor`.
    """

    def __init__(self, size: tuple[int, int], original: tuple[int, int], resize: str):
        (height, width), (rows, columns) = original, size
        tall, wide = int(width * rows / columns), int(height * columns / rows)  # as Keras' `Resizing` computes them
        seen, start = (height, width), (0, 0)
        if resize == "crop":
            seen = max(min(height, tall), 1), max(min(width, wide), 1)
            start = int((height - seen[0]) / 2), int((width - seen[1]) / 2)
        elif resize == "pad":
            seen = max(height, tall), max(width, wide)
            start = -int((seen[0] - height) / 2), -int((seen[1] - width) / 2)
        self.scale = np.array([seen[1] / columns, seen[0] / rows])
        self.start = np.array([start[1], start[0]], np.float64)
        self.end = np.array([width, height], np.float64)

    def points(self, points: np.ndarray) -> np.ndarray:
        """Points (x, y), float (n, 2), in pixels of the original image."""
        return np.clip(points * self.scale + self.start, 0, self.end)

    def told(self, region: Region) -> dict[str, Any]:
        """A region as JSON values: `box` [left, top, right, bottom], `area` in pixels, `distance` (the largest), and
        `outline`, corners [x, y].
        """
        outline = self.points(region.outline).round(1)
        box = [*outline.min(0).tolist(), *outline.max(0).tolist()]
        area = round(region.places * float(self.scale.prod()), 1)
        return {"box": box, "area": area, "distance": float(f"{region.largest:.6g}"), "outline": outline.tolist()}


def why_missed(roc_auc: float, covered: float, side: int, original: int | None, tiles: bool) -> list[str]:
    """A sentence that says why a detector finds little, where it does; [] else.

    Args:
        roc_auc: of the test.
        covered: share of an image that is covered by an anomaly, the median of the test.
        side: pixels of the longer side of what the network sees.
        original: of the images as they are; None if that is not known.
        tiles: whether the network can see images in tiles.
    """
    if roc_auc >= _FOUND:
        return []
    told = (
        f"most anomalies are not found: half of them cover at most {100 * covered:.2g} % of an image of {side} pixels"
    )
    has_more = original is None or original > side
    if covered <= _SMALL and has_more and 2 * side <= _LARGEST:
        return [f"{told}; try data.size={2 * side}"]
    if covered <= _SMALL and original is not None and original >= 1.5 * max(side, _LARGEST) and tiles:
        count = min(round(original / _LARGEST), _MOST_TILES)
        return [f"{told}, and the images have {original}; try data.size=auto data.tiles={count}"]
    return [f"{told}; try another detector (model.name) or backbone (model.backbone)"]

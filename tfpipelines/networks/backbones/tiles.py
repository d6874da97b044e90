"""Large images in overlapping tiles: a backbone sees each by itself, and what it says of them makes one map."""

from typing import NamedTuple

import keras

PLACE = 8  # pixels of a side of a place: tiles begin and end where one does
_OVERLAP = 1 / 8  # of a tile with the next one, about


class Tiles(NamedTuple):
    """How images are cut.

    Args:
        size: (height, width) of the images, multiples of 8 pixels.
        counts: tiles along each.
        tile: (height, width) of a tile, multiples of 8.
    """

    size: tuple[int, int]
    counts: tuple[int, int]
    tile: tuple[int, int]

    @classmethod
    def of(cls, size: tuple[int, int], counts: tuple[int, int]) -> "Tiles":
        """Tiles of equal size that overlap by about an eighth."""
        sides = [min(side, _whole(side / count * (1 + _OVERLAP))) if count > 1 else side
                 for side, count in zip(size, counts)]  # fmt: skip
        return cls(size, counts, (sides[0], sides[1]))

    @staticmethod
    def around(tile: tuple[int, int], counts: tuple[int, int]) -> tuple[int, int]:
        """The size of images whose tiles are of that size, which is a multiple of 8."""
        height, width = (side if count == 1 else int(side * count / (1 + _OVERLAP)) // PLACE * PLACE
                         for side, count in zip(tile, counts))  # fmt: skip
        return height, width

    def starts(self, axis: int) -> list[int]:
        """First pixel of each tile along an axis, 0 or 1."""
        last, count = self.size[axis] - self.tile[axis], self.counts[axis]
        return [round(last * number / max(count - 1, 1) / PLACE) * PLACE for number in range(count)]

    def cut(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Images (batch, height, width, channels) -> their tiles, row by row: (batch * tiles, *tile, channels)."""
        height, width = self.tile
        cut = [images[:, y : y + height, x : x + width] for y in self.starts(0) for x in self.starts(1)]
        stacked = keras.ops.stack(cut, 1)  # (B, tiles, height, width, C)
        return keras.ops.reshape(stacked, (-1, height, width, images.shape[-1]))

    def join(self, maps: keras.KerasTensor) -> keras.KerasTensor:
        """Maps of the tiles (batch * tiles, tile / 8, tile / 8, channels) -> maps of the images, (batch, height / 8,
        width / 8, channels). Where tiles overlap, a place is taken from the one in which it is farther inside: a
        backbone knows nothing of what is beyond an edge.
        """
        shape = maps.shape[1:]
        parts = keras.ops.reshape(maps, (-1, self.counts[0] * self.counts[1], *shape))
        rows = []
        for row, (top, bottom) in enumerate(self._owned(0)):
            owned = self._owned(1)
            line = [
                parts[:, row * len(owned) + column, top:bottom, left:right]
                for column, (left, right) in enumerate(owned)
            ]
            rows.append(keras.ops.concatenate(line, 2) if len(line) > 1 else line[0])
        return keras.ops.concatenate(rows, 1) if len(rows) > 1 else rows[0]

    def _owned(self, axis: int) -> list[tuple[int, int]]:
        """Which places of each tile are taken, from the first to before the last one, counted from its beginning."""
        starts, side = [start // PLACE for start in self.starts(axis)], self.tile[axis] // PLACE
        edges = [0, *((start + before + side) // 2 for before, start in zip(starts, starts[1:])), starts[-1] + side]
        return [(low - start, high - start) for start, low, high in zip(starts, edges, edges[1:])]


def _whole(side: float) -> int:
    """The next multiple of a place."""
    return int(-(-side // PLACE) * PLACE)

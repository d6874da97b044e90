"""How large detectors see images, and in how many tiles."""

import math
from typing import Any, cast

from tfpipelines.core.words import counted
from tfpipelines.errors import ConfigError
from tfpipelines.networks import backbones
from tfpipelines.tasks.anomaly.config import AnomalyImageData

from ..image_task import Pixels

_LARGEST, _LARGEST_BEFORE = 256, 128  # side that `auto` gives at most; of pixels alone, and in earlier versions
_TILE = 256  # side of the tiles that `auto` cuts, about
_MOST_TILES = 4  # along a side, of `auto`
_PACE = 0.03  # seconds in which the bundled backbone sees an image of 256 pixels a side, on two cores
_LONG = 300  # seconds that are told before


class SizedImages(Pixels):
    """A task whose networks may look through a backbone: such a one sees larger images than autoencoders of pixels do,
    and may see them in tiles.

    Samples, splits, maps and scores are of whole images nevertheless.
    """

    source: Any
    _largest = _LARGEST
    _counts: tuple[int, int] = 1, 1  # tiles along height and width
    _takes: tuple[int, int] | None = None  # the one size of images that the backbone takes, where tiles are asked for
    _original: tuple[int, int] | None = None  # medians of height and width of the run's own images

    @property
    def _cut(self) -> Any:
        """`data.tiles`."""
        return cast(AnomalyImageData, self.pipeline.data).tiles

    @property
    def _asks_tiles(self) -> bool:
        tiles = self._cut
        return tiles != "none" and tiles not in (1, (1, 1))

    def resume(self, facts: dict[str, Any]) -> None:
        super().resume(facts)
        if facts:
            self._largest = facts.get("largest_side", _LARGEST_BEFORE)

    def restore(self, facts: dict[str, Any]):
        self._largest = facts.get("largest_side", _LARGEST_BEFORE)
        self._counts = tuple(facts.get("tiles", (1, 1)))
        return super().restore(facts)

    def _seen(self, scan, data):
        """Of networks with a backbone larger images than of autoencoders of pixels, or several tiles of them."""
        self._original = scan.median_size
        if self.source is None or self._original is None:
            return scan.shape(data, min(self._largest, _LARGEST_BEFORE))
        self._counts = self._tile_counts(self._asked_size or self._original)
        if self._counts == (1, 1):
            return scan.shape(data, self._largest)
        if self._asked_size is not None:
            height, width = self._asked_size
        elif self._takes is not None:
            if any(side % backbones.PLACE for side in self._takes):
                takes = " x ".join(map(str, self._takes))
                cause = f"data.tiles: the backbone takes images of {takes} pixels, and tiles need multiples of "
                raise ConfigError(f"{cause}{backbones.PLACE}.", "Set data.tiles=none, or use another backbone.")
            height, width = backbones.Tiles.around(self._takes, self._counts)
        else:
            height, width = (min(side // backbones.PLACE * backbones.PLACE, _TILE * count)
                             for side, count in zip(self._original, self._counts))  # fmt: skip
        self._require_tiles((height, width))
        return scan.shape(data.model_copy(update={"size": (height, width)}))

    @property
    def _size_facts(self) -> dict[str, Any]:
        """What data.json says of it beside the size."""
        facts: dict[str, Any] = {}
        if self._largest != _LARGEST_BEFORE:
            facts["largest_side"] = self._largest
        if self._counts != (1, 1):
            facts["tiles"] = list(self._counts)
        return facts

    def _tell_cost(self, networks: int, findings) -> None:
        """A note where the backbone takes minutes.

        Args:
            networks: that are fitted or trained.
        """
        count, (height, width) = len(self.samples.frame), self.preprocessor.size
        seconds = _PACE * networks * count * math.prod((height, width)) / _TILE**2
        if self.source is None or self.source.kind != "bundled" or seconds < _LONG:
            return
        seen = f" in {self._counts[0]} x {self._counts[1]} tiles" if self._counts != (1, 1) else ""
        who = counted(networks, "network")
        message = f"{counted(count, 'image')} of {height} x {width} pixels{seen} pass through the backbone for {who}"
        remedy = "A quarter of the time: half of data.size; a part of it: one network (model.name=memory), or a GPU"
        findings.add("cost", "note", f"{message}: about {seconds / 60:.0f} minutes on two cores", remedy)

    def _require_known_tiles(self) -> None:
        """Refuses tiles by what can be told before images are read."""
        if self._asks_tiles and self.source is None:
            cause = f"data.tiles: {self.pipeline.network} looks at images as a whole."
            raise ConfigError(cause, "Leave data.tiles out, or name a network that has a backbone, such as memory.")
        if self._asked_size is not None and self.source is not None:
            self._require_tiles(self._asked_size)

    def _require_tiles(self, size: tuple[int, int]) -> None:
        """Refuses images that are too small for so many tiles.

        Raises:
            ConfigError: naming the field.
        """
        counts = self._tile_counts(size)
        if counts == (1, 1):
            return
        height, width = size
        if height % backbones.PLACE or width % backbones.PLACE:
            cause = f"data.size: images of {height} x {width} pixels cannot be cut into tiles of whole places."
            raise ConfigError(cause, "Give multiples of 8 pixels with data.tiles, or leave data.size out.")
        tile = backbones.Tiles.of(size, counts).tile
        if min(tile) < backbones.SMALLEST:
            cause = f"data.tiles: tiles of images of {height} x {width} pixels would have {tile[0]} x {tile[1]}."
            raise ConfigError(
                cause, f"A backbone needs {backbones.SMALLEST} pixels a side: give fewer tiles, or a larger data.size."
            )

    def _tile_counts(self, size: tuple[int, int]) -> tuple[int, int]:
        """Tiles along height and width of images of that size."""
        tiles = self._cut
        if tiles == "none":
            return 1, 1
        if isinstance(tiles, int):
            return tiles, tiles
        if tiles != "auto":
            return tiles
        rows, columns = (min(_MOST_TILES, max(1, round(side / _TILE))) for side in size)
        return rows, columns

    @property
    def _tiles(self) -> "backbones.Tiles | None":
        """How images are cut; None where the network sees them as a whole, and before they are known."""
        if self.preprocessor is None or self._counts == (1, 1):
            return None
        return backbones.Tiles.of(self.preprocessor.size, self._counts)

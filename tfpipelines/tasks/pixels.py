"""What every task that reads images has in common, whatever is made of them."""

import math
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from tfpipelines import config, datasets, evaluation, models
from tfpipelines.errors import ConfigError

from .sampled import Sampled

if TYPE_CHECKING:
    import pandas as pd

    from tfpipelines.config.images import Distortion, PixelData
    from tfpipelines.datasets.source.base import SampleTable

    class _PixelData(PixelData):  # what the sections `data` of all tasks of images have
        augment: Distortion


GREY = "Leave data.channels out: grey images become RGB by themselves."
_INFERENCE_VALUES = 2**22  # input numbers of an inference batch, unless training batches are larger


class Pixels(Sampled):
    """A task of images of one size."""

    @abstractmethod
    def _list(self, data: Any, findings: "datasets.Findings", splitting: bool) -> "SampleTable":
        """Reads which images a source has, and what is known of them; arguments as in `_read`, and its `data`."""

    def _input_fields(self) -> dict[str, Any]:
        """What the network has to say of the fields of `data`, such as the size of images."""
        return {}

    def _read(self, findings, path: str, splitting: bool) -> "datasets.ImageSamples":
        shape = self._input_fields() if splitting else {"size": self.front.size, "channels": self.front.channels}
        data = self._pixel_data.model_copy(update={"path": path, **shape})
        scan = datasets.scan_images(self._list(data, findings, splitting), data)
        seen = scan.shape(data)
        self.front = self._front(*seen) if seen else None
        return datasets.decode_images(scan, self.front, data, findings)

    @property
    def _pixel_data(self) -> "_PixelData":
        """The section `data`."""
        return cast("_PixelData", self.pipeline.data)

    def recall(self, facts: dict[str, Any]) -> Self:
        super().recall(facts)
        self.front = self._front(tuple(facts["size"]), facts["channels"])
        return self

    def _front(self, size: tuple[int, int], channels: int) -> "models.ImageFront":
        data = self._pixel_data
        return models.ImageFront(size, channels, data.resize, data.filter, data.antialias)

    @property
    def _asked_size(self) -> tuple[int, int] | None:
        """Height and width that `data.size` asks for; None for auto."""
        size = self._pixel_data.size
        return None if size == "auto" else (size, size) if isinstance(size, int) else size

    def _sample_shapes(self) -> list[tuple[int, ...]]:
        """Two shapes that samples may have, as far as `data` leaves that open."""
        size, channels = self._asked_size, self._pixel_data.channels
        some = ((64, 64, 3), (96, 64, 1))
        return [((height, width) if size is None else size) + (count if channels == "auto" else channels,)
                for height, width, count in some]  # fmt: skip

    def _require_input(self, source: "config.BackboneSource") -> None:
        """Refuses images that a backbone does not take, by what can be told before it is loaded.

        Raises:
            ConfigError: naming the field.
        """
        size = self._asked_size
        if source.known and self._pixel_data.channels not in ("auto", 3):
            raise ConfigError(f"data.channels: {source.name} takes images of 3 channels.", GREY)
        if source.kind == "bundled" and size is not None and min(size) < models.SMALLEST:
            cause = f"data.size: {source.name} takes images from {models.SMALLEST} pixels up."
            raise ConfigError(cause, "Enlarge small images: data.size=128, for example.")

    @property
    def _augmentation(self) -> "datasets.Augmentation":
        return datasets.Augmentation(self._pixel_data.augment)

    @property
    def _inference_batch(self) -> int:
        """Images at once where nothing has to be kept for gradients: small ones go in larger batches."""
        return max(self.pipeline.train.batch_size, min(128, _INFERENCE_VALUES // math.prod(self.front.shape)))

    def _decoded(self, inputs: Any, batch_size: int) -> Iterator[tuple[list, np.ndarray]]:
        """Raw inputs, some at a time: their entries, and images uint8 (entries, *front.shape)."""
        entries = datasets.raw_images(inputs, **self._data("item_column", "follow_links"))
        return datasets.decoded(entries, self.front, batch_size, self._pixel_data)

    def _raw(self, samples: "datasets.ImageSamples", row: int) -> np.ndarray:
        assert samples.source is not None  # of what has been read
        return datasets.pixels(samples.source(row), self.front.channels, **self._data("background", "max_pixels"))

    def _pictures(self, images: list[np.ndarray]) -> "evaluation.Pictures":
        """What `_decoded` gave, to be drawn beside explanations."""
        return evaluation.Pictures(np.concatenate([np.zeros((0, *self.front.shape), np.uint8), *images]))

    def _draw_heat(
        self, path: Path, title: str, note: str, table: "pd.DataFrame", rows: list[tuple[int, dict]], told: list[tuple]
    ) -> None:
        """Writes a page of pictures with maps of heat.

        Args:
            table: that `predict` gave, with explanations.
            rows: (number in the table, row) of those that are shown.
            told: (answer, figure) of each, as text.
        """
        entries = [
            {"item": row["item"], "answer": answer, "figure": figure}
            for (_, row), (answer, figure) in zip(rows, told, strict=True)
        ]
        heats = [np.array(row["explanation"]["heat"], np.float32) for _, row in rows]
        images = table.attrs["pictures"].images[[number for number, _ in rows]]
        evaluation.write_heat(path, title, note, entries, images, heats)


def explained(table: "pd.DataFrame") -> list[tuple[int, dict]]:
    """(number, row) of the rows that have an explanation."""
    rows = enumerate(table.to_dict("records"))
    return [(number, row) for number, row in rows if row["explanation"] is not None]

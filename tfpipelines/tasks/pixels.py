"""What every task that reads images has in common, whatever is made of them."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tfpipelines import config, datasets, evaluation, models
from tfpipelines.errors import ConfigError

from .sampled import Sampled

if TYPE_CHECKING:
    import pandas as pd

GREY = "Leave data.channels out: grey images become RGB by themselves."
_INFERENCE_VALUES = 2**22  # input numbers of an inference batch, unless training batches are larger


class Pixels(Sampled):
    """A task of images of one size.

    Attributes:
        front: what an image goes through before the network; None before it is known.
    """

    front: Any = None

    def recall(self, facts: dict[str, Any]) -> Self:
        super().recall(facts)
        self.front = self._front(tuple(facts["size"]), facts["channels"])
        return self

    def _front(self, size: tuple[int, int], channels: int) -> "models.ImageFront":
        data = self.pipeline.data
        return models.ImageFront(size, channels, data.resize, data.filter, data.antialias)

    @property
    def _asked_size(self) -> tuple[int, int] | None:
        """Height and width that `data.size` asks for; None for auto."""
        size = self.pipeline.data.size
        return None if size == "auto" else (size, size) if isinstance(size, int) else tuple(size)

    def _require_input(self, source: "config.BackboneSource") -> None:
        """Refuses images that a backbone does not take, by what can be told before it is loaded.

        Raises:
            ConfigError: naming the field.
        """
        size = self._asked_size
        if source.known and self.pipeline.data.channels not in ("auto", 3):
            raise ConfigError(f"data.channels: {source.name} takes images of 3 channels.", GREY)
        if source.kind == "bundled" and size is not None and min(size) < models.SMALLEST:
            raise ConfigError(
                f"data.size: {source.name} takes images from {models.SMALLEST} pixels up.",
                "Enlarge small images: data.size=128, for example.",
            )

    @property
    def _augmentation(self) -> "datasets.Augmentation":
        return datasets.Augmentation(self.pipeline.data.augment)

    @property
    def _inference_batch(self) -> int:
        """Images at once where nothing has to be kept for gradients: small ones go in larger batches."""
        return max(self.pipeline.train.batch_size, min(128, _INFERENCE_VALUES // math.prod(self.front.shape)))

    def _decoded(self, inputs: Any, batch_size: int) -> Iterator[tuple[list, np.ndarray]]:
        """Raw inputs, some at a time: their entries, and images uint8 (entries, *front.shape)."""
        entries = datasets.raw_images(inputs, **self._data("item_column", "follow_links"))
        return datasets.decoded(entries, self.front, batch_size, self.pipeline.data)

    def _raw(self, samples: "datasets.ImageSamples", row: int) -> np.ndarray:
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

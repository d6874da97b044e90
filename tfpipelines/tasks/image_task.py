"""What every task that reads images has in common, whatever is made of them."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from tfpipelines import datasets, evaluation, models
from tfpipelines.core import config
from tfpipelines.errors import ConfigError
from tfpipelines.networks import backbones

from .sample_task import Sampled

if TYPE_CHECKING:
    import pandas as pd

    from tfpipelines.core.config.images import Distortion, LevelRange, PixelData
    from tfpipelines.datasets.source.base import SampleTable

    class _PixelData(PixelData):  # what the sections `data` of all tasks of images have
        augment: Distortion


GREY = "Leave data.channels out: grey images become RGB by themselves."
_ASKED = 64  # training images whose statistics tell how a backbone's pixels are scaled
_CLEAR = 2.0  # how much farther than the nearest the second one is where the answer is clear
_SCALINGS = {
    "levels": "levels 0 to 255",
    "unit": "numbers from 0 to 1",
    "tf": "numbers from -1 to 1",
    "torch": "mean 0 and deviation 1 by the statistics of ImageNet",
    "caffe": "BGR levels less the means of ImageNet",
}
_SET_SCALING = (
    "Set model.scaling to what it was trained on: levels (0 to 255), unit (0 to 1), tf (-1 to 1), torch or caffe (as "
    "in keras.applications)"
)
_INFERENCE_VALUES = 2**22  # input numbers of an inference batch, unless training batches are larger


class Pixels(Sampled):
    """A task of images of one size.

    Attributes:
        scaling: what `model.scaling=auto` was found to stand for, a name of `networks.backbones.scaling.SCALINGS`; None
            where the backbone or the pipeline says it.
        range: which levels of images of more than 8 bits become 0 and 255, see `data.range`; None: those of their bits.
    """

    scaling: str | None = None
    range: "LevelRange | None" = None

    @abstractmethod
    def _list(self, data: Any, findings: "datasets.Findings", splitting: bool) -> "SampleTable":
        """Reads which images a source has, and what is known of them; arguments as in `_read`, and its `data`."""

    def _input_fields(self) -> dict[str, Any]:
        """What the network has to say of the fields of `data`, such as the size of images."""
        return {}

    def _read(self, findings, path: str, splitting: bool) -> "datasets.ImageSamples":
        shape = (
            self._input_fields()
            if splitting
            else {"size": self.preprocessor.size, "channels": self.preprocessor.channels}
        )
        levels = {} if splitting else {"range": self.range}
        known = self._pixel_data if splitting else self._known_data
        data = known.model_copy(update={"path": path, **shape, **levels})
        scan = datasets.scan_images(self._list(data, findings, splitting), data)
        if splitting:
            self.range = datasets.choose_range(scan.table, scan.headers, data, findings)
        seen = self._seen(scan, data) if splitting else scan.shape(data)
        self.preprocessor = self._preprocessor_for(*seen) if seen else None
        return datasets.decode_images(scan, self.preprocessor, data, findings, self.checking and splitting)

    def _seen(self, scan: "datasets.Scan", data: Any) -> tuple[tuple[int, int], int] | None:
        """Size and channels of what the network is to see of the run's own data."""
        return scan.shape(data)

    @property
    def _pixel_data(self) -> "_PixelData":
        """The section `data`."""
        return cast("_PixelData", self.pipeline.data)

    @property
    def _known_data(self) -> "_PixelData":
        """The same for other tables than the run's own: with the columns of that one."""
        return datasets.with_columns(self._pixel_data, self.read_columns)

    def restore(self, facts: dict[str, Any]) -> Self:
        super().restore(facts)
        self.range = tuple(facts["range"]) if facts.get("range") else None
        self.preprocessor = self._preprocessor_for(tuple(facts["size"]), facts["channels"])
        return self

    def _preprocessor_for(self, size: tuple[int, int], channels: int) -> "models.ImagePreprocessor":
        data = self._pixel_data
        return models.ImagePreprocessor(size, channels, data.resize, data.filter, data.antialias, self.range)

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
        if source.kind == "bundled" and size is not None and min(size) < backbones.SMALLEST:
            cause = f"data.size: {source.name} takes images from {backbones.SMALLEST} pixels up."
            raise ConfigError(cause, "Enlarge small images: data.size=128, for example.")

    def _fields_of(self, backbone: "backbones.Backbone") -> dict[str, Any]:
        """What a backbone has to say of `data`: its channels, and its size where it takes one alone.

        Raises:
            ConfigError: if `data` asks for others.
        """
        size, channels = backbone.input_size, backbone.channels
        if size is not None and self._asked_size not in (None, size):
            cause = f"data.size: {backbone.name} takes only images of {size[0]} x {size[1]} pixels."
            raise ConfigError(cause, "Leave data.size out, or set data.size=auto.")
        if self._pixel_data.channels not in ("auto", channels):
            raise ConfigError(f"data.channels: {backbone.name} takes images of {channels} channels.", GREY)
        return {"channels": channels} if size is None else {"size": size, "channels": channels}

    def _require_scaling(self, source: "config.BackboneSource", scaling: str) -> None:
        """Refuses `model.scaling` for a backbone that says itself what it expects.

        Raises:
            ConfigError: naming the field.
        """
        if scaling != "auto" and source.kind != "file":
            cause = f"model.scaling: {source.name} itself defines the scaling of pixels."
            raise ConfigError(cause, "Leave model.scaling out; it is for .keras files.")

    def _find_scaling(self, backbone: "backbones.Backbone", findings: "datasets.Findings") -> None:
        """Sets `scaling`, a pure function of the backbone's file and the training images; a finding says why."""
        if backbone.unsaid is None:
            return
        rows = self.samples.rows("train")
        some = rows[np.unique(np.linspace(0, len(rows) - 1, min(_ASKED, len(rows))).round().astype(int))]
        distances = backbone.unsaid.distances(self.samples.store.images(some)) if len(some) else {}
        self.scaling = next(iter(distances), "levels")
        words = f"{_SCALINGS[self.scaling]} ({self.scaling})"
        begins = f"model.scaling=auto: {backbone.name} has no Rescaling or Normalization of levels 0 to 255"
        if not distances:
            why = "nor a BatchNormalization whose statistics tell what it expects"
            findings.add("scaling", "warning", f"{begins}, {why}: {words} are assumed", _SET_SCALING)
            return
        message = f"{begins}; the statistics of its first BatchNormalization fit {words} best"
        second = [*distances][1]
        if distances[second] > _CLEAR * distances[self.scaling]:
            findings.add("scaling", "note", message)
        else:
            findings.add("scaling", "warning", f"{message}, and {second} hardly less", _SET_SCALING)

    @property
    def _augmentation(self) -> "datasets.Augmentation":
        return datasets.Augmentation(self._pixel_data.augment)

    @property
    def _inference_batch(self) -> int:
        """Images at once where nothing has to be kept for gradients: small ones go in larger batches."""
        return max(self.pipeline.train.batch_size, min(128, _INFERENCE_VALUES // math.prod(self.preprocessor.shape)))

    def _decoded(self, inputs: Any, batch_size: int) -> Iterator[tuple[list, np.ndarray]]:
        """Raw inputs, some at a time: their entries, and images uint8 (entries, *preprocessor.shape)."""
        data = self._known_data
        form = datasets.form_of(data)
        entries = datasets.raw_images(inputs, data.item_column, data.follow_links, data.root, self.range, form)
        return datasets.decoded(entries, self.preprocessor, batch_size, data)

    def _with_columns(self, table: "pd.DataFrame", entries: list) -> "pd.DataFrame":
        """A table of predictions with all columns of the tables that name the images."""
        columns = datasets.input_columns([entry.origin for entry in entries], everything=True)
        return evaluation.with_input_columns(table, columns)

    def _raw(self, samples: "datasets.ImageSamples", row: int) -> np.ndarray:
        assert samples.source is not None  # of what has been read
        settings = self._data("background", "max_pixels")
        return datasets.pixels(samples.source(row), self.preprocessor.channels, **settings, levels=self.range)

    def _pictures(self, images: list[np.ndarray], outlines: Sequence[list[np.ndarray]] = ()) -> "evaluation.Pictures":
        """What `_decoded` gave, to be drawn beside explanations; see `Pictures`."""
        none = np.zeros((0, *self.preprocessor.shape), np.uint8)
        return evaluation.Pictures(np.concatenate([none, *images]), outlines)

    def _draw_heat(
        self, path: Path, title: str, note: str, table: "pd.DataFrame", rows: list[tuple[int, dict]], told: list[tuple]
    ) -> None:
        """Writes a page of pictures with maps of heat.

        Args:
            table: that `predict` gave, with explanations.
            rows: (number in the table, row) of those that are shown.
            told: (answer, metric) of each, as text.
        """
        entries = [
            {"item": row["item"], "answer": answer, "figure": figure}
            for (_, row), (answer, figure) in zip(rows, told, strict=True)
        ]
        heats = [np.array(row["explanation"]["heat"], np.float32) for _, row in rows]
        pictures = table.attrs["pictures"]
        images = pictures.images[[number for number, _ in rows]]
        outlines = [pictures.outlines[number] if pictures.outlines else [] for number, _ in rows]
        evaluation.write_heat(path, title, note, entries, images, heats, outlines)


def explained(table: "pd.DataFrame") -> list[tuple[int, dict]]:
    """(number, row) of the rows that have an explanation."""
    rows = enumerate(table.to_dict("records"))
    return [(number, row) for number, row in rows if row["explanation"] is not None]

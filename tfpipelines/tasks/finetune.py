"""Fine-tuning for images: a pretrained backbone, bundled or named, becomes a classifier of one's own classes."""

from typing import Any, Literal

import numpy as np

from tfpipelines import models
from tfpipelines.config.finetune import FinetunedImages, FinetunePipeline
from tfpipelines.config.images import ImageData
from tfpipelines.errors import ConfigError

from .finetuning import Finetuning
from .images import ImageClassifier
from .pixels import GREY
from .scaling import find_scaling, require_scaling

_SIZE = 224  # side in pixels of images for a backbone that does not say


class ImageFinetuningPipeline(FinetunePipeline):
    """A finetune pipeline."""

    takes, gives = (
        "images: files of the usual formats, or uint8 arrays (batch, height, width, channels)",
        "a probability for each class",
    )
    hub_task = "image-classification"

    task: Literal["finetune"] = "finetune"
    data: ImageData
    model: FinetunedImages = FinetunedImages()


class ImageFinetuning(Finetuning, ImageClassifier):
    """The task `finetune`."""

    schema = ImageFinetuningPipeline
    pipeline: ImageFinetuningPipeline
    abilities = ImageClassifier.abilities | Finetuning.abilities
    loading_fields = ("backbone", "weights", "scaling")

    def __init__(self, pipeline):
        super().__init__(pipeline)
        self._scaling: str | None = None

    def preflight(self) -> list[str]:
        self._require_input(self.source)
        require_scaling(self.source, self.pipeline.model.scaling)
        return super().preflight()

    # --- data
    def _input_fields(self) -> dict[str, Any]:
        """Size and channels are the backbone's, where they are left open."""
        data, known = self.pipeline.data, self.source.known
        size: Any = known.size if known else None
        channels = 3
        if known is None:
            backbone = self._loaded = self._loaded or self._load_backbone()
            size, channels = backbone.input_size, backbone.channels
            if size is not None and data.size not in ("auto", size, size[0] if size[0] == size[1] else None):
                cause = f"data.size: {self.source.name} takes images of {size[0]} x {size[1]} pixels alone."
                raise ConfigError(cause, "Leave data.size out.")
        if data.channels not in ("auto", channels):
            raise ConfigError(f"data.channels: {self.source.name} takes images of {channels} channels.", GREY)
        return {"size": (size or _SIZE) if data.size == "auto" else data.size, "channels": channels}

    def _prepare(self, findings) -> None:
        if self.source.kind == "file":
            backbone = self._loaded = self._loaded or self._load_backbone()
            self._scaling = find_scaling(backbone, self.samples, findings)

    def describe(self, findings) -> dict[str, Any]:
        return super().describe(findings) | ({} if self._scaling is None else {"scaling": self._scaling})

    # --- model
    def _load_backbone(self):
        model = self.pipeline.model
        return models.load_backbone(self.source, model.weights, model.scaling, self._asked_size, self.pipeline.seed)

    def build(self, fused: bool):
        backbone, classes, seed = self.take_backbone().scaled_as(self._scaling), len(self.classes), self.pipeline.seed
        model, shape = self.pipeline.model, self.front.shape
        return models.finetuned_images(backbone, shape, classes, model, seed=seed, training=fused)

    def _feature_inputs(self, rows: np.ndarray):
        return self._batches(rows), None

    def _feature_key(self) -> dict[str, Any]:
        return {"background": self.pipeline.data.background, "scaling": self._scaling or self.pipeline.model.scaling}

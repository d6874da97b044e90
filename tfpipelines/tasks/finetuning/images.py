"""Fine-tuning for images: a pretrained backbone, bundled or named, becomes a classifier of one's own classes."""

from typing import Any, Literal

import numpy as np

from tfpipelines.core.config.finetuned import FinetunedImages
from tfpipelines.core.config.images import ImageData
from tfpipelines.networks import backbones
from tfpipelines.tasks.finetuning.config import FinetunePipeline

from ..supervised_images import SupervisedImages
from .base import Finetuning

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


class ImageFinetuning(Finetuning, SupervisedImages):
    """The task `finetune`."""

    schema = ImageFinetuningPipeline
    pipeline: ImageFinetuningPipeline
    abilities = SupervisedImages.abilities | Finetuning.abilities
    loading_fields = ("backbone", "weights", "scaling")

    def preflight(self) -> list[str]:
        self._require_input(self.source)
        self._require_scaling(self.source, self.pipeline.model.scaling)
        return super().preflight()

    # --- data
    def _input_fields(self) -> dict[str, Any]:
        """Size and channels are the backbone's, where they are left open."""
        size, known = self.pipeline.data.size, self.source.known
        if known is not None:
            return {"size": known.size if size == "auto" else size, "channels": 3}
        backbone = self._loaded = self._loaded or self._load_backbone()
        return {"size": _SIZE if size == "auto" else size} | self._fields_of(backbone)

    def _prepare(self, findings) -> None:
        if self.source.kind == "file":
            backbone = self._loaded = self._loaded or self._load_backbone()
            self._find_scaling(backbone, findings)

    def describe(self, findings) -> dict[str, Any]:
        return super().describe(findings) | ({} if self.scaling is None else {"scaling": self.scaling})

    # --- model
    def _load_backbone(self):
        model = self.pipeline.model
        return backbones.load_backbone(self.source, model.weights, model.scaling, self._asked_size, self.pipeline.seed)

    def build(self, for_training: bool):
        backbone, outputs, seed = self.take_backbone().scaled_as(self.scaling), self.target.outputs, self.pipeline.seed
        model, shape = self.pipeline.model, self.preprocessor.shape
        return backbones.finetuned_images(backbone, shape, outputs, model, seed=seed, for_training=for_training)

    def _feature_inputs(self, rows: np.ndarray):
        return self._batches(rows), None

    def _feature_key(self) -> dict[str, Any]:
        return {"background": self.pipeline.data.background, "scaling": self.scaling or self.pipeline.model.scaling}

"""Image classification: a network of ours, trained from the start on labelled images."""

from typing import Literal

from tfpipelines import networks
from tfpipelines.core import config
from tfpipelines.core.config.images import ImageData
from tfpipelines.core.config.kinds import IMAGES, ImageNetworks

from ..abilities import Ability
from ..supervised_images import SupervisedImages


class ImageClassificationPipeline(config.Pipeline):
    """An image-cls pipeline."""

    default_network = "cnn"
    objective = "val_accuracy"
    takes, gives = (
        "images: files of the usual formats, or uint8 arrays (batch, height, width, channels)",
        "a probability for each class",
    )
    hub_task = "image-classification"

    task: Literal["image-cls"] = "image-cls"
    data: ImageData
    model: ImageNetworks = IMAGES.default(default_network)


class ImageClassification(SupervisedImages):
    """The task `image-cls`."""

    schema = ImageClassificationPipeline
    pipeline: ImageClassificationPipeline
    abilities = SupervisedImages.abilities | {Ability.DIVIDES}
    loading_fields = ()

    def preflight(self) -> list[str]:
        networks.probe(self.pipeline.model, self._sample_shapes())
        return []

    def build(self, for_training: bool):
        given = {"input_shape": self.preprocessor.shape, "classes": self.target.outputs, "seed": self.pipeline.seed}
        return networks.build_network(self.pipeline.model, **given, for_training=for_training)

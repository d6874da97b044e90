"""Image classification: a network of ours, trained from the start on labelled images."""

from typing import Literal

from tfpipelines import config, models
from tfpipelines.config.images import ImageData
from tfpipelines.config.networks import CNN, ImageNetwork

from .images import ImageClassifier


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
    model: ImageNetwork = CNN()


class ImageClassification(ImageClassifier):
    """The task `image-cls`."""

    schema = ImageClassificationPipeline
    loading_fields = ()

    def build(self, fused: bool):
        network = dict(self.pipeline.model)
        builder = models.IMAGE_NETWORKS[network.pop("name")]
        return builder(self.front.shape, len(self.classes), **network, seed=self.pipeline.seed, fused=fused)

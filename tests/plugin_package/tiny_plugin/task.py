"""A task: image classification by another name, with another network by default."""

from typing import Literal

from tfpipelines.tasks.classification.image_cls import ImageClassification, ImageClassificationPipeline


class TinyPipeline(ImageClassificationPipeline):
    task: Literal["tiny-cls"] = "tiny-cls"


class TinyClassification(ImageClassification):
    schema = TinyPipeline
    pipeline: TinyPipeline

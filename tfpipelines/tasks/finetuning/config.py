"""The pipelines of the fine-tuning tasks, and their `train` section."""

from typing import Annotated

from pydantic import Field, model_validator

from ...core.config.fields import field
from ...core.config.pipeline import Pipeline
from ...core.config.section import Count, Positive
from ...core.config.train import Train


class FinetuneTrain(Train):
    """Phase 1 trains the head on features that are computed once; phase 2, by the other fields, backbone and head
    together.
    """

    epochs: Count = field(10, "epochs of phase 2; not used with model.freeze=all")
    head_epochs: Annotated[int, Field(ge=0, description="of phase 1; 0: phase 2 begins with a random head")] = 25
    head_learning_rate: Positive = field(3e-3, "the highest rate of phase 1")
    layer_decay: Annotated[float, Field(gt=0, le=1)] = field(
        1.0, "phase 2: factor of the learning rate from each block to the one before it; the head has the full rate"
    )


class FinetunePipeline(Pipeline):
    """What every fine-tuning pipeline has; a task adds its `task`, `data` and `model`."""

    objective = "val_accuracy"

    train: FinetuneTrain = FinetuneTrain()

    @model_validator(mode="after")
    def _something_to_train(self) -> "FinetunePipeline":
        if self.model.freeze == "all" and not self.train.head_epochs:
            only = "model.freeze=all leaves phase 1 alone, and train.head_epochs is 0"
            raise ValueError(f"{only}: nothing would be trained")
        return self

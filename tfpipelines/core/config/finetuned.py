"""The `model` sections of networks that are a pretrained backbone with a new head."""

from typing import Annotated, Literal

from pydantic import Field

from .backbones import MINILM
from .fields import field
from .networks import Layers, Pretrained, PretrainedOnImages
from .section import LEFT_TO_RIGHT, Activation, Count, Counts, Fraction, Initializer, NonNegative, Role


class _Tuned(Pretrained):
    backbone: Annotated[str, Role.BACKBONE] = field(
        "efficientnet-lite0",
        "one of `tfpipe list backbones`, a .keras file, a run folder, a preset's folder, package:NAME/FOLDER, "
        "hf://... or kaggle://...",
        min_length=1,
    )
    freeze: Literal["none", "all"] = field(
        "none", "none: phase 2 trains the backbone; all: linear probe, the backbone is never trained"
    )
    unfreeze: Annotated[Literal["all"] | Count, LEFT_TO_RIGHT] = field(
        "all", "part of the backbone that phase 2 trains: all of it, or this many of its last blocks"
    )
    head_units: Annotated[Counts, Field(description="width of dense layers between features and output")] = ()


class Finetuned(Layers, _Tuned):
    """A pretrained backbone with a new head, and what of it is trained."""

    activation: Activation = field("relu", "of the dense layers")
    initializer: Initializer = field("he_normal", "of the dense layers")
    normalization: Literal["none", "batch", "layer"] = field("none", "of the features and of the dense layers")
    dropout: Fraction = field(0.2, "share of features dropped in training")
    weight_decay: NonNegative = field(
        0.0, "L2 penalty on the head's kernels, added to the loss (train.weight_decay is the decoupled kind)"
    )


class FinetunedImages(Finetuned, PretrainedOnImages):
    """A backbone for images."""

    pooling: Literal["mean", "max"] = field("mean", "global pooling of the feature map")


class FinetunedTexts(Finetuned):
    """A backbone for texts, from KerasHub."""

    backbone: Annotated[str, Role.BACKBONE] = field(
        MINILM,
        "a preset of KerasHub: its name or folder, package:NAME/FOLDER, hf://... or kaggle://...",
        min_length=1,
    )
    pooling: Literal["mean", "first"] = field("mean", "pooling of the tokens: mean of all, or the first one ([CLS])")

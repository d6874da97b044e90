"""The fields of each network. Their names and defaults are those of the builders in `tfpipelines.models`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from .section import Auto, Count, Counts, Fraction, NonNegative, Section, first_of

Activation = Literal[
    "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "tanh", "sigmoid", "linear"
]
Initializer = Literal[
    "he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform",
    "orthogonal", "random_normal", "truncated_normal",
]  # fmt: skip
Normalization = Literal["none", "batch", "layer", "group", "instance", "rms"]


def _six_n_plus_two(depth: int) -> int:
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(f"model.depth: got {depth}; it must be 6n + 2: 8, 14, 20, 26, 32, 44, 56, 110")
    return depth


ResNetDepth = Annotated[int, AfterValidator(_six_n_plus_two)]


class Network(Section):
    """What every feed-forward image network has."""

    activation: Activation = "relu"
    initializer: Initializer = "he_normal"
    normalization: Normalization = "batch"
    dropout: Fraction = Field(0.3, description="share of units dropped while training")
    weight_decay: NonNegative = Field(
        0.0, description="L2 penalty on kernels, added to the loss (train.weight_decay is the decoupled kind)"
    )


class MLP(Network):
    """Multilayer perceptron over the flattened image."""

    name: Literal["mlp"] = "mlp"
    units: Counts = Field((256, 128), description="width of each hidden layer")


class CNN(Network):
    """Stages of convolutions, each stage closed by pooling."""

    name: Literal["cnn"] = "cnn"
    filters: Counts = Field((32, 64, 128), description="channels of each stage")
    convolutions: Counts = Field((2,), description="convolutions in each stage; one number serves all stages")
    kernel_size: Count = 3
    pooling: Literal["max", "average"] = "max"
    head: Literal["average", "max", "flatten"] = Field(
        "average", description="how the last feature map becomes a vector"
    )
    units: Annotated[Counts, Field(description="width of dense layers before the output")] = ()

    @model_validator(mode="after")
    def _one_number_for_each_stage(self) -> "CNN":
        if len(self.convolutions) not in (1, len(self.filters)):
            raise ValueError(
                f"model.convolutions has {len(self.convolutions)} numbers for the {len(self.filters)} "
                "stages of model.filters; give one number, or one for each stage"
            )
        return self


class ResNet(Network):
    """Residual network in the style of He et al. 2016 for CIFAR, with an ImageNet stem for large images."""

    name: Literal["resnet"] = "resnet"
    depth: ResNetDepth = Field(20, description="number of weighted layers, 6n + 2: 8, 14, 20, 32, 44, 56, 110")
    width: Count = Field(16, description="channels of the first of three stages; doubled at each further stage")
    stem: first_of(Auto, Literal["cifar", "imagenet"]) = Field("auto", description="auto: imagenet from 96 pixels on")
    dropout: Fraction = Field(0.0, description="share of units dropped before the output")


ImageNetwork = Annotated[MLP | CNN | ResNet, Field(discriminator="name")]

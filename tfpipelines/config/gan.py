"""The sections of the pipelines that learn to generate images."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from .images import Distortion, PixelData
from .networks import Activation, Initializer, Normalization
from .section import FIXED, Auto, Count, Counts, Fraction, NonNegative, Positive, Role, Section, first_of
from .train import Training

Augmentations = Annotated[
    tuple[Literal["color", "translation", "cutout"], ...],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
]
PlayerInitializer = Literal["normal"] | Initializer


# --- data
class GeneratedImageData(PixelData):
    """Images to be learned, of one size, with or without labels."""

    layout: Annotated[first_of(Auto, Literal["classes", "splits"]), Role.READING, Role.ANEW] = Field(
        "auto",
        description="folders: whether the first level names classes (or nothing, where the model is not conditional) "
        "or splits",
        json_schema_extra=FIXED,
    )
    validation: first_of(Auto, Fraction) = Field(
        "auto",
        description="share held out to choose the epoch, where no such part is given; auto: 0.15",
        json_schema_extra=FIXED,
    )
    test: Fraction = Field(
        0.15,
        description="share held out for the test, where no split is given at all; 0: no test",
        json_schema_extra=FIXED,
    )
    resize: Literal["stretch", "crop", "pad"] = Field("crop", description="what gives where the shape is not square")
    augment: Distortion = Field(
        Distortion(), description="of the real images, which the generator learns to draw in the same way"
    )

    @model_validator(mode="after")
    def _sides(self) -> "GeneratedImageData":
        sides = (self.size, self.size) if isinstance(self.size, int) else self.size
        if sides != "auto" and (sides[0] != sides[1] or sides[0] % 4 or not 8 <= sides[0] <= 128):
            raise ValueError(
                "data.size must be square and a multiple of 4 from 8 to 128, such as 28, 32 or 64; it is "
                f"{self.size if isinstance(self.size, int) else list(self.size)}"
            )
        return self


# --- networks: the names and defaults are those of the builders in `tfpipelines.models.dcgan`
class Adversarial(Section):
    """What generators and discriminators of every kind have."""

    conditional: bool = Field(
        False,
        description="draw images of a class that is asked for; the data must have labels",
        json_schema_extra=FIXED,
    )
    clusters: Count = Field(
        1,
        description="groups of each class, or without conditional of all images, found by k-means, that both networks "
        "are told of (Liu et al. 2020); 1: no division",
        json_schema_extra=FIXED,
    )
    latent: Count = Field(64, description="numbers of noise that an image is made from")
    embedding: Count = Field(16, description="conditional: numbers that stand for a class beside the noise")
    generator_activation: Activation = "relu"
    discriminator_activation: Activation = Field("leaky_relu", description="leaky_relu has the slope 0.2 here")
    generator_normalization: Normalization = "batch"
    discriminator_normalization: Normalization = "none"
    spectral_normalization: bool = Field(
        False, description="divide the discriminator's kernels by their largest singular value (Miyato et al. 2018)"
    )
    minibatch_deviation: Annotated[int, Field(ge=0)] = Field(
        4,
        description="samples of a group by whose deviation the discriminator sees that images are too much alike "
        "(Karras et al. 2018); a batch that is no multiple is one group; 0: it does not",
    )


class DCGAN(Adversarial):
    """Transposed convolutions against strided ones (Radford et al. 2015)."""

    name: Literal["dcgan"] = "dcgan"
    generator_filters: Counts = Field(
        (64,),
        description="channels of the generator's maps, from the largest to the smallest; the last number is doubled at "
        "each further map, up to 512",
    )
    discriminator_filters: Counts = Field((64,), description="the same of the discriminator")
    discriminator_units: Annotated[
        Counts, Field(description="width of dense layers between the discriminator's last map and its answer")
    ] = (256,)
    kernel_size: Count = 4
    dropout: Fraction = Field(0.3, description="share of the discriminator's last map dropped")
    initializer: PlayerInitializer = Field(
        "normal", description="normal: N(0, 0.02) of convolutions, glorot_uniform of dense layers"
    )


class DenseGAN(Adversarial):
    """Dense layers over the flattened image (Goodfellow et al. 2014)."""

    name: Literal["gan"] = "gan"
    generator_units: Counts = Field((256, 512), description="width of the generator's hidden layers")
    discriminator_units: Counts = Field((512, 256), description="width of the discriminator's hidden layers")
    dropout: Fraction = Field(0.3, description="share of the discriminator's units dropped after each layer")
    initializer: PlayerInitializer = "glorot_uniform"


GenerativeNetwork = Annotated[DCGAN | DenseGAN, Field(discriminator="name")]


# --- training and evaluation
class AdversarialTrain(Training):
    """How the two networks are trained against each other, one step each by the same batch."""

    epochs: Count = 30
    steps_per_epoch: first_of(Auto, Count) = Field(
        "auto",
        description="steps of an epoch, from one look at the images to the next; auto: once through the data, but 500 "
        "at least",
    )
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = "adam"
    learning_rate: Positive = Field(5e-4, description="the highest rate of the generator's schedule")
    discriminator_learning_rate: Positive | None = Field(None, description="of the discriminator's; null: the same")
    beta_1: Fraction = Field(0.5, description="adam and adamw: decay of the mean of gradients")
    ema: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        0.998, description="decay per step of the generator's averaged weights, which become the model"
    )
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    loss: Literal["non-saturating", "hinge"] = "non-saturating"
    label_smoothing: Fraction = Field(
        0.1, description="with non-saturating: 1 minus the target of real images (one-sided)"
    )
    r1: NonNegative = Field(
        0.1,
        description="weight of the gradient penalty at real images, as the discriminator sees them (Mescheder et al. "
        "2018); 0: none",
    )
    r1_interval: Count = Field(16, description="steps from one penalty to the next")
    diff_augment: Augmentations = Field(
        (),
        description="differentiable augmentation of real and generated images: color, translation, cutout (Zhao et al. "
        "2020)",
    )


class GenerationEvaluation(Section):
    """What is measured of generated images, while training goes on and at its end."""

    features: str = Field(
        "backbone",
        description="what images are compared by: backbone (the bundled one), or the folder of an earlier "
        "image-cls run",
        json_schema_extra=FIXED,
    )
    samples: Annotated[int, Field(ge=16)] = Field(
        1000, description="images generated for the figures of the end, at most as many as there are to train on"
    )
    epoch_samples: Annotated[int, Field(ge=16)] = Field(500, description="the same for those of each epoch")
    neighbours: Count = Field(3, description="which nearest neighbour bounds the manifold of precision and recall")
    frames: Annotated[int, Field(ge=2)] = Field(60, description="most pictures of the animation")

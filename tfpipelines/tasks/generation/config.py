"""The sections of the pipelines that learn to generate images."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from ...core.config.fields import field, fixed
from ...core.config.images import IMAGE_STEP, LARGEST_IMAGE, SMALLEST_IMAGE, Distortion, PixelData
from ...core.config.optimizers import PLAIN, of_optimizers, rates_in_words
from ...core.config.section import (
    LEFT_TO_RIGHT,
    Auto,
    AutoCount,
    AutoFraction,
    Count,
    Fraction,
    NonNegative,
    Positive,
    Role,
    Section,
)
from ...core.config.train import Training

Augmentations = Annotated[
    tuple[Literal["color", "translation", "cutout"], ...],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
]
if TYPE_CHECKING:
    _Optimizer = str
else:
    _Optimizer = Literal[PLAIN]  # those whose own weights are the model's: the generator's are averaged here


# --- data
class GeneratedImageData(PixelData):
    """Images to be learned, of one size, with or without labels."""

    layout: Annotated[Annotated[Auto | Literal["classes", "splits"], LEFT_TO_RIGHT], Role.READING, Role.ANEW] = fixed(
        "auto",
        "folders: whether the first level names classes (or nothing, where the model is not conditional) or splits",
    )
    validation: AutoFraction = fixed(
        "auto", "share held out to choose the epoch, where no such split is given; auto: 0.15"
    )
    test: Fraction = fixed(0.15, "share held out for the test, where no split is given at all; 0: no test")
    resize: Literal["stretch", "crop", "pad"] = field("crop", "how images that are not square are fitted")
    augment: Distortion = field(Distortion(), "of the real images, which the generator learns to draw in the same way")

    @model_validator(mode="after")
    def _sides(self) -> "GeneratedImageData":
        sides = (self.size, self.size) if isinstance(self.size, int) else self.size
        fits = lambda side: SMALLEST_IMAGE <= side <= LARGEST_IMAGE and not side % IMAGE_STEP
        if sides != "auto" and (sides[0] != sides[1] or not fits(sides[0])):
            wanted = f"square and a multiple of {IMAGE_STEP} from {SMALLEST_IMAGE} to {LARGEST_IMAGE}"
            got = self.size if isinstance(self.size, int) else list(self.size)
            raise ValueError(f"data.size must be {wanted}, such as 28, 32 or 64; it is {got}")
        return self


# --- training and evaluation
class AdversarialTrain(Training):
    """How the two networks are trained against each other, one step each by the same batch."""

    epochs: Count = 30
    steps_per_epoch: AutoCount = field(
        "auto",
        "steps per epoch; images are evaluated after each epoch; auto: once through the data, but at least 500",
    )
    optimizer: _Optimizer = field("adam", "of both networks, each with its own")
    learning_rate: Positive = field(
        5e-4,
        "peak learning rate of the generator; if not given, the default times a factor for some optimizers: "
        + rates_in_words(),
    )
    discriminator_learning_rate: Positive | None = field(None, "peak rate of the discriminator; null: the generator's")
    beta_1: Fraction = of_optimizers("beta_1", 0.5, "decay of the mean of gradients")
    ema: Annotated[float, Field(gt=0, lt=1)] | None = field(
        0.998, "decay per step of the generator's averaged weights, which become the model"
    )
    precision: Literal["auto", "float32", "mixed_bfloat16"] = field(
        "float32", "auto: mixed_bfloat16 where the device has instructions for it, else float32"
    )
    loss: Literal["non-saturating", "hinge"] = "non-saturating"
    label_smoothing: Fraction = field(0.1, "with non-saturating: 1 minus the target of real images (one-sided)")
    r1: NonNegative = field(
        0.1,
        "weight of the gradient penalty at real images, as the discriminator sees them (Mescheder et al. 2018); 0: "
        "none",
    )
    r1_interval: Count = field(16, "steps from one penalty to the next")
    diff_augment: Augmentations = field(
        (), "differentiable augmentation of real and generated images: color, translation, cutout (Zhao et al. 2020)"
    )


class GenerationEvaluation(Section):
    """What is measured of generated images, while training goes on and at its end."""

    features: Annotated[str, Role.RUN] = fixed(
        "backbone", "what images are compared by: backbone (the bundled one), or the folder of an earlier image-cls run"
    )
    samples: Annotated[int, Field(ge=16)] = field(
        1000, "images generated for the final metrics, at most as many as there are training images"
    )
    epoch_samples: Annotated[int, Field(ge=16)] = field(500, "images generated for the metrics of each epoch")
    neighbours: Count = field(3, "k of the k-nearest-neighbour manifolds for precision and recall")
    frames: Annotated[int, Field(ge=2)] = field(60, "maximum number of frames of the animation")

"""What the networks of a kind share: sections whose fields stand here once.

A network's signature names such a section, takes it as a whole, and adds the fields of its own: see `signature`.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from .fields import field, fixed
from .section import (
    LEFT_TO_RIGHT,
    Activation,
    Auto,
    Count,
    Counts,
    Fraction,
    Initializer,
    MapNormalization,
    NonNegative,
    Normalization,
    Positive,
    Role,
    Section,
    Share,
)


class Layers(Section):
    """What the layers of a network have in common."""

    activation: Activation = "relu"
    initializer: Initializer = "he_normal"
    normalization: Normalization = "batch"
    dropout: Fraction = field(0.3, "share of units dropped in training")
    weight_decay: NonNegative = field(
        0.0, "L2 penalty on kernels, added to the loss (train.weight_decay is the decoupled kind)"
    )


class _Maps(Layers):
    normalization: MapNormalization = field(  # type: ignore[assignment]  # one choice more
        "batch", "local_response: feature maps over neighbouring channels (Krizhevsky et al. 2012); vectors: none"
    )


class ImageNetwork(_Maps):
    """What every network that classifies images has."""


# --- texts
class Wide(Section):
    """The wide part: a linear model of n-grams, scaled by their log-count ratios (Wang & Manning
    2012).

    It stands beside the network as in Cheng et al. 2016, but each is trained by a loss of its own. For numbers it is a
    ridge regression on TF-IDF vectors, fitted before the network is trained.
    """

    words: Annotated[int, Field(ge=0, le=5)] = field(0, "longest word n-gram; 0: none")
    characters: Annotated[tuple[Annotated[int, Field(ge=1, le=8)], ...], Field(max_length=2)] = field(
        (), "shortest and longest character n-gram, such as [3, 5]; []: none"
    )
    min_count: Count = field(2, "minimum number of occurrences of an n-gram in the training split")
    size: Count = field(200_000, "maximum number of n-grams of each kind")
    initial: Positive = field(0.05, "initial weight of every n-gram")
    dropout: Fraction = field(0.0, "share of n-grams dropped in training")
    scale: Literal["idf", "ratios"] = field(
        "idf",
        "of numbers, what n-grams are scaled by before their weights are fitted; idf: inverse document frequency; "
        "ratios: that times 1/2 plus the size of their log-count ratio in texts above the mean and below it",
    )
    deep_weight: Positive = field(
        0.3,
        "weight of the network's logits relative to those of the n-grams; of numbers its weight in the mean of both",
    )

    @model_validator(mode="after")
    def _in_order(self) -> "Wide":
        if list(self.characters) != sorted(self.characters) or len(self.characters) == 1:
            words = "allowed: [shortest, longest], or [] for none"
            raise ValueError(f"model.wide.characters: got {list(self.characters)}; {words}")
        return self

    @property
    def active(self) -> bool:
        """Whether there is a wide part at all."""
        return bool(self.words or self.characters)


class AnyTextNetwork(Section):
    """What every network for texts has."""


class LinearTexts(AnyTextNetwork):
    """What linear models of texts have."""

    weight_decay: Auto | NonNegative = field(
        "auto",
        "L2 penalty on the weights, beside the mean loss (train.weight_decay is the decoupled kind); auto: of six "
        "strengths the best by cross-validation on the training and validation rows",
    )


class _Tokens(Section):
    embedding: Count = field(64, "dimensions of the token embedding; those of data.vectors where given")
    freeze_embedding: bool = field(False, "do not train the embedding, for data.vectors")
    word_dropout: Fraction = field(0.1, "share of tokens replaced by the unknown token in training")
    spatial_dropout: Fraction = field(0.2, "share of embedding channels dropped in training")
    pooling: Literal["last", "max", "mean", "attention"] = field("max", "how a sequence's vectors are pooled into one")
    head_units: Annotated[Counts, Field(description="width of dense layers before the output")] = ()


class TextNetwork(AnyTextNetwork, Layers, _Tokens):
    """What text networks that are trained have."""

    activation: Activation = field("relu", "of convolutions and dense layers")
    initializer: Initializer = "glorot_uniform"
    normalization: Normalization = field("none", "of the pooled vector and of dense layers")
    dropout: Fraction = field(0.5, "share of units dropped before the output and between dense layers")
    wide: Annotated[Wide, BeforeValidator(lambda value: {} if value is None else value)] = Wide()


class Recurrent(TextNetwork):
    """What recurrent networks have."""

    units: Counts = field((64,), "width of each stacked layer, in each direction")


# --- tables
class TableNetwork(Section):
    """What every network for tables has."""


class TableLayers(TableNetwork, Layers):
    """What networks of dense layers for tables have."""

    activation: Activation = "silu"
    normalization: Normalization = "none"
    dropout: Fraction = field(0.1, "share of units dropped in training")


# --- networks that reconstruct their input
class Scored(Section):
    """How reconstruction errors become one score."""

    pooling: Literal["max", "mean", "top"] = field(
        "top", "of the errors of all places; max: the largest, mean: their mean, top: the mean of the largest"
    )
    top: Share = field(0.05, "pooling top: the share of places, with the largest errors, to average over")


class Autoencoder(Layers, Scored):
    """What every network that reconstructs its input has."""

    dropout: Fraction = field(0.0, "share of units dropped in training")
    noise: NonNegative = field(
        0.0,
        "standard deviation of Gaussian noise on the input in training (denoising autoencoder, Vincent et al. "
        "2008); pixels go from 0 to 1, columns have standard deviation 1",
    )


class Variational(Section):
    """What variational autoencoders have, too."""

    beta: NonNegative = field(1.0, "weight of the KL divergence from the prior (Higgins et al. 2017)")
    samples: Count = field(8, "samples of the latent variable that a score averages over")


class _Pixels(Section):
    loss: Literal["l2", "l1", "ssim"] = field("l2", "reconstruction loss of training")
    distance: Literal["l2", "l1", "ssim"] = field(
        "l2", "reconstruction error of a pixel in the score; ssim: 1 - structural similarity (Wang et al. 2004)"
    )
    smoothing: Annotated[int, Field(ge=0)] = field(
        0, "side in pixels of the mean filter that is applied twice to the errors; 0: none"
    )


class ImageAutoencoder(Autoencoder, _Maps, _Pixels):
    """What autoencoders of images have."""


class _Numbers(Section):
    loss: Literal["l2", "l1"] = field("l2", "reconstruction loss of training")
    distance: Literal["l2", "l1"] = field("l2", "reconstruction error of a number in the score")


class _Columns(Scored):
    pooling: Literal["max", "mean", "top"] = field(
        "mean", "of the errors of all columns; max: the largest, mean: their mean, top: the mean of the largest"
    )
    top: Share = field(0.2, "pooling top: the share of columns, with the largest errors, to average over")


class Columns(_Columns, Autoencoder):
    """What networks that reconstruct rows have."""


class RowAutoencoder(Columns, _Numbers):
    """What autoencoders of rows have."""


class Fitted(Section):
    """What detectors have that are fitted to the training rows before the network is built, and not trained."""

    fitted: ClassVar[bool] = True


class FittedRows(Fitted):
    """What fitted detectors of rows have."""


class FittedImages(Fitted, Scored):
    """What fitted detectors of images have."""

    top: Share = field(0.005, "pooling top: the share of pixels, with the largest distances, to average over")
    smoothing: Annotated[int, Field(ge=0)] = field(
        5,
        "side in pixels of the mean filter applied twice to the distances, after upscaling to the size of the image; "
        "0: none",
    )


class _Windows(Section):
    centered: bool = field(
        False,
        "subtract from each window its mean, so that its shape counts and not its level; for signals whose level "
        "drifts",
    )


class FittedSeries(Fitted, _Windows):
    """What fitted detectors of windows have."""


class SeriesAutoencoder(Autoencoder, _Numbers, _Windows):
    """What autoencoders of windows have."""

    normalization: Normalization = "none"


class RecurrentSeries(SeriesAutoencoder):
    """What recurrent autoencoders of windows have."""

    units: Counts = field((32,), "width of each stacked layer of the encoder; the decoder mirrors them")
    latent: Count = field(8, "dimensions of the bottleneck")


# --- users' own autoencoders
class ImageScores(Scored, _Pixels):
    """Of images: how their distance from what the network makes of them becomes a loss and a score."""


class RowScores(_Columns, _Numbers):
    """Of rows: how their distance from what the network makes of them becomes a loss and a score."""


class SeriesScores(Scored, _Numbers, _Windows):
    """Of windows: how their distance from what the network makes of them becomes a loss and a score."""


# --- networks that generate
class Conditional(Section):
    """What generators and discriminators are conditioned on."""

    conditional: bool = fixed(False, "condition both networks on the class; the data must have labels")
    clusters: Count = fixed(
        1,
        "k-means clusters of each class, or without conditional of all images, that both networks are conditioned on "
        "(Liu et al. 2020); 1: none",
    )


class Adversarial(Section):
    """What generators and discriminators of every kind have."""

    latent: Count = field(64, "dimensions of the noise that an image is generated from")
    embedding: Count = field(16, "conditional: dimensions of the class embedding")
    generator_activation: Activation = "relu"
    discriminator_activation: Activation = field("leaky_relu", "leaky_relu: with slope 0.2")
    generator_normalization: Normalization = "batch"
    discriminator_normalization: Normalization = "none"
    spectral_normalization: bool = field(
        False, "divide the discriminator's kernels by their largest singular value (Miyato et al. 2018)"
    )
    minibatch_deviation: Annotated[int, Field(ge=0)] = field(
        4,
        "minibatch standard deviation: samples per group; lets the discriminator detect mode collapse "
        "(Karras et al. 2018); a batch size that is not a multiple: one group; 0: off",
    )


# --- networks on a pretrained one
class Pretrained(Section):
    """Which pretrained network is used."""

    backbone: Annotated[str, Role.BACKBONE] = field(
        "efficientnet-lite0", "one of `tfpipe list backbones`, a .keras file or a run folder", min_length=1
    )
    weights: Annotated[str, Role.BACKBONE] = fixed(
        "auto", "auto: the backbone's own; none: random; or a .weights.h5 file", min_length=1
    )


class PretrainedOnImages(Pretrained):
    """Which pretrained network for images is used."""

    scaling: Annotated[Auto | Literal["levels", "unit", "tf", "torch", "caffe", "lite"], LEFT_TO_RIGHT] = field(
        "auto",
        "what a .keras file expects of pixels: levels 0 to 255, unit 0 to 1, tf -1 to 1, torch and caffe as in "
        "keras.applications; auto: as the backbone says, else what fits its first batch normalization, else levels",
    )


def is_fitted(model: Any) -> bool:
    """Whether the network of a section `model` is fitted to the training rows, and not trained."""
    return getattr(model, "fitted", False)

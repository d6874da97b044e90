"""The sections of the networks that reconstruct their input.

Names and defaults are those of the builders in `tfpipelines.models`.
"""

from typing import Annotated, Literal

from pydantic import Field

from .networks import Activation, Initializer, Normalization
from .section import FIXED, Auto, Count, Counts, Fraction, Names, NonNegative, Section, first_of

Share = Annotated[float, Field(gt=0, le=1)]


class Scored(Section):
    """How the distance of each place from its reconstruction becomes one score."""

    pooling: Literal["max", "mean", "top"] = Field(
        "top", description="of the distances of all places: the largest, their mean, or the mean of the largest"
    )
    top: Share = Field(0.05, description="pooling top: the share of places that counts")


class Autoencoder(Scored):
    """What every network that reconstructs its input has."""

    activation: Activation = "relu"
    initializer: Initializer = "he_normal"
    normalization: Normalization = "batch"
    dropout: Fraction = Field(0.0, description="share of units dropped while training")
    weight_decay: NonNegative = Field(
        0.0, description="L2 penalty on kernels, added to the loss (train.weight_decay is the decoupled kind)"
    )
    noise: NonNegative = Field(
        0.0,
        description="deviation of Gaussian noise on the input while training, whose removal is learned (denoising, "
        "Vincent et al. 2008); pixels go from 0 to 1, columns have deviation 1",
    )


class _Images(Section):
    loss: Literal["l2", "l1", "ssim"] = Field("l2", description="what training makes small")
    distance: Literal["l2", "l1", "ssim"] = Field(
        "l2", description="of a pixel from its reconstruction; ssim: 1 - structural similarity (Wang et al. 2004)"
    )
    smoothing: Annotated[int, Field(ge=0)] = Field(
        0, description="side in pixels of the mean filter that goes twice over the distances; 0: none"
    )


class _Numbers(Section):
    loss: Literal["l2", "l1"] = Field("l2", description="what training makes small")
    distance: Literal["l2", "l1"] = Field("l2", description="of a number from its reconstruction")


class _Variational(Section):
    beta: NonNegative = Field(1.0, description="weight of the divergence from the prior (Higgins et al. 2017)")
    samples: Count = Field(8, description="draws of the latent variable that a score is the mean of")


class DenseImages(Autoencoder, _Images):
    """Dense layers down to a few numbers and back."""

    name: Literal["dense"] = "dense"
    units: Counts = Field((256,), description="width of the encoder's layers; the decoder mirrors them")
    latent: Count = Field(32, description="numbers that the image has to pass through")


class ConvImages(Autoencoder, _Images):
    """Strided convolutions down to a few numbers and back."""

    name: Literal["conv"] = "conv"
    filters: Counts = Field(
        (32, 64), description="channels of the encoder's stages, each half as high and wide; the decoder mirrors them"
    )
    kernel_size: Count = 3
    latent: Annotated[int, Field(ge=0)] = Field(
        32,
        description="numbers that the image has to pass through; 0: no dense layer, the last feature map is the "
        "bottleneck",
    )


class VariationalImages(Autoencoder, _Variational):
    """Variational autoencoder of convolutions, scored by the reconstruction probability."""

    name: Literal["vae"] = "vae"
    filters: Counts = Field(
        (32, 64), description="channels of the encoder's stages, each half as high and wide; the decoder mirrors them"
    )
    kernel_size: Count = 3
    latent: Count = Field(16, description="latent variables")
    smoothing: Annotated[int, Field(ge=0)] = Field(
        0, description="side in pixels of the mean filter that goes twice over the distances; 0: none"
    )


class Features(Autoencoder):
    """Reconstructs what a pretrained backbone says of each place of an image, layers of several depths together."""

    name: Literal["feature"] = "feature"
    backbone: str = Field(
        "efficientnet-lite0", description="one of `tfpipe list backbones`, a .keras file or a run folder", min_length=1
    )
    weights: str = Field(
        "auto",
        description="auto: the backbone's own; none: random; or a .weights.h5 file",
        min_length=1,
        json_schema_extra=FIXED,
    )
    layers: first_of(Auto, Names) = Field(
        "auto",
        description="of the backbone, whose outputs are looked at; auto: the last ones whose map is 1/4, 1/8 and 1/16 "
        "as high as the image",
    )
    grid: first_of(Auto, Count) = Field(
        "auto", description="places of the longer side that the outputs are brought to; auto: one for every 8 pixels"
    )
    neighbours: Count = Field(
        1, description="side of the mean filter over each layer's output (Roth et al. 2022); 1: none"
    )
    bottleneck: Literal["place", "image"] = Field(
        "place",
        description="what passes through it: every place by itself (textures), or all places together (objects in one "
        "pose)",
    )
    kernel_size: Count = Field(
        3, description="bottleneck place: side of the convolutions, in places: how far a place looks to its neighbours"
    )
    units: Counts = Field(
        (256,), description="width of the encoder's layers, convolutions or dense; the decoder mirrors them"
    )
    latent: Count = Field(96, description="numbers that each place, or the image, has to pass through")
    normalization: Normalization = "none"
    noise: NonNegative = Field(
        0.3,
        description="deviation of Gaussian noise on the standardized features while training, whose removal is learned",
    )
    distance: Literal["l2", "l1", "cosine"] = Field("l2", description="of a place's features from their reconstruction")
    loss: Literal["l2", "l1", "cosine"] = Field("l2", description="what training makes small")
    smoothing: Annotated[int, Field(ge=0)] = Field(
        0,
        description="side in pixels of the mean filter that goes twice over the distances, once they are as large as "
        "the image; 0: none",
    )


class DenseRows(Autoencoder, _Numbers):
    """Dense layers down to a few numbers and back."""

    name: Literal["dense"] = "dense"
    units: Counts = Field((64, 32), description="width of the encoder's layers; the decoder mirrors them")
    latent: Count = Field(8, description="numbers that a row has to pass through")
    pooling: Literal["max", "mean", "top"] = Field(
        "mean", description="of the distances of all columns: the largest, their mean, or the mean of the largest"
    )
    top: Share = Field(0.2, description="pooling top: the share of columns that counts")


class VariationalRows(Autoencoder, _Variational):
    """Variational autoencoder, scored by the reconstruction probability."""

    name: Literal["vae"] = "vae"
    units: Counts = Field((64, 32), description="width of the encoder's layers; the decoder mirrors them")
    latent: Count = Field(8, description="latent variables")
    pooling: Literal["max", "mean", "top"] = Field(
        "mean", description="of the columns' surprise: the largest, their mean, or the mean of the largest"
    )
    top: Share = Field(0.2, description="pooling top: the share of columns that counts")


class _Windows(Section):
    centered: bool = Field(
        False,
        description="take from each window its own mean, so that its shape counts and not its level; for signals whose "
        "level drifts",
    )


class DenseSeries(Autoencoder, _Numbers, _Windows):
    """Dense layers over all points of a window."""

    name: Literal["dense"] = "dense"
    units: Counts = Field((64,), description="width of the encoder's layers; the decoder mirrors them")
    latent: Count = Field(8, description="numbers that a window has to pass through")
    normalization: Normalization = "none"


class Conv1DSeries(Autoencoder, _Numbers, _Windows):
    """Strided convolutions in time."""

    name: Literal["conv1d"] = "conv1d"
    filters: Counts = Field(
        (32, 64), description="channels of the encoder's stages, each half as long; the decoder mirrors them"
    )
    kernel_size: Count = 5
    latent: Annotated[int, Field(ge=0)] = Field(
        8, description="numbers that a window has to pass through; 0: no dense layer"
    )
    normalization: Normalization = "none"


class _Recurrent(Autoencoder, _Numbers, _Windows):
    units: Counts = Field((32,), description="width of each stacked layer of the encoder; the decoder mirrors them")
    latent: Count = Field(8, description="numbers that a window has to pass through")
    normalization: Normalization = "none"


class LSTMSeries(_Recurrent):
    """Long short-term memory reads the window, another one writes it (Malhotra et al. 2016)."""

    name: Literal["lstm"] = "lstm"


class GRUSeries(_Recurrent):
    """The same with gated recurrent units."""

    name: Literal["gru"] = "gru"


ImageAutoencoder = Annotated[DenseImages | ConvImages | VariationalImages | Features, Field(discriminator="name")]
RowAutoencoder = Annotated[DenseRows | VariationalRows, Field(discriminator="name")]
SeriesAutoencoder = Annotated[DenseSeries | Conv1DSeries | LSTMSeries | GRUSeries, Field(discriminator="name")]

"""The `data` section of tasks that read images."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from .data import FileData, LabelledData
from .section import FIXED, LEFT_TO_RIGHT, Auto, Count, Fraction, NonNegative, Role, Section

Level = Annotated[int, Field(ge=0, le=255)]
Channels = Annotated[
    Literal[1, 3], BeforeValidator(lambda value: int(value) if str(value).isdigit() else value)
]  # files give text


class Distortion(Section):
    """Random changes to training images, drawn for each sample from (seed, epoch, position). All off by default."""

    flip: Literal["none", "horizontal", "vertical", "both"] = "none"
    crop: Fraction = Field(0.0, description="largest share of each side cut away at random, then resized back")
    translate: Fraction = Field(0.0, description="largest shift, as a share of the side")
    rotate: Annotated[float, Field(ge=0, le=0.5)] = Field(0.0, description="largest turn, as a share of a full circle")
    zoom: Fraction = Field(0.0, description="largest change of scale, in or out")
    brightness: Fraction = Field(0.0, description="largest shift, as a share of the full range")
    contrast: Fraction = Field(0.0, description="largest change of the distance from the image's mean")
    fill: Literal["constant", "nearest", "reflect", "wrap"] = Field(
        "constant", description="what lies beyond the border; constant: black"
    )


class Augment(Distortion):
    """The same, with what mixes samples and their labels."""

    mixup: NonNegative = Field(0.0, description="alpha of Beta(alpha, alpha), Zhang et al. 2018; 0: off")
    cutmix: NonNegative = Field(0.0, description="alpha of Beta(alpha, alpha), Yun et al. 2019; 0: off")


class PixelData(FileData):
    """Where images are, and what the network gets to see of them."""

    path: Annotated[str, Role.PATH] = Field(
        description="a folder, a table (.csv .tsv .jsonl .parquet), an .npz file, or sample:NAME",
        min_length=1,
        json_schema_extra=FIXED,
    )
    item_column: Annotated[str | None, Role.READING] = Field(
        None, description="table: the column of image files", json_schema_extra=FIXED
    )
    root: Annotated[str | None, Role.PATH, Role.READING, Role.ANEW] = Field(
        None, description="table: the folder its files lie in; default: the table's own", json_schema_extra=FIXED
    )
    max_pixels: Annotated[Count, Role.READING] = Field(
        100_000_000, le=178_956_970, description="images whose header claims more are refused", json_schema_extra=FIXED
    )
    size: Annotated[
        Auto | Annotated[int, Field(ge=4)] | tuple[Annotated[int, Field(ge=4)], Annotated[int, Field(ge=4)]],
        LEFT_TO_RIGHT,
    ] = Field(
        "auto",
        description="side in pixels, or [height, width]; auto: as they are up to 128, else the median side, "
        "at most 128",
    )
    channels: Annotated[Auto | Channels, LEFT_TO_RIGHT] = Field(
        "auto", description="1: grey, 3: RGB; auto: grey where every image is"
    )
    resize: Literal["stretch", "crop", "pad"] = Field("stretch", description="what gives where the shape differs")
    filter: Literal["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"] = "bilinear"
    antialias: bool = Field(True, description="widen the filter when shrinking")
    background: Level = Field(255, description="grey level that transparent pixels are laid on")
    cache: Annotated[Annotated[Auto | Literal["memory", "disk", "none"], LEFT_TO_RIGHT], Role.READING] = Field(
        "auto", description="decoded images; auto: in memory where they fit", json_schema_extra=FIXED
    )


class ImageData(PixelData, LabelledData):
    """Images of classes."""

    augment: Augment = Augment()

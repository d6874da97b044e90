"""The `data` section of tasks that read images."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from .data import LABEL_COLUMN, FileData, LabelColumn, LabelledData
from .fields import field, fixed
from .section import LEFT_TO_RIGHT, Auto, Count, Fraction, NonNegative, Role, Section

LevelRange = tuple[float, float]  # (low, high), which become 0 and 255
Level = Annotated[int, Field(ge=0, le=255)]
SMALLEST_IMAGE, LARGEST_IMAGE, IMAGE_STEP = 8, 128, 4  # sides in pixels of generated images
_Side = Annotated[int, Field(ge=4)]
# files give text
Channels = Annotated[Literal[1, 3], BeforeValidator(lambda value: int(value) if str(value).isdigit() else value)]


def _rising(levels: LevelRange) -> LevelRange:
    if levels[0] >= levels[1]:
        raise ValueError("data.range: the first level must be below the second")
    return levels


class Distortion(Section):
    """Random changes to training images, drawn for each sample from (seed, epoch, position). All off by default."""

    flip: Literal["none", "horizontal", "vertical", "both"] = field("none", "random flips")
    crop: Fraction = field(0.0, "maximum share of each side that is cropped at random; the rest is resized back")
    translate: Fraction = field(0.0, "maximum shift, as a share of the side")
    rotate: Annotated[float, Field(ge=0, le=0.5)] = field(0.0, "maximum rotation, as a share of a full circle")
    zoom: Fraction = field(0.0, "maximum change of scale, in or out")
    brightness: Fraction = field(0.0, "maximum shift of all levels, as a share of the full range")
    contrast: Fraction = field(0.0, "maximum change of each level's distance from the image's mean, as a share of it")
    fill: Literal["constant", "nearest", "reflect", "wrap"] = field(
        "constant", "pixels from outside the image; constant: black"
    )


class Augment(Distortion):
    """The same, with what mixes samples and their labels."""

    mixup: NonNegative = field(0.0, "alpha of Beta(alpha, alpha), Zhang et al. 2018; 0: off")
    cutmix: NonNegative = field(0.0, "alpha of Beta(alpha, alpha), Yun et al. 2019; 0: off")


class PixelData(FileData):
    """Where images are, and what the network gets to see of them."""

    path: Annotated[str, Role.PATH] = fixed(
        ...,
        "a folder, a table (.csv .tsv .json .jsonl .parquet .xlsx, also .gz), an archive (.zip .tar.gz) of such, an "
        ".npz file, shards (TFRecord, WebDataset, Parquet), the URL of one (https s3 gs hf), or sample:NAME",
        min_length=1,
    )
    item_column: Annotated[str | None, Role.READING] = fixed(None, "table: the column of image files")
    root: Annotated[str | None, Role.PATH, Role.READING, Role.ANEW] = fixed(
        None, "table: the folder that its file names are relative to; default: the table's own"
    )
    max_pixels: Annotated[Count, Role.READING] = fixed(
        100_000_000,
        "maximum height x width of an image, read from its header; a larger one is unreadable",
        le=178_956_970,
    )
    size: Annotated[Auto | _Side | tuple[_Side, _Side], LEFT_TO_RIGHT] = field(
        "auto", "side in pixels, or [height, width]; auto: as they are up to 128, else the median side, at most 128"
    )
    channels: Annotated[Auto | Channels, LEFT_TO_RIGHT] = field(
        "auto", "1: grey, 3: RGB; auto: grey where every image is"
    )
    resize: Literal["stretch", "crop", "pad"] = field(
        "stretch", "how an image of another aspect ratio is fitted: stretched, cropped, or padded"
    )
    filter: Literal["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"] = field(
        "bilinear", "interpolation when resizing"
    )
    antialias: bool = field(True, "low-pass filter when shrinking")
    background: Level = field(255, "grey level behind transparent pixels")
    range: Annotated[Annotated[LevelRange, AfterValidator(_rising)] | Auto | None, LEFT_TO_RIGHT] = fixed(
        None,
        "[low, high], the levels that become 0 and 255 of images of more than 8 bits; auto: the extremes of the "
        "training images; default: those of the bits (16: 0 and 65535)",
    )
    cache: Annotated[Annotated[Auto | Literal["memory", "disk", "none"], LEFT_TO_RIGHT], Role.READING] = fixed(
        "auto", "where decoded images are kept; auto: in memory where they fit, else on disk where there is room"
    )


class ImageData(PixelData, LabelledData):
    """Images of classes or numbers."""

    label_column: LabelColumn = LABEL_COLUMN  # type: ignore[assignment]  # `PixelData` has a single one
    shuffle: Literal["full", "window"] = fixed(
        "full",
        "order of the training images in each epoch: full: any image may follow any other; window: shards: one shard "
        "after the other in random order, shuffled within windows, for disks that are slow at random places",
    )
    shuffle_window: Count = fixed(16_384, "shuffle=window: training images of a window")
    augment: Augment = Augment()

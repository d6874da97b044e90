"""Images: what a file holds, and how it becomes pixels. One rule for training, prediction and export."""

import functools
import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ..errors import DataError
from .file_kinds import HEIC, kind_of

if TYPE_CHECKING:  # else it would load the schema of all pipelines, which a server does not need
    from ..core.config.images import LevelRange

MAX_PIXELS = 100_000_000
MAX_PIXELS_BOUND = 178_956_970  # where Pillow refuses of itself
BYTES = "the bytes given"  # what messages call an image that is no file
USUAL_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")  # Pillow's names; JPEG stands for MPO as well
_NEVER = {"EPS", "IPTC"}  # Pillow has Ghostscript run PostScript, which an IPTC file may hold, too
_PNG_METADATA = {b"eXIf", b"iTXt", b"tEXt", b"zTXt"}
_SIXTEEN_BIT = {"I;16", "I;16L", "I;16B", "I;16N"}
_DEEP = {"I", "F"} | _SIXTEEN_BIT
_GREY = {"1", "L", "LA", "La", "I", "F"} | _SIXTEEN_BIT


class DamagedImage(DataError):
    """The package that decodes an image has found something wrong with it, and says so in its own words."""


class _NoAgreedRange(ValueError):
    """Levels that are read, but not known to be dark or bright."""


@dataclass(frozen=True)
class Header:
    """What the beginning of an image file says.

    Args:
        height, width: in pixels, after turning it upright.
        grey: whether it has one channel, beside transparency.
        format: Pillow's name of the file format, such as JPEG.
        kind: `jpeg` or `png` where TensorFlow's own decoder gives the same pixels as Pillow, else `other`.
        deep: whether its levels have more than 8 bits.
    """

    height: int
    width: int
    grey: bool
    format: str
    kind: str
    deep: bool = False


def read_header(source: str | Path | bytes, max_pixels: int = MAX_PIXELS, usual: bool = False) -> Header:
    """Reads size and kind without decoding any pixel.

    Args:
        max_pixels: an image that claims more is refused.
        usual: refuse what is neither of `USUAL_FORMATS` nor HEIC.

    Raises:
        DataError: if it is no image, is empty, or claims more than `max_pixels`.
    """
    with _open(source, max_pixels, usual) as image:
        try:
            bit_depth, late = _png_facts(source) if image.format == "PNG" else (8, False)
            # A PNG is decoded for its own.
            exif = image.getexif() if late or image.format != "PNG" else Image.Image.getexif(image)
            turned = exif.get(ExifTags.Base.Orientation, 1)
            animated = getattr(image, "is_animated", False)
            grey = image.mode in _GREY or (image.mode == "P" and _grey_palette(image))
        except Exception as error:
            raise _unreadable(source, error) from error
        transparent = "transparency" in image.info or image.mode in ("LA", "La", "PA")
        simple = image.mode in ("L", "RGB") and not transparent and turned == 1 and bit_depth == 8 and not animated
        kind = image.format.lower() if simple and image.format in ("JPEG", "PNG") else "other"
        width, height = image.size if turned < 5 else image.size[::-1]
        deep = image.mode in _DEEP or bit_depth > 8 or _has_deep_colours(image)
        return Header(height, width, grey, image.format or "?", kind, deep)


def open_image(content: bytes, max_pixels: int = MAX_PIXELS, usual: bool = False) -> Image.Image:
    """An image whose header has been read, for `decode_opened`; its size is that before it is turned upright. The
    arguments and errors are those of `read_header`.
    """
    return _open(content, max_pixels, usual)


def decode_image(
    source: str | Path | bytes,
    channels: int = 3,
    background: int = 255,
    max_pixels: int = MAX_PIXELS,
    levels: "LevelRange | None" = None,
) -> np.ndarray:
    """Pixels of a JPEG, PNG, BMP, GIF, WebP, TIFF or any other still image that Pillow reads by itself, but
    PostScript, judged by content, not by name.

    The rule: the first frame; turned upright by its EXIF orientation; palettes expanded; CMYK and other colour spaces
    to RGB; 16-bit grey divided by 257; transparent pixels laid on `background`; then to the channels asked for, grey
    being 0.299 R + 0.587 G + 0.114 B. Colour profiles are not applied. With `levels`, more than 8 bits become 8 by that
    range, also of 32-bit grey.

    Args:
        source: a path, or the file's bytes.
        channels: 1 (grey) or 3 (RGB).
        background: grey level, 0 to 255.
        max_pixels: an image whose header claims more is refused before decoding.
        levels: (low, high), the levels that become 0 and 255 of images of more than 8 bits; what is outside is cut.

    Returns:
        uint8 array of shape (height, width, channels).

    Raises:
        DataError: if it cannot be read, is truncated or too large.
    """
    return decode_opened(_open(source, max_pixels), source, channels, background, levels)


def decode_opened(
    image: Image.Image, source: str | Path | bytes, channels: int, background: int, levels: "LevelRange | None"
) -> np.ndarray:
    """The same of an image that `open_image` has given for the source; it is closed, its pixels are forgotten."""
    opened = image
    try:
        image.load()
        if levels is not None:
            image = _scaled(image, source, levels)
        image = ImageOps.exif_transpose(image)
        return _to_channels(image, channels, background)
    except Exception as error:
        raise _unreadable(source, error) from error
    finally:
        opened.close()


def read_levels(source: str | Path | bytes, max_pixels: int = MAX_PIXELS, deep: bool = False) -> np.ndarray:
    """The levels of an image as its file has them: the first frame, upright, palettes expanded, other colour spaces
    than grey and RGB converted to that.

    Args:
        deep: give colours of 16 bits as such, which takes TensorFlow; else they have 8, and `levels` no more than 255.

    Returns:
        bool, uint8, uint16, int32 or float32 of shape (height, width) where it is grey, else (height, width, 2 to 4),
        with transparency at the end where there is one.

    Raises:
        DataError: if it cannot be read, is truncated or too large.
    """
    with _open(source, max_pixels) as image:
        try:
            image.load()
            if deep and image.format == "PNG" and image.mode not in _DEEP and _png_facts(source)[0] > 8:
                return _deep_colours(source)
            image = ImageOps.exif_transpose(image)
            if image.mode in _SIXTEEN_BIT:
                return np.asarray(image).astype(np.uint16)
            transparent = "transparency" in image.info or image.mode in ("PA", "La", "RGBa")
            if transparent or image.mode not in ("1", "L", "LA", "I", "F", "RGB", "RGBA"):
                image = image.convert("RGBA" if transparent else "RGB")
            return np.asarray(image)
        except Exception as error:
            raise _unreadable(source, error) from error


def _open(source: str | Path | bytes, max_pixels: int, usual: bool = False) -> Image.Image:
    if not isinstance(source, bytes) and (name := printable(source)) != str(source):
        raise DataError(f"{name}: its name is not UTF-8")
    try:
        if isinstance(source, bytes):
            size = len(source)
        else:
            facts = os.stat(source)
            if not stat.S_ISREG(facts.st_mode):
                raise DataError(f"{source}: not a file")
            size = facts.st_size
        if size == 0:
            raise DataError(f"{_name(source)}: the file is empty")
        image = _opened(source, usual)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{_name(source)}: no such file") from error
    except Image.DecompressionBombError as error:
        bound = f"more pixels than data.max_pixels can allow ({MAX_PIXELS_BOUND})"
        raise DataError(f"{_name(source)}: its header claims {bound}") from error
    except UnidentifiedImageError as error:
        kind = kind_of(source) or "not an image"
        kind = "HEIC that cannot be read" if kind == HEIC and _know_heic() else kind
        raise DataError(f"{_name(source)}: {kind}") from error
    except Exception as error:
        raise _unreadable(source, error) from error
    width, height = image.size
    if width * height > max_pixels:
        image.close()
        claimed = f"{width} x {height} pixels, more than data.max_pixels {max_pixels}"
        raise DataError(f"{_name(source)}: its header claims {claimed}")
    return image


def _opened(source: str | Path | bytes, usual: bool) -> Image.Image:
    """What Pillow opens by itself, or with the package for HEIC where that is installed."""
    begin = lambda formats: Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=formats)
    Image.preinit()  # else the first JPEG among .png files would have all of Pillow's formats imported
    try:
        return begin(USUAL_FORMATS)
    except UnidentifiedImageError:
        heic = kind_of(source) == HEIC and _know_heic()
        if usual and not heic:
            raise
    Image.init()
    return begin([name for name in Image.ID if name not in _NEVER])


@functools.cache
def _know_heic() -> bool:
    """Whether the package for HEIC is there; Pillow then knows it."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def scaled_levels(array: np.ndarray, levels: "LevelRange") -> np.ndarray:
    """Numbers of any kind as uint8: `levels` become 0 and 255, what is outside is cut, what is no number becomes 0."""
    low, high = levels
    numbers = (array.astype(np.float64) - low) * (255 / (high - low))
    return np.round(np.clip(np.nan_to_num(numbers, nan=0.0), 0, 255)).astype(np.uint8)


def _scaled(image: Image.Image, source: str | Path | bytes, levels: "LevelRange") -> Image.Image:
    """The image with 8 bits where it has more, by a range of levels."""
    if image.mode in _DEEP:
        made = Image.fromarray(scaled_levels(np.asarray(image), levels))
    elif image.format == "PNG" and _png_facts(source)[0] > 8:
        deep = _deep_colours(source)
        made_of = [scaled_levels(deep[..., channel], levels) for channel in range(deep.shape[2])]
        if deep.shape[2] in (2, 4):  # transparency is no level
            made_of[-1] = (deep[..., -1] // 257).astype(np.uint8)
        made = Image.merge({1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[len(made_of)], [*map(Image.fromarray, made_of)])
    elif _has_deep_colours(image):
        raise _NoAgreedRange(f"data.range does not reach colours of 16 bits in {image.format}; save it as PNG")
    else:
        return image
    made.getexif().update(image.getexif())
    return made


def _deep_colours(source: str | Path | bytes) -> np.ndarray:
    """A PNG of 16 bits a level, uint16 (height, width, 1 to 4), not turned: Pillow gives its colours 8 bits."""
    import tensorflow as tf

    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    return tf.io.decode_png(content, 0, tf.uint16).numpy()


def _has_deep_colours(image: Image.Image) -> bool:
    """Whether a TIFF has colours of more than 8 bits, which Pillow gives 8."""
    bits = getattr(image, "tag_v2", {}).get(258, 8) if image.mode in ("RGB", "RGBA", "RGBX") else 8
    return max(bits if isinstance(bits, tuple) else (bits,)) > 8


def _to_channels(image: Image.Image, channels: int, background: int) -> np.ndarray:
    if image.mode in _SIXTEEN_BIT:
        levels = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        image = Image.fromarray(((levels + 128) // 257).astype(np.uint8))
    elif image.mode in ("I", "F"):
        least, most = image.getextrema()
        wanted = "train with data.range=[LOW, HIGH] or data.range=auto, or save it with 8 or 16 bits"
        raise _NoAgreedRange(f"32-bit levels, here {least:g} to {most:g}, have no agreed range; {wanted}")
    if image.mode in ("LA", "La", "PA", "RGBa", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        base = Image.new("RGBA", image.size, (background, background, background, 255))
        image = Image.alpha_composite(base, image).convert("RGB")
    if channels == 1:
        return np.asarray(image if image.mode == "L" else image.convert("RGB").convert("L"))[..., None]
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _grey_palette(image: Image.Image) -> bool:
    palette = np.asarray(image.getpalette("RGB") or [0, 0, 1], np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _png_facts(source: str | Path | bytes) -> tuple[int, bool]:
    """Bit depth of a PNG, and whether metadata, which could turn it, stand behind its pixels."""
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
        bit_depth, pixels_seen = file.read(25)[24], False
        file.seek(8)
        while len(chunk := file.read(8)) == 8 and chunk[4:] != b"IEND":  # length, then kind
            if pixels_seen and chunk[4:] in _PNG_METADATA:
                return bit_depth, True
            pixels_seen |= chunk[4:] == b"IDAT"
            file.seek(int.from_bytes(chunk[:4], "big") + 4, io.SEEK_CUR)
    return bit_depth, False


def printable(path: str | Path) -> str:
    """The path with bytes that are not UTF-8 written as escapes."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _name(source: str | Path | bytes) -> str:
    return BYTES if isinstance(source, bytes) else str(source)


def _unreadable(source: str | Path | bytes, error: Exception) -> Exception:
    """What Pillow's error, of nearly every kind for a damaged file, means; a lack of memory stays what it is."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, MemoryError):
        return error
    kind = DataError if isinstance(error, _NoAgreedRange) else DamagedImage
    return kind(f"{_name(source)}: {reason}")

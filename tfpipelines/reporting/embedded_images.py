"""Pictures as data: URIs, made smaller where together they would make a page too large."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..output.pages import data_uri

BUDGET = 2_400_000  # characters of all pictures of a page; text and style need little beside them
_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
# by the ending of a file's name
KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".gif": "GIF", ".webp": "WEBP"}
_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
_SMALLEST = 320  # pixels of the longer side
_MOST_PIXELS = 60_000_000
_MOST_BYTES = 64_000_000


@dataclass(frozen=True)
class Picture:
    """A picture to be put into a page.

    Args:
        name: of its file.
        uri: `data:` and all of it.
        width, height: in pixels, as it stands in the page.
        shrunk: whether its file holds more than is shown.
    """

    name: str
    uri: str
    width: int
    height: int
    shrunk: bool = False


def embedded(paths: list[Path], budget: int = BUDGET) -> tuple[list[Picture], list[str]]:
    """The pictures, and the names of files that are none.

    Args:
        budget: characters that all of them may take; where they take more, the largest ones are shrunk to an equal
            share of it.
    """
    contents, bad = {}, []
    for path in paths:
        try:
            kind, size = _looked_at(path)
            contents[path.name] = (kind, size, path.read_bytes())
        except _UNREADABLE:
            bad.append(path.name)
    share = _share([_length(content) for _, _, content in contents.values()], budget)
    pictures = []
    for name, (kind, size, content) in contents.items():
        if _length(content) <= share:
            pictures.append(Picture(name, data_uri(content, _TYPES[kind]), *size))
            continue
        try:
            pictures.append(_shrunk(name, content, share))
        except _UNREADABLE:
            bad.append(name)
    return pictures, bad


def _looked_at(path: Path) -> tuple[str, tuple[int, int]]:
    """Format and size, once the file is known to be whole."""
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError("too large")
    kind = KINDS[path.suffix.lower()]
    with Image.open(path, formats=[kind]) as image:
        size = image.size
        if size[0] * size[1] > _MOST_PIXELS:
            raise ValueError("too many pixels")
        if kind == "PNG":
            image.verify()  # by its checksums, which takes less than to decode it
        else:
            image.load()
    return kind, size


def _share(lengths: list[int], budget: int) -> int:
    """The length up to which a picture stays as it is, so that all keep to the budget."""
    if sum(lengths) <= budget:
        return max(lengths, default=0)
    left = budget
    for number, length in enumerate(sorted(lengths)):
        share = left // (len(lengths) - number)
        if length > share:
            return share
        left -= length
    return left


def _shrunk(name: str, content: bytes, most: int) -> Picture:
    """The picture in fewer colours, then smaller, until it takes at most `most`; of a moving one the last frame."""
    with Image.open(io.BytesIO(content)) as source:
        source.seek(getattr(source, "n_frames", 1) - 1)
        image = Image.new("RGB", source.size, "white")
        picture = source.convert("RGBA")
        image.paste(picture, mask=picture.getchannel("A"))
    factor = 1.0
    while True:
        size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
        smaller = image if factor == 1.0 else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        stream = io.BytesIO()
        smaller.quantize(256, Image.Quantize.FASTOCTREE).save(stream, "PNG")
        if _length(stream.getvalue()) <= most or max(size) <= _SMALLEST:
            return Picture(name, data_uri(stream.getvalue()), *size, shrunk=True)
        factor *= max(0.5, min(0.9, (most / _length(stream.getvalue())) ** 0.5))


def _length(content: bytes) -> int:
    return -(-len(content) // 3) * 4

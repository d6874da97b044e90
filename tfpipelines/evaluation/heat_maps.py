"""Pictures with the places that moved a prediction: sheets for the run folder, and a page for `predict --explain`."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from PIL import Image, ImageDraw

from ..core.files import atomic_write
from ..output.pages import data_uri, render
from .plots import Sheet, as_picture, short

_SHARE = 0.55  # of the heat's colour where it is strongest
_LEAST_SIDE = 160  # pixels; smaller pictures are enlarged on the page
_MOST_SHOWN = 200
_OUTLINE = (255, 60, 40)  # colour of an outline


class Pictures:
    """Images that a table of predictions is of, carried in its `attrs`: without copies, and equal to themselves alone.

    Args:
        images: uint8 (rows, height, width, channels).
        outlines: of each, those of regions to be drawn on it, float (corners, 2) of (x, y) each; () for none at all.
    """

    def __init__(self, images: np.ndarray, outlines: Sequence[list[np.ndarray]] = ()):
        self.images, self.outlines = images, outlines

    def __deepcopy__(self, memo):
        return self


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """An image in grey with a heat map over it.

    Args:
        image: uint8 (height, width, channels).
        heat: float (rows, columns), 0 to 1.

    Returns:
        uint8 (height, width, 3).
    """
    height, width = image.shape[:2]
    smooth = Image.fromarray((heat * 255).astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    heat, grey = (np.asarray(picture, np.float32) / 255 for picture in (smooth, as_picture(image).convert("L")))
    colour = colormaps["inferno"](heat)[..., :3]
    share = _SHARE * heat[..., None] ** 0.5
    return (255 * (grey[..., None] * (1 - share) + colour * share)).round().astype(np.uint8)


def plot_heat(
    path: Path, images: np.ndarray, items: list[str], heats: list[tuple[list[str], np.ndarray]], title: str
) -> None:
    """A sheet of mistakes, each with what spoke for an answer, or for several.

    Args:
        images: uint8 (n, height, width, channels).
        items: of each.
        heats: for each answer, the titles and heat maps of all images, float (n, rows, columns).
        title: above them.
    """
    count = len(images)
    columns = 2 if count > 1 else 1
    lines = max(1, -(-count // columns))
    width = 1 + len(heats)
    sheet = Sheet(lines, width * columns, 1)
    for place, (image, item) in enumerate(zip(images, items)):
        line, start = place // columns, width * (place % columns)
        sheet.show(line, start, image, short(item, 22, end=True))
        for column, (titles, maps) in enumerate(heats, start + 1):
            told, heat = titles[place], maps[place]
            sheet.show(line, column, overlay(image, heat), told if heat.any() else f"nothing {told}")
    sheet.save(path, title)


def write_heat(
    path: Path,
    title: str,
    note: str,
    rows: list[dict[str, Any]],
    images: np.ndarray,
    heats: list[np.ndarray],
    outlines: Sequence[list[np.ndarray]],
) -> None:
    """A page of pictures beside the same with what moved their prediction; it needs no network.

    Args:
        note: what left and right show.
        rows: {`item`, `answer`, `figure`} of each picture: what it is called, what was said of it, how surely.
        images: uint8 (n, height, width, channels).
        heats: float (rows, columns) of each.
        outlines: of each, see `Pictures`.
    """
    entries = [
        {**row, "picture": _uri(image, lines), "heat": _uri(overlay(image, heat))}
        for row, image, heat, lines in zip(rows[:_MOST_SHOWN], images, heats, outlines)
    ]
    left, template = max(0, len(rows) - _MOST_SHOWN), Path(__file__).with_name("heat.html.j2")
    atomic_write(path, render(template, title=title, note=note, entries=entries, left=left))


def outlined(image: np.ndarray, outlines: Sequence[np.ndarray]) -> Image.Image:
    """A picture, enlarged where it is small, with outlines drawn on it.

    Args:
        image: uint8 (height, width, channels).
        outlines: float (corners, 2) of (x, y) each.
    """
    picture = as_picture(image)
    factor = max(1, -(-_LEAST_SIDE // max(picture.size)))
    if factor > 1:
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    if not outlines:
        return picture
    picture = picture.convert("RGB")
    pen = ImageDraw.Draw(picture)
    for outline in outlines:
        corners = [(float(x), float(y)) for x, y in np.asarray(outline) * factor]
        pen.line([*corners, corners[0]], fill=_OUTLINE, width=max(1, factor // 2))
    return picture


def _uri(image: np.ndarray, outlines: Sequence[np.ndarray] = ()) -> str:
    content = io.BytesIO()
    outlined(image, outlines).save(content, "PNG")
    return data_uri(content.getvalue())

"""Pictures with the places that moved a prediction: sheets for the run folder, and a page for `predict --explain`."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from PIL import Image

from ..core.files import atomic_write
from ..output.pages import data_uri, render
from .plots import Sheet, as_picture, short

_SHARE = 0.55  # of the heat's colour where it is strongest
_LEAST_SIDE = 160  # pixels; smaller pictures are enlarged on the page
_MOST_SHOWN = 200


class Pictures:
    """Images that a table of predictions is of, carried in its `attrs`: without copies, and equal to themselves alone.

    Args:
        images: uint8 (rows, height, width, channels).
    """

    def __init__(self, images: np.ndarray):
        self.images = images

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
    path: Path, images: np.ndarray, rows: list[dict[str, Any]], predicted: np.ndarray, labelled: np.ndarray, total: int
) -> None:
    """A sheet of mistakes, each with what spoke for the predicted class and what for the true one.

    Args:
        images: uint8 (n, height, width, channels).
        rows: of each, {`item`, `label`, `predicted`, `confidence`}.
        predicted, labelled: heat maps for the two classes, float (n, rows, columns).
        total: mistakes there are in all.
    """
    count = len(images)
    columns = 2 if count > 1 else 1
    lines = max(1, -(-count // columns))
    sheet = Sheet(lines, 3 * columns, 1)
    for place, (image, row) in enumerate(zip(images, rows)):
        line, start = place // columns, 3 * (place % columns)
        shown = (image, overlay(image, predicted[place]), overlay(image, labelled[place]))
        told = f"for {short(row['predicted'], 16)} ({row['confidence']:.2f})"
        titles = short(row["item"], 22, end=True), told, f"for {short(row['label'], 16)} (true)"
        heats = (np.ones(1), predicted[place], labelled[place])
        for column, (picture, title, heat) in enumerate(zip(shown, titles, heats), start):
            sheet.show(line, column, picture, title if heat.any() else f"nothing {title}")
    sheet.save(path, f"regions that support each class (Grad-CAM): the {count} most confident of {total} mistakes")


def write_heat(
    path: Path, title: str, note: str, rows: list[dict[str, Any]], images: np.ndarray, heats: list[np.ndarray]
) -> None:
    """A page of pictures beside the same with what moved their prediction; it needs no network.

    Args:
        note: what left and right show.
        rows: {`item`, `answer`, `figure`} of each picture: what it is called, what was said of it, how surely.
        images: uint8 (n, height, width, channels).
        heats: float (rows, columns) of each.
    """
    entries = [
        {**row, "picture": _uri(image), "heat": _uri(overlay(image, heat))}
        for row, image, heat in zip(rows[:_MOST_SHOWN], images, heats)
    ]
    left, template = max(0, len(rows) - _MOST_SHOWN), Path(__file__).with_name("heat.html.j2")
    atomic_write(path, render(template, title=title, note=note, entries=entries, left=left))


def _uri(image: np.ndarray) -> str:
    picture = as_picture(image)
    factor = max(1, -(-_LEAST_SIDE // max(picture.size)))
    if factor > 1:
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    content = io.BytesIO()
    picture.save(content, "PNG")
    return data_uri(content.getvalue())

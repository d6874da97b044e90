"""Images as PNG files: one by one, or side by side on a sheet."""

import io
from pathlib import Path

import numpy as np
import pandas as pd

from ..core.files import atomic_write
from .plots import as_picture

_GAP, _PAPER = 2, 255
_LEAST_SIDE = 448  # of a sheet in pixels: smaller ones are enlarged by whole factors, so that pixels stay pixels


def sheet(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Images side by side in rows, uint8 (height, width, channels).

    Args:
        images: uint8 (count, height, width, channels).
        columns: in a row; None: as many as rows.
    """
    count, height, width, channels = images.shape
    columns = min(count, columns or max(1, round(count**0.5)))
    rows = -(-count // columns)
    page = np.full((rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, channels), _PAPER, np.uint8)
    for number, image in enumerate(images):
        top, left = _GAP + (number // columns) * (height + _GAP), _GAP + (number % columns) * (width + _GAP)
        page[top : top + height, left : left + width] = image
    factor = max(1, -(-_LEAST_SIDE // max(page.shape[:2])))
    return page.repeat(factor, 0).repeat(factor, 1)


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """Writes uint8 (height, width, channels) as PNG."""
    atomic_write(path, png(pixels))


def png(pixels: np.ndarray) -> bytes:
    """uint8 (height, width, channels) as the content of a PNG file."""
    content = io.BytesIO()
    as_picture(pixels).save(content, "PNG")
    return content.getvalue()


def write_samples(folder: Path, images: np.ndarray, labels: list[str] | None) -> None:
    """Writes each image as PNG into an existing folder, and samples.csv, a table of them that pipelines can read.

    Args:
        labels: of each image; None: without.
    """
    names = [f"{number:05d}.png" for number in range(len(images))]
    for name, image in zip(names, images):
        write_picture(folder / name, image)
    table = pd.DataFrame({"image": names} if labels is None else {"image": names, "label": labels})
    atomic_write(folder / "samples.csv", table.to_csv(index=False, lineterminator="\n"))

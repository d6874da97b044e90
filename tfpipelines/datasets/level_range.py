"""Images of more than 8 bits: which of their levels become 0 to 255."""

from collections.abc import Iterable, Iterator

import numpy as np

from ..core.config.images import LevelRange, PixelData
from ..core.splits import SPLITS
from ..core.words import counted
from ..errors import DataError
from .decoding import Header, read_levels
from .findings import Findings
from .source.base import SampleTable

_ASKED = 64  # images whose levels are looked at for a warning
_MOST = 1000  # the same for data.range=auto
_LITTLE = 0.3  # of the full range: images that use less are dark, or have little contrast
_REMEDY = "Set data.range=[{:g}, {:g}], or data.range=auto for the range of the training images"


def choose_range(
    table: SampleTable, headers: list[Header | None], data: PixelData, findings: Findings
) -> LevelRange | None:
    """The levels that are to be 0 and 255, by `data.range`; None for the usual conversion.

    `auto` stands for the extremes of the training images (of folds: of all images but those of a given test split), of
    at most 1,000, evenly chosen. Without a range, a warning tells of images that use little of what their bits allow.

    Args:
        table: of images with their splits.
        headers: of each row; not looked at where the images are an array.
    """
    rows = _deep_rows(table, headers)
    if data.range is None:
        images = _levels(table, _evenly(rows, _ASKED), data.max_pixels)  # those of 32 bits cannot be read
        warn_unused_levels((levels for levels in images if levels.dtype == np.uint16), len(rows), findings)
        return None
    if not len(rows):
        findings.add("range", "note", "data.range changes nothing: no image has more than 8 bits")
        return None if data.range == "auto" else data.range
    if data.range != "auto":
        return data.range
    training = rows[~table.frame["split"].isin(SPLITS[1:]).to_numpy()[rows]]
    found = [extremes(levels) for levels in _levels(table, _evenly(training, _MOST), data.max_pixels)]
    low, high = min((low for low, _ in found), default=0.0), max((high for _, high in found), default=0.0)
    if low < high:
        return low, high
    message = "data.range=auto finds no range in the training images: they have one level, or cannot be read"
    findings.add("range", "error", message, "Set data.range=[LOW, HIGH].")
    return None


def warn_unused_levels(images: Iterable[np.ndarray], count: int, findings: Findings) -> None:
    """Adds a warning where images of more than 8 bits use little of the levels that are read as 0 to 255.

    Args:
        images: some of them, or all in one array.
        count: of all of them.
    """
    asked = ((*extremes(array), _full(array)) for array in images)
    found = [(low, high, full) for low, high, full in asked if full is not None and high <= full]
    little = [entry for entry in found if entry[1] - entry[0] < _LITTLE * entry[2]]
    if not little:
        return
    low, high, full = min(entry[0] for entry in little), max(entry[1] for entry in little), little[0][2]
    read = [round(level / full * 255) for level in (low, high)]
    if len(little) == len(found) and high - low < _LITTLE * full:
        what = f"{counted(count, 'image')} of more than 8 bits use only levels {low:g} to {high:g} of {full:g}"
        start = 0.0 if low <= 0.5 * high else low
        end = 2.0 ** int(high).bit_length() - 1 if full == 65535 and not start else high
        remedy = _REMEDY.format(start, end)
    elif 4 * len(little) >= len(found) > len(little):
        few = f"{len(little)} of {counted(len(found), 'image')}"
        what = f"{few} of more than 8 bits use only levels {low:g} to {high:g} of {full:g}, unlike the others"
        remedy = "Save all of them with one range; data.range is the same for all"
    else:  # dark images are among others
        return
    message = f"{what}, so they are read as {read[0]} to {read[1]} of 255"
    findings.add("unused_levels", "warning", message, remedy)


def extremes(levels: np.ndarray) -> tuple[float, float]:
    """The lowest and the highest level that is a number; (0, 0) where there is none."""
    finite = levels[np.isfinite(levels)] if levels.dtype.kind == "f" else levels
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _deep_rows(table: SampleTable, headers: list[Header | None]) -> np.ndarray:
    """The rows of images of more than 8 bits."""
    array = table.array
    if array is not None:
        return np.arange(0 if array.dtype in (np.uint8, bool) else len(array))
    return np.array([row for row, header in enumerate(headers) if header is not None and header.deep], np.int64)


def _evenly(rows: np.ndarray, most: int) -> np.ndarray:
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))]


def _levels(table: SampleTable, rows: np.ndarray, max_pixels: int) -> Iterator[np.ndarray]:
    """The levels of some rows, without transparency; what cannot be read is told elsewhere."""
    if table.array is not None:
        yield from ([table.array[rows]] if len(rows) else [])
        return
    for row in rows.tolist():
        try:
            content = table.content(row)
            levels = content if isinstance(content, np.ndarray) else read_levels(content, max_pixels, deep=True)
        except (DataError, OSError):
            continue
        yield levels[..., : 1 if levels.shape[2] < 3 else 3] if levels.ndim == 3 else levels


def _full(levels: np.ndarray) -> float | None:
    """What is read as 255 where no range is given, see `to_uint8`; None where that is not a matter of more bits."""
    if levels.dtype in (np.uint8, bool) or levels.dtype.kind not in "iuf" or not levels.size:
        return None
    if levels.dtype == np.uint16:
        return 65535.0
    return 1.0 if levels.dtype.kind == "f" and extremes(levels)[1] <= 1 else 255.0

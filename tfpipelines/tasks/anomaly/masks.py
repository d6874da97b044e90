"""The masks of anomalies: found by their names, looked at before training, read as the places that are odd."""

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ...core.words import counted, listed
from ...datasets.decoding import read_header, read_levels
from ...datasets.findings import Findings
from ...datasets.folder_walk import list_files
from ...datasets.sample_table import given_splits
from ...datasets.source.base import SampleTable
from ...errors import ConfigError, DataError
from .config import AnomalyImageData
from .visa import MASKS, is_visa

FOLDER = "ground_truth"  # the folder of masks beside the splits, as MVTec has it
_ENDINGS = ("", "_mask", "-mask", "_gt")
_LOSSY = {"JPEG", "MPO", "WEBP", "AVIF", "HEIF", "JPEG2000"}  # formats whose black may be a little above 0


@dataclass(frozen=True)
class Mask:
    """A mask as its file has it.

    Args:
        odd: the places that are anomalous, bool (height, width).
        levels: the levels above 0 that occur, in order.
    """

    odd: np.ndarray
    levels: tuple[float, ...]


def masks_folder(root: Path, data: AnomalyImageData) -> Path:
    """Where masks are, if there are any."""
    if data.masks:
        return Path(data.masks).expanduser()
    return root / (MASKS if is_visa(root) else FOLDER)


def find_masks(root: Path, frame: pd.DataFrame, data: AnomalyImageData, findings: Findings) -> list[str | None]:
    """The mask file of each anomaly, found by the names of its folders and its own.

    Args:
        frame: with `item` and `anomalous`.
        findings: anomalies without a mask, and masks without an image, are added to it.

    Raises:
        ConfigError: if the user names a folder that does not exist.
    """
    folder = masks_folder(root, data)
    if data.masks and not folder.is_dir():
        message = f"data.masks: the folder {data.masks} does not exist."
        raise ConfigError(message, "Leave it out where there are no masks.")
    if not folder.is_dir():
        return [None] * len(frame)
    by_stem = defaultdict(list)
    for item in list_files(folder, data.follow_links):
        by_stem[Path(item).stem].append(Path(item))
    masks, absent, used = [], [], set()
    for item, anomalous in zip(frame["item"], frame["anomalous"]):
        place = Path(item)
        named = [mask for ending in _ENDINGS for mask in by_stem[f"{place.stem}{ending}"]]
        found = [mask for mask in named if mask.parent.name == place.parent.name or len(mask.parts) == 1]
        used.update(found)
        masks.append(str(folder / found[0]) if anomalous and len(found) == 1 else None)
        if anomalous and len(found) != 1:
            absent.append(f"{item} ({len(found)} masks)" if found else item)
    if absent:
        count = counted(len(absent), "anomaly", "anomalies")
        message = f"{count} without a mask of its own: pixel metrics ignore them"
        findings.add("no_mask", "warning", message, "", absent)
    images = Image.registered_extensions()
    left = sorted(
        str(mask) for some in by_stem.values() for mask in some if mask not in used and mask.suffix.lower() in images
    )
    if left:
        message = f"{counted(len(left), 'mask')} in {folder} without an image of the same name, not used"
        findings.add("stray_mask", "warning", message, "Name each as its image, in a folder of the same name", left)
    return masks


def check_masks(
    table: SampleTable, masks: list[str | None], data: AnomalyImageData, findings: Findings
) -> list[str | None]:
    """The masks that can be used, and None for others, which are reported.

    Args:
        table: of the images.
        masks: of each row, as `find_masks` gives them.
    """
    bad: dict[int, str] = {}
    told = defaultdict(list)
    name = lambda path: os.path.relpath(path, table.source.path) if table.source.tree else path
    for row, path in enumerate(masks):
        if path is None:
            continue
        try:
            mask = read_mask(path, data.max_pixels)
        except (DataError, OSError) as error:
            reason = error.cause.removeprefix(f"{path}: ") if isinstance(error, DataError) else error.strerror
            bad[row] = f"{name(path)}: {reason}"
            continue
        image, size = _size_of(table, row, data.max_pixels), mask.odd.shape
        if image is not None and image != size:
            sizes = f"{name(path)}: {size[0]} x {size[1]}, the image {image[0]} x {image[1]}"
            if abs(size[0] * image[1] - size[1] * image[0]) > max(*size, *image):  # by more than a pixel
                bad[row] = sizes
                continue
            told["size"].append(sizes)
        if not mask.levels:
            told["empty"].append(name(path))
        if len(mask.levels) > 1:
            told["levels"].append(f"{name(path)}: {listed([f'{level:g}' for level in mask.levels], 5)}")
    if bad:
        message = f"{len(bad)} of {counted(sum(path is not None for path in masks), 'mask')} cannot be used"
        remedy = "Repair or remove them; a mask has the height and width of its image."
        unusable = np.isin(np.arange(len(masks)), list(bad))
        findings.bad("bad_mask", data.on_bad, message, remedy, bad.values(), given_splits(table.frame), unusable)
    if told["size"]:
        message = f"{counted(len(told['size']), 'mask')} of another size than the image, resized (height x width)"
        findings.add("mask_size", "warning", message, "Check that they belong together", told["size"])
    if told["empty"]:
        message = (
            f"{counted(len(told['empty']), 'mask')} of anomalies without any level above 0: pixel metrics ignore them"
        )
        findings.add("empty_mask", "warning", message, "", told["empty"])
    if told["levels"]:
        message = f"{counted(len(told['levels']), 'mask')} with several levels: everything above 0 is an anomaly"
        findings.add("mask_levels", "note", message, "", told["levels"])
    return [None if row in bad else path for row, path in enumerate(masks)]


def read_mask(path: str | Path, max_pixels: int) -> Mask:
    """The mask in a file of any kind and number of bits: every level above 0 is odd, of lossy formats every one above
    127, where there is such. Of transparent pixels none is, unless only they tell the places.

    Raises:
        DataError: if it cannot be read.
    """
    levels, lossy = read_levels(path, max_pixels), read_header(path, max_pixels).format in _LOSSY
    if levels.ndim == 3:
        depth = levels.shape[2]
        alpha = levels[..., -1] if depth in (2, 4) else None
        levels = levels[..., : 1 if depth == 2 else 3].max(-1)
        if alpha is not None:
            levels = np.where(alpha > 0, levels, 0) if levels.any() else alpha
    if levels.dtype == bool:
        levels = levels.astype(np.uint8) * 255
    odd = levels > (127 if lossy and levels.max() > 127 else 0)
    seen = np.unique(levels[odd])
    return Mask(odd, () if not len(seen) else (255.0,) if lossy else tuple(seen.tolist()))


def read_masks(frame: pd.DataFrame, preprocessor, max_pixels: int) -> dict[int, np.ndarray]:
    """The masks of some images as large as these are to the network.

    Args:
        frame: with `mask`, `anomalous` and `known`; its index is the row.
        preprocessor: of masks: 1 channel, filter `nearest`.

    Returns:
        {row: bool (height, width)}; normal rows have no place that is odd, anomalies without a mask, or an empty one,
        are left out.

    Raises:
        DataError: if a mask cannot be read.
    """
    import tensorflow as tf

    masks = {}
    for row, path, anomalous, known in zip(frame.index, frame["mask"], frame["anomalous"], frame["known"]):
        if isinstance(path, str) and anomalous:
            levels = np.where(read_mask(path, max_pixels).odd, 255, 0).astype(np.uint8)
            mask = preprocessor.in_tf_data(tf.constant(levels[..., None])).numpy()[..., 0] > 127
            if mask.any():
                masks[row] = mask
        elif known and not anomalous:
            masks[row] = np.zeros(preprocessor.size, bool)
    return masks


def _size_of(table: SampleTable, row: int, max_pixels: int) -> tuple[int, int] | None:
    """Height and width of an image; None where it cannot be read, which is told elsewhere."""
    try:
        content = table.content(row)
        if isinstance(content, np.ndarray):
            return content.shape[0], content.shape[1]
        header = read_header(content, max_pixels)
    except (DataError, OSError):
        return None
    return header.height, header.width

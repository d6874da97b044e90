"""From a source of images, most or all of them normal, to the table of them; and the masks of the others."""

import zlib
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ...core.words import counted
from ...datasets.decoding import decode_image
from ...datasets.findings import Findings
from ...datasets.folder_walk import Walk, list_files
from ...datasets.image_samples import as_images
from ...datasets.sample_table import make_frame, split_of
from ...datasets.source import open_source
from ...datasets.source.base import SampleTable, Source
from ...datasets.source.requests import IMAGES, Request
from ...errors import ConfigError, DataError
from .config import AnomalyImageData
from .normal_samples import handle_unlabelled, label_anomalies, normal_labels, split_normals

_MASKS = "ground_truth"  # the folder of masks beside the splits, as MVTec has it
_MASK_ENDINGS = ("", "_mask", "-mask", "_gt")


def read_normal_images(
    data: AnomalyImageData,
    findings: Findings,
    *,
    least: int = 1,
    seed: int = 0,
    splitting: bool = True,
    usual: tuple[str, ...] = (),
) -> SampleTable:
    """The table of images, with `anomalous`, `mask` (a path or None) and, unless `splitting` is False, their splits.

    Args:
        least: see `split_normals`.
        usual: see `normal_labels`.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    source = open_source(data.path, IMAGES)
    if source.tree:
        table = _read_tree(source, data, usual, findings)
    else:
        request = Request.of(IMAGES, data, labelled=False, training=splitting)
        table = as_images(source.read(request))
        findings.extend(table.findings)
        table = table.keep(handle_unlabelled(table.frame, data.normal, usual, data.on_bad, findings))
    frame = label_anomalies(table.frame, data.normal, usual, trusted=splitting)
    frame["mask"] = pd.Series(_find_masks(source.path, frame, data, findings), frame.index, dtype=object)
    frame["truth"] = [f"{zlib.crc32(Path(mask).read_bytes()):08x}" if mask else "" for mask in frame["mask"]]
    table = replace(table, frame=frame, findings=findings)
    if not splitting or not len(frame):
        return table
    return table.keep(split_normals(frame, data, least, seed, findings))


def _read_tree(source: Source, data: AnomalyImageData, usual: tuple[str, ...], findings: Findings) -> SampleTable:
    """`train/LABEL/...`, `LABEL/...`, or all files below the folder without a label."""
    root, layout, normal = source.path, data.layout, data.normal
    walk = source.walk(data.follow_links, findings, Path(data.masks).expanduser() if data.masks else root / _MASKS)
    folders, loose = walk.children(root)
    by_split = {folder: split_of(folder.name) for folder in folders}
    names = [folder.name for folder in folders]
    named = any(name in (normal or ()) for name in names)
    splits = layout == "splits" or (layout == "auto" and "train" in by_split.values() and not named)
    tells = bool(names) and (normal is not None or bool(normal_labels(names, None, usual=usual, unlabelled=True)))
    classes = layout == "classes" or (layout == "auto" and not splits and tells)
    if splits:
        rows = [row for folder, split in by_split.items() if split for row in _labelled(walk, folder, split)]
        strangers = [f"{folder.name}/" for folder, split in by_split.items() if split is None]
        if strangers:
            message = "Folders beside the split folders are not used"
            remedy = "Set data.masks if one of them is the folder of masks"
            findings.add("beside_splits", "warning", message, remedy, strangers)
    elif classes:
        rows = _labelled(walk, root, None)
    else:
        rows, loose = [(item, None, None) for item in walk.samples(root)], []
        if folders:
            message = f"All images below {root} count as normal, in {counted(len(folders), 'folder')}"
            remedy = "If the folders are labels, name the normal ones by data.normal"
            findings.add("all_normal", "warning", message, remedy, [f"{name}/" for name in names])
    loose = [file for file in loose if file.suffix.lower() in Image.registered_extensions()]
    if loose:
        message = f"{counted(len(loose), 'image')} in {root} beside its folders, not used"
        remedy = "Put them into a folder if they are samples"
        findings.add("loose", "warning", message, remedy, [file.name for file in loose])
    walk.report()
    if not rows:
        raise DataError(f"{root} holds no image.", "Check data.path and data.layout.")
    items, labels, parts = zip(*rows)
    return SampleTable(make_frame(items, labels, parts), source, findings=findings)


def _labelled(walk: Walk, folder: Path, split: str | None) -> list[tuple[str, str | None, str | None]]:
    """(item, label, split) of files whose folders are labels; in a split folder those beside them have none."""
    inner, loose = walk.children(folder)
    rows = [(str(file.relative_to(walk.root)), None, split) for file in loose] if split else []
    return rows + [(item, label.name, split) for label in inner for item in walk.samples(label)]


def _find_masks(root: Path, frame: pd.DataFrame, data: AnomalyImageData, findings: Findings) -> list[str | None]:
    """The mask file of each anomaly, found by the names of its folders and its own."""
    folder = Path(data.masks).expanduser() if data.masks else root / _MASKS
    if data.masks and not folder.is_dir():
        message = f"data.masks: the folder {data.masks} does not exist."
        raise ConfigError(message, "Leave it out where there are no masks.")
    if not folder.is_dir():
        return [None] * len(frame)
    by_stem = defaultdict(list)
    for item in list_files(folder, data.follow_links):
        by_stem[Path(item).stem].append(Path(item))
    masks, absent = [], []
    for item, anomalous in zip(frame["item"], frame["anomalous"]):
        place = Path(item)
        named = [mask for ending in _MASK_ENDINGS for mask in by_stem[f"{place.stem}{ending}"] if anomalous]
        found = [mask for mask in named if mask.parent.name == place.parent.name or len(mask.parts) == 1]
        masks.append(str(folder / found[0]) if len(found) == 1 else None)
        if anomalous and len(found) != 1:
            absent.append(f"{item} ({len(found)} masks)" if found else item)
    if absent:
        count = counted(len(absent), "anomaly", "anomalies")
        message = f"{count} without a mask of its own: pixel metrics ignore them"
        findings.add("no_mask", "warning", message, "", absent)
    return masks


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
            mask = decode_image(path, 1, 0, max_pixels)
            level = 127 if mask.max() > 127 else 0  # some tools write 1, or the number of a defect, for 255
            mask = np.where(mask > level, 255, 0).astype(np.uint8)
            mask = preprocessor.in_tf_data(tf.constant(mask)).numpy()[..., 0] > 127
            if mask.any():
                masks[row] = mask
        elif known and not anomalous:
            masks[row] = np.zeros(preprocessor.size, bool)
    return masks

"""From a source of images, most or all of them normal, to the table of them; and the masks of the others."""

import zlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ..errors import ConfigError, DataError, counted
from .findings import Findings
from .folders import Walk, list_files
from .images import decode_image
from .normals import mark, normal_labels, settle_missing, split_normals
from .sources import locate, read_image_source
from .table import SampleTable, make_frame, split_of

_MASKS = "ground_truth"  # the folder of masks beside the splits, as MVTec has it
_MASK_ENDINGS = ("", "_mask", "-mask", "_gt")


def read_normal_images(
    path: str,
    findings: Findings,
    *,
    layout: str = "auto",
    item_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    root: str | None = None,
    follow_links: bool = False,
    on_bad: str = "error",
    masks: str | None = None,
    normal: tuple[str, ...] | None = None,
    validation: float | str = "auto",
    test: float | str = "auto",
    least: int = 1,
    limit: int | None = None,
    seed: int = 0,
    splitting: bool = True,
    usual: tuple[str, ...] = (),
) -> SampleTable:
    """The table of images, with `anomalous`, `mask` (a path or None) and, unless `splitting` is False, their splits.

    Args:
        least: see `split_normals`.
        usual: see `normal_labels`.
        (others): the fields of the same name in `AnomalyImageData`.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    located = locate(path)
    if located.is_dir():
        table = _read_folder(
            located,
            layout,
            follow_links,
            normal,
            usual,
            Path(masks).expanduser() if masks else located / _MASKS,
            findings,
        )
    else:
        fields = {
            "item_column": item_column,
            "label_column": label_column,
            "split_column": split_column,
            "root": root,
            "follow_links": follow_links,
            "on_bad": on_bad,
        }
        table = read_image_source(path, labelled=False, training=splitting, **fields)
        findings.entries += table.findings.entries
        table = table.keep(settle_missing(table.frame, normal, usual, on_bad, findings))
    frame = mark(table.frame, normal, usual, trusted=splitting)
    frame["mask"] = pd.Series(_find_masks(located, frame, masks, follow_links, findings), frame.index, dtype=object)
    frame["truth"] = [f"{zlib.crc32(Path(mask).read_bytes()):08x}" if mask else "" for mask in frame["mask"]]
    table = SampleTable(frame, table.root, table.array, findings)
    if not splitting or not len(frame):
        return table
    return table.keep(
        split_normals(frame, validation=validation, test=test, least=least, limit=limit, seed=seed, findings=findings)
    )


def _read_folder(
    root: Path,
    layout: str,
    follow_links: bool,
    normal: tuple[str, ...] | None,
    usual: tuple[str, ...],
    masks: Path,
    findings: Findings,
) -> SampleTable:
    """`train/LABEL/...`, `LABEL/...`, or all files below the folder without a label."""
    walk = _Images(root, follow_links, findings, masks)
    folders, loose = walk.children(root)
    by_split = {folder: split_of(folder.name) for folder in folders}
    splits = layout == "splits" or (
        layout == "auto"
        and "train" in by_split.values()
        and not any(folder.name in (normal or ()) for folder in folders)
    )
    names = [folder.name for folder in folders]
    tells = bool(names) and (normal is not None or bool(normal_labels(names, None, usual=usual, unlabelled=True)))
    classes = layout == "classes" or (layout == "auto" and not splits and tells)
    if splits:
        rows = [row for folder, split in by_split.items() if split for row in _labelled(walk, folder, split)]
        strangers = [f"{folder.name}/" for folder, split in by_split.items() if split is None]
        if strangers:
            findings.add(
                "beside_splits",
                "warning",
                "Folders beside the split folders are not used",
                "Name the folder of masks by data.masks, if it is among them",
                strangers,
            )
    elif classes:
        rows = _labelled(walk, root, None)
    else:
        rows, loose = [(item, None, None) for item in walk.items(root)], []
        if folders:
            findings.add(
                "all_normal",
                "warning",
                f"All images below {root} count as normal, in {counted(len(folders), 'folder')}",
                "If the folders are labels, name the normal ones by data.normal",
                [f"{name}/" for name in names],
            )
    loose = [file for file in loose if file.suffix.lower() in Image.registered_extensions()]
    if loose:
        findings.add(
            "loose",
            "warning",
            f"{counted(len(loose), 'image')} in {root} beside its folders, not used",
            "Put them into a folder if they are samples",
            [file.name for file in loose],
        )
    walk.report()
    if not rows:
        raise DataError(f"{root} holds no image.", "Check data.path and data.layout.")
    items, labels, parts = zip(*rows)
    return SampleTable(make_frame(items, labels, parts), root, findings=findings)


class _Images(Walk):
    """A walk that passes by the folder of masks."""

    def __init__(self, root: Path, follow_links: bool, findings: Findings, masks: Path):
        super().__init__(root, follow_links, findings)
        self.masks = masks.resolve()

    def children(self, folder: Path) -> tuple[list[Path], list[Path]]:
        folders, files = super().children(folder)
        return [inner for inner in folders if inner.resolve() != self.masks], files

    def items(self, folder: Path) -> list[str]:
        """All files below a folder, relative to the root."""
        return [str(path.relative_to(self.root)) for path in self.below(folder)]


def _labelled(walk: _Images, folder: Path, split: str | None) -> list[tuple[str, str | None, str | None]]:
    """(item, label, split) of the files of a folder whose own folders are labels; in a split folder those beside
    them have none.
    """
    inner, loose = walk.children(folder)
    rows = [(str(file.relative_to(walk.root)), None, split) for file in loose] if split else []
    return rows + [(item, label.name, split) for label in inner for item in walk.items(label)]


def _find_masks(
    root: Path, frame: pd.DataFrame, given: str | None, follow_links: bool, findings: Findings
) -> list[str | None]:
    """The mask file of each anomaly, found by the names of its folders and its own."""
    none: list[str | None] = [None] * len(frame)
    folder = Path(given).expanduser() if given else root / _MASKS
    if given and not folder.is_dir():
        raise ConfigError(f"data.masks: the folder {given} does not exist.", "Leave it out where there are no masks.")
    if not folder.is_dir():
        return none
    by_stem = defaultdict(list)
    for item in list_files(folder, follow_links, Findings()):
        by_stem[Path(item).stem].append(Path(item))
    masks, absent = [], []
    for item, anomalous in zip(frame["item"], frame["anomalous"]):
        place = Path(item)
        found = (
            [
                mask
                for ending in _MASK_ENDINGS
                for mask in by_stem[f"{place.stem}{ending}"]
                if mask.parent.name == place.parent.name or len(mask.parts) == 1
            ]
            if anomalous
            else []
        )
        masks.append(str(folder / found[0]) if len(found) == 1 else None)
        if anomalous and len(found) != 1:
            absent.append(f"{item} ({len(found)} masks)" if found else item)
    if absent:
        findings.add(
            "no_mask",
            "warning",
            f"{counted(len(absent), 'anomaly', 'anomalies')} without a mask of its own: figures of places "
            "leave them out",
            "",
            absent,
        )
    return masks


def read_masks(frame: pd.DataFrame, front, max_pixels: int) -> dict[int, np.ndarray]:
    """The masks of some images as large as these are to the network.

    Args:
        frame: with `mask`, `anomalous` and `known`; its index is the row.
        front: of masks: 1 channel, filter `nearest`.

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
            mask = np.where(mask > (127 if mask.max() > 127 else 0), 255, 0).astype(
                np.uint8
            )  # some tools write 1, or the number of a defect, for 255
            mask = front.in_tf_data(tf.constant(mask)).numpy()[..., 0] > 127
            if mask.any():
                masks[row] = mask
        elif known and not anomalous:
            masks[row] = np.zeros(front.size, bool)
    return masks

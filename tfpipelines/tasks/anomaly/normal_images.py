"""From a source of images, most or all of them normal, to the table of them."""

import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from PIL import Image

from ...core.words import counted, listed
from ...datasets.findings import Findings
from ...datasets.folder_walk import Walk
from ...datasets.image_samples import as_images
from ...datasets.sample_table import make_frame, split_of
from ...datasets.source import open_source, settle_groups
from ...datasets.source.base import SampleTable, Source
from ...datasets.source.requests import IMAGES, Request
from ...errors import DataError
from .config import AnomalyImageData
from .masks import check_masks, find_masks, masks_folder
from .normal_samples import handle_unlabelled, label_anomalies, normal_labels, require_groups
from .normal_splits import split_normals
from .products import product_folders
from .visa import IMAGES as VISA_IMAGES
from .visa import is_visa, with_given_splits


@dataclass
class NormalTable(SampleTable):
    """A table of images, most or all of them normal.

    Args:
        odd: anomalies of a given validation split, which are no rows of the table: they may choose a detector, and
            nothing else; None without one.
    """

    odd: SampleTable | None = None


def read_normal_images(
    data: AnomalyImageData,
    findings: Findings,
    *,
    least: int = 1,
    seed: int = 0,
    splitting: bool = True,
    usual: tuple[str, ...] = (),
    by: str | None = None,
) -> NormalTable:
    """The table of images, with `anomalous`, `mask` (a path or None) and, unless `splitting` is False, their splits.

    Args:
        least: see `split_normals`.
        usual: see `normal_labels`.
        by: column of groups that have thresholds of their own.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    source = open_source(data.path, IMAGES)
    request = replace(Request.of(IMAGES, data, labelled=False, training=splitting), by=by)
    if source.tree:
        table = settle_groups(_read_tree(source, data, usual, findings), request)
    else:
        table = settle_groups(as_images(source.read(request), data.range), request)
        findings.extend(table.findings)
        table = table.keep(handle_unlabelled(table.frame, data.normal, usual, data.on_bad, findings))
    require_groups(table.frame, by, splitting, findings)
    frame = label_anomalies(table.frame, data.normal, usual, trusted=splitting)
    masks = check_masks(table, find_masks(source.path, frame, data, findings), data, findings)
    frame["mask"] = pd.Series(masks, frame.index, dtype=object)
    frame["truth"] = [f"{zlib.crc32(Path(mask).read_bytes()):08x}" if mask else "" for mask in frame["mask"]]
    table = NormalTable(**vars(replace(table, frame=frame, findings=findings)))
    if not splitting or not len(frame):
        return table
    kept = split_normals(frame, data, least, seed, findings)
    known = (frame["anomalous"] & (frame["split"] == "validation")).to_numpy(bool) & ~kept
    return replace(table.keep(kept), odd=table.keep(known) if known.any() else None)


def _read_tree(source: Source, data: AnomalyImageData, usual: tuple[str, ...], findings: Findings) -> SampleTable:
    """`train/LABEL/...`, `LABEL/...`, the folders of VisA, or all files below the folder without a label."""
    root, layout, normal = source.path, data.layout, data.normal
    walk = source.walk(data.follow_links, findings, masks_folder(root, data))
    folders, loose = walk.children(root)
    by_split = {folder: split_of(folder.name) for folder in folders}
    names = [folder.name for folder in folders]
    visa = layout == "auto" and is_visa(root)
    named = any(name in (normal or ()) for name in names)
    splits = layout == "splits" or (layout == "auto" and "train" in by_split.values() and not named)
    tells = bool(names) and (normal is not None or bool(normal_labels(names, None, usual=usual, unlabelled=True)))
    if layout == "auto" and not splits and not visa and (normal is not None or not tells):
        _refuse_several_sets(root, product_folders(folders, data))
    classes = layout == "classes" or (layout == "auto" and not splits and tells)
    if splits:
        rows = [row for folder, split in by_split.items() if split for row in _labelled(walk, folder, split)]
        strangers = [f"{folder.name}/" for folder, split in by_split.items() if split is None]
        if strangers:
            message = "Folders beside the split folders are not used"
            remedy = "Set data.masks if one of them is the folder of masks"
            findings.add("beside_splits", "warning", message, remedy, strangers)
    elif visa:
        rows, loose = with_given_splits(root, _labelled(walk, root / VISA_IMAGES, None), findings), []
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


def _refuse_several_sets(root: Path, sets: list[Path]) -> None:
    """Raises DataError where folders are data sets by themselves, of a product each."""
    if sets:
        names = listed([f"{folder.name}/" for folder in sets], 5)
        one = "a data set by itself" if len(sets) == 1 else "data sets by themselves"
        inside = f"with {VISA_IMAGES if is_visa(sets[0]) else 'a folder for training'}"
        cause = f"{root} holds {names}, {one}, {inside} {'each' if len(sets) > 1 else 'in it'}."
        raise DataError(cause, f"Give one of them: data.path={sets[0]}." if len(sets) > 1 else f"Give {sets[0]}.")


def _labelled(walk: Walk, folder: Path, split: str | None) -> list[tuple[str, str | None, str | None]]:
    """(item, label, split) of files whose folders are labels; in a split folder those beside them have none."""
    inner, loose = walk.children(folder)
    rows = [(str(file.relative_to(walk.root)), None, split) for file in loose] if split else []
    return rows + [(item, label.name, split) for label in inner for item in walk.samples(label)]

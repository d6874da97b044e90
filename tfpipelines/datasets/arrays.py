"""NumPy archives of images: `x` and `y` with an optional `split`, or `x_train`, `y_train`, `x_test`, ..."""

import zipfile
from pathlib import Path

import numpy as np

from ..errors import DataError
from .findings import Findings
from .table import SampleTable, make_frame, split_of

_IMAGES = ("x", "images", "data")
_LABELS = ("y", "labels", "targets")
_SPLITS = ("split", "splits", "subset")


def read_npz(path: Path) -> SampleTable:
    """Reads an .npz file of images of one size.

    Arrays: images (n, height, width) or (n, height, width, channels); labels (n,), whole numbers or text; split (n,),
        text.

    Raises:
        DataError: if it is damaged, holds Python objects, or its arrays do not fit together.
    """
    findings = Findings()
    pieces = read_archive(path)
    images = to_uint8(
        pieces[0][0] if len(pieces) == 1 else np.concatenate([piece[0] for piece in pieces]), str(path), findings
    )
    labels = [label for piece in pieces for label in piece[1]]
    splits = [split for piece in pieces for split in piece[2]]
    return SampleTable(
        make_frame(map(str, range(len(images))), labels, named_splits(path, splits)), None, images, findings
    )


def read_archive(path: Path) -> list[tuple[np.ndarray, list[str | None], list[str | None]]]:
    """(samples, labels, splits) of each part of an .npz file.

    Raises:
        DataError: if it is damaged, holds Python objects, or its arrays do not fit together.
    """
    return _pieces(path, _load(path))


def named_splits(path: Path, splits: list[str | None]) -> list[str] | None:
    """The splits of all rows; None where none has one.

    Raises:
        DataError: if only some have.
    """
    if all(split is None for split in splits):
        return None
    if None in splits:
        raise DataError(f"{path}: row {splits.index(None)} names no split.", "Use train, validation or test.")
    return splits


def to_uint8(images: np.ndarray, origin: str, findings: Findings) -> np.ndarray:
    """Images as uint8 (n, height, width, channels): 16 bit is divided by 257, true or false becomes 255 or 0, floats in
    [0, 1] are scaled, floats in [0, 255] are rounded.

    Raises:
        DataError: for another shape, kind or range of values.
    """
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise DataError(
            f"{origin}: images have the shape {images.shape}.",
            "Expected: (n, height, width), or with 1 or 3 channels at the end.",
        )
    if images.dtype == np.uint8:
        return images
    if images.dtype == bool:
        return images.astype(np.uint8) * 255
    if images.dtype == np.uint16:
        return ((images.astype(np.uint32) + 128) // 257).astype(np.uint8)
    low, high = float(images.min()), float(images.max())
    if images.dtype.kind not in "iuf" or not 0 <= low <= high <= 255:
        raise DataError(
            f"{origin}: images are {images.dtype} from {low:g} to {high:g}.",
            "Expected: uint8, uint16, or numbers in [0, 1] or [0, 255].",
        )
    if images.dtype.kind == "f" and high <= 1:
        findings.add("scaled", "note", f"Images are {images.dtype} in [0, 1]: multiplied by 255 and rounded")
        images = images * 255
    return np.round(images).astype(np.uint8)


def to_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """uint8 (n, height, width, 1 or 3) with 1 or 3 channels; RGB becomes grey by the same integer weights as in
    Pillow.
    """
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, -1)
    red, green, blue = np.moveaxis(images.astype(np.uint32), -1, 0)
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)[..., None]


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not hasattr(archive, "files"):
                raise DataError(
                    f"{path} is a single array, not an archive.",
                    "Save images and labels together: np.savez(file, x=images, y=labels).",
                )
            return {name.lower(): archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        if isinstance(error, DataError):
            raise
        reason = "it holds Python objects, which are not loaded" if "pickle" in str(error).lower() else str(error)
        raise DataError(
            f"{path} cannot be read as an .npz file: {reason}.", "Save it with np.savez, numbers and text only."
        ) from error


def _pieces(path: Path, arrays: dict[str, np.ndarray]) -> list[tuple[np.ndarray, list[str | None], list[str | None]]]:
    """(images, labels, splits) of each part of the archive."""
    pieces = []
    for name, images in arrays.items():
        kind, _, word = name.partition("_")
        split = split_of(word) if word else None
        if kind in _IMAGES and split:
            suffix = name[len(kind) :]
            labels = next((arrays[other + suffix] for other in _LABELS if other + suffix in arrays), None)
            pieces.append((images, labels, split))
    if not pieces:
        images = next((arrays[name] for name in _IMAGES if name in arrays), None)
        if images is None:
            raise DataError(
                f"{path} holds {', '.join(arrays) or 'nothing'}.",
                "Expected: x and y, or x_train, y_train, x_test, y_test.",
            )
        labels = next((arrays[name] for name in _LABELS if name in arrays), None)
        split = next((arrays[name] for name in _SPLITS if name in arrays), None)
        pieces = [(images, labels, split)]
    return [_fit(path, *piece) for piece in pieces]


def _fit(
    path: Path, images: np.ndarray, labels: np.ndarray | None, split
) -> tuple[np.ndarray, list[str | None], list[str | None]]:
    count = len(images) if images.ndim else 0
    if labels is None:
        names: list[str | None] = [None] * count
    else:
        labels = labels.reshape(-1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
        if labels.shape != (count,) or labels.dtype.kind not in "iubUS":
            raise DataError(
                f"{path}: labels have the shape {labels.shape} and type {labels.dtype} for {count} samples.",
                "Expected: one whole number or word for each sample.",
            )
        names = [(value.decode() if isinstance(value, bytes) else str(value)) or None for value in labels.tolist()]
    if split is None or isinstance(split, str):
        return images, names, [split] * count
    if split.shape != (count,):
        raise DataError(
            f"{path}: split has the shape {split.shape} for {count} samples.", "Expected: one word for each sample."
        )
    return images, names, [split_of(value.decode() if isinstance(value, bytes) else value) for value in split.tolist()]

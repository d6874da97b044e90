"""NumPy archives: `x` and `y` with an optional `split`, or `x_train`, `y_train`, `x_test`, ..., or `train_images`,
`train_labels`, ...
"""

import functools
import zipfile
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..sample_table import SEPARATOR, make_frame, split_of
from .base import SampleTable, Source
from .requests import Request

_SAMPLES = ("x", "images", "imgs", "data")
_LABELS = ("y", "labels", "targets")
_SPLITS = ("split", "splits", "subset")
_Piece = tuple[np.ndarray, list[str | None], list[str | None]]  # samples, labels, splits


class Archive(Source):
    """An .npz file of images of one size, or of rows of numbers.

    Arrays: images (n, height, width) or (n, height, width, channels), rows (n, columns); labels (n,), whole numbers or
        text, or columns of 0 and 1, a label each (n, labels); split (n,), text.
    """

    kinds = ("images", "rows")
    endings = (".npz",)

    def read(self, request: Request) -> SampleTable:
        pieces = _pieces(self.path, self._loaded, floats=request.target != "class")
        labels = [label for piece in pieces for label in piece[1]]
        splits = _named(self.path, [split for piece in pieces for split in piece[2]])
        frame = make_frame(map(str, range(len(labels))), labels, splits)
        return SampleTable(frame, self, self._array)

    def open(self, item: str) -> np.ndarray:
        return self._array[int(item)]

    @functools.cached_property
    def _array(self) -> np.ndarray:
        pieces = [piece[0] for piece in _pieces(self.path, self._loaded, floats=True)]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    @functools.cached_property
    def _loaded(self) -> dict[str, np.ndarray]:
        return _load(self.path)


def _named(path: Path, splits: list[str | None]) -> list[str | None] | None:
    """The splits of all rows; None where none has one.

    Raises:
        DataError: if only some have.
    """
    if all(split is None for split in splits):
        return None
    if None in splits:
        raise DataError(f"{path}: row {splits.index(None)} names no split.", "Use train, validation or test.")
    return splits


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not hasattr(archive, "files"):
                message = f"{path} is a single array, not an archive."
                raise DataError(message, "Save images and labels together: np.savez(file, x=images, y=labels).")
            return {name.lower(): archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        if isinstance(error, DataError):
            raise
        reason = "it holds Python objects, which are not loaded" if "pickle" in str(error).lower() else str(error)
        message = f"{path} cannot be read as an .npz file: {reason}."
        raise DataError(message, "Save it with np.savez, numbers and text only.") from error


def _pieces(path: Path, arrays: dict[str, np.ndarray], floats: bool) -> list[_Piece]:
    """(images, labels, splits) of each part of the archive.

    Args:
        floats: whether labels may be numbers with fractions.

    Raises:
        DataError: if its arrays do not fit together.
    """
    pieces: list[tuple[np.ndarray, np.ndarray | None, np.ndarray | str | None]] = []
    plain = any(name in arrays for name in _SAMPLES)  # then test_x is something of its own
    for name, images in arrays.items():
        forms = {"{0}_{1}": _parted(name)} | ({} if plain else {"{1}_{0}": _parted(name)[::-1]})
        for pattern, (kind, word) in forms.items():
            if kind in _SAMPLES and (split := split_of(word)):
                others = (arrays.get(pattern.format(other, word)) for other in _LABELS)
                pieces.append((images, next((labels for labels in others if labels is not None), None), split))
    if not pieces:
        first = lambda names: next((arrays[name] for name in names if name in arrays), None)
        samples, labels, splits = map(first, (_SAMPLES, _LABELS, _SPLITS))
        if samples is None:
            message = f"{path} holds {', '.join(arrays) or 'nothing'}."
            raise DataError(
                message, "Expected: x and y, or x_train, y_train, x_test, y_test, or train_images, train_labels, ..."
            )
        pieces = [(samples, labels, splits)]
    return [_fit(path, *piece, floats) for piece in pieces]


def _parted(name: str) -> tuple[str, str]:
    """What stands before and after the first underscore."""
    first, _, last = name.partition("_")
    return first, last


def _fit(
    path: Path, images: np.ndarray, labels: np.ndarray | None, split: np.ndarray | str | None, floats: bool
) -> _Piece:
    count = len(images) if images.ndim else 0
    if labels is None:
        names: list[str | None] = [None] * count
    elif labels.ndim == 2 and labels.shape[0] == count and labels.shape[1] > 1 and np.isin(labels, (0, 1)).all():
        held = [np.flatnonzero(row) for row in labels]  # columns of 0 and 1: the number of a column is a label
        names = [SEPARATOR.join(map(str, row)) or SEPARATOR for row in held]
    else:
        labels = labels.reshape(-1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
        if labels.shape != (count,) or labels.dtype.kind not in ("iufbUS" if floats else "iubUS"):
            message = f"{path}: labels have the shape {labels.shape} and type {labels.dtype} for {count} samples."
            raise DataError(message, "Expected: one number or word for each sample.")
        names = [(value.decode() if isinstance(value, bytes) else str(value)) or None for value in labels.tolist()]
    if split is None or isinstance(split, str):
        return images, names, [split] * count
    if split.shape != (count,):
        message = f"{path}: split has the shape {split.shape} for {count} samples."
        raise DataError(message, "Expected: one word for each sample.")
    return images, names, [split_of(value.decode() if isinstance(value, bytes) else value) for value in split.tolist()]

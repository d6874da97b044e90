"""From a source of images to samples that can be trained on: read, split, decode."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .findings import Findings
from .images import printable
from .samples import Samples, split_and_limit
from .sources import read_image_source
from .store import common_size, scan_headers, store_array, store_files
from .table import SampleTable


@dataclass
class ImageSamples(Samples):
    """Samples whose store holds decoded images.

    Args:
        front: what they went through.
        source: row -> its file, or its pixels before the front.
    """

    front: object = None
    source: Callable[[int], Path | np.ndarray] | None = None


def read_image_samples(
    findings: Findings,
    make_front: Callable[[tuple[int, int], int], object],
    *,
    path: str,
    read: Callable[[str, Findings], SampleTable],
    size: int | tuple[int, int] | str = "auto",
    channels: int | str = "auto",
    on_bad: str = "error",
    max_pixels: int = 100_000_000,
    background: int = 255,
    cache: str = "auto",
) -> ImageSamples:
    """Reads and decodes a source of images.

    Args:
        findings: everything worth saying is added to it; errors among it are raised by the caller.
        make_front: function of ((height, width), channels) to the front that resizes.
        path: of the source.
        read: function of (path, findings) to the table of the images in it, split where they are to be.
        (others): the fields of the same name in `PixelData`.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    began = time.perf_counter()
    table = read(path, findings)
    store, front, facts = _decode(table, findings, make_front, size, channels, on_bad, max_pixels, background, cache)
    frame = table.frame.drop(index=sorted(store.bad)) if store is not None else table.frame
    if store is not None:
        frame = frame.assign(fingerprint=store.fingerprints[frame.index])
    if facts:
        formats = ", ".join(f"{count} {name}" for name, count in facts["formats"].items())
        facts["about"] = [
            f"images: {formats}; used at {front.size[0]} x {front.size[1]}, {'grey' if front.channels == 1 else 'RGB'}"
        ]
    facts |= {"path": path, "read_seconds": round(time.perf_counter() - began, 3)}
    return ImageSamples(frame, store, facts, front, table.path if table.array is None else table.array.__getitem__)


def _decode(
    table: SampleTable,
    findings: Findings,
    make_front,
    size,
    channels,
    on_bad: str,
    max_pixels: int,
    background: int,
    cache: str,
):
    """Store, front and facts; reports what cannot be read, and takes it out of the store's good rows."""
    if table.array is not None:
        height, width, depth = table.array.shape[1:]
        front = make_front(
            (height, width) if size == "auto" else _pair(size), depth if channels == "auto" else channels
        )
        store = store_array(table.array, front)
        return (
            store,
            front,
            {
                "size": list(front.size),
                "channels": front.channels,
                "cache": "memory",
                "formats": {"array": len(table.frame)},
            },
        )
    headers, bad = scan_headers(table, max_pixels)
    good = [header for header in headers if header is not None]
    store = front = None
    facts = {}
    if good:
        grey = all(header.grey for header in good)
        front = make_front(
            common_size(good) if size == "auto" else _pair(size), (1 if grey else 3) if channels == "auto" else channels
        )
        store = store_files(table, headers, front, background=background, max_pixels=max_pixels, cache=cache)
        bad |= store.bad
        store.bad = bad
        formats = Counter(header.format for header in good)
        facts = {
            "size": list(front.size),
            "channels": front.channels,
            "cache": store.mode,
            "formats": dict(formats.most_common()),
        }
        if cache == "auto" and store.mode == "none":
            findings.add(
                "cache",
                "note",
                "The decoded images do not fit into memory: they are decoded anew in each epoch",
                "data.cache=disk keeps them on disk",
            )
    if bad:
        items = [f"{printable(table.frame['item'].iat[row])}: {reason}" for row, reason in sorted(bad.items())]
        findings.bad(
            "unreadable",
            on_bad,
            f"{len(bad)} of {len(table.frame)} files cannot be read as images",
            "Repair or remove them.",
            items,
        )
    return store, front, facts


def _pair(size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)


def read_labelled_images(
    path: str,
    findings: Findings,
    *,
    seed: int = 0,
    validation: float | str = "auto",
    test: float = 0.15,
    folds: int | str | None = None,
    limit: int | None = None,
    splitting: bool = True,
    **source,
) -> SampleTable:
    """The table of a classifier's images, with their splits.

    Args:
        seed: of the splits.
        folds: with it rows are left unsplit; `split_fold` does that.
        splitting: with False rows keep the splits they were given, if any.
        source: further fields of `ImageData` that `read_image_source` takes.
        (others): the fields of the same name in `ImageData`.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    fold_column = folds if isinstance(folds, str) else None
    table = read_image_source(path, fold_column=fold_column, training=splitting, **source)
    findings.entries += table.findings.entries
    return split_and_limit(
        table,
        validation=validation,
        test=test,
        folds=folds,
        limit=limit,
        seed=seed,
        splitting=splitting,
        findings=findings,
    )

"""From a source of images to samples that can be trained on: read, look at the headers, decode."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..core.config.images import ImageData, LevelRange, PixelData
from ..core.machine import cache_folder
from .decoding import Header, printable
from .findings import Findings
from .image_arrays import to_uint8, with_channels
from .image_headers import common_size, scan_headers
from .level_range import warn_unused_levels
from .near_images import near_images
from .plain_images import PlainStore, is_plain, plain_array, plain_files
from .sample_table import given_splits
from .samples import Samples, split_and_limit
from .source import open_source, settle_labels
from .source.base import SampleTable
from .source.requests import IMAGES, Request
from .targets import settle_target

if TYPE_CHECKING:
    from .image_store import ImageStore


@dataclass
class ImageSamples(Samples):
    """Samples whose store holds decoded images.

    Args:
        preprocessor: what they went through.
        source: row -> its file, the content of one, or its pixels before preprocessing.
    """

    preprocessor: Any = None
    source: Callable[[int], Path | bytes | np.ndarray] | None = None

    def near_copies(self, train: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, bool]:
        return near_images(self.store.thumbnails(), train, others)


@dataclass(frozen=True)
class Scan:
    """What can be told of the images of a table before any is decoded.

    Args:
        table: of the images.
        headers: of each row, None where it cannot be read; [] where the images are an array.
        bad: row -> why it cannot be read.
    """

    table: SampleTable
    headers: list[Header | None]
    bad: dict[int, str]

    @property
    def median_size(self) -> tuple[int, int] | None:
        """Medians of height and width; None if no image can be read."""
        if self.table.array is not None:
            return self.table.array.shape[1], self.table.array.shape[2]
        sizes = [(header.height, header.width) for header in self.good]
        return tuple(np.median(sizes, 0).astype(int).tolist()) if sizes else None

    @property
    def good(self) -> list[Header]:
        """The headers there are."""
        return [header for header in self.headers if header is not None]

    def shape(self, data: PixelData, largest: int = 128) -> tuple[tuple[int, int], int] | None:
        """(height, width) and channels of the images as the network is to see them; None if none can be read.

        Args:
            largest: side in pixels that `data.size=auto` gives at most.
        """
        size, channels, array = data.size, data.channels, self.table.array
        if array is None and not self.good:
            return None
        if size == "auto":
            size = common_size(self.good, largest) if array is None else (array.shape[1], array.shape[2])
        if channels == "auto":
            channels = (1 if all(header.grey for header in self.good) else 3) if array is None else array.shape[3]
        return (size, size) if isinstance(size, int) else (size[0], size[1]), channels


def read_image_source(data: PixelData, *, labelled: bool = True, training: bool = True) -> SampleTable:
    """Reads the list of images and their labels, but none of the image files.

    Args:
        labelled, training: see `Request`.

    Raises:
        ConfigError, DataError: if the source as a whole cannot be used.
    """
    request = Request.of(IMAGES, data, labelled=labelled, training=training)
    return settle_labels(as_images(open_source(data.path, IMAGES).read(request), data.range), request)


def as_images(table: SampleTable, levels: LevelRange | Literal["auto"] | None = None) -> SampleTable:
    """The table with an array of any kind of number as images, uint8; as they are where the range of their levels is
    yet to be found.

    Args:
        levels: `data.range`.
    """
    if table.array is None:
        return table
    origin = str(table.source.path)
    if levels == "auto":
        return replace(table, array=with_channels(table.array, origin))
    if levels is None:
        warn_unused_levels([table.array], len(table.array), table.findings)
    return replace(table, array=to_uint8(table.array, origin, table.findings, levels))


def read_labelled_images(
    data: ImageData, findings: Findings, *, seed: int = 0, splitting: bool = True, promised: bool = False
) -> SampleTable:
    """The table of a classifier's images, with their splits unless there are folds.

    Args:
        findings: everything worth saying is added to it; errors among it are raised by the caller.
        seed: of the splits.
        splitting: with False rows keep the splits they were given, if any.
        promised: see `split_and_limit`.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    table = settle_target(read_image_source(data, training=splitting), data, IMAGES.unit)
    findings.extend(table.findings)
    return split_and_limit(table, data, seed, splitting, findings, promised)


def scan_images(table: SampleTable, data: PixelData) -> Scan:
    """Looks at the header of every image."""
    given = None if data.range == "auto" else data.range
    return Scan(table, *(([], {}) if table.array is not None else scan_headers(table, data.max_pixels, given)))


def decode_images(
    scan: Scan, preprocessor: Any, data: PixelData, findings: Findings, checking: bool = False
) -> ImageSamples:
    """Decodes the images of a table.

    Args:
        preprocessor: an `ImagePreprocessor` of the size that the task has chosen by `scan.shape`; None if no image can
            be read.
        findings: what cannot be read is added to it.
        checking: nothing is to be trained, so that images need not be kept.
    """
    table = as_images(scan.table, None if preprocessor is None else preprocessor.range)
    scan = replace(scan, table=table)
    store, facts, bad = None, {}, scan.bad
    if preprocessor is not None:
        store = _store(scan, preprocessor, data, checking)
        bad = store.bad = scan.bad | store.bad
        formats = _formats(scan, bad)
        seen = ", ".join(f"{count} {name}" for name, count in formats.items()) or "none that can be read"
        size = list(preprocessor.size)
        used = f"{size[0]} x {size[1]}, {'grey' if preprocessor.channels == 1 else 'RGB'}"
        facts = {"size": size, "channels": preprocessor.channels, "cache": store.mode, "formats": formats}
        facts["about"] = [f"images: {seen}; used at {used}"]
        if preprocessor.range is not None:
            facts["range"] = list(preprocessor.range)
            facts["about"].append(
                "levels of more than 8 bits: {:g} to {:g} become 0 to 255".format(*preprocessor.range)
            )
        if data.cache == "auto" and store.mode == "disk":
            message = f"The decoded images do not fit into memory: they are kept in {cache_folder()}"
            findings.add("cache", "note", message)
        elif data.cache == "auto" and store.mode == "none":
            message = "The decoded images do not fit into memory: they are decoded anew in each epoch"
            findings.add("cache", "note", message, store.unkept)
    if bad:
        items = [f"{printable(str(table.frame['item'].iat[row]))}: {reason}" for row, reason in sorted(bad.items())]
        message = f"{len(bad)} of {len(table.frame)} files cannot be read as images"
        mask = np.isin(np.arange(len(table.frame)), list(bad))
        findings.bad(
            "unreadable", data.on_bad, message, "Repair or remove them.", items, given_splits(table.frame), mask
        )
    frame = table.frame
    if store is not None:
        frame = frame.drop(index=sorted(bad))
        frame = frame.assign(fingerprint=store.fingerprints[frame.index])
    facts |= {"path": data.path, "read_seconds": table.source.seconds}
    facts |= {"read_columns": table.read_columns} if table.read_columns else {}
    facts |= {"split_by": table.split_by} if table.split_by else {}
    return ImageSamples(frame, store, facts, preprocessor, table.content)


def _store(scan: Scan, preprocessor: Any, data: PixelData, checking: bool) -> "ImageStore | PlainStore":
    """The decoded images."""
    table, headers = scan.table, scan.headers
    how: dict[str, Any] = {"background": data.background, "max_pixels": data.max_pixels, "cache": data.cache}
    if checking and is_plain(table, headers, preprocessor, data.cache):
        if table.array is not None:
            return plain_array(table.array, preprocessor)
        return plain_files(table, headers, preprocessor, **how)
    from .image_store import store_array, store_files

    if table.array is not None:
        return store_array(table.array, preprocessor)
    return store_files(table, headers, preprocessor, **how)


def _formats(scan: Scan, bad: dict[int, str]) -> dict[str, int]:
    """How many images there are of each format, without the bad ones."""
    if scan.table.array is not None:
        return {"array": len(scan.table.frame)}
    rows = ((row, header) for row, header in enumerate(scan.headers) if row not in bad)
    return dict(Counter(header.format for _, header in rows if header is not None).most_common())

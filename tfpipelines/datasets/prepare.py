"""From a source of images to samples that can be trained on: read, split, check, decode."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import DataError
from .checks import check_classes, check_duplicates, content_hash
from .findings import Findings
from .images import printable
from .sources import read_image_source
from .splits import assign_fold, assign_splits, limit_rows
from .store import ImageStore, common_size, scan_headers, store_array, store_files
from .table import SampleTable, class_order, counts


@dataclass
class ImageSamples:
    """Images that can be gathered by row, and what is known of each.

    Args:
        frame: `item`, `label`, `split` and `fingerprint` of the rows in use; its index is the row in the store.
        store: of the decoded images.
        front: what they went through.
        facts: for data.json.
    """

    frame: pd.DataFrame
    store: ImageStore
    front: object
    facts: dict

    def rows(self, split: str) -> np.ndarray:
        """Store rows of a split, int64, in the order of the table."""
        return self.frame.index[self.frame["split"] == split].to_numpy(np.int64)

    def labels(self, split: str, classes: list[str]) -> np.ndarray:
        """Class number of each row of a split, int64."""
        numbers = {name: number for number, name in enumerate(classes)}
        return self.frame["label"][self.frame["split"] == split].map(numbers).to_numpy(np.int64)

    def split_table(self) -> pd.DataFrame:
        """The content of splits.csv."""
        return self.frame[["item", "label", "split"]].assign(fingerprint=self.frame["fingerprint"].map("{:016x}".format))


def read_samples(
    findings: Findings,
    make_front: Callable[[tuple[int, int], int], object],
    *,
    path: str,
    seed: int = 0,
    size: int | tuple[int, int] | str = "auto",
    channels: int | str = "auto",
    validation: float = 0.15,
    test: float = 0.15,
    folds: int | str | None = None,
    limit: int | None = None,
    on_bad: str = "error",
    max_pixels: int = 100_000_000,
    background: int = 255,
    cache: str = "auto",
    splitting: bool = True,
    **source,
) -> ImageSamples:
    """Reads, splits and decodes a source of images.

    Args:
        findings: everything worth saying is added to it; errors among it are raised by the caller.
        make_front: function of ((height, width), channels) to the front that resizes.
        seed: of the splits.
        folds: with it rows are left unsplit; `split_fold` does that.
        splitting: with False rows keep the splits they were given, if any.
        source: further fields of `ImageData` that `read_image_source` takes.
        (others): the fields of the same name in `ImageData`.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    began = time.perf_counter()
    fold_column = folds if isinstance(folds, str) else None
    table = read_image_source(path, fold_column=fold_column, on_bad=on_bad, training=splitting, **source)
    findings.entries += table.findings.entries
    frame = table.frame
    if len(frame):
        if splitting and folds is None:
            frame = _split(frame, validation, test, seed, findings)
        table = SampleTable(frame, table.root, table.array).keep(limit_rows(frame, limit, seed))
    store, front, facts = _decode(table, findings, make_front, size, channels, on_bad, max_pixels, background, cache)
    frame = table.frame.drop(index=sorted(store.bad)) if store is not None else table.frame
    if store is not None:
        frame = frame.assign(fingerprint=store.fingerprints[frame.index])
    facts |= {"path": path, "read_seconds": round(time.perf_counter() - began, 3)}
    return ImageSamples(frame, store, front, facts)


def count_folds(samples: ImageSamples, folds: int | str) -> int:
    """How many folds there are."""
    return folds if isinstance(folds, int) else samples.frame["fold"].nunique()


def split_fold(samples: ImageSamples, folds: int | str, fold: int, validation: float, seed: int) -> ImageSamples:
    """The same samples with the splits of one fold."""
    frame = samples.frame[samples.frame["split"] != "test"]
    split = assign_fold(frame, folds, fold, validation, seed)
    return ImageSamples(frame.assign(split=split["split"].to_numpy()), samples.store, samples.front, samples.facts)


def check_samples(samples: ImageSamples, on_leak: str, findings: Findings) -> list[str]:
    """The checks of labels, splits and contents; the classes, in order."""
    if samples.frame["split"].isna().any():  # they could not be split, and a finding says why
        return []
    classes = check_classes(samples.frame, findings)
    if "fingerprint" in samples.frame:
        check_duplicates(samples.frame, samples.frame["fingerprint"], on_leak, findings)
    return classes


def describe(samples: ImageSamples, classes: list[str], findings: Findings) -> dict:
    """The content of data.json."""
    frame = samples.frame
    known = classes or class_order(frame["label"])
    extra = [name for name in class_order(frame["label"]) if name not in known]
    return {
        **samples.facts,
        "classes": classes,
        "counts": counts(frame, [*known, *extra]),
        "content_hash": content_hash(frame, frame["fingerprint"]) if "fingerprint" in frame and frame["split"].notna().all() else None,
        "findings": findings.as_list(),
    }


def _split(frame: pd.DataFrame, validation: float, test: float, seed: int, findings: Findings) -> pd.DataFrame:
    """`assign_splits`; where it cannot, that joins the other findings and the rows stay as they are."""
    try:
        return assign_splits(frame, validation, test, seed)
    except DataError as error:
        findings.add("split", "error", error.cause.rstrip("."), error.remedy, error.details)
        return frame


def _decode(table: SampleTable, findings: Findings, make_front, size, channels, on_bad: str, max_pixels: int, background: int, cache: str):
    """Store, front and facts; reports what cannot be read, and takes it out of the store's good rows."""
    if table.array is not None:
        height, width, depth = table.array.shape[1:]
        front = make_front((height, width) if size == "auto" else _pair(size), depth if channels == "auto" else channels)
        store = store_array(table.array, front)
        return store, front, {"size": list(front.size), "channels": front.channels, "cache": "memory", "formats": {"array": len(table.frame)}}
    headers, bad = scan_headers(table, max_pixels)
    good = [header for header in headers if header is not None]
    store = front = None
    facts = {}
    if good:
        grey = all(header.grey for header in good)
        front = make_front(common_size(good) if size == "auto" else _pair(size), (1 if grey else 3) if channels == "auto" else channels)
        store = store_files(table, headers, front, background=background, max_pixels=max_pixels, cache=cache)
        bad |= store.bad
        store.bad = bad
        formats = Counter(header.format for header in good)
        facts = {"size": list(front.size), "channels": front.channels, "cache": store.mode, "formats": dict(formats.most_common())}
        if cache == "auto" and store.mode == "none":
            findings.add("cache", "note", "The decoded images do not fit into memory: they are decoded anew in each epoch", "data.cache=disk keeps them on disk")
    if bad:
        items = [f"{printable(table.frame['item'].iat[row])}: {reason}" for row, reason in sorted(bad.items())]
        findings.bad("unreadable", on_bad, f"{len(bad)} of {len(table.frame)} files cannot be read as images", "Repair or remove them.", items)
    return store, front, facts


def _pair(size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)

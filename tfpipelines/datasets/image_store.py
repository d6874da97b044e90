"""Decoded images, ready to be gathered by row: from memory, from disk, or decoded anew each time."""

import hashlib
import json
import mmap
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image
from threadpoolctl import threadpool_limits

from .. import __version__
from ..core.files import atomic_write, write_json
from ..core.run_files import found_json
from ..errors import DataError, ResourceError
from .decoding import Header, printable
from .fast_images import Resizer, decode_jpeg, decodes_jpeg
from .image_arrays import pixels, to_channels
from .image_cache import fits_memory, image_folder, require_memory, require_room
from .image_headers import reason_of
from .source.base import SampleTable
from .thumbnails import thumbnail_shape, thumbnails
from .tracing import no_autograph, raising

_KINDS = {"other": 0, "jpeg": 1, "png": 2, "quick": 3}  # quick: a JPEG that `decode_jpeg` has decoded
_BLOCK = 256
_DECODE_BATCH = 16
_PROGRESSIVE, _HEADER = b"\xff\xc2", 2**16  # marker of a frame of scans that refine it; bytes in which it is looked for


@dataclass
class ImageStore:
    """Images of one size by row of a sample table.

    Args:
        shape: (height, width, channels).
        fingerprints: 64-bit content hash of each row's pixels, uint64 (rows,).
        bad: {row: reason} of rows that could not be decoded.
        mode: `memory`, `disk` or `none`.
        unkept: why nothing is cached though it was to be; "" for no reason.
        array: uint8 (rows, height, width, channels), None where nothing is cached.
        decode: row tensor -> uint8 image tensor, for the mode `none`.
        small: thumbnails, uint8 (rows, side, side, channels), for the mode `none`.
    """

    shape: tuple[int, int, int]
    fingerprints: np.ndarray
    bad: dict[int, str]
    mode: str
    array: np.ndarray | None = None
    decode: Callable[[tf.Tensor], tf.Tensor] | None = None
    small: np.ndarray | None = None
    unkept: str = ""
    _tensor: tf.Tensor | None = field(default=None, repr=False)

    def attach(self, samples: tf.data.Dataset) -> tf.data.Dataset:
        """Adds images to a dataset of (..., rows), rows being int64 (batch,): uint8 (batch, *shape)."""
        if self.mode == "none":
            cores = os.cpu_count()
            each = lambda rows: tf.map_fn(self.decode, rows, fn_output_signature=tf.uint8, parallel_iterations=cores)
            decode = no_autograph(lambda *parts: (*parts, each(parts[-1])))
            return samples.map(decode, num_parallel_calls=cores, deterministic=True)
        return samples.map(no_autograph(lambda *parts: (*parts, self._gather(parts[-1]))), num_parallel_calls=1)

    def images(self, rows: np.ndarray) -> np.ndarray:
        """The images of some rows, uint8 (len(rows), height, width, channels)."""
        if self.array is not None:
            return np.asarray(self.array[rows])
        assert self.decode is not None  # where nothing is cached
        images = [self.decode(tf.constant(row, tf.int64)).numpy() for row in rows]
        return np.array(images, np.uint8).reshape(-1, *self.shape)

    def thumbnails(self) -> np.ndarray:
        """Thumbnails of all rows, uint8 (rows, side, side, channels); zeros of bad ones."""
        if self.array is None:
            kept, self.small = self.small, None  # asked for once, before training needs the memory
            return self._small_again() if kept is None else kept
        blocks = range(0, len(self.array), _DECODE_BATCH)
        with threadpool_limits(1):  # the matrices are small
            small = [thumbnails(np.asarray(self.array[start : start + _DECODE_BATCH])) for start in blocks]
        return np.concatenate(small)

    def _small_again(self) -> np.ndarray:
        small = np.zeros((len(self.fingerprints), *thumbnail_shape(self.shape)), np.uint8)
        good = np.array([row for row in range(len(small)) if row not in self.bad], np.int64)
        for start in range(0, len(good), _BLOCK):
            some = good[start : start + _BLOCK]
            small[some] = thumbnails(self.images(some))
        return small

    def _gather(self, rows: tf.Tensor) -> tf.Tensor:
        array = self.array
        assert array is not None
        if self.mode == "memory":
            if self._tensor is None:
                with tf.init_scope():
                    self.array, self._tensor = _shared(array)
            return tf.gather(self._tensor, rows)
        images = tf.numpy_function(lambda rows: array[rows], [rows], tf.uint8, stateful=False)
        return tf.ensure_shape(images, [None, *self.shape])


def store_array(array: np.ndarray, preprocessor) -> ImageStore:
    """A store of images that are in memory already, resized where their size is another."""
    blocks = [array[start : start + _BLOCK] for start in range(0, len(array), _BLOCK)]
    if array.shape[1:] != preprocessor.shape:
        resize = Resizer(preprocessor)
        whole = tf.function(preprocessor.in_tf_data, reduce_retracing=True)
        for number, block in enumerate(blocks):
            block = to_channels(block, preprocessor.channels)
            blocks[number] = np.stack([*map(resize, block)]) if resize.fast else whole(tf.constant(block)).numpy()
        array = np.concatenate(blocks)
    fingerprints = np.concatenate([_fingerprints(tf.constant(block)).numpy() for block in blocks])
    return ImageStore(preprocessor.shape, fingerprints.view(np.uint64)[:, 0], {}, "memory", array)


def store_files(
    table: SampleTable, headers: list[Header | None], preprocessor, *, background: int, max_pixels: int, cache: str
) -> ImageStore:
    """Decodes every file once, through `preprocessor`, and keeps what the cache mode says.

    Args:
        table: of files.
        headers: of each row; rows without one are left out.
        preprocessor: object with `shape`, `channels`, `range`, `settings()` and `in_tf_data`.
        background, max_pixels: see `decode_image`.
        cache: `auto` (memory where it fits, else disk where that has room, else none), `memory`, `disk` (a file that
            later runs use, too) or `none`.

    Raises:
        ConfigError: if they are to be kept in memory, and do not fit.
        ResourceError: if they are to be kept on disk, and cannot be written.
    """
    rows = np.array([row for row, header in enumerate(headers) if header is not None], np.int64)
    bytes_needed, unkept = len(headers) * int(np.prod(preprocessor.shape)), ""
    decoder = Decoder(table, headers, preprocessor, background, max_pixels)
    settings = {"background": background, "max_pixels": max_pixels}
    if cache == "auto" and not fits_memory(bytes_needed):
        try:
            return _disk_store(decoder, rows, settings, bytes_needed)
        except ResourceError as error:
            unkept = f"{error.cause} {error.remedy}"
    if cache == "disk":
        return _disk_store(decoder, rows, settings)
    if cache == "memory":
        require_memory(bytes_needed)
    mode = "none" if unkept or cache == "none" else "memory"
    array = _page_aligned((len(headers), *preprocessor.shape)) if mode == "memory" else None
    small = np.zeros((len(headers), *thumbnail_shape(preprocessor.shape)), np.uint8) if array is None else None
    with threadpool_limits(1):  # the matrices of thumbnails are small
        fingerprints, bad = decoder.run(rows, array, small)
    return ImageStore(preprocessor.shape, fingerprints, bad, mode, array, decoder.decode, small, unkept)


class Decoder:
    """Decodes rows of files: plain JPEG by `decode_jpeg` where the size is changed by compiled code; PNG, and JPEG that
    this refuses, by TensorFlow's decoders, which run outside of Python; all else, and what TensorFlow refuses, by
    `decode_image`. All give the same pixels to the bit.
    """

    def __init__(
        self, table: SampleTable, headers: list[Header | None], preprocessor, background: int, max_pixels: int
    ):
        self.table, self.preprocessor, self.background, self.max_pixels = table, preprocessor, background, max_pixels
        self.resize = Resizer(preprocessor)
        self.files = table.paths()
        self.paths = ["" if file is None else printable(file) for file in self.files]
        self.items = table.frame["item"].to_list()  # a look into the frame takes longer than to read a small image
        fast = [
            _KINDS[header.kind] if header and (preprocessor.channels == 3 or header.grey) else 0 for header in headers
        ]
        self.kinds = np.array(fast, np.int32)

    def run(
        self, rows: np.ndarray, array: np.ndarray | None, small: np.ndarray | None = None
    ) -> tuple[np.ndarray, dict[int, str]]:
        """Decodes `rows` into `array` where given, and their thumbnails into `small`; fingerprints and {row: reason} of
        the failures.
        """
        fingerprints = np.zeros(len(self.paths), np.uint64)
        done = np.zeros(len(self.paths), bool)

        def put(rows: np.ndarray, images: np.ndarray, hashes: np.ndarray, there: bool = False) -> None:
            fingerprints[rows] = hashes.view(np.uint64)[:, 0]
            done[rows] = True
            if array is not None and not there:
                array[rows] = images
            if small is not None:
                small[rows] = thumbnails(images)

        if self.resize.fast and decodes_jpeg():
            self._run_quick(rows[self.kinds[rows] == _KINDS["jpeg"]], array, put)
        for kind in ("jpeg", "png"):
            some = rows[(self.kinds[rows] == _KINDS[kind]) & ~done[rows]]
            if not len(some):
                continue
            dataset = tf.data.Dataset.from_tensor_slices((some, [self.paths[row] for row in some]))
            one = lambda row, path, kind=kind: (row, *self._with_fingerprint(self._fast(kind, row, path)))
            dataset = dataset.map(
                no_autograph(one), num_parallel_calls=os.cpu_count(), deterministic=False
            ).ignore_errors()
            for batch in dataset.batch(_DECODE_BATCH).prefetch(2).as_numpy_iterator():
                put(*batch)

        def slow(row: int) -> str | None:
            try:
                image = self.resize(self._pixels(row))[None]
            except (DataError, OSError) as error:
                return reason_of(error, self.table, row)
            put(np.array([row]), image, _fingerprints(tf.constant(image)).numpy())
            return None

        left = [int(row) for row in rows if not done[row]]
        self.kinds[left] = _KINDS["other"]  # whatever their names and headers say, TensorFlow's decoders refuse them
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            reasons = list(pool.map(slow, left))
        return fingerprints, {row: reason for row, reason in zip(left, reasons) if reason}

    def _run_quick(self, rows: np.ndarray, array: np.ndarray | None, put: Callable[..., None]) -> None:
        """Decodes what `decode_jpeg` can into `array`, where given, and tells `put`."""

        def some(rows: np.ndarray) -> None:
            there = array is not None and rows[-1] - rows[0] == len(rows) - 1  # no copy then
            if array is not None and there:
                images = array[rows[0] : rows[-1] + 1]
            else:
                images = np.empty((len(rows), *self.preprocessor.shape), np.uint8)
            good = np.array([self._quick(row, image) for row, image in zip(rows, images)])
            if not good.all():
                rows, images = rows[good], images[good]
            if len(rows):
                self.kinds[rows] = _KINDS["quick"]
                put(rows, images, _fingerprints(tf.constant(images)).numpy(), there)

        blocks = [rows[start : start + _DECODE_BATCH] for start in range(0, len(rows), _DECODE_BATCH)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(some, blocks):  # raises what went wrong
                pass

    def _quick(self, row: int, out: np.ndarray) -> bool:
        """Puts the image of a plain JPEG into `out`; False if another way has to be tried."""
        try:
            file = self.files[row]
            content = self.table.source.open(self.items[row]) if file is None else file.read_bytes()
        except (DataError, OSError):
            return False
        if not isinstance(content, bytes) or _PROGRESSIVE in content[:_HEADER]:
            return False  # where scans are missing TensorFlow smoothes
        image = decode_jpeg(content, self.preprocessor.channels)
        if image is None:
            return False
        self.resize(image, out)
        return True

    def _quick_again(self, row: int) -> np.ndarray:
        image = np.empty(self.preprocessor.shape, np.uint8)
        return image if self._quick(row, image) else self.resize(self._pixels_again(row))

    def decode(self, row: tf.Tensor) -> tf.Tensor:
        """One row's image in a graph, whatever its kind."""
        path, kind = tf.gather(tf.constant(self.paths), row), tf.gather(tf.constant(self.kinds), row)
        ways = {
            "other": lambda: self.resize.in_tf_data(self._slow(row)),
            "jpeg": lambda: self._fast("jpeg", row, path),
            "png": lambda: self._fast("png", row, path),
            "quick": lambda: tf.ensure_shape(
                tf.numpy_function(raising(self._quick_again), [row], tf.uint8), self.preprocessor.shape
            ),
        }
        image = tf.switch_case(kind, {_KINDS[name]: way for name, way in ways.items()})
        return tf.ensure_shape(image, self.preprocessor.shape)

    def _pixels(self, row: int) -> np.ndarray:
        content = self.files[row] or self.table.content(row)
        settings = self.preprocessor
        return pixels(content, settings.channels, self.background, self.max_pixels, settings.range)

    def _pixels_again(self, row: int) -> np.ndarray:
        return self._again(self._pixels, row)

    def _content_again(self, row: int) -> bytes:
        return self._again(lambda row: self.table.source.open(self.items[row]), row)

    def _again(self, read: Callable[[int], Any], row: int) -> Any:
        """What `read` gives of an image that could be read when the data were checked."""
        row = int(row)  # TensorFlow gives an array
        try:
            return read(row)
        except (DataError, OSError) as error:
            cause = f"{self.items[row]} cannot be read any more: {reason_of(error, self.table, row)}."
            raise DataError(cause, "Bring the data back as they were, then `tfpipe resume` the run.") from error

    def _slow(self, row: tf.Tensor) -> tf.Tensor:
        image = tf.numpy_function(raising(self._pixels_again), [row], tf.uint8)
        return tf.ensure_shape(image, [None, None, self.preprocessor.channels])

    def _fast(self, kind: str, row: tf.Tensor, path: tf.Tensor) -> tf.Tensor:
        if "" in self.paths:  # items of a source that is a file itself
            content = tf.ensure_shape(tf.numpy_function(raising(self._content_again), [row], tf.string), [])
        else:
            content = tf.io.read_file(path)
        if kind == "jpeg":
            image = tf.io.decode_jpeg(
                content, self.preprocessor.channels, dct_method="INTEGER_ACCURATE"
            )  # as Pillow does
        else:
            image = tf.io.decode_png(content, self.preprocessor.channels)
        return self.resize.in_tf_data(tf.ensure_shape(image, [None, None, self.preprocessor.channels]))

    def _with_fingerprint(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return image, _fingerprints(image[None])[0]


def _page_aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros, uint8, at an address that TensorFlow accepts as its own."""
    size = int(np.prod(shape))
    memory = mmap.mmap(-1, max(size, 1))
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.uint8, size).reshape(shape)


def _shared(array: np.ndarray) -> tuple[np.ndarray, tf.Tensor]:
    """The array, or a copy that begins at a multiple of 64 bytes, and a tensor on the CPU that shares its memory."""
    if array.ctypes.data % 64 or not array.flags.c_contiguous or not array.flags.writeable:
        aligned = _page_aligned(array.shape)
        aligned[:] = array
        array = aligned
    return array, tf.experimental.dlpack.from_dlpack(array.__dlpack__())


def _fingerprints(images: tf.Tensor) -> tf.Tensor:
    """FarmHash of each image's pixels, uint8 (images, 8)."""
    return tf.raw_ops.Fingerprint(data=images, method=b"farmhash64")


def _disk_store(decoder: Decoder, rows: np.ndarray, settings: dict, needed: int = 0) -> ImageStore:
    """A memory-mapped file that is found again while files, sizes, times and settings are the same.

    Args:
        needed: bytes for which there must be room before it is written.
    """
    preprocessor, files = decoder.preprocessor, decoder.paths
    if "" in files:  # items of a source that is a file itself
        files = [*map(str, decoder.table.source.files), *decoder.table.frame["item"]]
    states = [
        (path, os.stat(path).st_size, os.stat(path).st_mtime_ns) if os.path.exists(path) else (path,) for path in files
    ]
    shape = (len(decoder.paths), *preprocessor.shape)
    versions = [__version__, Image.__version__, tf.__version__]
    known_by = json.dumps([*versions, states, rows.tolist(), preprocessor.settings(), settings])
    key = hashlib.sha256(known_by.encode()).hexdigest()[:32]
    folder = image_folder()
    file, facts_file = folder / f"{key}.npy", folder / f"{key}.json"
    facts = found_json(facts_file, limit=2**32)
    if not (facts and file.is_file()):
        if needed:
            require_room(folder, needed)

        def write(temporary: Path) -> None:
            with open(temporary, "wb") as stream:  # np.save would add an ending to the name
                np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
                offset = stream.tell()
                stream.flush()
                size = offset + int(np.prod(shape))
                stream.truncate(size)
                if hasattr(os, "posix_fallocate"):  # not on macOS
                    os.posix_fallocate(stream.fileno(), 0, size)  # a full disk shows here
            array = np.memmap(temporary, np.uint8, "r+", offset, shape)
            fingerprints, bad = decoder.run(rows, array)
            array.flush()
            facts.update(fingerprints=[int(value) for value in fingerprints], bad=bad)

        atomic_write(file, write)
        write_json(facts_file, facts)
    bad = {int(row): reason for row, reason in facts["bad"].items()}
    fingerprints = np.array(facts["fingerprints"], np.uint64)
    return ImageStore(preprocessor.shape, fingerprints, bad, "disk", np.load(file, mmap_mode="r"))

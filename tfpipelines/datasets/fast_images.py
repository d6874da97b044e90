"""Faster ways to the same pixels: JPEG decoded by libjpeg-turbo (simplejpeg), sizes changed by compiled code.

Each is used where it is installed and, tried once in each process, gives the bits of what it stands for. So runs,
caches and fingerprints do not depend on it; without it, TensorFlow and Pillow do the same in more time.
"""

import functools
import io
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..core.config.images import LevelRange
from .decoding import decode_image, read_header
from .stretching import compiled, is_usual, resized

if TYPE_CHECKING:
    import tensorflow as tf

_JPEG = b"\xff\xd8\xff"  # what a JPEG begins with
_LONGEST = 2**16  # side of an image, in pixels; the weights of a longer one take much memory


def decode_jpeg(content: bytes, channels: int) -> np.ndarray | None:
    """A JPEG whose header says grey or RGB, upright.

    Args:
        channels: 1 for grey ones alone, or 3.

    Returns:
        uint8 (height, width, channels), to the bit what `decode_image` gives; None where this cannot be done: the
        library is not there, or the file is not perfect.
    """
    library = _library()
    try:
        return None if library is None else library.decode_jpeg(content, "RGB" if channels == 3 else "GRAY")
    except ValueError:  # errors, and warnings of damage
        return None


def decodes_jpeg() -> bool:
    """Whether `decode_jpeg` decodes anything."""
    return _library() is not None


def decode_file(
    source: Path | bytes, channels: int, background: int, max_pixels: int, levels: LevelRange | None = None
) -> np.ndarray:
    """What `decode_image` gives, of ordinary JPEGs in less time.

    Raises:
        DataError: as `decode_image`.
    """
    if decodes_jpeg() and _begins(source) == _JPEG:
        header = read_header(source, max_pixels)
        if header.kind == "jpeg" and (channels == 3 or header.grey):
            content = source if isinstance(source, bytes) else source.read_bytes()
            image = decode_jpeg(content, channels)
            if image is not None:
                return image
    return decode_image(source, channels, background, max_pixels, levels)


def _begins(source: Path | bytes) -> bytes:
    """The first bytes of an image; none where it cannot be read, which `decode_image` tells."""
    if isinstance(source, bytes):
        return source[: len(_JPEG)]
    try:
        with source.open("rb") as file:
            return file.read(len(_JPEG))
    except OSError:
        return b""


class Resizer:
    """Resizes single images as an `ImagePreprocessor` does, to the bit.

    Args:
        preprocessor: what it does is compiled for the default alone: stretched, bilinear, antialiased. All else is left
            to it.
    """

    def __init__(self, preprocessor: Any):
        self.preprocessor = preprocessor
        self.fast = is_usual(preprocessor) and _as_tensorflow()

    def __call__(self, image: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """uint8 (height, width, channels) -> uint8 of the preprocessor's shape, in `out` where given."""
        same = image.shape == self.preprocessor.shape and self.preprocessor.filter in ("bilinear", "nearest")
        if same or (self.fast and max(image.shape) <= _LONGEST):
            return resized(image, self.preprocessor.size, out)
        made = self._by_tensorflow(image).numpy()
        if out is None:
            return made
        out[:] = made
        return out

    def in_tf_data(self, image: "tf.Tensor") -> "tf.Tensor":
        """The same in a graph."""
        import tensorflow as tf

        if not self.fast:
            return self.preprocessor.in_tf_data(image)
        size = tf.shape(image)[:2]
        same = tf.reduce_all(size == tf.constant(self.preprocessor.size))
        run = lambda: tf.numpy_function(self, [image], tf.uint8, stateful=False)
        return tf.ensure_shape(tf.cond(same, lambda: image, run), self.preprocessor.shape)

    @functools.cached_property
    def _by_tensorflow(self) -> Any:
        import tensorflow as tf

        spec = tf.TensorSpec([None, None, self.preprocessor.channels], tf.uint8)
        return tf.function(self.preprocessor.in_tf_data, input_signature=[spec])


@functools.cache
def _library() -> ModuleType | None:
    """simplejpeg, where it is installed and decodes as Pillow does: which transform is used, and how colours are
    enlarged, are choices of its build.
    """
    try:
        import simplejpeg
    except Exception:  # not installed, or built for another NumPy
        return None
    y, x = np.mgrid[0:37, 0:45]
    picture = np.stack([x * 37 % 256, y * x % 256, (y * 11 + x * x) % 256], -1).astype(np.uint8)
    for image in (Image.fromarray(picture[..., 0]), *[Image.fromarray(picture)] * 3):
        for subsampling in (0, 1, 2) if image.mode == "RGB" else (0,):
            file = io.BytesIO()
            image.save(file, "JPEG", subsampling=subsampling)
            try:
                made = simplejpeg.decode_jpeg(file.getvalue(), "RGB")
            except ValueError:
                return None
            if not np.array_equal(made, np.asarray(Image.open(file).convert("RGB"))):
                return None
    return simplejpeg


@functools.cache
def _as_tensorflow() -> bool:
    """Whether the compiled function is there and gives the bits of TensorFlow's kernel, whose products and sums some
    compilers contract.
    """
    import tensorflow as tf

    if compiled() is None:
        return False
    random = np.random.default_rng(0)
    for given, made in (((67, 93), (32, 24)), ((5, 41), (29, 43))):
        image = random.integers(0, 256, (*given, 3), np.uint8)
        with tf.device("CPU"), tf.init_scope():
            levels = tf.image.resize(image.astype(np.float32), made, "bilinear", antialias=True)
            expected = tf.cast(tf.round(levels), tf.uint8).numpy()
        if not np.array_equal(resized(image, made), expected):
            return False
    return True

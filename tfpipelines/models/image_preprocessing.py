"""What happens to decoded pixels before the network sees them: one definition, in tf.data and inside the artifact."""

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


class ImagePreprocessor:
    """Resizes images of any size to the network's: cast to float32, resize, round to whole levels.

    Rounding makes the result fit uint8, so that a cache of bytes loses nothing, and makes it idempotent: an image that
    has been through it once passes unchanged.

    Args:
        size: (height, width) in pixels.
        channels: 1 or 3.
        resize: `stretch` changes the shape, `crop` cuts the longer side about its middle, `pad` adds black bars.
        filter: `bilinear`, `nearest`, `bicubic`, `lanczos3`, `lanczos5`.
        antialias: widen the filter when shrinking.
        range: (low, high), the levels that decoding makes 0 and 255 of images of more than 8 bits; None: those of their
            bits. The layers know nothing of it: what they take is decoded.
    """

    def __init__(
        self,
        size: tuple[int, int],
        channels: int,
        resize: str = "stretch",
        filter: str = "bilinear",
        antialias: bool = True,
        range: tuple[float, float] | None = None,
    ):
        self.size: tuple[int, int] = (size[0], size[1])
        self.channels, self.resize, self.filter, self.antialias = channels, resize, filter, antialias
        self.range = range

    @functools.cached_property
    def _layer(self) -> "keras.layers.Layer":
        import keras

        settings = {"interpolation": self.filter, "antialias": self.antialias}
        aspect = {"crop_to_aspect_ratio": self.resize == "crop", "pad_to_aspect_ratio": self.resize == "pad"}
        return keras.layers.Resizing(*self.size, dtype="float32", name="resize", **settings, **aspect)

    @property
    def _stays_in_range(self) -> bool:
        """Whether the filter has no negative weights, which overshoot at edges."""
        return self.filter in ("bilinear", "nearest")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of what comes out."""
        return (*self.size, self.channels)

    def settings(self) -> dict:
        """All that the result depends on, as JSON values."""
        names = ("channels", "resize", "filter", "antialias")
        levels = {} if self.range is None else {"range": list(self.range)}
        return {"size": list(self.size), **{name: getattr(self, name) for name in names}, **levels}

    def in_tf_data(self, images: "tf.Tensor") -> "tf.Tensor":
        """uint8 (height, width, channels) or a batch -> uint8 of the network's size; for tf.data on any backend."""
        import tensorflow as tf

        levels = self._layer(tf.cast(images, tf.float32))
        levels = tf.round(levels) if self._stays_in_range else tf.clip_by_value(tf.round(levels), 0.0, 255.0)
        levels = tf.cast(levels, tf.uint8)
        return tf.ensure_shape(levels, [None, *self.shape][-images.shape.rank :])

    def input(self) -> "keras.KerasTensor":
        """The symbolic input: uint8 (batch, None, None, channels)."""
        import keras

        return keras.Input((None, None, self.channels), dtype="uint8", name="image")

    def symbolic(self, images: "keras.KerasTensor") -> "keras.KerasTensor":
        """uint8 (batch, None, None, channels) -> float32 whole levels 0 to 255 (batch, height, width, channels)."""
        import keras

        # Resizing declares training=True by default, which would put every layer called after it into training mode.
        levels = self._layer(keras.ops.cast(images, "float32"), training=False)
        levels = keras.ops.round(levels)
        return levels if self._stays_in_range else keras.ops.clip(levels, 0.0, 255.0)


def resized(x: "keras.KerasTensor", size: tuple[int, int], name: str) -> "keras.KerasTensor":
    """Maps (batch, height, width, channels) in another size, bilinear."""
    import keras

    # A layer, since the names of Keras' operations collide; for training=False see above.
    return keras.layers.Resizing(*size, interpolation="bilinear", name=name)(x, training=False)

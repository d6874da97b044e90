"""What autoencoders of images are made of."""

import keras

from ..core.config.section import Counts
from .layers import Builder


def dense_stack(
    build: Builder, x: keras.KerasTensor, units: Counts, dropout: float, name: str, size: int | None = None
) -> keras.KerasTensor:
    """Dense layers, or convolutions of that size, with normalization, activation and dropout, (batch, ..., width)."""
    for number, width in enumerate(units, 1):
        place = f"{name}{number}"
        layer = build.dense(width, place) if size is None else build.conv(width, size, place)
        x = build.activate(build.normalize(layer(x), f"{place}_norm"), f"{place}_act")
        x = build.dropout(x, dropout, f"{place}_dropout")
    return x


def with_levels(target: keras.KerasTensor, reconstruction: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
    """The outputs of an autoencoder of images, in [0, 1], and what is restored in levels 0 to 255."""
    levels = keras.layers.Rescaling(255.0, name="levels_back")(keras.ops.clip(reconstruction, 0.0, 1.0))
    return {"target": target, "reconstruction": reconstruction, "restored": levels}


def down(
    build: Builder, x: keras.KerasTensor, filters: Counts, size: int
) -> tuple[keras.KerasTensor, list[tuple[int, int]]]:
    """Halves height and width by each stage; also (height, width) before each."""
    sides = []
    for number, width in enumerate(filters, 1):
        sides.append(x.shape[1:3])
        x = build.conv(width, size, f"down{number}", strides=2)(x)
        x = build.activate(build.normalize(x, f"down{number}_norm"), f"down{number}_act")
    return x, sides


def from_latent(build: Builder, x: keras.KerasTensor, shape: tuple[int, int, int]) -> keras.KerasTensor:
    """The latent numbers as a map (batch, height, width, channels)."""
    x = keras.layers.Dense(shape[0] * shape[1] * shape[2], name="unfold", **build.kernel())(x)
    return keras.layers.Reshape(shape, name="map")(build.activate(x, "unfold_act"))


def up(
    build: Builder, x: keras.KerasTensor, sides: list[tuple[int, int]], filters: Counts, size: int, channels: int
) -> keras.KerasTensor:
    """Back through the sides; the last stage gives `channels`, linear."""
    for number in range(len(filters), 0, -1):
        height, width = sides[number - 1]
        last = number == 1
        bias = last or build.biased
        count, kernel = channels if last else filters[number - 2], build.kernel("glorot_uniform" if last else None)
        layer = keras.layers.Conv2DTranspose(count, size, 2, "same", use_bias=bias, name=f"up{number}", **kernel)
        x = layer(x)
        extra = (x.shape[1] - height, x.shape[2] - width)
        if any(extra):  # a side that could not be halved
            x = keras.layers.Cropping2D(((0, extra[0]), (0, extra[1])), name=f"up{number}_crop")(x)
        if not last:
            x = build.activate(build.normalize(x, f"up{number}_norm"), f"up{number}_act")
    return x

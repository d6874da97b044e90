"""What autoencoders of numbers are made of, be these rows of a table or windows of a time series."""

import math

import keras

from ..core.config.networks import RecurrentSeries, RowAutoencoder, SeriesAutoencoder
from .autoencoder_blocks import dense_stack
from .layers import Builder
from .reconstruction import reconstructor, restore, standardize


def dense_autoencoder(
    input_shape: tuple[int, ...],
    common: RowAutoencoder | SeriesAutoencoder,
    units: tuple[int, ...],
    latent: int,
    centered: bool,
    seed: int | None,
    for_training: bool,
) -> keras.Model:
    """Dense layers down to a few numbers and back (Hinton & Salakhutdinov 2006); a window is flattened first.

    Args:
        units: width of the encoder's layers; the decoder mirrors them.
        latent: numbers that a row or window has to pass through.
        centered: see `begin`.
    """
    build = Builder(common, seed=seed, for_training=for_training)
    inputs, target, x, level = begin(input_shape, common.noise, build, centered)
    x = dense_stack(build, flat(x), units, common.dropout, "encoder")
    x = keras.layers.Dense(latent, name="latent", **build.kernel())(x)
    x = dense_stack(build, x, units[::-1], common.dropout, "decoder")
    return reconstructor(inputs, end(target, output(build, x, input_shape), level), "dense", common.loss, for_training)


def recurrent_autoencoder(
    cell: str, input_shape: tuple[int, int], common: RecurrentSeries, seed: int | None, for_training: bool
) -> keras.Model:
    """One recurrent network reads the window backwards, another one writes it (Srivastava et al. 2015; Malhotra et al.
    2016).

    The decoder is told the latent numbers at every step. Activation and normalization are of the latent numbers: the
    recurrent layers keep to tanh and sigmoid, which cuDNN can do. Dropout is on both sides of the bottleneck.

    Args:
        cell: `lstm` (Hochreiter & Schmidhuber 1997) or `gru` (Cho et al. 2014).
    """
    units = common.units
    build = Builder(common, seed=seed, for_training=for_training)
    inputs, target, x, level = begin(input_shape, common.noise, build, common.centered)

    x = keras.ops.flip(x, 1)  # what comes first is read last, and remembered best
    for number, width in enumerate(units, 1):
        x = build.recurrent(cell, width, f"encoder{number}", number < len(units), "glorot_uniform")(x)
    x = build.dense(common.latent, "latent")(build.dropout(x, common.dropout, "dropout1"))
    x = build.activate(build.normalize(x, "latent_norm"), "latent_act")
    x = keras.layers.RepeatVector(input_shape[0], name="repeat")(build.dropout(x, common.dropout, "dropout2"))
    for number, width in enumerate(units[::-1], 1):
        x = build.recurrent(cell, width, f"decoder{number}", kernel="glorot_uniform")(x)
    x = keras.layers.Dense(input_shape[-1], name="output", **build.kernel("glorot_uniform"))(x)
    return reconstructor(inputs, end(target, x, level), cell, common.loss, for_training)


def begin(
    input_shape: tuple[int, ...], noise: float, build: Builder | None, centered: bool = False
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor, keras.KerasTensor | None]:
    """The input, what is to be reconstructed, what the encoder sees of it, and the level taken away of each window."""
    inputs = keras.Input(input_shape, name="numbers")
    target, level = standardize(inputs), None
    if centered:
        level = keras.ops.mean(target, 1, keepdims=True)
        target = target - level
    return inputs, target, build.noise(target, noise) if build else target, level


def flat(x: keras.KerasTensor) -> keras.KerasTensor:
    """(batch, numbers)."""
    return keras.layers.Flatten(name="flatten")(x) if len(x.shape) > 2 else x


def output(build: Builder, x: keras.KerasTensor, shape: tuple[int, ...], name: str = "output") -> keras.KerasTensor:
    """A last layer that gives (batch, *shape)."""
    x = keras.layers.Dense(math.prod(shape), name=name, **build.kernel("glorot_uniform"))(x)
    return keras.layers.Reshape(shape, name=f"{name}_window")(x) if len(shape) > 1 else x


def end(
    target: keras.KerasTensor, reconstruction: keras.KerasTensor, level: keras.KerasTensor | None
) -> dict[str, keras.KerasTensor]:
    """The outputs, what was taken away by `begin` given back to what is restored."""
    restored = restore(reconstruction if level is None else reconstruction + level)
    return {"target": target, "reconstruction": reconstruction, "restored": restored}

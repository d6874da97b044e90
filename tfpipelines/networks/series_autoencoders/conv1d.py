"""Autoencoder of convolutions in time."""

from typing import Annotated

import keras
from pydantic import Field

from tfpipelines.core.config.networks import SeriesAutoencoder
from tfpipelines.core.config.section import Count, Counts
from tfpipelines.networks.layers import Builder
from tfpipelines.networks.reconstruction import reconstructor

from ..vector_autoencoders import begin, end, flat


def conv1d(
    input_shape: tuple[int, int],
    common: SeriesAutoencoder,
    filters: Counts = (32, 64),
    kernel_size: Count = 5,
    latent: Annotated[int, Field(ge=0)] = 8,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Strided convolutions in time.

    The way back is one of transposed convolutions. Dropout is on both sides of the bottleneck.

    Args:
        filters: channels of the encoder's stages, each half as long; the decoder mirrors them.
        kernel_size: of the convolutions, in points.
        latent: dimensions of the bottleneck; 0: no dense layer.
    """
    build = Builder(common, seed=seed, for_training=for_training)
    inputs, target, x, level = begin(input_shape, common.noise, build, common.centered)
    bias, lengths = common.normalization == "none", []
    for number, width in enumerate(filters, 1):
        lengths.append(x.shape[1])
        x = keras.layers.Conv1D(width, kernel_size, 2, "same", use_bias=bias, name=f"down{number}", **build.kernel())(x)
        x = build.activate(build.normalize(x, f"down{number}_norm"), f"down{number}_act")
    if latent:
        shape = x.shape[1:]
        x = build.dropout(flat(x), common.dropout, "dropout1")
        x = build.dropout(keras.layers.Dense(latent, name="latent", **build.kernel())(x), common.dropout, "dropout2")
        x = build.activate(keras.layers.Dense(shape[0] * shape[1], name="unfold", **build.kernel())(x), "unfold_act")
        x = keras.layers.Reshape(shape, name="map")(x)
    else:
        x = build.dropout(x, common.dropout)
    for number in range(len(filters), 0, -1):
        last = number == 1
        width = input_shape[-1] if last else filters[number - 2]
        kernel = build.kernel("glorot_uniform" if last else None)
        options = {"use_bias": last or bias, "name": f"up{number}", **kernel}
        x = keras.layers.Conv1DTranspose(width, kernel_size, 2, "same", **options)(x)
        if x.shape[1] > lengths[number - 1]:  # a length that could not be halved
            x = keras.layers.Cropping1D((0, x.shape[1] - lengths[number - 1]), name=f"up{number}_crop")(x)
        if not last:
            x = build.activate(build.normalize(x, f"up{number}_norm"), f"up{number}_act")
    return reconstructor(inputs, end(target, x, level), "conv1d", common.loss, for_training)

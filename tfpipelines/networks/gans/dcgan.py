"""Transposed convolutions against strided ones."""

from typing import Literal

import keras

from tfpipelines.core.config.images import IMAGE_STEP, SMALLEST_IMAGE
from tfpipelines.core.config.networks import Adversarial
from tfpipelines.core.config.section import Count, Counts, Fraction, Initializer

from ..gan_blocks import Player, generator_of, image_inputs, noise_inputs

_SMALLEST_MAP, _MOST_FILTERS = 4, 512


def dcgan(
    image_shape: tuple[int, int, int],
    classes: int,
    common: Adversarial,
    generator_filters: Counts = (64,),
    discriminator_filters: Counts = (64,),
    discriminator_units: Counts = (256,),
    kernel_size: Count = 4,
    dropout: Fraction = 0.3,
    initializer: Literal["normal"] | Initializer = "normal",
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> tuple[keras.Model, keras.Model]:
    """Transposed convolutions against strided ones (Radford et al. 2015).

    The generator doubles the side, the discriminator halves it, down to a smallest map of 4 to 7 pixels, for sides
    that can be halved so far. Where there are fewer maps than numbers of channels, the last numbers are ignored.

    Args:
        generator_filters: channels of the generator's maps, from the largest to the smallest; the last number is
            doubled at each further map, up to 512.
        discriminator_filters: the same of the discriminator.
        discriminator_units: width of dense layers between the discriminator's last map and its answer.
        kernel_size: side of the convolutions, in pixels.
        dropout: share of the discriminator's last map dropped.
        initializer: normal: N(0, 0.02) of convolutions, glorot_uniform of dense layers.

    Raises:
        ValueError: for a side that is no multiple of 4, or not square.
    """
    side, channels, stages = image_shape[0], image_shape[-1], _stages(image_shape)
    build = Player(common, "generator", initializer, seed, for_training)
    widths = _widths(generator_filters, stages)[::-1]
    small = side // 2**stages
    noise, label = noise_inputs(common.latent, classes)
    x = build.condition(noise, label, classes, common.embedding)
    x = build.dense(small * small * widths[0], "project")(x)
    x = keras.layers.Reshape((small, small, widths[0]), name="map")(x)
    x = build.activate(build.normalize(x, "project_norm"), "project_act")
    for number, width in enumerate([*widths[1:], channels], 1):
        last = number == stages
        x = build.up(width, kernel_size, f"up{number}", last)(x)
        if not last:
            x = build.activate(build.normalize(x, f"up{number}_norm"), f"up{number}_act")
    generator = generator_of(noise, label, x)

    build = Player(common, "discriminator", initializer, seed, for_training)
    image, label = image_inputs(image_shape, classes)
    x = image
    for number, width in enumerate(_widths(discriminator_filters, stages), 1):
        bare = number == 1 or common.discriminator_normalization == "none"
        x = build.down(width, kernel_size, f"down{number}", bare)(x)
        if number > 1:  # not on the image's own statistics: Radford et al.
            x = build.normalize(x, f"down{number}_norm")
        x = build.activate(x, f"down{number}_act")
    x = build.deviation(x, common.minibatch_deviation)
    x = build.dropout(keras.layers.Flatten(name="flatten")(x), dropout)
    for number, width in enumerate(discriminator_units, 1):
        x = build.activate(build.dense(width, f"dense{number}", bias=True)(x), f"dense{number}_act")
    return generator, build.discriminator(image, label, x, classes)


def _stages(shape: tuple[int, int, int]) -> int:
    """How often the side is halved on the way to the smallest map."""
    if shape[0] != shape[1] or shape[0] % IMAGE_STEP or shape[0] < SMALLEST_IMAGE:
        wanted = f"square, with a side that is a multiple of {IMAGE_STEP}, from {SMALLEST_IMAGE}"
        raise ValueError(f"image_shape is {shape}; it must be {wanted}")
    side, stages = shape[0], 0
    while side % 2 == 0 and side // 2 >= _SMALLEST_MAP:
        side, stages = side // 2, stages + 1
    return stages


def _widths(filters: tuple[int, ...], stages: int) -> list[int]:
    """The channels of each map, from the largest to the smallest."""
    widths = list(filters[:stages])
    while len(widths) < stages:
        widths.append(max(widths[-1], min(2 * widths[-1], _MOST_FILTERS)))
    return widths

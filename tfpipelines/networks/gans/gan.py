"""Dense layers against each other."""

import math
from typing import Literal

import keras

from tfpipelines.core.config.networks import Adversarial
from tfpipelines.core.config.section import Counts, Fraction, Initializer

from ..gan_blocks import Player, generator_of, image_inputs, noise_inputs


def gan(
    image_shape: tuple[int, int, int],
    classes: int,
    common: Adversarial,
    generator_units: Counts = (256, 512),
    discriminator_units: Counts = (512, 256),
    dropout: Fraction = 0.3,
    initializer: Literal["normal"] | Initializer = "glorot_uniform",
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> tuple[keras.Model, keras.Model]:
    """Dense layers over the flattened image (Goodfellow et al. 2014).

    Args:
        generator_units: width of the generator's hidden layers.
        discriminator_units: width of the discriminator's hidden layers.
        dropout: share of the discriminator's units dropped after each layer.
        initializer: normal: glorot_uniform of dense layers, N(0, 0.02) of the layer that gives the pixels.
    """
    build = Player(common, "generator", initializer, seed, for_training)
    noise, label = noise_inputs(common.latent, classes)
    x = build.condition(noise, label, classes, common.embedding)
    for number, width in enumerate(generator_units, 1):
        x = build.dense(width, f"dense{number}")(x)
        x = build.activate(build.normalize(x, f"dense{number}_norm"), f"dense{number}_act")
    pixels = {"activation": "tanh", "name": "pixels", "dtype": "float32", **build.kernel()}
    x = keras.layers.Dense(math.prod(image_shape), **pixels)(x)
    generator = generator_of(noise, label, keras.layers.Reshape(image_shape, name="map")(x))

    build = Player(common, "discriminator", initializer, seed, for_training)
    image, label = image_inputs(image_shape, classes)
    x = keras.layers.Flatten(name="flatten")(image)
    for number, width in enumerate(discriminator_units, 1):
        x = build.dense(width, f"dense{number}")(x)
        x = build.activate(build.normalize(x, f"dense{number}_norm"), f"dense{number}_act")
        x = build.dropout(x, dropout, f"dense{number}_dropout")
    return generator, build.discriminator(image, label, build.deviation(x, common.minibatch_deviation), classes)

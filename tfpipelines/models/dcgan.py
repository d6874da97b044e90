"""Generative adversarial networks of images: DCGAN (Radford et al. 2015), and dense layers (Goodfellow et al. 2014)."""

import math

import keras

from .gan import GAN
from .layers import Builder
from .minibatch import MinibatchDeviation
from .spectral import SpectralConv2D, SpectralDense

SMALLEST_IMAGE, LARGEST_IMAGE, IMAGE_STEP = 8, 128, 4  # side in pixels
_SMALLEST_MAP, _MOST_FILTERS = 4, 512
_CLASS_DEVIATION = (
    0.05  # of the initial embedding: with that of the noise, 1, a generator learned to heed the class alone
)


def dcgan(
    image_shape: tuple[int, int, int],
    classes: int = 0,
    latent: int = 64,
    embedding: int = 16,
    generator_filters: tuple[int, ...] = (64,),
    discriminator_filters: tuple[int, ...] = (64,),
    discriminator_units: tuple[int, ...] = (256,),
    kernel_size: int = 4,
    generator_activation: str = "relu",
    discriminator_activation: str = "leaky_relu",
    generator_normalization: str = "batch",
    discriminator_normalization: str = "none",
    spectral_normalization: bool = False,
    minibatch_deviation: int = 4,
    dropout: float = 0.3,
    initializer: str = "normal",
    *,
    seed: int | None = None,
    fused: bool = False,
    **training,
) -> GAN:
    """Transposed convolutions that double the side against strided ones that halve it (Radford et al. 2015).

    Both go between the image and the smallest map, of 4 to 7 pixels for sides that can be halved so far. On a class the
    generator is conditional by an embedding beside the noise (Mirza & Osindero 2014), the discriminator by a projection
    (Miyato & Koyama 2018).

    Args:
        image_shape: (side, side, channels), the side a multiple of 4.
        classes: on which both are conditional; 0: on none.
        latent: numbers of noise.
        embedding: numbers that stand for a class beside the noise.
        generator_filters, discriminator_filters: channels of the maps, from the largest to the smallest; where there
            are more maps than numbers, the last one is doubled at each further map, up to 512; where there are fewer,
            the last numbers do not count.
        discriminator_units: width of dense layers between the discriminator's last map and its answer.
        kernel_size: of all convolutions, in pixels.
        generator_activation, discriminator_activation: see `layers.Builder`; `leaky_relu` has the slope 0.2.
        generator_normalization, discriminator_normalization: see `layers.Builder`.
        spectral_normalization: of the discriminator's kernels (Miyato et al. 2018).
        minibatch_deviation: samples of a group by whose deviation the discriminator sees that images are too much
            alike; a batch that is no multiple is one group; 0: it does not.
        dropout: share of the discriminator's last map dropped.
        initializer: of all kernels; `normal`: N(0, 0.02) of convolutions, as in the paper, and glorot_uniform of dense
            layers.
        seed, fused: see `layers.Builder`.
        training: loss and all else that `gan.GAN` takes.

    Raises:
        ValueError: for a side that is no multiple of 4, or not square.
    """
    side, channels, stages = image_shape[0], image_shape[-1], _stages(image_shape)
    common = {"initializer": initializer, "weight_decay": 0.0, "seed": seed, "fused": fused}
    build = _Players(activation=generator_activation, normalization=generator_normalization, **common)
    widths = _widths(generator_filters, stages)[::-1]
    small = side // 2**stages
    noise, label = _inputs(latent, classes)
    x = build.condition(noise, label, classes, embedding)
    x = build.dense(small * small * widths[0], "project")(x)
    x = keras.layers.Reshape((small, small, widths[0]), name="map")(x)
    x = build.activate(build.normalize(x, "project_norm"), "project_act")
    for number, width in enumerate([*widths[1:], channels], 1):
        last = number == stages
        x = build.up(width, kernel_size, f"up{number}", last)(x)
        if not last:
            x = build.activate(build.normalize(x, f"up{number}_norm"), f"up{number}_act")
    generator = _generator(noise, label, x)

    build = _Players(
        activation=discriminator_activation,
        normalization=discriminator_normalization,
        spectral=spectral_normalization,
        **{**common, "seed": None if seed is None else seed + 1},
    )
    image, label = _image(image_shape, classes)
    x = image
    for number, width in enumerate(_widths(discriminator_filters, stages), 1):
        bare = number == 1 or discriminator_normalization == "none"
        x = build.down(width, kernel_size, f"down{number}", bare)(x)
        x = (
            x if number == 1 else build.normalize(x, f"down{number}_norm")
        )  # not on the image's own statistics: Radford et al.
        x = build.activate(x, f"down{number}_act")
    x = build.deviation(x, minibatch_deviation)
    x = build.dropout(keras.layers.Flatten(name="flatten")(x), dropout)
    for number, width in enumerate(discriminator_units, 1):
        x = build.activate(build.dense(width, f"dense{number}", bias=True)(x), f"dense{number}_act")
    return GAN(generator, build.discriminator(image, label, x, classes), name="dcgan", **training)


def dense_gan(
    image_shape: tuple[int, int, int],
    classes: int = 0,
    latent: int = 64,
    embedding: int = 16,
    generator_units: tuple[int, ...] = (256, 512),
    discriminator_units: tuple[int, ...] = (512, 256),
    generator_activation: str = "relu",
    discriminator_activation: str = "leaky_relu",
    generator_normalization: str = "batch",
    discriminator_normalization: str = "none",
    spectral_normalization: bool = False,
    minibatch_deviation: int = 4,
    dropout: float = 0.3,
    initializer: str = "glorot_uniform",
    *,
    seed: int | None = None,
    fused: bool = False,
    **training,
) -> GAN:
    """Dense layers over the flattened image (Goodfellow et al. 2014).

    Args:
        generator_units, discriminator_units: width of the hidden layers.
        dropout: share of units dropped after each layer of the discriminator.
        (others): see `dcgan`.
    """
    common = {"initializer": initializer, "weight_decay": 0.0, "seed": seed, "fused": fused}
    build = _Players(activation=generator_activation, normalization=generator_normalization, **common)
    noise, label = _inputs(latent, classes)
    x = build.condition(noise, label, classes, embedding)
    for number, width in enumerate(generator_units, 1):
        x = build.dense(width, f"dense{number}")(x)
        x = build.activate(build.normalize(x, f"dense{number}_norm"), f"dense{number}_act")
    x = keras.layers.Dense(math.prod(image_shape), activation="tanh", name="pixels", dtype="float32", **build.kernel())(
        x
    )
    generator = _generator(noise, label, keras.layers.Reshape(image_shape, name="map")(x))

    build = _Players(
        activation=discriminator_activation,
        normalization=discriminator_normalization,
        spectral=spectral_normalization,
        **{**common, "seed": None if seed is None else seed + 1},
    )
    image, label = _image(image_shape, classes)
    x = keras.layers.Flatten(name="flatten")(image)
    for number, width in enumerate(discriminator_units, 1):
        x = build.dense(width, f"dense{number}")(x)
        x = build.activate(build.normalize(x, f"dense{number}_norm"), f"dense{number}_act")
        x = build.dropout(x, dropout, f"dense{number}_dropout")
    return GAN(
        generator, build.discriminator(image, label, build.deviation(x, minibatch_deviation), classes), **training
    )


GANS = {"dcgan": dcgan, "gan": dense_gan}


class _Players(Builder):
    """Makes the layers of both networks; with `spectral` those with a kernel are spectrally normalized."""

    def __init__(self, spectral: bool = False, **settings):
        super().__init__(**settings)
        self.spectral = spectral

    def kernel(self, name: str | None = None) -> dict:
        if (name or self.initializer_name) != "normal":
            return super().kernel(name)
        return {
            **super().kernel("random_normal"),
            "kernel_initializer": keras.initializers.RandomNormal(stddev=0.02, seed=self.seed()),
        }

    def dense_kernel(self) -> dict:
        """Of a dense layer: N(0, 0.02) is made for convolutions."""
        return self.kernel("glorot_uniform" if self.initializer_name == "normal" else None)

    def dense(self, units: int, name: str, bias: bool | None = None) -> keras.Layer:
        kind = SpectralDense if self.spectral else keras.layers.Dense
        return kind(
            units,
            use_bias=self.normalization_name == "none" if bias is None else bias,
            name=name,
            **self.dense_kernel(),
        )

    def down(self, filters: int, size: int, name: str, bias: bool) -> keras.Layer:
        """A convolution that halves the side."""
        kind = SpectralConv2D if self.spectral else keras.layers.Conv2D
        return kind(filters, size, 2, "same", use_bias=bias, name=name, **self.kernel())

    def up(self, filters: int, size: int, name: str, last: bool) -> keras.Layer:
        """A transposed convolution that doubles the side; the last one gives the image, in float32."""
        more = {"activation": "tanh", "dtype": "float32"} if last else {}
        return keras.layers.Conv2DTranspose(
            filters,
            size,
            2,
            "same",
            use_bias=last or self.normalization_name == "none",
            name=name,
            **more,
            **self.kernel(),
        )

    def condition(self, noise, label, classes: int, size: int):
        """The noise, with numbers beside it that stand for the class where there is one."""
        if label is None:
            return noise
        embedding = keras.layers.Embedding(
            classes,
            size,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=_CLASS_DEVIATION, seed=self.seed()),
            name="class_embedding",
        )
        return keras.layers.Concatenate(name="condition")([noise, embedding(label)])

    def deviation(self, x, group: int):
        """With a group, what the batch is like beside each sample."""
        return MinibatchDeviation(group, name="minibatch_deviation")(x) if group else x

    def discriminator(self, image, label, x, classes: int) -> keras.Model:
        """What the last features say: a logit, and how they agree with the class."""
        kind = SpectralDense if self.spectral else keras.layers.Dense
        logit = kind(1, name="logit", **self.dense_kernel())(x)
        if label is None:
            return keras.Model(image, logit, name="discriminator")
        one_hot = keras.layers.CategoryEncoding(classes, output_mode="one_hot", name="one_hot")(label)
        direction = kind(x.shape[-1], use_bias=False, name="projection", **self.dense_kernel())(one_hot)
        agreement = keras.layers.Dot(-1, name="agreement")([direction, x])
        return keras.Model([image, label], keras.layers.Add(name="answer")([logit, agreement]), name="discriminator")

    def activate(self, x, name: str):
        return (
            keras.layers.LeakyReLU(0.2, name=name)(x)
            if self.activation_name == "leaky_relu"
            else super().activate(x, name)
        )


def _stages(shape: tuple[int, int, int]) -> int:
    """How often the side is halved on the way to the smallest map."""
    if shape[0] != shape[1] or shape[0] % IMAGE_STEP or shape[0] < SMALLEST_IMAGE:
        raise ValueError(
            f"image_shape is {shape}; it must be square, with a side that is a multiple of {IMAGE_STEP}, "
            f"from {SMALLEST_IMAGE}"
        )
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


def _inputs(latent: int, classes: int):
    return keras.Input((latent,), name="noise"), keras.Input((), dtype="int32", name="class") if classes else None


def _image(shape: tuple[int, int, int], classes: int):
    return keras.Input(shape, name="image"), keras.Input((), dtype="int32", name="class") if classes else None


def _generator(noise, label, image) -> keras.Model:
    return keras.Model(noise if label is None else [noise, label], image, name="generator")

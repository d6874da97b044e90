"""What generators and discriminators are made of.

On a class the generator is conditional by an embedding beside the noise (Mirza & Osindero 2014), the discriminator by a
projection (Miyato & Koyama 2018).
"""

import keras

from ..core.config.networks import Adversarial, Layers
from .layers import Builder
from .minibatch_stddev import MinibatchDeviation
from .spectral_norm import SpectralConv2D, SpectralDense

_CLASS_DEVIATION = 0.05  # of the initial embedding: beside noise of 1, a generator learned to use the class alone


class Player(Builder):
    """Makes the layers of one of both networks.

    Args:
        common: fields of both.
        player: `generator` or `discriminator`; the kernels of the latter are spectrally normalized where that is asked.
        initializer: of all kernels.
        seed, for_training: see `layers.Builder`.
    """

    def __init__(self, common: Adversarial, player: str, initializer: str, seed: int | None, for_training: bool):
        activation, normalization = (getattr(common, f"{player}_{field}") for field in ("activation", "normalization"))
        layers = Layers.model_construct(activation=activation, normalization=normalization, weight_decay=0.0)
        second = player == "discriminator"
        super().__init__(layers, seed=None if seed is None else seed + second, for_training=for_training)
        self.initializer_name = initializer
        self.spectral = second and common.spectral_normalization

    def kernel(self, name: str | None = None) -> dict:
        if (name or self.initializer_name) != "normal":
            return super().kernel(name)
        kernel = super().kernel("random_normal")
        return kernel | {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02, seed=self.seed())}

    def dense_kernel(self) -> dict:
        """Of a dense layer: N(0, 0.02) is made for convolutions."""
        return self.kernel("glorot_uniform" if self.initializer_name == "normal" else None)

    def dense(self, units: int, name: str, bias: bool | None = None) -> keras.Layer:
        kind = SpectralDense if self.spectral else keras.layers.Dense
        bias = self.normalization_name == "none" if bias is None else bias
        return kind(units, use_bias=bias, name=name, **self.dense_kernel())

    def down(self, filters: int, size: int, name: str, bias: bool) -> keras.Layer:
        """A convolution that halves the side."""
        kind = SpectralConv2D if self.spectral else keras.layers.Conv2D
        return kind(filters, size, 2, "same", use_bias=bias, name=name, **self.kernel())

    def up(self, filters: int, size: int, name: str, last: bool) -> keras.Layer:
        """A transposed convolution that doubles the side; the last one gives the image, in float32."""
        more = {"activation": "tanh", "dtype": "float32"} if last else {}
        bias = last or self.normalization_name == "none"
        return keras.layers.Conv2DTranspose(filters, size, 2, "same", use_bias=bias, name=name, **more, **self.kernel())

    def condition(self, noise, label, classes: int, size: int):
        """The noise, with numbers beside it that stand for the class where there is one."""
        if label is None:
            return noise
        start = keras.initializers.RandomNormal(stddev=_CLASS_DEVIATION, seed=self.seed())
        embedding = keras.layers.Embedding(classes, size, embeddings_initializer=start, name="class_embedding")
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
        if self.activation_name != "leaky_relu":
            return super().activate(x, name)
        return keras.layers.LeakyReLU(0.2, name=name)(x)


def noise_inputs(latent: int, classes: int) -> tuple[keras.KerasTensor, keras.KerasTensor | None]:
    """Noise (batch, latent), and the class where there are some."""
    return keras.Input((latent,), name="noise"), keras.Input((), dtype="int32", name="class") if classes else None


def image_inputs(shape: tuple[int, int, int], classes: int) -> tuple[keras.KerasTensor, keras.KerasTensor | None]:
    """An image, and the class where there are some."""
    return keras.Input(shape, name="image"), keras.Input((), dtype="int32", name="class") if classes else None


def generator_of(noise: keras.KerasTensor, label: keras.KerasTensor | None, image: keras.KerasTensor) -> keras.Model:
    """The generator of those inputs."""
    return keras.Model(noise if label is None else [noise, label], image, name="generator")

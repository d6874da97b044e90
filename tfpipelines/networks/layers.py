"""Layers that several networks share, and the seeds that make their initial weights repeatable."""

import itertools

import keras

from ..core.config.networks import Layers
from .fused_batch_norm import FusedBatchNormalization

CELLS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
BATCH_MOMENTUM = 0.9  # Keras' 0.99 needs hundreds of steps before inference sees sensible statistics


class Builder:
    """Remembers what all layers of a network have in common, and gives each its own seed.

    Args:
        common: names of a Keras activation and of a Keras initializer of kernels; the normalization: `none`, `batch`,
            `layer`, `group`, `instance`, `rms` or `local_response`, all over the channels, the last axis; and
            `weight_decay`, the factor of the L2 penalty on kernels.
        seed: of initializers and dropout; None draws other numbers each time.
        for_training: whether the network is to be trained: batch normalization then uses the fused kernel, which
            changes results by rounding alone. What is saved is built without, so that it loads in plain Keras.
        changes: of these fields, other values than those of `common`.
    """

    def __init__(self, common: Layers, *, seed: int | None = None, for_training: bool = False, **changes: str | float):
        common = common.model_copy(update=changes)
        self.activation_name: str = common.activation
        self.initializer_name: str = common.initializer
        self.normalization_name, self.weight_decay, self.for_training = (
            common.normalization,
            common.weight_decay,
            for_training,
        )
        self._seeds = itertools.repeat(None) if seed is None else itertools.count(seed * 10_007 + 1)

    @property
    def biased(self) -> bool:
        """Whether layers in front of the normalization have a bias: where it neither centres nor shifts."""
        return self.normalization_name in ("none", "local_response")

    def seed(self) -> int | None:
        """The next layer's seed."""
        return next(self._seeds)

    def kernel(self, name: str | None = None) -> dict:
        """Keyword arguments for a layer with a kernel."""
        kind = "".join(map(str.capitalize, (name or self.initializer_name).split("_")))
        initializer = keras.initializers.get({"class_name": kind, "config": {"seed": self.seed()}})
        penalty = keras.regularizers.L2(self.weight_decay) if self.weight_decay else None
        return {"kernel_initializer": initializer, "kernel_regularizer": penalty}

    def conv(self, filters: int, size: int, name: str, strides: int = 1, bias: bool | None = None) -> keras.Layer:
        """A convolution that keeps height and width but for its strides; without bias where a normalization follows."""
        bias = self.biased if bias is None else bias
        return keras.layers.Conv2D(filters, size, strides, "same", use_bias=bias, name=name, **self.kernel())

    def dense(self, units: int, name: str) -> keras.Layer:
        """A dense layer; without bias where a normalization follows."""
        return keras.layers.Dense(units, use_bias=self.biased, name=name, **self.kernel())

    def recurrent(
        self, cell: str, units: int, name: str, sequences: bool = True, kernel: str | None = None
    ) -> keras.Layer:
        """A recurrent layer, `rnn`, `lstm` or `gru`, that gives a sequence or what stands at its end."""
        start = keras.initializers.Orthogonal(seed=self.seed())
        options = {"recurrent_initializer": start, "seed": self.seed(), **self.kernel(kernel)}
        if cell == "lstm" and _float32_alone():
            options["dtype"] = "float32"
        return CELLS[cell](units, return_sequences=sequences, name=name, **options)

    def logits(self, classes: int) -> keras.Layer:
        """The last layer, (batch, classes), in float32 whatever the precision of the rest."""
        return keras.layers.Dense(classes, name="logits", dtype="float32", **self.kernel("glorot_uniform"))

    def normalize(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Applies the normalization.

        `group`: at most 32 groups (Wu & He 2018), of 2 channels at least in images and of 8 units in vectors;
        `instance` (Ulyanov et al. 2016): every channel by itself, in vectors, which have no extent, all units together;
        `local_response`: of maps alone, the units of a vector have no neighbours.
        """
        kind = self.normalization_name
        if kind == "none" or (kind == "local_response" and len(x.shape) != 4):
            return x
        if kind == "local_response":
            return local_response(x)
        if kind == "batch":
            layer = (
                FusedBatchNormalization if self.for_training and len(x.shape) == 4 else keras.layers.BatchNormalization
            )
            return layer(momentum=BATCH_MOMENTUM, name=name)(x)
        if kind == "layer":
            return keras.layers.LayerNormalization(name=name)(x)
        if kind == "rms":
            return keras.layers.RMSNormalization(name=name)(x)
        channels, spatial = x.shape[-1], len(x.shape) == 4
        least = 2 if spatial else 8  # of a vector, a group of one number would always be 0
        if kind == "instance":
            groups = channels if spatial else 1
        else:
            groups = next(n for n in (32, 16, 8, 4, 2, 1) if channels % n == 0 and (n == 1 or channels // n >= least))
        return keras.layers.GroupNormalization(groups, name=name)(x)

    def activate(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Applies the activation."""
        return keras.layers.Activation(self.activation_name, name=name)(x)

    def noise(self, x: keras.KerasTensor, deviation: float) -> keras.KerasTensor:
        """Applies Gaussian noise, in training alone, where `deviation` is above 0."""
        return keras.layers.GaussianNoise(deviation, seed=self.seed(), name="noise")(x) if deviation else x

    def dropout(self, x: keras.KerasTensor, rate: float, name: str = "dropout") -> keras.KerasTensor:
        """Applies dropout where `rate` is above 0."""
        return keras.layers.Dropout(rate, seed=self.seed(), name=name)(x) if rate else x


def local_response(x: keras.KerasTensor) -> keras.KerasTensor:
    """Local response normalization of (batch, height, width, channels): x / (2 + 1e-4 s) ** 0.75, where s adds the
    squares of the channel and of two on either side (Krizhevsky et al. 2012, section 3.3, with its constants).

    It is made of Keras' own operations, so that what is saved loads without this package.
    """
    ops, channels, reach = keras.ops, x.shape[-1], 2
    squares = ops.pad(ops.square(x * 1e-2), ((0, 0), (0, 0), (0, 0), (reach, reach)))  # float16 holds no larger ones
    total = squares[:, :, :, :channels]
    for shift in range(1, 2 * reach + 1):
        total = total + squares[:, :, :, shift : shift + channels]
    return x * ops.power(total + 2.0, -0.75)


def scaled_input(shape: tuple[int, int, int]) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The input, levels 0 to 255, and the same scaled to [0, 1]."""
    inputs = keras.Input(shape, name="levels")
    return inputs, keras.layers.Rescaling(1 / 255, name="scale")(inputs)


def _float32_alone() -> bool:
    """Whether Keras hands LSTM layers to jax's cuDNN, which fails with other types (jax 0.11)."""
    return keras.backend.backend() == "jax" and keras.distribution.list_devices()[0].startswith(("gpu", "cuda"))

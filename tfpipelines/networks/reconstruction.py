"""What all networks that reconstruct their input share: how they are trained, standardized, and what comes out of them.

Their output is a dict: `target` (what is to be reconstructed: the input, scaled), `reconstruction` (the same shape),
and where it can be told `restored` (the reconstruction in the units of the raw input). The variational ones add
`log_variance` for training, and `surprise`, the negative log-likelihood of each place, for what is saved;
`for_training` says which of the two is built. The fields of their scores (distance, pooling, top, smoothing) are those
of the detector.
"""

import keras
import numpy as np

from ..core.config.networks import Variational

_SMALLEST, _LARGEST = -6.0, 4.0  # of the logarithm of a variance
STANDARDIZE, RESTORE = "standardize", "restore"


class Reconstructor(keras.Model):
    """A Functional model of such outputs that is trained to reconstruct.

    Attributes:
        loss_name: see `reconstruction_loss`. What layers add (a divergence, weight decay) is added to it.
    """

    loss_name = "l2"

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return sum(map(_precise, self.losses), reconstruction_loss(y_pred, self.loss_name))


def reconstruction_loss(outputs: dict, name: str):
    """The mean loss of a batch, a scalar.

    Args:
        outputs: of a network as described above.
        name: `l1`, `l2`, `ssim`, `cosine` (see `distances`), or `probability`: the negative log likelihood of a normal
            distribution with the mean `reconstruction`, without its constant.
    """
    if name == "probability":
        return keras.ops.mean(nll(outputs["target"], outputs["reconstruction"], outputs["log_variance"]))
    return keras.ops.mean(distances(outputs["target"], outputs["reconstruction"], name))


def reconstructor(inputs, outputs: dict, name: str, loss: str, for_training: bool) -> keras.Model:
    """The model of those outputs: a `Reconstructor` where it is to be trained, else a plain one."""
    if not for_training:
        return keras.Model(inputs, outputs, name=name)
    model = Reconstructor(inputs, outputs, name=name)
    model.loss_name = loss
    return model


def distances(target, reconstruction, kind: str):
    """How far each place is from its reconstruction.

    Args:
        target, reconstruction: (batch, ..., channels).
        kind: `l2` (squared difference), `l1`, both of the shape of `target`; `ssim`, 1 - structural similarity by mean
            filters of 7 pixels (Wang et al. 2004), of images in [0, 1]; `cosine`, 1 - cosine over the channels, (batch,
            ..., 1).
    """
    ops = keras.ops
    target, reconstruction = _precise(target), _precise(reconstruction)
    if kind == "l2":
        return ops.square(target - reconstruction)
    if kind == "l1":
        return ops.abs(target - reconstruction)
    if kind == "cosine":
        square = lambda x: ops.sum(ops.square(x), -1, keepdims=True)
        length = ops.sqrt(square(target) * square(reconstruction))
        return 1.0 - ops.sum(target * reconstruction, -1, keepdims=True) / ops.maximum(length, 1e-6)
    window = min(7, *target.shape[1:3])
    mean = lambda x: ops.average_pool(x, window, 1, "same")
    mean_a, mean_b = mean(target), mean(reconstruction)
    variance_a = mean(ops.square(target)) - ops.square(mean_a)
    variance_b = mean(ops.square(reconstruction)) - ops.square(mean_b)
    covariance = mean(target * reconstruction) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    means, variances = ops.square(mean_a) + ops.square(mean_b) + c1, variance_a + variance_b + c2
    return 1.0 - (2.0 * mean_a * mean_b + c1) * (2.0 * covariance + c2) / (means * variances)


def nll(target, mean, log_variance):
    """Negative log likelihood of each number under a normal distribution, without its constant; as `target`."""
    target, mean, log_variance = _precise(target), _precise(mean), _precise(log_variance)
    return 0.5 * (log_variance + keras.ops.square(target - mean) * keras.ops.exp(-log_variance))


def _precise(x):
    return x if keras.backend.standardize_dtype(x.dtype) == "float32" else keras.ops.cast(x, "float32")


def bounded(log_variance):
    """Kept from the extremes where a constant pixel would be worth more than all others together."""
    return keras.ops.clip(log_variance, _SMALLEST, _LARGEST)


def standardize(inputs, name: str = STANDARDIZE):
    """Brings each channel, the last axis, to mean 0 and deviation 1 by statistics that `set_statistics` gives."""
    return _frozen(name)(inputs)


def restore(standardized):
    """The way back to the units of the input."""
    return _frozen(RESTORE)(standardized)


def _frozen(name: str) -> keras.Layer:
    # A batch normalization that is not trained is just this, in layers of Keras' own: its variance stays 1, so that its
    # epsilon does not show.
    return keras.layers.BatchNormalization(epsilon=1e-12, trainable=False, dtype="float32", name=name)


def set_statistics(model: keras.Model, mean: np.ndarray, deviation: np.ndarray) -> None:
    """Tells the layers `standardize` and `restore` of a model, or of a model inside of it, what they have to know.

    Args:
        mean, deviation: float (channels,); a deviation of 0 counts as 1.
    """
    deviation = np.where(deviation > 0, deviation, 1.0)
    for layer in model._flatten_layers():
        if layer.name == STANDARDIZE:
            layer.moving_mean.assign(mean.astype(np.float32))
            layer.gamma.assign((1.0 / deviation).astype(np.float32))
        elif layer.name == RESTORE:
            layer.gamma.assign(deviation.astype(np.float32))
            layer.beta.assign(mean.astype(np.float32))


@keras.saving.register_keras_serializable("tfpipelines")
class Sampling(keras.layers.Layer):
    """Draws the latent variable by its mean and log variance, and adds the divergence from N(0, 1) to the loss (Kingma
    & Welling 2014).

    Args:
        beta: weight of the divergence.
        size: numbers of the input, by which the divergence is divided as the reconstruction loss is.
        seed: of the draws.
    """

    def __init__(self, beta: float, size: int, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.beta, self.size, self.seed = beta, size, seed
        self.random = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=None):
        mean, log_variance = inputs
        divergence = 0.5 * keras.ops.sum(keras.ops.square(mean) + keras.ops.exp(log_variance) - 1.0 - log_variance, -1)
        self.add_loss(self.beta * keras.ops.mean(divergence) / self.size)
        if not training:
            return mean
        noise = keras.random.normal(keras.ops.shape(mean), dtype=mean.dtype, seed=self.random)
        return mean + keras.ops.exp(0.5 * log_variance) * noise

    def get_config(self):
        return {**super().get_config(), "beta": self.beta, "size": self.size, "seed": self.seed}


def variational(
    target, encode: keras.Model, decode: keras.Model, prior: Variational, seed: int | None, for_training: bool
) -> dict:
    """The outputs of a variational autoencoder.

    Args:
        target: symbolic, (batch, ...).
        encode: target -> (mean, log variance) of the latent variable, both (batch, latent).
        decode: latent variable -> (mean, log variance) of the target.
        prior: how much it counts, and `samples`, the draws that `surprise` is the mean of: the reconstruction
            probability of An & Cho 2015, negative and in logarithms. The draws are the same for every input, so that a
            score is a function of its input.
        for_training: whether it is to be trained; else it is made of layers that plain Keras can load.
    """
    mean, log_variance = encode(target)
    log_variance = bounded(log_variance)  # of what is far from all that was seen it may be anything
    if for_training:
        size = int(np.prod(target.shape[1:]))
        reconstruction, spread = decode(Sampling(prior.beta, size, seed, name="sampling")([mean, log_variance]))
        return {"target": target, "reconstruction": reconstruction, "log_variance": bounded(spread)}
    deviation, samples = keras.ops.exp(0.5 * log_variance), prior.samples
    draws = np.random.default_rng(seed).standard_normal((samples, mean.shape[-1])).round(6)
    total: keras.KerasTensor | None = None
    # Antithetic: of an even number the mean is 0.
    for draw in np.concatenate([draws[: samples // 2], -draws[: (samples + 1) // 2]]):
        drawn = keras.layers.Rescaling(draw.tolist())(deviation)
        reconstruction, spread = decode(mean + drawn)
        one = nll(target, reconstruction, bounded(spread))
        total = one if total is None else total + one
    assert total is not None  # there is one draw or more
    reconstruction, _ = decode(mean)
    return {"target": target, "reconstruction": reconstruction, "surprise": total / float(samples)}

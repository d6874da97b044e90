"""The model file of a generator: noise, and a class where it is conditional, -> image; and how noise is drawn."""

from pathlib import Path

import keras
import numpy as np
from scipy.special import ndtr, ndtri

from ...errors import DivergedError
from ...models.model_file import Artifact, save_model
from .gan import GAN

_BATCH = 64  # images at once: always so many, since the last bits of an image depend on the size of its batch


class GeneratorArtifact(Artifact):
    """A GAN's generator with images as they are seen: levels 0 to 255.

    Args:
        network: the GAN, in float32 and with a generator of plain Keras layers.
        facts: JSON values that travel in the file's metadata.
        discriminator: name of a file beside the model's, for further training; "" for none.

    Attributes:
        model: noise float32 (batch, latent), or [noise, class int32 (batch,)] -> float32 (batch, height, width,
            channels), levels 0 to 255.
    """

    def __init__(self, network: GAN, facts: dict, discriminator: str = ""):
        self.network, self.facts = network, facts
        if discriminator:
            self.beside = {discriminator: lambda path: save_model(network.discriminator, path, {})}
        tensors = network.generator.inputs
        inputs = [keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name) for tensor in tensors]
        given = inputs if network.conditional else inputs[0]
        levels = keras.layers.Rescaling(127.5, 127.5, name="levels")(network.generator(given))
        self.model = keras.Model(given, levels, name="generator_of_images")

    def save(self, path: Path) -> None:
        save_model(self.model, path, self.facts)


def draw_noise(count: int, latent: int, seed: int, truncation: float | None = None) -> np.ndarray:
    """Noise from N(0, 1), float32 (count, latent); the first rows are the same for every count.

    Args:
        truncation: numbers lie within +-truncation, drawn from the normal distribution cut there (Marchesi 2017, Brock
            et al. 2019); None: anywhere.
    """
    draws = np.random.default_rng([seed, 0]).random((count, latent))
    lowest = 0.0 if truncation is None else ndtr(-truncation)
    return ndtri(np.clip(lowest + draws * (1.0 - 2.0 * lowest), 1e-12, 1.0 - 1e-12)).astype(np.float32)


def noise_between(rows: int, steps: int, latent: int, seed: int) -> np.ndarray:
    """Noise on the way from one to another, on the sphere (White 2016), float32 (rows, steps, latent)."""
    one, two = np.split(draw_noise(2 * rows, latent, seed).astype(np.float64), 2)
    cosine = np.sum(one * two, -1) / np.maximum(np.linalg.norm(one, axis=-1) * np.linalg.norm(two, axis=-1), 1e-12)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))[:, None, None]
    share = np.linspace(0.0, 1.0, steps)[None, :, None]
    # Along the line, where the angle tells no way.
    weights = np.stack([np.broadcast_to(part, (rows, steps, 1)) for part in (1.0 - share, share)])
    bent = np.sin(angle)[:, 0, 0] > 1e-3
    arcs = np.stack([np.sin((1.0 - share) * angle), np.sin(share * angle)])
    weights[:, bent] = (arcs / np.sin(np.where(np.sin(angle) > 1e-3, angle, 1.0)))[:, bent]
    return (weights[0] * one[:, None] + weights[1] * two[:, None]).astype(np.float32)


def draw_classes(count: int, shares: np.ndarray, seed: int) -> np.ndarray:
    """Class numbers, int32 (count,), as frequent as `shares` say; the first are the same for every count."""
    draws = np.random.default_rng([seed, 1]).random(count)
    return np.minimum(np.searchsorted(np.cumsum(shares), draws, side="right"), len(shares) - 1).astype(np.int32)


def generate_images(model: keras.Model, noise: np.ndarray, classes: np.ndarray | None = None) -> np.ndarray:
    """Images of some noise, uint8 (count, height, width, channels).

    Args:
        model: of a `GeneratorArtifact`.
        classes: int32 (count,), where it is conditional.

    Raises:
        DivergedError: if what comes out is not finite.
    """
    rows = []
    for start in range(0, len(noise), _BATCH):
        inputs = [array[start : start + _BATCH] for array in (noise, classes) if array is not None]
        count = len(inputs[0])
        inputs = [np.concatenate([array, np.repeat(array[-1:], _BATCH - count, 0)]) for array in inputs]
        rows.append(model.predict_on_batch(inputs if classes is not None else inputs[0])[:count])
    levels = np.concatenate(rows)
    if not np.isfinite(levels).all():
        message = "Training diverged: the generated images are NaN or infinite."
        raise DivergedError(message, "Lower train.learning_rate, or set train.clip_norm=1.0.")
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)

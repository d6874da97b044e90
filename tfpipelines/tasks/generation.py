"""What is looked at while a generator is trained, and by what."""

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from tfpipelines import evaluation, models

PROGRESS = "progress"  # folder of the sheets of all epochs
_GRID = 64  # images of a sheet


class Judge:
    """Turns images into features that can be compared: those of a network, standardized by real images.

    Args:
        network: levels 0 to 255 (batch, height, width, channels) -> features (batch, numbers).
        real: uint8 images to train on, whose features are to have mean 0 and deviation 1.
    """

    def __init__(self, network: keras.Model, real: np.ndarray):
        self._network = network
        raw = self._raw(real)
        self._mean, deviation = raw.mean(0), raw.std(0)
        self._deviation = np.where(deviation > 1e-6 * max(deviation.max(), 1e-30), deviation, 1.0)
        self.real = self._standard(raw)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features of uint8 images, float64 (images, numbers)."""
        return self._standard(self._raw(images))

    def _standard(self, features: np.ndarray) -> np.ndarray:
        return (features - self._mean) / self._deviation

    def _raw(self, images: np.ndarray) -> np.ndarray:
        batches = [images[start : start + 128] for start in range(0, len(images), 128)]
        return np.concatenate([self._network.predict_on_batch(batch) for batch in batches]).astype(np.float64)


class Held(NamedTuple):
    """Real images that generated ones are compared with.

    Args:
        features: float (images, numbers).
        classes: class numbers (images,), or None.
    """

    features: np.ndarray
    classes: np.ndarray | None


class Watch(keras.callbacks.Callback):
    """At the end of each epoch: draws images of noise that stays the same, measures them, and warns of a collapse.

    Args:
        draw: function of (count, seed) to (uint8 images, class numbers or None), by the artifact.
        sheet: function of no argument to the uint8 images of the epoch's sheet.
        judge: of features.
        held: real images.
        count: images to measure.
        neighbours: see `evaluation.generation_metrics`.
        prefix: of the names in the logs.
        load: gives the artifact the present weights.
        folder: of the run.
        note: tells the user something.
        seed: of the noise.
    """

    def __init__(self, *, draw: Callable, sheet: Callable, judge: Judge, held: Held, count: int, neighbours: int, prefix: str, load: Callable, folder: Path, note: Callable, seed: int):
        super().__init__()
        self.draw, self.sheet, self.judge, self.held, self.count, self.neighbours = draw, sheet, judge, held, count, neighbours
        self.prefix, self.load, self.folder, self.note, self.seed = prefix, load, folder, note, seed
        self.collapsed, self.seconds = False, 0.0
        (folder / PROGRESS).mkdir(exist_ok=True)

    def get_state(self) -> dict:
        """What a checkpoint must hold."""
        return {"collapsed": self.collapsed, "seconds": self.seconds}

    def set_state(self, state: dict) -> None:
        """Takes back what `get_state` gave."""
        vars(self).update(state)

    def on_epoch_end(self, epoch, logs=None):
        began = time.perf_counter()
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.load()
        sheet = self.sheet()
        evaluation.write_picture(self.folder / PROGRESS / f"epoch-{epoch + 1:04d}.png", sheet)
        self._writer.show(sheet, epoch + 1)
        images, classes = self.draw(self.count, self.seed)
        features = self.judge(images)
        figures = evaluation.generation_metrics(features, self.held.features, self.neighbours)
        figures["diversity"] = evaluation.diversity(features, self.held.features, classes, self.held.classes)
        for name, value in figures.items():
            logs[f"{self.prefix}{name}"] = value
        self._alarm(epoch + 1, figures["diversity"])
        logs["measuring"] = time.perf_counter() - began
        self.seconds += logs["measuring"]

    def _alarm(self, epoch: int, diversity: float) -> None:
        collapsed = diversity < evaluation.COLLAPSE
        if collapsed and not self.collapsed:
            self.note(f"epoch {epoch}: the images collapse: they differ from each other {diversity:.2f} times as much as real ones do. If it lasts: lower train.discriminator_learning_rate, or set train.r1=1 or train.diff_augment=[translation]")
        elif self.collapsed and not collapsed:
            self.note(f"epoch {epoch}: the images differ from each other again, {diversity:.2f} times as much as real ones do")
        self.collapsed = collapsed

    @cached_property
    def _writer(self) -> "_Images":
        return _Images(self.folder / "logs" / "tensorboard")

    def on_train_end(self, logs=None):
        self._writer.close()


class _Images:
    """Image summaries for TensorBoard."""

    def __init__(self, folder: Path):
        import tensorflow as tf

        self._tf, self._writer = tf, tf.summary.create_file_writer(str(folder / "samples"))

    def show(self, sheet: np.ndarray, step: int) -> None:
        with self._writer.as_default():
            self._tf.summary.image("generated", sheet[None], step=step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def noise_between(rows: int, steps: int, latent: int, seed: int) -> np.ndarray:
    """Noise on the way from one to another, on the sphere (White 2016), float32 (rows, steps, latent)."""
    one, two = np.split(models.draw_noise(2 * rows, latent, seed).astype(np.float64), 2)
    cosine = np.sum(one * two, -1) / np.maximum(np.linalg.norm(one, axis=-1) * np.linalg.norm(two, axis=-1), 1e-12)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))[:, None, None]
    share = np.linspace(0.0, 1.0, steps)[None, :, None]
    weights = np.sin((1.0 - share) * angle), np.sin(share * angle)
    return ((weights[0] * one[:, None] + weights[1] * two[:, None]) / np.maximum(np.sin(angle), 1e-6)).astype(np.float32)

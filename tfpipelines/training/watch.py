"""What is looked at while a generator is trained."""

import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from .. import evaluation
from .callbacks import event_errors

PROGRESS = "progress"  # folder of the sheets of all epochs


class Watch(keras.callbacks.Callback):
    """At the end of each epoch: draws images of noise that stays the same, measures them, and warns of a collapse.

    Args:
        draw: function of (count, seed) to (uint8 images, class numbers or None), by the artifact.
        sheet: function of no argument to the uint8 images of the epoch's sheet.
        judge: an `evaluation.Judge`.
        held: `evaluation.Held` of real images.
        count: images to measure.
        neighbours: see `evaluation.generation_metrics`.
        prefix: of the names in the logs.
        load: gives the artifact the present weights.
        folder: of the run.
        note: tells the user something.
        seed: of the noise.
    """

    def __init__(
        self,
        *,
        draw: Callable,
        sheet: Callable,
        judge,
        held,
        count: int,
        neighbours: int,
        prefix: str,
        load: Callable,
        folder: Path,
        note: Callable,
        seed: int,
    ):
        super().__init__()
        self.draw, self.sheet, self.judge, self.held, self.count, self.neighbours = (
            draw,
            sheet,
            judge,
            held,
            count,
            neighbours,
        )
        self.prefix, self.load, self.folder, self.note, self.seed = prefix, load, folder, note, seed
        self.collapsed = False
        self._writer: _Images | None = None
        (folder / PROGRESS).mkdir(exist_ok=True)

    def get_state(self) -> dict:
        """What a checkpoint must hold."""
        return {"collapsed": self.collapsed}

    def set_state(self, state: dict) -> None:
        """Takes back what `get_state` gave."""
        self.__dict__.update(state)

    def on_epoch_end(self, epoch, logs=None):
        began = time.perf_counter()
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.load()
        sheet = self.sheet()
        evaluation.write_picture(self.folder / PROGRESS / f"epoch-{epoch + 1:04d}.png", sheet)
        with event_errors(self.folder / "logs" / "tensorboard"):
            self._writer = self._writer or _Images(self.folder / "logs" / "tensorboard")
            self._writer.show(sheet, epoch + 1)
        images, classes = self.draw(self.count, self.seed)
        features = self.judge(images)
        figures = evaluation.generation_metrics(features, self.held.features, self.neighbours)
        figures["diversity"] = evaluation.diversity(features, self.held.features, classes, self.held.classes)
        for name, value in figures.items():
            logs[f"{self.prefix}{name}"] = value
        self._alarm(epoch + 1, figures["diversity"])
        logs["measuring"] = time.perf_counter() - began

    def _alarm(self, epoch: int, diversity: float) -> None:
        collapsed = diversity < evaluation.COLLAPSE
        if collapsed and not self.collapsed:
            self.note(
                f"epoch {epoch}: the images collapse: they differ from each other {diversity:.2f} times as "
                "much as real ones do. If it lasts: lower train.discriminator_learning_rate, or set "
                "train.r1=1 or train.diff_augment=[color,translation,cutout]"
            )
        elif self.collapsed and not collapsed:
            self.note(
                f"epoch {epoch}: the images differ from each other again, {diversity:.2f} times as much as real ones do"
            )
        self.collapsed = collapsed

    def on_train_end(self, logs=None):
        if self._writer is not None:
            self._writer.close()
            self._writer = None  # after the rest of an interrupted epoch there is another fit call


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

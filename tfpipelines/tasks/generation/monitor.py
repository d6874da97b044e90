"""What is looked at while a generator is trained."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ... import evaluation, metrics
from ...training.callbacks import Resumable, event_errors

PROGRESS = "progress"  # folder of the sheets of all epochs


@dataclass(eq=False, kw_only=True)
class GANMonitor(Resumable, keras.callbacks.Callback):
    """At the end of each epoch: draws images of noise that stays the same, measures them, and warns of a collapse.

    Args:
        draw: function of (count, seed) to (uint8 images, class numbers or None), by the artifact.
        sheet: function of no argument to the uint8 images of the epoch's sheet.
        extractor: a `metrics.FeatureExtractor`.
        reference: `metrics.ReferenceSet` of real images.
        count: images to measure.
        neighbours: see `metrics.generation_metrics`.
        prefix: of the names in the logs.
        load: gives the artifact the present weights.
        folder: of the run.
        note: tells the user something.
        seed: of the noise.
    """

    kept = ("collapsed",)

    draw: Callable[[int, int], tuple[np.ndarray, np.ndarray | None]]
    sheet: Callable[[], np.ndarray]
    extractor: Any
    reference: Any
    count: int
    neighbours: int
    prefix: str
    load: Callable[[], None]
    folder: Path
    note: Callable[[str], None]
    seed: int

    def __post_init__(self):
        super().__init__()
        self.collapsed, self._writer = False, None
        (self.folder / PROGRESS).mkdir(exist_ok=True)

    def on_epoch_end(self, epoch, logs=None):
        began = time.perf_counter()
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.load()
        sheet = self.sheet()
        evaluation.write_picture(self.folder / PROGRESS / f"epoch-{epoch + 1:04d}.png", sheet)
        events = self.folder / "logs" / "tensorboard"
        with event_errors(events):
            self._writer = self._writer or tf.summary.create_file_writer(str(events / "samples"))
            with self._writer.as_default():
                tf.summary.image("generated", sheet[None], step=epoch + 1)
            self._writer.flush()
        images, classes = self.draw(self.count, self.seed)
        features = self.extractor(images)
        figures = metrics.generation_metrics(features, self.reference.features, self.neighbours)
        figures["diversity"] = metrics.diversity(features, self.reference.features, classes, self.reference.classes)
        for name, value in figures.items():
            logs[f"{self.prefix}{name}"] = value
        self._alarm(epoch + 1, figures["diversity"])
        logs["measuring"] = time.perf_counter() - began

    def _alarm(self, epoch: int, diversity: float) -> None:
        collapsed = diversity < metrics.COLLAPSE
        much = f"{diversity:.2f} times as much as real ones do"
        if collapsed and not self.collapsed:
            remedy = "set train.r1=1 or train.diff_augment=[color,translation,cutout]"
            remedy = f"If it lasts: lower train.discriminator_learning_rate, or {remedy}"
            self.note(f"epoch {epoch}: the images collapse: they differ from each other {much}. {remedy}")
        elif self.collapsed and not collapsed:
            self.note(f"epoch {epoch}: the images differ from each other again, {much}")
        self.collapsed = collapsed

    def on_train_end(self, logs=None):
        if self._writer is not None:
            self._writer.close()
            self._writer = None  # after the rest of an interrupted epoch there is another fit call

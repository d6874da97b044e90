"""What every classifier of images has in common, whichever network it trains."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from tfpipelines import datasets, evaluation, models

from .classification import SHOWN_MISTAKES, Classification

_INFERENCE_VALUES = 2**22  # input numbers of an inference batch, unless training batches are larger
_PIXEL_FIELDS = ("on_bad", "max_pixels", "background", "cache")


class ImageClassifier(Classification):
    """Reads images of one size, and predicts from them. What is left to say is the network: `build`."""

    source_fields = ("layout", "item_column", "label_column", "split_column", "root", "follow_links")
    reading_fields = (*source_fields, "on_bad", "max_pixels", "cache")
    place_fields = ("layout", "root")

    # --- data
    def _read(self, findings, path: str, splitting: bool) -> "datasets.ImageSamples":
        fields = self._data(*self.source_fields, *_PIXEL_FIELDS)
        if splitting:
            fields |= self._data("size", "channels", *self.split_fields)
        else:
            fields |= {"size": self.front.size, "channels": self.front.channels}
        samples = datasets.read_image_samples(findings, self._front, path=path, seed=self.pipeline.seed, splitting=splitting, **fields)
        self.front = samples.front
        return samples

    def recall(self, facts: dict[str, Any]) -> None:
        super().recall(facts)
        self.front = self._front(tuple(facts["size"]), facts["channels"])

    def training_batches(self, first_step: int, last_step: int):
        data, train = self.pipeline.data, self.pipeline.train
        rows, labels = self._training_rows()
        return datasets.training_batches(
            self.samples.store,
            rows,
            self._training_targets(labels),
            batch_size=train.batch_size,
            seed=self.pipeline.seed,
            first_step=first_step,
            last_step=last_step,
            augmentation=datasets.Augmentation(**dict(data.augment)),
        )

    # --- model
    def artifact(self, core):
        return models.ClassifierArtifact(self.front, core, self.classes)

    # --- results
    def predict(self, model, inputs: Any, batch_size: int, temperature: float, explain: bool):
        import tensorflow as tf

        data = self.pipeline.data
        shape = [None, None, self.front.channels]
        resize = tf.function(self.front.in_tf_data, input_signature=[tf.TensorSpec(shape, tf.uint8)])
        entries = datasets.raw_images(inputs, **self._data("item_column", "follow_links"))
        read, rows = [], []
        for some, images in datasets.decoded(
            entries, lambda image: resize(tf.constant(image)).numpy(), self.front.channels, batch_size, data.background, data.max_pixels
        ):
            read += some
            rows.append(model.predict_on_batch(images) if len(images) else np.zeros((len(some), len(self.classes)), np.float32))
        probabilities = np.concatenate(rows) if rows else np.zeros((0, len(self.classes)), np.float32)
        return evaluation.prediction_table([entry.item for entry in read], probabilities, self.classes, errors=[entry.error for entry in read])

    # --- details
    @property
    def _inference_batch(self) -> int:
        """Images at once where nothing has to be kept for gradients: small ones go in larger batches."""
        return max(self.pipeline.train.batch_size, min(128, _INFERENCE_VALUES // math.prod(self.front.shape)))

    def _front(self, size: tuple[int, int], channels: int):
        data = self.pipeline.data
        return models.ImageFront(size, channels, data.resize, data.filter, data.antialias)

    def _batches(self, samples, rows: np.ndarray, labels: np.ndarray | None = None):
        targets = None if labels is None else datasets.Targets(labels, len(self.classes))
        return datasets.evaluation_batches(samples.store, rows, targets, batch_size=self._inference_batch)

    def _logits(self, core, samples, rows: np.ndarray) -> np.ndarray:
        return core.predict(self._batches(samples, rows), verbose=0)

    def _probabilities(self, model, temperature: float, samples, rows: np.ndarray) -> np.ndarray:
        return model.predict(self._batches(samples, rows), verbose=0)

    def _draw_mistakes(self, model, temperature: float, folder: Path, plots: Path, samples, rows: np.ndarray, probabilities: np.ndarray, mistakes: np.ndarray) -> None:
        shown = mistakes[:SHOWN_MISTAKES]
        frame = samples.frame.loc[rows[shown]]
        guesses = [self.classes[number] for number in probabilities[shown].argmax(1)]
        images = samples.store.images(rows[shown])
        path = plots / "mistakes.png"
        evaluation.plot_mistakes(path, images, list(frame["item"]), list(frame["label"]), guesses, probabilities[shown].max(1), len(mistakes))

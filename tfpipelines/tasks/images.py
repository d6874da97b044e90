"""What every classifier of images has in common, whichever network it trains."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tfpipelines import datasets, evaluation, models
from tfpipelines.errors import ConfigError

from .classification import SHOWN_MISTAKES, Classification

_SHOWN_HEAT = 12
_HEAT_NOTE = (
    "Left the picture as the network sees it, right the same in grey: the brighter a place, the more it "
    "speaks for the predicted class "
    "(Grad-CAM, Selvaraju et al. 2017). The map is coarse: it has the resolution of the last feature map."
)
_INFERENCE_VALUES = 2**22  # input numbers of an inference batch, unless training batches are larger
_PIXEL_FIELDS = ("on_bad", "max_pixels", "background", "cache")


class ImageClassifier(Classification):
    """Reads images of one size, and predicts from them. What is left to say is the network: `build`."""

    source_fields = ("layout", "item_column", "label_column", "split_column", "root", "follow_links")
    reading_fields = (*source_fields, "on_bad", "max_pixels", "cache")
    place_fields = ("layout", "root")
    explains = True

    # --- data
    def _read(self, findings, path: str, splitting: bool) -> "datasets.ImageSamples":
        pixels = self._data(*_PIXEL_FIELDS) | (
            self._input_fields() if splitting else {"size": self.front.size, "channels": self.front.channels}
        )
        fields = self._data(*self.source_fields, "on_bad", *(self.split_fields if splitting else ()))
        read = partial(datasets.read_labelled_images, seed=self.pipeline.seed_of_splits, splitting=splitting, **fields)
        samples = datasets.read_image_samples(findings, self._front, path=path, read=read, **pixels)
        self.front = samples.front
        return samples

    def _input_fields(self) -> dict[str, Any]:
        """`size` and `channels` of what the network gets to see."""
        return self._data("size", "channels")

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
            augmentation=datasets.Augmentation(data.augment),
        )

    # --- model
    def artifact(self, core):
        return models.ClassifierArtifact(self.front, core, self.classes)

    # --- results
    def predict(self, model, inputs: Any, batch_size: int, explain: bool):
        import tensorflow as tf

        data, where = self.pipeline.data, self._grad_cam(model) if explain else None
        shape = [None, None, self.front.channels]
        resize = tf.function(self.front.in_tf_data, input_signature=[tf.TensorSpec(shape, tf.uint8)])
        entries = datasets.raw_images(inputs, **self._data("item_column", "follow_links"))
        read, rows, pictures, heats = [], [], [], []
        for some, images in datasets.decoded(
            entries,
            lambda image: resize(tf.constant(image)).numpy(),
            self.front.channels,
            batch_size,
            data.background,
            data.max_pixels,
        ):
            read += some
            rows.append(
                model.predict_on_batch(images) if len(images) else np.zeros((len(some), len(self.classes)), np.float32)
            )
            if explain:
                pictures.append(images if len(images) else np.zeros((len(some), *self.front.shape), np.uint8))
                heats += list(where(pictures[-1], rows[-1].argmax(1)))
        probabilities = np.concatenate(rows) if rows else np.zeros((0, len(self.classes)), np.float32)
        table = evaluation.prediction_table(
            [entry.item for entry in read], probabilities, self.classes, errors=[entry.error for entry in read]
        )
        if explain:
            names = [self.classes[number] for number in probabilities.argmax(1)]
            explanations = [
                None if entry.error else {"class": name, "heat": heat.astype(np.float64).round(3).tolist()}
                for entry, name, heat in zip(read, names, heats)
            ]
            table.insert(len(table.columns) - ("error" in table), "explanation", explanations)
            table.attrs["pictures"] = evaluation.Pictures(
                np.concatenate(pictures) if pictures else np.zeros((0, *self.front.shape), np.uint8)
            )
        return table

    def draw_explanations(self, table, path: Path) -> None:
        names, images = evaluation.score_columns(self.classes), table.attrs["pictures"].images
        rows = [(number, row) for number, row in enumerate(table.to_dict("records")) if row["explanation"] is not None]
        entries = [
            {
                "item": row["item"],
                "answer": f"predicted {row['predicted']}",
                "figure": f"{max(row[name] for name in names):.2f}",
            }
            for _, row in rows
        ]
        heats = [np.array(row["explanation"]["heat"], np.float32) for _, row in rows]
        evaluation.write_heat(
            path,
            "Where in the pictures the predictions come from",
            _HEAT_NOTE,
            entries,
            images[[number for number, _ in rows]],
            heats,
        )

    def _grad_cam(self, model) -> "models.GradCam":
        try:
            return models.GradCam(models.core_of(model))
        except ValueError as error:
            raise ConfigError(
                f"This run cannot explain its predictions: {error}.",
                "Leave --explain out, or train a network of convolutions.",
            ) from error

    # --- export
    def served(self, model) -> "models.Served":
        answer = models.ServedClasses(self.classes, False, self.temperature)
        return models.Served(models.ServedImages(model, self.front, self.pipeline.data.background), answer)

    def _raw(self, samples, row: int) -> np.ndarray:
        return datasets.pixels(samples.source(row), self.front.channels, **self._data("background", "max_pixels"))

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

    def _draw_mistakes(
        self,
        model,
        temperature: float,
        folder: Path,
        plots: Path,
        samples,
        rows: np.ndarray,
        probabilities: np.ndarray,
        mistakes: np.ndarray,
    ) -> None:
        shown = mistakes[:SHOWN_MISTAKES]
        frame = samples.frame.loc[rows[shown]]
        guesses = [self.classes[number] for number in probabilities[shown].argmax(1)]
        images = samples.store.images(rows[shown])
        path = plots / "mistakes.png"
        evaluation.plot_mistakes(
            path, images, list(frame["item"]), list(frame["label"]), guesses, probabilities[shown].max(1), len(mistakes)
        )
        self._draw_heat(model, plots / "grad_cam.png", frame, images, probabilities[shown], len(mistakes))

    def _draw_heat(
        self, model, path: Path, frame, images: np.ndarray, probabilities: np.ndarray, mistakes: int
    ) -> None:
        """What spoke for the wrong class, and what for the right one, where the network can tell."""
        try:
            where = models.GradCam(models.core_of(model))
        except ValueError:  # a network of dense layers
            return
        count = min(_SHOWN_HEAT, len(images))
        if not count:
            return
        guesses, labels = probabilities[:count].argmax(1), datasets.encode_labels(frame.iloc[:count], self.classes)
        rows = [
            {"item": item, "label": label, "predicted": self.classes[guess], "confidence": share}
            for item, label, guess, share in zip(frame["item"], frame["label"], guesses, probabilities[:count].max(1))
        ]
        evaluation.plot_heat(
            path, images[:count], rows, where(images[:count], guesses), where(images[:count], labels), mistakes
        )

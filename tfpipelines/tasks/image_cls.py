"""Image classification: a network of ours, trained from the start on labelled images."""

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfpipelines import config, datasets, evaluation, models
from tfpipelines.config.images import ImageData
from tfpipelines.config.networks import CNN, ImageNetwork
from tfpipelines.errors import DataError, counted
from tfpipelines.runs import RunFolder, write_json

from .base import Task

_SHOWN_MISTAKES = 24
_INFERENCE_VALUES = 2**22  # input numbers of an inference batch, unless training batches are larger
_SOURCE_FIELDS = ("layout", "item_column", "label_column", "split_column", "root", "follow_links")
_PIXEL_FIELDS = ("on_bad", "max_pixels", "background", "cache")
_SPLIT_FIELDS = ("size", "channels", "validation", "test", "folds", "limit")


class ImageClassification(Task):
    """The task `image-cls`."""

    class Pipeline(config.Pipeline):
        """An image-cls pipeline."""

        default_network = "cnn"

        task: Literal["image-cls"] = "image-cls"
        data: ImageData
        model: ImageNetwork = CNN()

    reading_fields = (*_SOURCE_FIELDS, "on_bad", "max_pixels", "cache")
    place_fields = ("layout", "root")

    def __init__(self, pipeline: config.Pipeline):
        super().__init__(pipeline)
        self.classes: list[str] = []
        self.samples: datasets.ImageSamples | None = None

    # --- data
    def load(self, findings) -> None:
        fields = self._data(*_SOURCE_FIELDS, *_PIXEL_FIELDS, *_SPLIT_FIELDS)
        self.samples = datasets.read_samples(findings, self._front, path=self.pipeline.data.path, seed=self.pipeline.seed, **fields)
        self._unfolded = self.samples
        self.front = self.samples.front

    def folds(self) -> int:
        if self.pipeline.data.folds is None:
            return 0
        return datasets.count_folds(self._unfolded, self.pipeline.data.folds)

    def check(self, findings, fold: int | None = None) -> None:
        data = self.pipeline.data
        if fold is not None:
            self.samples = datasets.split_fold(self._unfolded, data.folds, fold, data.validation, self.pipeline.seed)
        self.classes = datasets.check_samples(self.samples, data.on_leak, findings)

    def describe(self, findings) -> dict[str, Any]:
        return datasets.describe(self.samples, self.classes, findings) if self.samples else {"findings": findings.as_list()}

    def split_table(self):
        return self.samples.split_table()

    def recall(self, facts: dict[str, Any]) -> None:
        self.classes = list(facts["classes"])
        self.front = self._front(tuple(facts["size"]), facts["channels"])

    def steps_per_epoch(self) -> int:
        return len(self._training_rows()[0]) // self.pipeline.train.batch_size

    def training_batches(self, first_step: int, last_step: int):
        data, train = self.pipeline.data, self.pipeline.train
        rows, labels = self._training_rows()
        return datasets.training_batches(
            self.samples.store,
            rows,
            labels,
            len(self.classes),
            batch_size=train.batch_size,
            seed=self.pipeline.seed,
            first_step=first_step,
            last_step=last_step,
            augmentation=datasets.Augmentation(**dict(data.augment)),
            label_smoothing=train.label_smoothing,
            weights=datasets.class_weights(labels, self.classes, data.class_weights),
        )

    def validation_batches(self):
        if not len(self.samples.rows("validation")):
            return None
        return self._batches("validation", self.samples.labels("validation", self.classes))

    # --- model
    def build(self, fused: bool):
        network = dict(self.pipeline.model)
        builder = models.IMAGE_NETWORKS[network.pop("name")]
        return builder(self.front.shape, len(self.classes), **network, seed=self.pipeline.seed, fused=fused)

    def compile(self, core, optimizer, **settings) -> None:
        import keras

        accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")
        core.compile(optimizer=optimizer, loss=keras.losses.CategoricalCrossentropy(from_logits=True), metrics=[accuracy], **settings)

    def artifact(self, core):
        return models.ClassifierArtifact(self.front, core, self.classes)

    # --- results
    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        metrics: dict[str, Any] = {}
        samples = self.samples
        if len(samples.rows("validation")):
            labels = samples.labels("validation", self.classes)
            if self.pipeline.evaluation.calibrate:
                artifact.temperature = evaluation.fit_temperature(labels, artifact.core.predict(self._batches("validation"), verbose=0))
            metrics["validation"] = evaluation.classification_metrics(labels, artifact.model.predict(self._batches("validation"), verbose=0))
        metrics["temperature"] = artifact.temperature
        evaluation.plot_curves(folder / "plots" / "curves.png", history, best_epoch)
        if len(samples.rows("test")):
            probabilities = artifact.model.predict(self._batches("test"), verbose=0)
            metrics |= self._account(samples, samples.rows("test"), probabilities, artifact.temperature, folder.path, folder / "plots")
        return metrics

    def evaluate_new(self, model, temperature: float, path: str, split: str | None, out: Path | None) -> dict[str, Any]:
        findings = datasets.Findings()
        fields = self._data(*_PIXEL_FIELDS, *_SOURCE_FIELDS) | {"size": self.front.size, "channels": self.front.channels}
        samples = datasets.read_samples(findings, self._front, path=path, splitting=False, **fields)
        findings.raise_errors()
        frame = samples.frame
        given = frame["split"].notna().any()
        split = split or ("test" if (frame["split"] == "test").any() else "all")
        if split != "all" and not given:
            raise DataError(f"{path} has no splits, so there is no {split} part.", "Leave --split out to use all of it.")
        samples.frame = frame = frame if split == "all" else frame[frame["split"] == split]
        if frame.empty:
            raise DataError(f"{path} has no samples in its {split} part.", "Name another part with --split.")
        unknown = sorted(set(frame["label"]) - set(self.classes))
        if unknown:
            raise DataError(f"{counted(len(unknown), 'class', 'classes')} of {path} unknown to the model.", f"It knows: {', '.join(self.classes[:20])}.", unknown[:10])
        rows = frame.index.to_numpy(np.int64)
        probabilities = model.predict(datasets.evaluation_batches(samples.store, rows, None, len(self.classes), batch_size=self._inference_batch), verbose=0)
        figures = self._account(samples, rows, probabilities, temperature, out, out)
        figures |= {"split": split, "findings": findings.as_list()}
        if out is not None:
            write_json(out / "metrics.json", figures)
        return figures

    def predict(self, model, inputs: Any, batch_size: int):
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

    def _data(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self.pipeline.data, name) for name in names}

    def _front(self, size: tuple[int, int], channels: int):
        data = self.pipeline.data
        return models.ImageFront(size, channels, data.resize, data.filter, data.antialias)

    def _training_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Store rows of the training part and their class numbers; those of rare classes repeated where asked."""
        rows, labels = self.samples.rows("train"), self.samples.labels("train", self.classes)
        if self.pipeline.data.oversample:
            order = datasets.oversampled(labels)
            return rows[order], labels[order]
        return rows, labels

    def _batches(self, split: str, labels: np.ndarray | None = None):
        return datasets.evaluation_batches(self.samples.store, self.samples.rows(split), labels, len(self.classes), batch_size=self._inference_batch)

    def _account(self, samples, rows: np.ndarray, probabilities: np.ndarray, temperature: float, folder: Path | None, plots: Path | None) -> dict[str, Any]:
        """Figures, and with `folder` the files, of some rows of the store."""
        names = samples.frame["label"].loc[rows]
        labels = names.map({name: number for number, name in enumerate(self.classes)}).to_numpy(np.int64)
        items = list(samples.frame["item"].loc[rows])
        figures = evaluation.account(labels, probabilities, self.classes, self.pipeline.evaluation.bootstrap, self.pipeline.seed)

        def draw_mistakes(path: Path, mistakes: np.ndarray, total: int) -> None:
            shown = mistakes[:_SHOWN_MISTAKES]
            guesses = [self.classes[number] for number in probabilities[shown].argmax(1)]
            images = samples.store.images(rows[shown])
            evaluation.plot_mistakes(path, images, [items[i] for i in shown], [names.iat[i] for i in shown], guesses, probabilities[shown].max(1), total)

        if folder is not None:
            evaluation.write_account(folder, plots, figures, labels, probabilities, self.classes, items, temperature, draw_mistakes)
        return figures

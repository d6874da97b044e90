"""What every classifier of images has in common, whichever network it trains."""

from pathlib import Path
from typing import Any

import numpy as np

from tfpipelines import datasets, evaluation, models
from tfpipelines.errors import ConfigError

from .abilities import Ability
from .classifier import SHOWN_MISTAKES, Classification
from .image_task import Pixels, explained
from .sample_task import add_explanations

_SHOWN_HEAT = 12
_HEAT_NOTE = (
    "Left: the image as the network sees it. Right: the same in grey; the brighter a place, the more it "
    "supports the predicted class "
    "(Grad-CAM, Selvaraju et al. 2017). The map is coarse: it has the resolution of the last feature map."
)


class ImageClassifier(Pixels, Classification):
    """Reads images of one size, and predicts from them. What is left to say is the network: `build`."""

    abilities = Classification.abilities | {Ability.COMPARES_IMAGES}

    # --- data
    def _list(self, data, findings, splitting: bool):
        seed = self.pipeline.seed_of_splits
        return datasets.read_labelled_images(data, findings, seed=seed, splitting=splitting)

    def training_batches(self, first_step: int, last_step: int):
        rows, labels = self._training_rows()
        steps, targets = self._steps(first_step, last_step), self._training_targets(labels)
        return datasets.training_batches(self.samples.store, rows, targets, **steps, augmentation=self._augmentation)

    # --- model
    def artifact(self, network):
        return models.ClassifierArtifact(self.preprocessor, network, self.classes)

    # --- results
    def predict(self, model, inputs: Any, batch_size: int, explain: bool, keep_columns: bool = False):
        where = self._grad_cam(model) if explain else None
        read, rows, pictures, heats = [], [], [], []
        for some, images in self._decoded(inputs, batch_size):
            read += some
            rows.append(model.predict_on_batch(images))
            if where is not None:
                pictures.append(images)
                heats += list(where(images, rows[-1].argmax(1)))
        probabilities = np.concatenate(rows) if rows else np.zeros((0, len(self.classes)), np.float32)
        items, errors = [entry.item for entry in read], [entry.error for entry in read]
        table = evaluation.prediction_table(items, probabilities, self.classes, errors=errors)
        if explain:
            maps = (heat.astype(np.float64).round(3).tolist() for heat in heats)
            told = zip(errors, probabilities.argmax(1), maps)
            explained_by = lambda number, heat: {"class": self.classes[number], "heat": heat}
            add_explanations(table, [None if error else explained_by(*rest) for error, *rest in told])
            table.attrs["pictures"] = self._pictures(pictures)
        return self._with_columns(table, read) if keep_columns else table

    def draw_explanations(self, table, path: Path) -> None:
        names, rows = evaluation.score_columns(self.classes), explained(table)
        told = [(f"predicted {row['predicted']}", f"{max(row[name] for name in names):.2f}") for _, row in rows]
        self._draw_heat(path, "Where in the pictures the predictions come from", _HEAT_NOTE, table, rows, told)

    def _grad_cam(self, model) -> "evaluation.GradCam":
        try:
            return evaluation.GradCam(models.network_of(model))
        except ValueError as error:
            cause = f"This run cannot explain its predictions: {error}."
            raise ConfigError(cause, "Leave --explain out, or train a network of convolutions.") from error

    # --- export
    def served(self, model) -> "models.Served":
        answer = models.ServedClasses(self.classes, False, self.temperature)
        return models.Served(models.ServedImages(model, self.preprocessor, self._pixel_data.background), answer)

    # --- details
    def _batches(self, rows: np.ndarray, labels: np.ndarray | None = None):
        targets = None if labels is None else datasets.Targets(labels, len(self.classes))
        return datasets.evaluation_batches(self.samples.store, rows, targets, batch_size=self._inference_batch)

    def _logits(self, network, rows: np.ndarray) -> np.ndarray:
        return network.predict(self._batches(rows), verbose=0)

    def _probabilities(self, model, temperature: float, rows: np.ndarray) -> np.ndarray:
        return model.predict(self._batches(rows), verbose=0)

    def _draw_mistakes(
        self, model, temperature: float, frame, probabilities: np.ndarray, folder: Path, plots: Path
    ) -> None:
        count, frame, probabilities = len(frame), frame.iloc[:SHOWN_MISTAKES], probabilities[:SHOWN_MISTAKES]
        images = self.samples.store.images(frame.index.to_numpy(np.int64))
        guesses = [self.classes[number] for number in probabilities.argmax(1)]
        items, labels = list(frame["item"]), list(frame["label"])
        evaluation.plot_mistakes(plots / "mistakes.png", images, items, labels, guesses, probabilities.max(1), count)
        self._draw_heat_of_mistakes(model, plots / "grad_cam.png", frame, images, probabilities, count)

    def _draw_heat_of_mistakes(
        self, model, path: Path, frame, images: np.ndarray, probabilities: np.ndarray, mistakes: int
    ) -> None:
        """What spoke for the wrong class, and what for the right one, where the network can tell."""
        try:
            where = evaluation.GradCam(models.network_of(model))
        except ValueError:  # a network of dense layers
            return
        if not len(images):
            return
        images, frame, probabilities = images[:_SHOWN_HEAT], frame.iloc[:_SHOWN_HEAT], probabilities[:_SHOWN_HEAT]
        guesses, labels = probabilities.argmax(1), datasets.encode_labels(frame, self.classes)
        rows = [
            {"item": item, "label": label, "predicted": self.classes[guess], "confidence": share}
            for item, label, guess, share in zip(frame["item"], frame["label"], guesses, probabilities.max(1))
        ]
        evaluation.plot_heat(path, images, rows, where(images, guesses), where(images, labels), mistakes)

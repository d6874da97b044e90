"""What every task that learns from labelled images has in common, whichever network it trains."""

from pathlib import Path
from typing import Any

import numpy as np

from tfpipelines import datasets, evaluation, models
from tfpipelines.errors import ConfigError

from .abilities import Ability
from .image_task import Pixels, explained
from .sample_task import add_explanations
from .supervised import SHOWN_MISTAKES, Supervised

_SHOWN_HEAT = 12
_PLACES = 8  # along each side, whose means are features of baselines
_HEAT_NOTE = (
    "Left: the image as the network sees it. Right: the same in grey; the brighter a place, the more it "
    "supports the predicted class "
    "(Grad-CAM, Selvaraju et al. 2017). The map is coarse: it has the resolution of the last feature map."
)


class SupervisedImages(Pixels, Supervised):
    """Reads images of one size, and predicts from them. What is left to say is the network: `build`."""

    abilities = Supervised.abilities | {Ability.COMPARES_IMAGES}

    # --- data
    def _list(self, data, findings, splitting: bool):
        seed, data = self.pipeline.seed_of_splits, data.model_copy(update=self._known_target(splitting))
        how: dict[str, Any] = {"seed": seed, "splitting": splitting, "promised": self._promised}
        table = datasets.read_labelled_images(data, findings, **how)
        if splitting and data.shuffle == "window" and "shard" not in table.frame:
            cause = f"{data.path} has no shards, and data.shuffle=window goes by them"
            findings.add("no_shards", "error", cause, "Leave data.shuffle out.")
        return table

    def training_batches(self, first_step: int, last_step: int):
        rows, labels = self._training_rows()
        steps, targets = self._steps(first_step, last_step), self._training_targets(labels)
        windows = None
        data: Any = self.pipeline.data
        if data.shuffle == "window":
            windows = datasets.Windows(self.samples.frame["shard"].loc[rows].to_numpy(), data.shuffle_window)
        how: dict[str, Any] = {**steps, "augmentation": self._augmentation, "windows": windows}
        return datasets.training_batches(self.samples.store, rows, targets, **how)

    # --- results
    def predict(self, model, inputs: Any, batch_size: int, explain: bool, keep_columns: bool = False):
        where = self._grad_cam(model) if explain else None
        read, rows, pictures, heats = [], [], [], []
        for some, images in self._decoded(inputs, batch_size):
            read += some
            rows.append(model.predict_on_batch(images))
            if where is not None:
                pictures.append(images)
                heats += list(where(images, self.target.chosen(self.target.of_model(rows[-1]))))
        answers = self.target.of_model(np.concatenate(rows) if rows else np.zeros((0, self.target.outputs), np.float32))
        items, errors = [entry.item for entry in read], [entry.error for entry in read]
        table = self.target.table(items, answers, errors=errors)
        if explain:
            maps = (heat.astype(np.float64).round(3).tolist() for heat in heats)
            told = zip(errors, self.target.chosen(answers), maps)
            named = lambda number: {"class": self.classes[number]} if self.classes else {}
            explained_by = lambda number, heat: {**named(number), "heat": heat}
            add_explanations(table, [None if error else explained_by(*rest) for error, *rest in told])
            table.attrs["pictures"] = self._pictures(pictures)
        return self._with_columns(table, read) if keep_columns else table

    def draw_explanations(self, table, path: Path) -> None:
        names, rows = evaluation.score_columns(self.classes), explained(table)
        share = lambda row: f"{max(row[name] for name in names):.2f}" if names else ""
        guess = lambda row: row["predicted"] if names else f"{row['predicted']:.6g}"
        told = [(f"predicted {guess(row)}", share(row)) for _, row in rows]
        self._draw_heat(path, "Where in the pictures the predictions come from", _HEAT_NOTE, table, rows, told)

    def _grad_cam(self, model) -> "evaluation.GradCam":
        try:
            return evaluation.GradCam(models.network_of(model))
        except ValueError as error:
            cause = f"This run cannot explain its predictions: {error}."
            raise ConfigError(cause, "Leave --explain out, or train a network of convolutions.") from error

    # --- export
    def served(self, model) -> "models.Served":
        given = models.ServedImages(model, self.preprocessor, self._pixel_data.background)
        return models.Served(given, self.target.served())

    # --- details
    def _batches(self, rows: np.ndarray, labels: np.ndarray | None = None):
        targets = None if labels is None else self.target.batch_targets(labels)
        how: dict[str, Any] = {"batch_size": self._inference_batch, "share": self.share}
        return datasets.evaluation_batches(self.samples.store, rows, targets, **how)

    def _outputs(self, network, rows: np.ndarray) -> np.ndarray:
        return network.predict(self._batches(rows), verbose=0)

    def _answers(self, model, rows: np.ndarray) -> np.ndarray:
        return self.target.of_model(model.predict(self._batches(rows), verbose=0))

    def _simple_features(self, train: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean levels of 8 x 8 places, by channel."""
        height, width, channels = self.preprocessor.shape
        lines = np.linspace(0, height, min(_PLACES, height) + 1).astype(int)[:-1]
        columns = np.linspace(0, width, min(_PLACES, width) + 1).astype(int)[:-1]

        def means(some: np.ndarray) -> np.ndarray:
            blocks = []
            for part in np.array_split(some, max(1, len(some) // 256)):
                images = self.samples.store.images(part).astype(np.float32)
                sums = np.add.reduceat(np.add.reduceat(images, lines, 1), columns, 2)
                blocks.append(sums.reshape(len(part), -1))
            return np.concatenate(blocks)

        return means(train), means(rows)

    def _draw_mistakes(self, model, frame, answers: np.ndarray, folder: Path, plots: Path) -> None:
        count, frame, answers = len(frame), frame.iloc[:SHOWN_MISTAKES], answers[:SHOWN_MISTAKES]
        images = self.samples.store.images(frame.index.to_numpy(np.int64))
        told = [self.target.told(label, answer) for label, answer in zip(frame["label"], answers)]
        title = self.target.heading(len(frame), count)
        evaluation.plot_mistakes(plots / "mistakes.png", images, list(frame["item"]), told, title)
        self._draw_heat_of_mistakes(model, plots / "grad_cam.png", frame, images, answers, count)

    def _draw_heat_of_mistakes(
        self, model, path: Path, frame, images: np.ndarray, answers: np.ndarray, count: int
    ) -> None:
        """What spoke for the answer, and, of classes, what for the right one, where the network can tell."""
        try:
            where = evaluation.GradCam(models.network_of(model))
        except ValueError:  # a network of dense layers
            return
        if not len(images):
            return
        images, frame, answers = images[:_SHOWN_HEAT], frame.iloc[:_SHOWN_HEAT], answers[:_SHOWN_HEAT]
        guesses = self.target.chosen(answers)
        heats = [(self._heat_titles(guesses, answers), where(images, guesses))]
        if datasets.target_of(frame) == "class":
            labels = datasets.encode_labels(frame, self.classes)
            heats.append(
                ([f"for {evaluation.short(label, 16)} (true)" for label in frame["label"]], where(images, labels))
            )
        heading = "regions that support each answer (Grad-CAM): "
        if self.classes:
            heading = "regions that support each class (Grad-CAM): "
        evaluation.plot_heat(
            path, images, list(frame["item"]), heats, heading + self.target.heading(len(images), count)
        )

    def _heat_titles(self, guesses: np.ndarray, answers: np.ndarray) -> list[str]:
        """Above the heat maps of the answers."""
        if not self.classes:
            return [f"for {answer:.4g}" for answer in answers]
        named = zip(guesses, answers)
        return [f"for {evaluation.short(self.classes[guess], 16)} ({answer[guess]:.2f})" for guess, answer in named]

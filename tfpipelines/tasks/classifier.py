"""What every classifier's task has in common: labels, splits, loss, and the evaluation of the results."""

from abc import abstractmethod
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from tfpipelines import datasets, evaluation, metrics, models, training
from tfpipelines.core.config.losses import LOSSES
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.core.words import counted
from tfpipelines.errors import ConfigError, DataError

from .abilities import Ability, Kind
from .sample_task import Sampled

if TYPE_CHECKING:
    import pandas as pd

    from tfpipelines.core.config.data import LabelledData

SHOWN_MISTAKES = 24


class Classification(Sampled):
    """A task whose samples have one class each, or several of them.

    What differs by the kind of sample is in the methods that begin with an underscore and are abstract here.
    """

    kind = Kind.CLASSIFIER
    abilities = frozenset({Ability.EXPLAINS, Ability.ONE_LOSS})

    def __init__(self, pipeline):
        super().__init__(pipeline)
        self.classes: list[str] = []

    @abstractmethod
    def _batches(self, rows: np.ndarray, labels: np.ndarray | None = None):
        """tf.data of some rows, once: inputs, with targets where `labels` are given. The order may be another."""

    @abstractmethod
    def _logits(self, network, rows: np.ndarray) -> np.ndarray:
        """Logits of some rows, float (rows, classes)."""

    @abstractmethod
    def _probabilities(self, model, temperature: float, rows: np.ndarray) -> np.ndarray:
        """Probabilities of some rows by an artifact's model, float (rows, classes)."""

    @abstractmethod
    def _draw_mistakes(
        self, model, temperature: float, frame: "pd.DataFrame", probabilities: np.ndarray, folder: Path, plots: Path
    ) -> None:
        """Shows the most confident of an artifact's mistakes: pictures in `plots`, tables in `folder`.

        Args:
            frame, probabilities: of the mistakes, the most confident first.
        """

    @abstractmethod
    def _raw(self, samples, row: int) -> Any:
        """A row of some samples as the artifact's model takes it."""

    def _prepare(self, findings) -> None:
        """Makes what hangs on the training rows; splits and classes are known by then."""

    # --- data
    def load(self, findings) -> Self:
        super().load(findings)
        self._unfolded = self.samples
        return self

    @property
    def _labelled_data(self) -> "LabelledData":
        """The section `data`."""
        return cast("LabelledData", self.pipeline.data)

    def folds(self) -> int:
        folds = self._labelled_data.folds
        return 0 if folds is None else datasets.count_folds(self._unfolded, folds)

    def check(self, findings, fold: int | None = None) -> Self:
        data, seed = self._labelled_data, self.pipeline.seed_of_splits
        if fold is not None and data.folds is not None:
            self.samples = datasets.split_fold(self._unfolded, data.folds, fold, data.validation, seed)
        self.classes = datasets.check_samples(self.samples, data.on_leak, findings, near=data.folds is None)
        if self.classes:
            if self.multi_label and (data.class_weights or data.oversample):
                raise ConfigError(
                    "data.class_weights and data.oversample go with one label a row, and these data have several.",
                    "Leave them out.",
                )
            self._require_loss()
            self._prepare(findings)
        return self

    def describe(self, findings) -> dict[str, Any]:
        return datasets.describe(self.samples, self.classes, findings)

    def restore(self, facts: dict[str, Any]) -> Self:
        super().restore(facts)
        self.classes, self.temperature = list(facts["classes"]), facts.get("temperature", 1.0)
        return self

    def steps_per_epoch(self) -> int:
        return len(self._training_rows()[0]) // self.pipeline.train.batch_size

    def validation_batches(self):
        rows = self.samples.rows("validation")
        return self._batches(rows, self.samples.labels("validation", self.classes)) if len(rows) else None

    @property
    def multi_label(self) -> bool:
        """Whether a row may have several classes, or none."""
        return datasets.is_multi_label(self.samples.frame)

    # --- model
    def compile(self, model, optimizer, **settings) -> None:
        model.compile(optimizer=optimizer, loss=self._loss(), metrics=[self._accuracy()], **settings)

    def objective(self, model) -> "training.Objective":
        network, loss = models.network_of(model), self._mean_loss(self._loss())
        return training.Objective(network, loss, self._labelled_batches, self._loss_name)

    def transfer_weights(self, layer, weights: list, earlier) -> list:
        return [] if layer.name == "logits" and earlier.facts.get("classes") != self.classes else weights

    def _loss(self):
        self._require_loss()  # a search changes it after `check`
        return training.make_loss(self.pipeline.train, self.multi_label)

    @property
    def _loss_name(self) -> str:
        name = self.pipeline.train.loss
        binary = "binary " if name == "cross_entropy" and self.multi_label else ""
        return f"{binary}{LOSSES[name].words}" + (", mean of the labels" if self.multi_label else "")

    def _require_loss(self) -> None:
        """Refuses a loss, or a field of one, that goes with several labels a row where these data have one each."""
        train = self.pipeline.train
        loss = LOSSES[train.loss]
        given = [] if loss.for_one else [f"loss={train.loss}"]
        given += [name for name in loss.several if getattr(train, name) is not None]
        if given and not self.multi_label:
            fitting = [name for name, entry in LOSSES.items() if entry.for_one]
            cause = f"train.{given[0]} goes with several labels a row, and these data have one each."
            raise ConfigError(
                cause, f"Take one of these: {', '.join(fitting)}." if not loss.for_one else "Leave it out."
            )

    def _mean_loss(self, loss):
        """A loss of Keras as that of an `Objective`."""
        return lambda targets, outputs, added: loss(targets, outputs)

    def _labelled_batches(self, rows: np.ndarray):
        """tf.data of some rows of the samples, once, with targets that are not smoothed."""
        return self._batches(rows, datasets.encode_labels(self.samples.frame.loc[rows], self.classes))

    def _accuracy(self):
        import keras

        return training.RowAccuracy() if self.multi_label else keras.metrics.CategoricalAccuracy(name="accuracy")

    def _log_loss(self):
        import keras

        kind = keras.metrics.BinaryCrossentropy if self.multi_label else keras.metrics.CategoricalCrossentropy
        return kind(name="log_loss", from_logits=True)

    # --- results
    def validate(self, artifact, folder: RunFolder) -> dict[str, float]:
        rows = self.samples.rows("validation")
        if not len(rows):
            return {}
        labels = self.samples.labels("validation", self.classes)
        if self.pipeline.evaluation.calibrate:
            artifact.temperature = metrics.fit_temperature(labels, self._logits(artifact.network, rows))
        return metrics.classifier_metrics(labels, self._probabilities(artifact.model, artifact.temperature, rows))

    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        figures, rows, plots = self.validate(artifact, folder), self.samples.rows("test"), folder / "plots"
        results: dict[str, Any] = {"validation": figures} if figures else {}
        results["temperature"] = artifact.temperature
        evaluation.plot_curves(plots / "curves.png", history, best_epoch)
        if len(rows):
            results |= self._evaluate_rows(artifact.model, artifact.temperature, rows, folder.path, plots)
        return results

    def _measure(self, model, path: str, findings, out: Path | None) -> dict[str, Any]:
        frame = self.samples.frame
        unknown = sorted({name for names in datasets.label_names(frame) for name in names} - set(self.classes))
        if unknown:
            cause = f"{counted(len(unknown), 'class', 'classes')} of {path} unknown to the model."
            raise DataError(cause, f"It knows: {', '.join(self.classes[:20])}.", unknown[:10])
        return self._evaluate_rows(model, self.temperature, frame.index.to_numpy(np.int64), out, out)

    # --- export
    def replayed(self, splits, parts: tuple[str, ...], count: int) -> "datasets.Replay":
        samples, _ = self._read_again()
        truth = lambda frame: ["|".join(sorted(names)) for names in datasets.label_names(frame)]
        raw = partial(self._raw, samples)
        return datasets.replay(samples.frame, splits, parts, count, self.pipeline.seed, truth, raw)

    # --- details
    def _training_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Store rows of the training split and their labels; those of rare classes repeated where asked."""
        rows, labels = self.samples.rows("train"), self.samples.labels("train", self.classes)
        if self._labelled_data.oversample:
            order = datasets.oversampled(labels)
            return rows[order], labels[order]
        return rows, labels

    def _training_targets(self, labels: np.ndarray) -> "datasets.Targets":
        weights = datasets.class_weights(labels, self.classes, self._labelled_data.class_weights)
        return datasets.Targets(labels, len(self.classes), self.pipeline.train.label_smoothing, weights)

    def _evaluate_rows(
        self, model, temperature: float, rows: np.ndarray, folder: Path | None, plots: Path | None
    ) -> dict[str, Any]:
        """Figures of some rows of the store, and with `folder` and `plots` the files."""
        classes, resamples = self.classes, self.pipeline.evaluation.bootstrap
        probabilities = self._probabilities(model, temperature, rows)
        frame = self.samples.frame.loc[rows]
        labels = datasets.encode_labels(frame, classes)
        figures = evaluation.evaluate(labels, probabilities, classes, resamples, self.pipeline.seed)
        if folder is not None and plots is not None:
            mistakes = evaluation.write_evaluation(
                folder, plots, figures, labels, probabilities, classes, frame, temperature
            )
            wrong = frame.iloc[mistakes], probabilities[mistakes]
            self._draw_mistakes(model, temperature, *wrong, folder, plots)
        return figures

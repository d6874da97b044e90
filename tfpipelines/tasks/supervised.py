"""What every task that learns from labels has in common: splits, target, loss, and the evaluation of the results."""

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from tfpipelines import datasets, evaluation, models, training
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.core.words import counted
from tfpipelines.errors import DataError

from . import targets
from .abilities import Ability, Kind
from .sample_task import Sampled

if TYPE_CHECKING:
    import pandas as pd

    from tfpipelines.core.config.data import LabelledData

SHOWN_MISTAKES = 24


class Supervised(Sampled):
    """A task whose samples have a class each, several labels, or a number.

    What differs by that is in `target`; what differs by the kind of sample is in the methods that begin with an
    underscore and are abstract here.

    Attributes:
        target: known once splits are checked, and of a finished run.
    """

    kind = Kind.CLASSIFIER
    abilities = frozenset({Ability.EXPLAINS, Ability.ONE_LOSS, Ability.FITS_TIME})

    def __init__(self, pipeline):
        super().__init__(pipeline)
        self.target: targets.Target = targets.OneClass([])
        self._as_written: str | None = None  # the target of a run of an earlier version that goes on

    @abstractmethod
    def _batches(self, rows: np.ndarray, labels: np.ndarray | None = None):
        """tf.data of some rows, once: inputs, with targets where `labels` are given. The order may be another."""

    @abstractmethod
    def _outputs(self, network, rows: np.ndarray) -> np.ndarray:
        """What the network tells of some rows, float (rows, outputs)."""

    @abstractmethod
    def _answers(self, model, rows: np.ndarray) -> np.ndarray:
        """Answers of an artifact's model to some rows, see `Target`."""

    @abstractmethod
    def _draw_mistakes(self, model, frame: "pd.DataFrame", answers: np.ndarray, folder: Path, plots: Path) -> None:
        """Shows the worst of an artifact's mistakes: pictures in `plots`, tables in `folder`.

        Args:
            frame, answers: of the mistakes, the worst first.
        """

    @abstractmethod
    def _simple_features(self, train: np.ndarray, rows: np.ndarray) -> tuple[Any, Any]:
        """Features of some training rows and of others, for baselines: float (rows, columns), or sparse."""

    @abstractmethod
    def _raw(self, samples, row: int) -> Any:
        """A row of some samples as the artifact's model takes it."""

    def _prepare(self, findings) -> None:
        """Makes what hangs on the training rows; splits and target are known by then."""

    def _more(self, rows: np.ndarray, answers: np.ndarray) -> dict[str, Any]:
        """Figures of some rows of the store that only this kind of sample has.

        Args:
            answers: to them, see `Target`.
        """
        return {}

    @property
    def _has_baselines(self) -> bool:
        """Whether simple methods are measured beside the model."""
        return self.target.name == "number"

    @property
    def classes(self) -> list[str]:
        """Names of the classes; [] of numbers."""
        return self.target.classes

    # --- data
    def load(self, findings) -> Self:
        super().load(findings)
        self._unfolded = self.samples
        return self

    @property
    def _labelled_data(self) -> "LabelledData":
        """The section `data`."""
        return cast("LabelledData", self.pipeline.data)

    def _known_target(self, splitting: bool) -> dict[str, str]:
        """The field `data.target` where it is known already: of data that a model is tried with."""
        if not splitting:
            return {"target": self.target.name, "target_scale": "linear"}  # nothing of new data is learned
        return {} if self._as_written is None else {"target": self._as_written}

    def resume(self, facts: dict[str, Any]) -> None:
        super().resume(facts)
        if "content_hash" in facts and "target" not in facts:
            self._as_written = "labels" if facts.get("multi_label") else "class"

    @property
    def _promised(self) -> bool:
        """Whether intervals promise a coverage, for which numbers need a calibration split."""
        return getattr(self.pipeline.evaluation, "coverage", None) is not None

    def folds(self) -> int:
        folds = self._labelled_data.folds
        return 0 if folds is None else datasets.count_folds(self._unfolded, folds)

    def check(self, findings, fold: int | None = None) -> Self:
        data, seed = self._labelled_data, self.pipeline.seed_of_splits
        if fold is not None and data.folds is not None:
            calibration = datasets.own_calibration(self._unfolded.frame, data, self._promised)
            self.samples = datasets.split_fold(self._unfolded, data.folds, fold, data.validation, seed, calibration)
        classes = datasets.check_samples(self.samples, data.on_leak, findings, near=data.folds is None)
        self.target = targets.target_of(self.samples, classes, self.pipeline)
        if self.target.learnable:
            self.target.require(self.pipeline)
            self.target.advise(self.samples, self.pipeline, findings)
            self._prepare(findings)
        return self

    def describe(self, findings) -> dict[str, Any]:
        facts = datasets.describe(self.samples, self.classes, findings)
        if self._as_written is not None:
            del facts["target"]
        return facts

    def restore(self, facts: dict[str, Any]) -> Self:
        super().restore(facts)
        self.target = targets.restored_target(facts)
        return self

    def steps_per_epoch(self) -> int:
        return self._steps_of(len(self._training_rows()[0]))

    def validation_batches(self):
        rows = self.samples.rows("validation")
        return self._batches(rows, self._labels("validation")) if len(rows) else None

    # --- model
    def compile(self, model, optimizer, **settings) -> None:
        loss, metrics = self.target.loss(self.pipeline), self._measuring(self.target.compiled_metrics())
        model.compile(optimizer=optimizer, loss=loss, **metrics, **settings)

    def _measuring(self, metrics: list) -> dict[str, Any]:
        """Metrics as arguments of `compile`; a share of a batch may hold rows that do not count."""
        if self.share is None:
            return {"metrics": metrics}
        return {"weighted_metrics": [training.OfRealRows(metric) for metric in metrics]}

    def objective(self, model) -> "training.Objective":
        network, loss = models.network_of(model), self._mean_loss(self.target.loss(self.pipeline))
        return training.Objective(network, loss, self._labelled_batches, self.target.loss_words(self.pipeline))

    def transfer_weights(self, layer, weights: list, earlier) -> list:
        return [] if layer.name == "logits" and earlier.facts.get("classes", []) != self.classes else weights

    def _mean_loss(self, loss):
        """A loss of Keras as that of an `Objective`."""
        return lambda targets, outputs, added: loss(targets, outputs)

    def _labelled_batches(self, rows: np.ndarray):
        """tf.data of some rows of the samples, once, with targets that are not smoothed."""
        return self._batches(rows, datasets.encode_labels(self.samples.frame.loc[rows], self.classes))

    def artifact(self, network) -> "models.Artifact":
        return self.target.artifact(self.preprocessor, network)

    # --- results
    def validate(self, artifact, folder: RunFolder) -> dict[str, float]:
        self.target.reset()
        self._fit_target(artifact)
        return self._validation_metrics(artifact)

    def _fit_target(self, artifact) -> None:
        """Fits temperature, thresholds or intervals."""

        def part(split: str) -> tuple[np.ndarray, Callable[[], np.ndarray]]:
            return self._labels(split), lambda: self._outputs(artifact.network, self.samples.rows(split))

        self.target.fit(artifact, self.pipeline, part("validation"), part("calibration"))

    def finish(self, artifact) -> list[str]:
        """Changes what may still be changed in an artifact when all is chosen and fitted by the validation split, and
        before the test split is opened; what there is to say of it, sentences without a stop.
        """
        return []

    def validation_figures(self, artifact) -> dict[str, float]:
        self.target.reset()
        return self._validation_metrics(artifact)

    def _validation_metrics(self, artifact) -> dict[str, float]:
        rows = self.samples.rows("validation")
        return self.target.metrics(self._labels("validation"), self._answers(artifact.model, rows)) if len(rows) else {}

    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        figures, rows, plots = self.validate(artifact, folder), self.samples.rows("test"), folder / "plots"
        results: dict[str, Any] = {"validation": figures} if figures else {}
        results |= self.target.facts()
        if told := self.finish(artifact):
            if len(self.samples.rows("calibration")):  # which no fit has seen
                self._fit_target(artifact)
                results |= self.target.facts()
            results["about"] = [*results.get("about", []), *told]
        if self.learns and history:
            evaluation.plot_curves(plots / "curves.png", history, best_epoch)
        if len(rows):
            about = results.pop("about", [])
            answers = self._answers(artifact.model, rows)
            results |= self._evaluate_rows(artifact.model, rows, folder.path, plots, answers)
            about += results.pop("about", [])
            if self._has_baselines and self.pipeline.evaluation.baselines:
                with self.timed("baselines"):
                    results |= self._baselines(rows, answers)
                about += results.pop("about", [])
            if about:
                results["about"] = about
        return results

    def _measure(self, model, path: str, findings, out: Path | None) -> dict[str, Any]:
        frame = self.samples.frame
        unknown = sorted({*datasets.label_counts(frame)} - set(self.classes))
        if unknown:
            cause = f"{counted(len(unknown), 'class', 'classes')} of {path} unknown to the model."
            raise DataError(cause, f"It knows: {', '.join(self.classes[:20])}.", unknown[:10])
        return self._evaluate_rows(model, frame.index.to_numpy(np.int64), out, out)

    # --- export
    def replayed(self, splits, parts: tuple[str, ...], count: int) -> "datasets.Replay":
        samples, _ = self._read_again()
        numbers = datasets.target_of(samples.frame) == "number"
        names = lambda frame: ["|".join(sorted(names)) for names in datasets.label_names(frame)]
        truth = (lambda frame: list(frame["label"])) if numbers else names
        raw = partial(self._raw, samples)
        return datasets.replay(samples.frame, splits, parts, count, self.pipeline.seed, truth, raw)

    # --- details
    def _baselines(self, rows: np.ndarray, answers: np.ndarray) -> dict[str, Any]:
        """The part of metrics.json that speaks of simple methods on some rows.

        Args:
            answers: of the model to them, see `Target`.
        """
        train = self.samples.rows("train")
        train_features, features = self._simple_features(train, rows)
        frame, seed = self.samples.frame, self.pipeline.seed
        known = frame.loc[train, "value"].to_numpy(), features, frame.loc[rows, "value"].to_numpy()
        log = self._labelled_data.target_scale == "log"
        return {"baselines": evaluation.number_baselines(train_features, *known, seed, log=log)}

    def _labels(self, split: str) -> np.ndarray:
        """Targets of a split's rows."""
        return self.samples.labels(split, self.classes)

    def _training_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Store rows of the training split and their targets; those of rare classes repeated where asked."""
        rows, labels = self.samples.rows("train"), self._labels("train")
        if self._labelled_data.oversample:
            order = self.target.repeated(labels)
            return rows[order], labels[order]
        return rows, labels

    def _training_targets(self, labels: np.ndarray) -> "datasets.Targets":
        return self.target.training_targets(labels, self.pipeline)

    def _evaluate_rows(
        self, model, rows: np.ndarray, folder: Path | None, plots: Path | None, answers: np.ndarray | None = None
    ) -> dict[str, Any]:
        """Figures of some rows of the store, and with `folder` and `plots` the files.

        Args:
            answers: to the rows, where they are known.
        """
        answers = self._answers(model, rows) if answers is None else answers
        frame = self.samples.frame.loc[rows]
        labels = datasets.encode_labels(frame, self.classes)
        figures = self.target.evaluate(labels, answers, self.pipeline) | self._more(rows, answers)
        if folder is not None and plots is not None:
            mistakes = self.target.write(folder, plots, figures, labels, answers, frame)
            self._draw_mistakes(model, frame.iloc[mistakes], answers[mistakes], folder, plots)
        return figures

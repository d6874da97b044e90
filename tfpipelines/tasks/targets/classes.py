"""Classes as targets: one a sample, or any number of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tfpipelines import datasets, evaluation, metrics, models, training
from tfpipelines.core.config import Pipeline

from ..abilities import Kind
from .base import Rows, Target

if TYPE_CHECKING:
    import pandas as pd

    from tfpipelines.core.config.data import LabelledData


class Classes(Target):
    """Probabilities of classes.

    Args:
        classes: their names.

    Attributes:
        temperature: that logits are divided by.
        thresholds: see `SeveralLabels`; None where they are 0.5.
    """

    kind = Kind.CLASSIFIER
    several = False

    def __init__(self, classes: list[str], temperature: float = 1.0, thresholds: np.ndarray | None = None):
        self.classes, self.temperature, self.thresholds = list(classes), temperature, thresholds

    @property
    def outputs(self) -> int:
        return len(self.classes)

    @property
    def learnable(self) -> bool:
        return bool(self.classes)

    # --- training
    def batch_targets(self, targets):
        return datasets.Targets(targets, len(self.classes))

    # --- answers
    def artifact(self, preprocessor, network):
        return models.ClassifierArtifact(preprocessor, network, self.classes, self.several)

    def reset(self) -> None:
        self.temperature, self.thresholds = 1.0, None

    def fit(self, artifact, pipeline: Pipeline, validation: Rows, calibration: Rows) -> None:
        assert isinstance(artifact, models.ClassifierArtifact)
        targets, outputs = calibration if len(calibration[0]) else validation
        if pipeline.evaluation.calibrate and len(targets):
            artifact.temperature = metrics.fit_temperature(targets, outputs())
        self.temperature = artifact.temperature

    def answers(self, outputs):
        return metrics.probabilities(outputs, self.temperature, self.several)

    def metrics(self, targets, answers):
        return metrics.classifier_metrics(targets, answers, self.thresholds)

    def evaluate(self, targets, answers, pipeline: Pipeline):
        resamples, seed = pipeline.evaluation.bootstrap, pipeline.seed
        return evaluation.evaluate(targets, answers, self.classes, resamples, seed, self.thresholds)

    def write(self, folder: Path, plots: Path, figures, targets, answers, frame) -> np.ndarray:
        given = (self.classes, frame, self.temperature, self.thresholds)
        return evaluation.write_evaluation(folder, plots, figures, targets, answers, *given)

    def facts(self) -> dict[str, Any]:
        return {"temperature": self.temperature}

    # --- words
    def table(self, items, answers, **known) -> "pd.DataFrame":
        several: dict[str, Any] = {"multi_label": self.several, "thresholds": self.thresholds}
        return evaluation.prediction_table(items, answers, self.classes, **several, **known)

    def chosen(self, answers):
        return answers.argmax(1) if len(answers) else np.zeros(0, int)

    def told(self, label: str, answer: np.ndarray) -> str:
        number = int(answer.argmax())
        guess = evaluation.short(self.classes[number], 14)
        return f"{evaluation.short(label, 20)} predicted as\n{guess} ({answer[number]:.2f})"

    def heading(self, shown: int, of: int) -> str:
        return f"the {shown} most confident of {of} mistakes" if of else "no mistakes"

    def served(self):
        return models.ServedClasses(self.classes, self.several, self.temperature, self.thresholds)


class OneClass(Classes):
    """One class a sample: softmax."""

    name = "class"

    def repeated(self, targets):
        return datasets.oversampled(targets)

    def training_targets(self, targets, pipeline: Pipeline):
        weights = datasets.class_weights(targets, self.classes, _data(pipeline).class_weights)
        return datasets.Targets(targets, len(self.classes), pipeline.train.label_smoothing, weights)

    def compiled_metrics(self):
        import keras

        return [keras.metrics.CategoricalAccuracy(name="accuracy")]

    def metrics_of_parts(self):
        import keras

        return [*self.compiled_metrics(), keras.metrics.CategoricalCrossentropy(name="log_loss", from_logits=True)]


class SeveralLabels(Classes):
    """Any number of labels a sample: a sigmoid of each, which is predicted from its threshold on.

    Attributes:
        weights: of present and absent labels in the loss, by `data.class_weights`, float32 (2, labels); None: 1.
    """

    name = "labels"
    several = True
    weights: np.ndarray | None = None

    def repeated(self, targets):
        return datasets.repeated_labels(targets)

    def require(self, pipeline: Pipeline) -> None:
        super().require(pipeline)
        weights = _data(pipeline).class_weights
        if isinstance(weights, dict):
            datasets.class_weights(np.zeros(0, int), self.classes, weights)

    def training_targets(self, targets, pipeline: Pipeline):
        return datasets.Targets(targets, len(self.classes), pipeline.train.label_smoothing)

    def learn_weights(self, targets: np.ndarray, pipeline: Pipeline) -> None:
        """Takes the weights of labels from the targets of the training rows."""
        self.weights = datasets.label_weights(targets, self.classes, _data(pipeline).class_weights)

    def loss(self, pipeline: Pipeline):
        self.require(pipeline)
        return training.make_loss(pipeline.train, self.name, self.weights)

    def loss_words(self, pipeline: Pipeline) -> str:
        name = super().loss_words(pipeline)
        return f"{'binary ' if name == 'cross-entropy' else ''}{name}, mean of the labels"

    def compiled_metrics(self):
        return [training.RowAccuracy()]

    def metrics_of_parts(self):
        import keras

        return [*self.compiled_metrics(), keras.metrics.BinaryCrossentropy(name="log_loss", from_logits=True)]

    def fit(self, artifact, pipeline: Pipeline, validation: Rows, calibration: Rows) -> None:
        super().fit(artifact, pipeline, validation, calibration)
        targets, outputs = calibration if len(calibration[0]) else validation
        given = pipeline.evaluation.threshold
        if given != "auto":
            self.thresholds = None if given == metrics.THRESHOLD else np.full(len(self.classes), given)
        elif len(targets):
            self.thresholds = metrics.fit_thresholds(targets, self.answers(outputs()))
        artifact.thresholds = None if self.thresholds is None else self.thresholds.tolist()

    def facts(self) -> dict[str, Any]:
        if self.thresholds is None:
            return super().facts()
        return super().facts() | {"thresholds": dict(zip(self.classes, self.thresholds.tolist()))}

    def told(self, label: str, answer: np.ndarray) -> str:
        lines = self.thresholds if self.thresholds is not None else np.full(len(answer), metrics.THRESHOLD)
        guess = "|".join(name for name, share, line in zip(self.classes, answer, lines) if share >= line)
        return f"{evaluation.short(label or '(none)', 20)} predicted as\n{evaluation.short(guess or '(none)', 20)}"


def _data(pipeline: Pipeline) -> "LabelledData":
    return cast("LabelledData", pipeline.data)

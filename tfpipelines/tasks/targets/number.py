"""A number as target: regression."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfpipelines import datasets, evaluation, metrics, models, training
from tfpipelines.core.config import Pipeline

from ..abilities import Kind
from .base import Rows, Target

if TYPE_CHECKING:
    import pandas as pd


_MORE = "Set data.calibration to a larger share, or evaluation.coverage lower"


def _lacks(coverage: float, count: int) -> str:
    """Why some calibration rows are too few for prediction intervals, "" if they are enough."""
    least = metrics.PredictionInterval.least_rows(coverage)
    what = f"a coverage of {coverage:g} needs {least} calibration rows"
    return "" if count >= least else f"{what}, and there {'is' if count == 1 else 'are'} {count}"


class Number(Target):
    """A number, learned in standard deviations of the training targets, told in their own unit.

    Args:
        scale: of the targets; None where the training rows have nothing to learn from.
        interval: by which numbers are told with a prediction interval; None without one.
    """

    name, kind = "number", Kind.REGRESSOR

    def __init__(self, scale: "models.NumberScale | None", interval: "metrics.PredictionInterval | None" = None):
        self.scale, self.interval = scale or models.NumberScale(), interval
        self._learnable = scale is not None

    @property
    def outputs(self) -> int:
        return 1

    @property
    def learnable(self) -> bool:
        return self._learnable

    def advise(self, samples: "datasets.Samples", pipeline: Pipeline, findings: "datasets.Findings") -> None:
        if smoothing := pipeline.train.label_smoothing:
            message = f"train.label_smoothing={smoothing:g} is for classes: numbers are learned as they are"
            findings.add("no_smoothing", "note", message)
        coverage, count = pipeline.evaluation.coverage, len(samples.rows("calibration"))
        if coverage is not None and (lacks := _lacks(coverage, count)):
            findings.add("no_intervals", "warning", f"There will be no prediction intervals: {lacks}", _MORE)

    # --- training
    def batch_targets(self, targets):
        return datasets.Targets(self.scale.learned(targets).astype(np.float32)[:, None], 1)

    def loss_words(self, pipeline):
        logarithm = "logarithm of the " if pipeline.data.target_scale == "log" else ""
        return f"{super().loss_words(pipeline)} of the standardised {logarithm}target"

    def compiled_metrics(self):
        return [training.RootMeanSquaredError(self.scale.restored_tensor)]

    # --- answers
    def artifact(self, preprocessor, network):
        return models.RegressorArtifact(preprocessor, network, self.scale)

    def reset(self) -> None:
        self.interval = None

    def fit(self, artifact, pipeline: Pipeline, validation: Rows, calibration: Rows) -> None:
        assert isinstance(artifact, models.RegressorArtifact)
        targets, outputs = calibration
        coverage, self.interval = pipeline.evaluation.coverage, None
        if coverage is not None and not _lacks(coverage, len(targets)):
            errors = np.abs(self.scale.learned(targets) - outputs()[:, 0].astype(np.float64))
            self.interval = metrics.PredictionInterval.fit(errors, coverage, "the calibration split")
        artifact.interval = None if self.interval is None else self.interval.facts()

    def answers(self, outputs):
        return self.scale.restored(outputs[:, 0])

    def of_model(self, predicted):
        return np.asarray(predicted, np.float64).reshape(-1)

    def bounds(self, answers: np.ndarray) -> dict[str, np.ndarray]:
        """{`low`, `high`}: the prediction intervals; {} without."""
        if self.interval is None:
            return {}
        low, high = self.scale.bounds(answers, self.interval.radius)
        return {"low": low, "high": high}

    def metrics(self, targets, answers):
        return metrics.regressor_metrics(targets, answers)

    def evaluate(self, targets, answers, pipeline: Pipeline):
        settings, bounds = pipeline.evaluation, self.bounds(answers)
        given = targets, answers, bounds.get("low"), bounds.get("high")
        figures = evaluation.evaluate_numbers(*given, settings.bootstrap, pipeline.seed)
        if self.interval is not None and bounds:
            share = figures["test"]["coverage"]
            figures["expected_coverage"] = self.interval.expected(len(targets))
            figures["about"] = [self.interval.beside_the_promise(share, len(targets))]
        return figures

    def write(self, folder: Path, plots: Path, figures, targets, answers, frame) -> np.ndarray:
        bounds = self.bounds(answers)
        return evaluation.write_numbers(folder, plots, figures, frame, answers, bounds.get("low"), bounds.get("high"))

    def facts(self) -> dict[str, Any]:
        if self.interval is None:
            return {}
        return {"interval": self.interval.facts(), "about": [self.interval.sentence()]}

    # --- words
    def table(self, items, answers, **known) -> "pd.DataFrame":
        return evaluation.number_table(items, answers, **self.bounds(answers), **known)

    def chosen(self, answers):
        return np.zeros(len(answers), int)

    def told(self, label: str, answer: np.ndarray) -> str:
        return f"{float(label):.4g} predicted as\n{float(answer):.4g}"

    def heading(self, shown: int, of: int) -> str:
        return f"the {shown} largest errors of {of} samples"

    def served(self):
        if self.interval is None:
            return models.ServedValue(self.scale)
        return models.ServedValue(self.scale, self.interval.radius, self.interval.coverage)

"""Anomaly detection in rows of numbers."""

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from tfpipelines import datasets, evaluation, models
from tfpipelines.config.anomaly import AnomalyPipeline, AnomalyTableData
from tfpipelines.config.kinds import ROW_AUTOENCODERS, RowAutoencoders

from .detection import Detection


class RowAnomaliesPipeline(AnomalyPipeline):
    """An anomaly-table pipeline."""

    default_network = "dense"
    takes, gives = (
        "rows of numbers, float32 (batch, columns), in the columns and units of the training table",
        "a score for each, higher the less it is like normal rows, and the share of each column",
    )
    hub_tags = ("anomaly-detection", "tabular")

    task: Literal["anomaly-table"] = "anomaly-table"
    data: AnomalyTableData
    model: RowAutoencoders = ROW_AUTOENCODERS.default(default_network)


class RowAnomalies(Detection):
    """The task `anomaly-table`."""

    schema = RowAnomaliesPipeline
    columns: list[str]
    unit = "row"

    # --- data
    def _read(self, findings, path: str, splitting: bool) -> "datasets.RowSamples":
        known = {} if splitting else {"columns": tuple(self.columns)}
        samples = datasets.read_rows(
            self.pipeline.data.model_copy(update={"path": path, **known}),
            findings,
            least=self.pipeline.evaluation.least,
            seed=self.pipeline.seed_of_splits,
            splitting=splitting,
            usual=() if splitting else self._normal,
        )
        self.columns = samples.columns
        self.front = models.NumbersFront((len(self.columns),))
        return samples

    def recall(self, facts: dict[str, Any]) -> Self:
        super().recall(facts)
        self.columns = list(facts["columns"])
        self.front = models.NumbersFront((len(self.columns),))
        return self

    # --- model
    def build(self, fused: bool):
        core = self._network(fused)
        models.set_statistics(
            core,
            *datasets.column_statistics(
                self.samples.store.features[self.samples.rows("train")], self.pipeline.data.scaling
            ),
        )
        return core

    # --- results
    def predict(self, model, inputs: Any, batch_size: int, explain: bool):
        items, values, errors = datasets.raw_rows(inputs, self.columns)
        answer = (
            self._part(model, *(("score", "map", "reconstruction") if explain else ("score", "map"))).predict(
                values, batch_size=batch_size, verbose=0
            )
            if len(values)
            else {}
        )
        scores, explanations = answer.get("score", np.zeros(0)), None
        if explain:
            explanations = [
                {
                    "columns": evaluation.guilty_columns(
                        self.columns, answer["map"][row], values[row], answer["reconstruction"][row]
                    )
                }
                for row in range(len(values))
            ]
        return self._table(items, scores, errors, explanations)

    def _more(
        self, model, threshold, samples, rows: np.ndarray, scores: np.ndarray, plots: Path | None
    ) -> dict[str, float]:
        alarms = rows[threshold.alarms(scores)]
        held_out = samples.rows("validation")
        normal = held_out if len(held_out) else rows[~threshold.alarms(scores)]
        if plots is not None and len(alarms) and len(normal):
            mean = lambda some: np.maximum(self._maps(model, samples, some[: evaluation.MOST_MAPS]), 0).mean(0)
            evaluation.plot_columns(
                plots / "columns.png",
                self.columns,
                mean(normal),
                mean(alarms),
                f"what the {len(alarms)} alarms differ in",
            )
        return {}

    # --- export
    def _served_input(self, model) -> "models.ServedInput":
        return models.ServedNumbers(model, self.columns)

    def _raw(self, samples, row: int) -> np.ndarray:
        return samples.store.features[row]

    # --- details
    def _numbers(self, samples, rows: np.ndarray) -> np.ndarray:
        mean, deviation = datasets.column_statistics(
            self.samples.store.features[self.samples.rows("train")], self.pipeline.data.scaling
        )
        return (samples.store.features[rows] - mean) / np.where(deviation > 0, deviation, 1.0)

    _features = _numbers

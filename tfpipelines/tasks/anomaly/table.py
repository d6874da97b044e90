"""Anomaly detection in the rows of a table."""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfpipelines import datasets, evaluation, metrics, models
from tfpipelines.core.config.kinds import ROW_AUTOENCODERS, RowAutoencoders
from tfpipelines.tasks import anomaly
from tfpipelines.tasks.anomaly.config import AnomalyPipeline, AnomalyTableData

from ..abilities import Ability
from ..following import By, RowFollower
from .numbers import NumberDetection


class RowAnomaliesPipeline(AnomalyPipeline):
    """An anomaly-table pipeline."""

    default_network = "auto"
    default_candidates = ("pca", "gaussian", "knn", "isolation_forest", {"name": "dense", "units": [32], "latent": 4})
    takes, gives = (
        "rows of numbers, float32 (batch, columns), in the columns and units of the training table",
        "a score for each, higher the less it is like normal rows, and the share of each column",
    )
    hub_tags = ("anomaly-detection", "tabular")

    task: Literal["anomaly-table"] = "anomaly-table"
    data: AnomalyTableData
    model: RowAutoencoders = ROW_AUTOENCODERS.default(default_network, default_candidates)


class RowAnomalies(NumberDetection):
    """The task `anomaly-table`."""

    schema = RowAnomaliesPipeline
    pipeline: RowAnomaliesPipeline
    unit = "row"
    abilities = NumberDetection.abilities | {Ability.FOLLOWS}
    loading_fields = ()
    _family, _trimmers = ROW_AUTOENCODERS, ("pca", "knn")
    encoder: "datasets.Columns"
    _numbers_only = False  # as runs of earlier versions are

    @property
    def names(self) -> list[str]:
        return self.encoder.names

    # --- data
    def _list(self, data, findings, splitting: bool, usual: tuple[str, ...]):
        how: dict[str, Any] = {"least": self.pipeline.evaluation.least, "seed": self.pipeline.seed_of_splits}
        how |= {"columns": None if splitting else self.encoder, "numbers_only": self._numbers_only}
        how["by"] = self.pipeline.evaluation.threshold_by
        return anomaly.read_rows(data, findings, splitting=splitting, usual=usual, **how)

    def _columns_of(self, samples) -> list[str]:
        self.encoder = samples.encoder
        return anomaly.feature_names(self.encoder)

    def _columns_in(self, facts: dict[str, Any]) -> list[str]:
        known = "encoder" in facts
        of = datasets.Columns.of_facts(facts["encoder"]) if known else datasets.Columns.of_numbers(facts["columns"])
        self.encoder, self._numbers_only = of, not known
        return anomaly.feature_names(self.encoder)

    def resume(self, facts: dict[str, Any]) -> None:
        super().resume(facts)
        self._numbers_only = "columns" in facts and "encoder" not in facts

    def _statistics_of(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        center, spread = super()._statistics_of(values)
        if self.pipeline.data.scaling == "none" or self.encoder.plain:
            return center, spread
        return center, anomaly.weighed(spread, values.mean(0), self.encoder, len(values))

    def _values(self, samples, rows: np.ndarray) -> np.ndarray:
        return samples.store.features[rows]

    # --- a choice among candidates
    @property
    def _known_odd(self) -> "tuple[np.ndarray, int]":
        odd: np.ndarray = self.samples.odd  # type: ignore[attr-defined]  # of rows
        return odd, len(odd)

    def _of_validation(self) -> "dict[str, np.ndarray]":
        train = self._values(self.samples, self._learned).astype(np.float64)
        groups, numbers = anomaly.feature_groups(self.encoder)
        known = anomaly.Features(
            groups, numbers, train.mean(0), train.std(0), (train == np.round(train)).all(0), *anomaly.steps_of(train)
        )
        return anomaly.made_anomalies(self._untouched, known, self.pipeline.seed)

    @property
    def _untouched(self) -> np.ndarray:
        return self._values(self.samples, self.samples.rows("validation"))

    # --- export
    def _served_input(self, model) -> "models.ServedInput":
        read = [] if self.encoder.plain else self.encoder.facts()
        return models.ServedNumbers(model, self.columns, read)

    # --- results
    def predict(self, model, inputs: Any, batch_size: int, explain: bool, keep_columns: bool = False):
        items, values, errors, origins, notes = anomaly.raw_rows(
            inputs, self.encoder, datasets.form_of(self.pipeline.data)
        )
        told = self._told(model, values, batch_size, explain) if len(values) else {"score": np.zeros(0)}
        contributing = lambda row: evaluation.top_contributing_columns(
            self.columns, told["map"][row], values[row], told["reconstruction"][row]
        )
        explanations = [{"columns": contributing(row)} for row in range(len(values))] if explain else None
        groups = datasets.cells_of_origins(origins, self.pipeline.evaluation.threshold_by)
        table = self._table(items, told["score"], errors, explanations, groups)
        table.attrs["notes"] = [*notes, *table.attrs.get("notes", ())]
        return evaluation.with_input_columns(table, datasets.input_columns(origins, keep_columns))

    def follower(self, model, keep_columns: bool, header=None, by: By = "point"):
        told = lambda values: self._told(model, values, len(values), explain=False)

        def tell(items, encoded, errors: list[str], groups: list[str | None] | None = None):
            values, bad = anomaly.detector_rows(encoded, self.encoder)
            errors = [one or other for one, other in zip(errors, bad)]
            return self._table(items, told(values)["score"], errors, None, groups)

        self._trace(told)
        return RowFollower(self.encoder, tell, keep_columns, header, self.pipeline.evaluation.threshold_by)

    def _more(self, model, threshold, rows: np.ndarray, scores: np.ndarray, plots: Path | None) -> dict[str, float]:
        alarmed = threshold.alarms(scores, self._groups(rows))
        alarms, held_out = rows[alarmed], self.samples.rows(self.samples.calibrating)
        normal = held_out if len(held_out) else rows[~alarmed]
        if plots is not None and len(alarms) and len(normal):
            mean = lambda some: np.maximum(self._maps(model, some[: metrics.MOST_MAPS]), 0).mean(0)
            title = f"what the {len(alarms)} alarms differ in"
            anomaly.plot_columns(plots / "columns.png", self.columns, mean(normal), mean(alarms), title)
        return {}

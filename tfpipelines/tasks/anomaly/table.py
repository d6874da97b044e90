"""Anomaly detection in the rows of a table."""

from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from tfpipelines import datasets, evaluation, metrics, models, networks
from tfpipelines.core import config
from tfpipelines.core.config.kinds import ROW_AUTOENCODERS, RowAutoencoders
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.core.words import counted
from tfpipelines.tasks import anomaly
from tfpipelines.tasks.anomaly.config import AnomalyPipeline, AnomalyTableData

from ..abilities import Ability
from ..following import By, RowFollower
from ..trainable import Combination, Trained
from .numbers import NumberDetection

_PSEUDO = "pseudo_roc_auc"
_TRIED = 2048  # rows that are scored at once
_ENOUGH = 10  # known anomalies from which on none are made


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

    @property
    def usual_objective(self) -> str:
        """`val_loss` of one autoencoder; scores of several detectors, or of fitted ones, have no loss in common."""
        several = self.chooses or "model.name" in self.search.space
        return f"val_{_PSEUDO}" if several or config.is_fitted(self.model) else self.objective


class RowAnomalies(NumberDetection):
    """The task `anomaly-table`."""

    schema = RowAnomaliesPipeline
    pipeline: RowAnomaliesPipeline
    unit = "row"
    abilities = NumberDetection.abilities | {Ability.FOLLOWS}
    loading_fields = ()
    encoder: "datasets.Columns"
    _numbers_only = False  # as runs of earlier versions are

    @property
    def names(self) -> list[str]:
        return self.encoder.names

    # --- data
    def _list(self, data, findings, splitting: bool, usual: tuple[str, ...]):
        how: dict[str, Any] = {"least": self.pipeline.evaluation.least, "seed": self.pipeline.seed_of_splits}
        how |= {"columns": None if splitting else self.encoder, "numbers_only": self._numbers_only}
        return anomaly.read_rows(data, findings, splitting=splitting, usual=usual, **how)

    def _columns_of(self, samples) -> list[str]:
        self.encoder = samples.encoder
        return anomaly.feature_names(self.encoder)

    def _columns_in(self, facts: dict[str, Any]) -> list[str]:
        known = "encoder" in facts
        of = datasets.Columns.of_facts(facts["encoder"]) if known else datasets.Columns.of_numbers(facts["columns"])
        self.encoder, self._numbers_only = of, not known
        return anomaly.feature_names(self.encoder)

    def check(self, findings, fold: int | None = None) -> Self:
        self.__dict__.pop("_made", None)
        return super().check(findings, fold)

    def resume(self, facts: dict[str, Any]) -> None:
        super().resume(facts)
        self._numbers_only = "columns" in facts and "encoder" not in facts

    @property
    def _statistics(self) -> tuple[np.ndarray, np.ndarray]:
        center, spread = super()._statistics
        if self.pipeline.data.scaling == "none" or self.encoder.plain:
            return center, spread
        values = self._values(self.samples, self.samples.rows("train"))
        return center, anomaly.weighed(spread, values.mean(0), self.encoder, len(values))

    def _values(self, samples, rows: np.ndarray) -> np.ndarray:
        return samples.store.features[rows]

    # --- a choice among candidates
    @cached_property
    def _made(self) -> "dict[str, np.ndarray]":
        """Anomalies of each kind, made of the validation rows; known ones of the validation split are a kind, or all
        that counts where they are enough.
        """
        odd: np.ndarray = self.samples.odd  # type: ignore[attr-defined]  # of rows
        known = {"known": odd} if len(odd) else {}
        return known if len(odd) >= _ENOUGH else known | self._of_validation()

    def _of_validation(self) -> "dict[str, np.ndarray]":
        train = self._values(self.samples, self.samples.rows("train")).astype(np.float64)
        groups, numbers = anomaly.feature_groups(self.encoder)
        known = anomaly.Features(groups, numbers, train.mean(0), train.std(0))
        normal = self._values(self.samples, self.samples.rows("validation"))
        return anomaly.made_anomalies(normal, known, self.pipeline.seed)

    def validation_figures(self, artifact) -> dict[str, float]:
        normal, made = self._tried(artifact.model)
        return {_PSEUDO: metrics.mean_roc_auc(normal, made)}

    def _tried(self, model) -> "tuple[np.ndarray, list[np.ndarray]]":
        """Scores of the normal validation rows, and of each kind of made anomaly."""
        score = lambda values: metrics.finite(self._part(model, "score").predict(values, batch_size=_TRIED, verbose=0))
        each = [self._values(self.samples, self.samples.rows("validation")), *self._made.values()]
        scores = np.split(score(np.concatenate(each)), np.cumsum([len(part) for part in each])[:-1])
        return scores[0], scores[1:]

    def combine(self, trained: list[Trained]) -> Combination | None:
        facts: dict[str, Any] = {}
        wrap = lambda one: anomaly.DetectorArtifact(self.preprocessor, one.network, facts, one.pipeline.model).model
        with self.timed("blend"):
            whole = [(one.label, wrap(one)) for one in trained]
            chosen = anomaly.best_of(
                [anomaly.Scored(label, model, *self._tried(model)) for label, model in whole], metrics.mean_roc_auc
            )
            if not chosen:
                return None
            share = round(1 / len(chosen), 4)
            return Combination(anomaly.combined(chosen), {one.label: share for one in chosen})

    # --- export
    def _served_input(self, model) -> "models.ServedInput":
        read = [] if self.encoder.plain else self.encoder.facts()
        return models.ServedNumbers(model, self.columns, read)

    # --- results
    def predict(self, model, inputs: Any, batch_size: int, explain: bool, keep_columns: bool = False):
        items, values, errors, origins, notes = anomaly.raw_rows(inputs, self.encoder)
        told = self._told(model, values, batch_size, explain) if len(values) else {"score": np.zeros(0)}
        contributing = lambda row: evaluation.top_contributing_columns(
            self.columns, told["map"][row], values[row], told["reconstruction"][row]
        )
        explanations = [{"columns": contributing(row)} for row in range(len(values))] if explain else None
        table = self._table(items, told["score"], errors, explanations)
        table.attrs["notes"] = notes
        return evaluation.with_input_columns(table, datasets.input_columns(origins, keep_columns))

    def follower(self, model, keep_columns: bool, header=None, by: By = "point"):
        told = lambda values: self._told(model, values, len(values), explain=False)

        def tell(items, encoded, errors: list[str]):
            values, bad = anomaly.detector_rows(encoded, self.encoder)
            return self._table(items, told(values)["score"], [one or other for one, other in zip(errors, bad)], None)

        self._trace(told)
        return RowFollower(self.encoder, tell, keep_columns, header)

    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        results = super().evaluate(artifact, folder, history, best_epoch)
        if self.asked.chooses:
            rows, kinds = len(self.samples.rows("validation")), ", ".join(self._made)
            made = f"anomalies that are made of the {counted(rows, 'row')} of the validation split ({kinds})"
            told = f"no known anomaly has chosen the network: {_PSEUDO} is of {made}"
            if odd := len(self._made.get("known", ())):
                own = f"the {counted(odd, 'anomaly', 'anomalies')} of the validation split"
                told = f"the network was chosen by {own}" + (f" and by {made}" if odd < _ENOUGH else "")
            results["about"].append(told)
        if kept := networks.rows_within(artifact.network):
            told = f"the model contains {counted(kept, 'training row')}"
            results["about"].append(f"{told}: whoever has its file, or an export of it, has them")
        return results

    def _more(self, model, threshold, rows: np.ndarray, scores: np.ndarray, plots: Path | None) -> dict[str, float]:
        alarms = rows[threshold.alarms(scores)]
        held_out = self.samples.rows(self.samples.calibrating)
        normal = held_out if len(held_out) else rows[~threshold.alarms(scores)]
        if plots is not None and len(alarms) and len(normal):
            mean = lambda some: np.maximum(self._maps(model, some[: metrics.MOST_MAPS]), 0).mean(0)
            title = f"what the {len(alarms)} alarms differ in"
            anomaly.plot_columns(plots / "columns.png", self.columns, mean(normal), mean(alarms), title)
        return {}

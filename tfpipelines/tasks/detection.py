"""What every anomaly detector's task has in common: normal samples to learn from, a threshold, and the account of the results."""

import time
from abc import abstractmethod
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tfpipelines import datasets, evaluation, models
from tfpipelines.runs import RunFolder, atomic_write, write_json

from .base import Task

_CALIBRATION = "the held-out part"
_SCORING = ("distance", "pooling", "top", "smoothing")  # fields of `model` that the network does not see


class Detection(Task):
    """A task that learns to reconstruct what is normal, and scores samples by how far they are from their reconstruction.

    What differs by the kind of sample is in the methods that begin with an underscore and are abstract here.
    """

    unit: ClassVar[str]  # what has one score
    explains = True

    def __init__(self, pipeline):
        super().__init__(pipeline)
        self.labels: list[str] = []
        self.samples: datasets.Samples | None = None
        self.front: Any = None

    @abstractmethod
    def _read(self, findings, path: str, splitting: bool) -> "datasets.Samples":
        """Reads a source; its frame has `anomalous`. Without `splitting` rows keep the splits they were given."""

    @abstractmethod
    def _batches(self, samples, rows: np.ndarray):
        """tf.data of some rows, once, in their order, as the artifact takes them."""

    @abstractmethod
    def _numbers(self, samples, rows: np.ndarray) -> np.ndarray:
        """Some rows for PCA and isolation forest, float (rows, numbers)."""

    @abstractmethod
    def _features(self, samples, rows: np.ndarray) -> np.ndarray:
        """Some rows in the space of the nearest neighbours, float (rows, numbers) or (rows, places, numbers)."""

    @abstractmethod
    def _more(self, model, threshold, samples, rows: np.ndarray, scores: np.ndarray, plots: Path | None) -> dict[str, float]:
        """Figures beyond those of the samples as a whole, such as of places; with `plots` also the pictures."""

    # --- data
    def load(self, findings) -> None:
        self.samples = self._read(findings, self.pipeline.data.path, splitting=True)

    def check(self, findings, fold: int | None = None) -> None:
        settings = self.pipeline.evaluation
        if "anomalous" in self.samples.frame:
            self.labels = datasets.check_normals(self.samples, settings.least, settings.false_alarm_rate, self.unit, self.pipeline.data.on_leak, findings)

    def describe(self, findings) -> dict[str, Any]:
        return datasets.describe_normals(self.samples, self.labels, findings) if self.samples else {"findings": findings.as_list()}

    def split_table(self):
        return self.samples.split_table()

    def recall(self, facts: dict[str, Any]) -> None:
        self._normal, self._trained_on = tuple(facts["normal"]), facts.get("trained_on", frozenset())
        self._folder = facts["folder"]

    @cached_property
    def threshold(self) -> "evaluation.Threshold":
        """That of the run whose model this is."""
        return evaluation.Threshold.read(self._folder)

    def steps_per_epoch(self) -> int:
        return len(self.samples.rows("train")) // self.pipeline.train.batch_size

    def training_batches(self, first_step: int, last_step: int):
        return self._training_batches(self.samples.store, self.samples.rows("train"), first_step, last_step)

    def validation_batches(self):
        return self._batches(self.samples, self.samples.rows("validation"))

    def _training_batches(self, store, rows: np.ndarray, first_step: int, last_step: int, **more):
        return datasets.training_batches(
            store, rows, None, batch_size=self.pipeline.train.batch_size, seed=self.pipeline.seed, first_step=first_step, last_step=last_step, **more
        )

    # --- model
    def compile(self, model, optimizer, **settings) -> None:
        model.compile(optimizer=optimizer, **settings)

    def artifact(self, core):
        model = self.pipeline.model
        scoring = {name: getattr(model, name) for name in _SCORING if hasattr(model, name)}
        return models.DetectorArtifact(self.front, core, {"normal": self.samples.facts.get("normal", [])}, **scoring)

    # --- results
    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        settings, train = self.pipeline.evaluation, self.pipeline.train
        metrics: dict[str, Any] = {"validation": {"reconstruction_loss": history[best_epoch - 1]["val_loss"]}}
        threshold = self._fit(artifact.model, self.samples, self.samples.rows("validation"), settings.false_alarm_rate, _CALIBRATION)
        threshold.write(folder.path)
        evaluation.plot_curves(folder / "plots" / "curves.png", history, best_epoch)
        about = [threshold.sentence()]
        if train.keep == "best" or train.early_stopping or train.schedule == "plateau":
            about.append("the held-out samples also chose the epoch, so they are not quite unseen: the threshold may be a little low")
        rows = self.samples.rows("test")
        if len(rows):
            figures = self._account(artifact.model, threshold, self.samples, rows, folder.path, folder / "plots", self.samples.rows("train"))
            about += figures.pop("about")
            metrics |= figures
        return {**metrics, "threshold": threshold.facts(), "about": about}

    def evaluate_new(self, model, path: str, split: str | None, out: Path | None) -> dict[str, Any]:
        findings = datasets.Findings()
        samples = self._read(findings, path, splitting=False)
        findings.raise_errors()
        split, frame = datasets.take_part(samples, path, split), samples.frame
        self.samples = samples
        datasets.known_from(frame, self._trained_on, self.unit, findings)
        if not frame["anomalous"].any():
            findings.add("no_anomalies", "warning", f"No {self.unit} is known to be an anomaly: only the false-alarm rate is measured")
        figures = self._account(model, self.threshold, samples, frame.index.to_numpy(np.int64), out, out, None)
        figures |= {"split": split, "findings": findings.as_list(), "threshold": self.threshold.facts()}
        if out is not None:
            write_json(out / "metrics.json", figures)
        return figures

    def recalibrate(self, model, path: str, rate: float | None, out: Path) -> "evaluation.Threshold":
        """Fits the threshold to new normal data, and writes it.

        Args:
            rate: of false alarms; None: as before.
            out: the run folder.

        Returns:
            The new threshold; what there is to say of the data is in its attribute `findings`.
        """
        findings = datasets.Findings()
        samples = self._read(findings, path, splitting=False)
        findings.raise_errors()
        frame = samples.frame
        odd = int(frame["anomalous"].sum())
        if odd:
            findings.add("left_out", "note", f"{odd} of {len(frame)} {self.unit}s are not normal by their labels: left out")
        samples.frame = frame = frame[~frame["anomalous"]]
        datasets.known_from(frame, self._trained_on, self.unit, findings)
        self.samples = samples
        threshold = self._fit(model, samples, frame.index.to_numpy(np.int64), rate or self.threshold.false_alarm_rate, str(path))
        threshold.write(out)
        threshold.findings = findings.as_list()
        return threshold

    # --- details
    def _network(self, builders: dict[str, Any], fused: bool, *backbone):
        """The pipeline's network for samples of the front's shape; where it has a backbone, its builder takes that first."""
        fields = {name: value for name, value in dict(self.pipeline.model).items() if name not in (*_SCORING, "backbone", "weights")}
        return builders[fields.pop("name")](*backbone, self.front.shape, **fields, seed=self.pipeline.seed, fused=fused)

    @contextmanager
    def _timed(self, name: str):
        """Adds the seconds of what is inside to metrics.json."""
        began = time.perf_counter()
        yield
        self.times[name] = round(self.times.get(name, 0.0) + time.perf_counter() - began, 3)

    def _data(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self.pipeline.data, name) for name in names}

    def _scores(self, model, samples, rows: np.ndarray) -> np.ndarray:
        return models.scores_only(model).predict(self._batches(samples, rows), verbose=0).astype(np.float64) if len(rows) else np.zeros(0)

    def _maps(self, model, samples, rows: np.ndarray) -> np.ndarray:
        """The distances of all places of some rows, float32 (rows, ...)."""
        return models.part_of(model, "map").predict(self._batches(samples, rows), verbose=0)

    def _fit(self, model, samples, rows: np.ndarray, rate: float, source: str) -> "evaluation.Threshold":
        threshold = evaluation.Threshold.fit(self._scores(model, samples, rows), rate, self.unit, source)
        threshold.places = evaluation.usual_distances(self._maps(model, samples, rows[: evaluation.MOST_MAPS]))
        return threshold

    def _account(self, model, threshold, samples, rows: np.ndarray, folder: Path | None, plots: Path | None, training: np.ndarray | None) -> dict[str, Any]:
        """Figures, and with `folder` the files, of some rows; with `training`, rows of the same store, also what stands beside them."""
        settings, seed = self.pipeline.evaluation, self.pipeline.seed
        frame, scores = samples.frame.loc[rows], self._scores(model, samples, rows)
        anomalous = frame["anomalous"].to_numpy(bool)
        figures: dict[str, Any] = {"test": evaluation.detection_metrics(anomalous, scores, threshold)}
        figures["intervals"] = evaluation.detection_intervals(anomalous, scores, threshold, settings.bootstrap, seed)
        figures["per_class"] = evaluation.by_label(frame["label"].to_numpy(object), anomalous, scores, threshold)
        figures["samples"], figures["about"] = len(rows), []
        normal = int((~anomalous).sum())
        if normal:
            low, high = figures["test_interval"] = threshold.expected(normal) or [0.0, 1.0]
            rate = figures["test"]["false_alarm_rate"]
            where = "inside of" if low <= rate <= high else "OUTSIDE of"
            figures["about"].append(f"measured: {round(rate * normal)} of {normal} normal {self.unit}s gave an alarm ({rate:.3f}), {where} the {low:.3f} to {high:.3f} that so many may show (95%)")
        beside = {}
        if training is not None and settings.baselines and anomalous.any() and normal:
            with self._timed("baselines"):
                beside = self._beside(samples, training, rows)
            figures["baselines"] = {name: evaluation.ranking_metrics(anomalous, values) for name, values in beside.items()}
        if folder is not None:
            labels = frame["label"] if anomalous.any() else None
            atomic_write(folder / "predictions.csv", evaluation.to_csv(evaluation.detection_table(frame["item"], scores, threshold, labels)))
            evaluation.plot_scores(plots / "scores.png", scores, anomalous, threshold.scores, threshold.threshold)
            if anomalous.any() and normal:
                evaluation.plot_ranking(plots / "curves_roc_pr.png", anomalous, {self.pipeline.model.name: scores, **beside}, threshold.threshold)
        figures["test"] |= self._more(model, threshold, samples, rows, scores, plots)
        return figures

    def _beside(self, samples, training: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Scores of the rows by methods that need no training, {name: float (rows,)}."""
        training = evaluation.some_rows(training, self.pipeline.seed)
        known, new = self._numbers(samples, training), self._numbers(samples, rows)
        scores = {"PCA": evaluation.Reconstruction().fit(known).score(new), "isolation forest": evaluation.Forest().fit(known).score(new)}
        known, new = self._features(samples, training), self._features(samples, rows)
        scores["nearest neighbour"] = evaluation.Neighbours().fit(known, len(rows)).score(new)
        return scores

    def _table(self, items: list[str], scores: np.ndarray, errors: list[str], explanations: list | None):
        """What `predict` gives."""
        table = evaluation.detection_table(items, scores, self.threshold, errors=errors)
        if explanations is not None:
            table.insert(len(table.columns) - ("error" in table), "explanation", [None if error else entry for entry, error in zip(explanations, errors)])
        return table

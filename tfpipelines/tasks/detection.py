"""What every anomaly detector's task has in common: normal samples to learn from, a threshold, and the account of
the results.
"""

import time
from abc import abstractmethod
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from tfpipelines import datasets, evaluation, models, networks, training
from tfpipelines.errors import ArtifactError
from tfpipelines.runs import RunFolder, atomic_write

from .abilities import Ability, Kind
from .sampled import Sampled

_CALIBRATION = "the held-out part"
_BLOCK = 512  # samples that a baseline scores at once


class Detection(Sampled):
    """A task that learns to reconstruct what is normal, and scores samples by how far they are from their
    reconstruction.

    What differs by the kind of sample is in the methods that begin with an underscore and are abstract here.
    """

    kind = Kind.DETECTOR
    abilities = frozenset({Ability.EXPLAINS, Ability.RECALIBRATES, Ability.ONE_LOSS})

    def __init__(self, pipeline):
        super().__init__(pipeline)
        self.labels: list[str] = []
        self.front: Any = None
        self._parts: dict[Any, Any] = {}

    @property
    def _inference_batch(self) -> int:
        return 256

    def _batches(self, samples, rows: np.ndarray):
        """tf.data of some rows, once, in their order, as the artifact takes them."""
        return datasets.evaluation_batches(samples.store, rows, None, batch_size=self._inference_batch)

    @abstractmethod
    def _numbers(self, samples, rows: np.ndarray) -> np.ndarray:
        """Some rows for PCA and isolation forest, float (rows, numbers)."""

    @abstractmethod
    def _features(self, samples, rows: np.ndarray) -> np.ndarray:
        """Some rows in the space of the nearest neighbours, float (rows, numbers) or (rows, places, numbers)."""

    @abstractmethod
    def _more(
        self, model, threshold, samples, rows: np.ndarray, scores: np.ndarray, plots: Path | None
    ) -> dict[str, float]:
        """Figures beyond those of the samples as a whole, such as of places; with `plots` also the pictures."""

    # --- data
    def check(self, findings, fold: int | None = None) -> Self:
        settings = self.pipeline.evaluation
        if "anomalous" in self.samples.frame:
            self.labels = datasets.check_normals(
                self.samples, settings.least, settings.false_alarm_rate, self.unit, self.pipeline.data.on_leak, findings
            )
        return self

    def describe(self, findings) -> dict[str, Any]:
        return datasets.describe_normals(self.samples, self.labels, findings)

    def recall(self, facts: dict[str, Any]) -> Self:
        super().recall(facts)
        self._normal, self._folder = tuple(facts["normal"]), facts["folder"]
        return self

    @cached_property
    def threshold(self) -> "evaluation.Threshold":
        """That of the run whose model this is."""
        return evaluation.Threshold.read(self._folder)

    def steps_per_epoch(self) -> int:
        return len(self.samples.rows("train")) // self.pipeline.train.batch_size

    def training_batches(self, first_step: int, last_step: int):
        rows = self.samples.rows("train")
        return datasets.training_batches(self.samples.store, rows, None, **self._steps(first_step, last_step))

    def validation_batches(self):
        return self._batches(self.samples, self.samples.rows("validation"))

    # --- model
    def compile(self, model, optimizer, **settings) -> None:
        model.compile(optimizer=optimizer, **settings)

    def artifact(self, core):
        facts = {"normal": datasets.normal_of(self.samples.frame)}
        return models.DetectorArtifact(self.front, core, facts, self.pipeline.model)

    def objective(self, model) -> "training.Objective":
        """Of a variational one: what it is trained by, at the mean of the latent variable instead of a draw."""
        core, name = models.core_of(model), getattr(self.pipeline.model, "loss", None)
        batches = partial(self._batches, self.samples)
        if name is None:
            network = models.take_weights(
                self.build(fused=True), core
            )  # only this one tells the variance and the divergence
            loss = lambda _, outputs, added: models.reconstruction_loss(outputs, "probability") + added
            return training.Objective(network, loss, batches, "negative ELBO at the mean code", labelled=False)
        network, before = self._moving(core)
        return training.Objective(
            network,
            lambda _, outputs, added: models.reconstruction_loss(outputs, name),
            batches,
            f"reconstruction loss ({name})",
            labelled=False,
            before=before,
        )

    def _moving(self, core) -> tuple:
        """The part of a core that is trained, and the part before it that stands still, None without."""
        return core, None

    # --- results
    def validate(self, artifact, folder: RunFolder) -> dict[str, float]:
        self._calibrate(artifact, folder)
        return {}

    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        train = self.pipeline.train
        metrics: dict[str, Any] = {"validation": {"loss": history[best_epoch - 1]["val_loss"]}}
        threshold = self._calibrate(artifact, folder)
        evaluation.plot_curves(folder / "plots" / "curves.png", history, best_epoch)
        about = [threshold.sentence()]
        if train.keep == "best" or train.early_stopping or train.schedule == "plateau":
            about.append(
                "the held-out samples also chose the epoch, so they are not quite unseen: the threshold "
                "may be a little low"
            )
        rows = self.samples.rows("test")
        if not len(rows):
            self._show_held_out(artifact.model, threshold, folder / "plots")
        else:
            figures = self._account(
                artifact.model, threshold, self.samples, rows, folder.path, folder / "plots", self.samples.rows("train")
            )
            about += figures.pop("about")
            metrics |= figures
        return {**metrics, "threshold": threshold.facts(), "about": about}

    def _show_held_out(self, model, threshold, plots: Path) -> None:
        """Without a test, the pictures are of the samples that made the threshold: they show whether the normal
        ones are clean.
        """
        none = np.zeros(0, bool)
        evaluation.plot_scores(plots / "scores.png", np.zeros(0), none, none, threshold.scores, threshold.threshold)

    def _measure(self, model, path: str, findings, out: Path | None) -> dict[str, Any]:
        frame = self.samples.frame
        if not frame["known"].any():
            findings.add(
                "unlabelled",
                "warning",
                f"Of no {self.unit} it is known what it is: only the share of alarms is measured",
                "Give labels, as columns or folders",
            )
        elif not frame["anomalous"].any():
            findings.add(
                "no_anomalies",
                "warning",
                f"No {self.unit} is known to be an anomaly: only the false-alarm rate is measured",
            )
        rows = frame.index.to_numpy(np.int64)
        figures = self._account(model, self.threshold, self.samples, rows, out, out, None)
        return figures | {"threshold": self.threshold.facts()}

    def recalibrate(self, model, path: str, rate: float | None, out: Path) -> "evaluation.Threshold":
        samples, findings = self._read_again(path)
        self.samples, frame = samples, samples.frame
        trained = frame["fingerprint"].map("{:016x}".format).isin(self.trained_on) | (frame["split"] == "train")
        tail = frame["tail"] if "tail" in frame else np.zeros(len(frame), bool)
        for code, rows, reason in (
            ("not_normal", frame["anomalous"], "are not normal by their labels"),
            ("trained_on", trained, "have been trained on, or are of a training part"),
            ("overlap", tail, "overlap others"),
        ):
            if rows.any():
                findings.add(code, "note", f"{int(rows.sum())} of {len(frame)} {self.unit}s {reason}: left out")
        samples.frame = frame = frame[~(frame["anomalous"] | trained | tail)]
        threshold = self._fit(
            model, samples, frame.index.to_numpy(np.int64), rate or self.threshold.false_alarm_rate, str(path)
        )
        with suppress(ArtifactError):  # none, or a damaged one
            before = self.threshold
            alarms = int(before.alarms(threshold.scores).sum())
            if alarms > len(threshold.scores) / 2:
                findings.add(
                    "mostly_alarms",
                    "warning",
                    f"{alarms} of {len(threshold.scores)} {self.unit}s were above the threshold so far: are "
                    "they normal?",
                    f"The threshold so far is kept in {out / evaluation.BEFORE}",
                )
            before.write(out, evaluation.BEFORE)
        threshold.write(out)
        threshold.findings = findings.as_list()
        return threshold

    def draw_explanations(self, table, path: Path) -> None:
        evaluation.write_columns(
            path,
            f"Where the {self.unit}s differ from what is normal",
            [row for row in table.to_dict("records") if row["explanation"] is not None],
        )

    # --- export
    def served(self, model) -> "models.Served":
        parts = list(model.output)
        return models.Served(
            self._served_input(model),
            models.ServedScores(self.threshold.threshold, self.threshold.scores, self.unit, parts),
        )

    @abstractmethod
    def _served_input(self, model) -> "models.ServedInput":
        """What the exported model takes."""

    def replayed(self, splits, parts: tuple[str, ...], count: int) -> "datasets.Replay":
        self.samples, _ = self._read_again(splitting=True)
        truth = lambda frame: [
            ("anomaly" if odd else "normal") if known else None
            for odd, known in zip(frame["anomalous"], frame["known"])
        ]
        raw = partial(self._raw, self.samples)
        return datasets.replay(self.samples.frame, splits, parts, count, self.pipeline.seed, truth, raw)

    @abstractmethod
    def _raw(self, samples, row: int) -> np.ndarray:
        """A row as the artifact's model takes it."""

    # --- details
    def _network(self, fused: bool, **given: Any):
        """The pipeline's network for samples of the front's shape; where it looks through one, `backbone` is given."""
        given |= {"input_shape": self.front.shape, "seed": self.pipeline.seed, "fused": fused}
        return networks.build_network(self.pipeline.model, **given)

    @contextmanager
    def _timed(self, name: str):
        """Adds the seconds of what is inside to metrics.json."""
        began = time.perf_counter()
        yield
        self.times[name] = round(self.times.get(name, 0.0) + time.perf_counter() - began, 3)

    def _part(self, model, *names: str):
        """The part of a model that gives some of its outputs, made once so that it is traced once."""
        if self._parts.get("of") is not model:
            self._parts = {"of": model}
        if names not in self._parts:
            self._parts[names] = models.part_of(model, *names)
        return self._parts[names]

    def _scores(self, model, samples, rows: np.ndarray) -> np.ndarray:
        return (
            evaluation.finite(self._part(model, "score").predict(self._batches(samples, rows), verbose=0))
            if len(rows)
            else np.zeros(0)
        )

    def _maps(self, model, samples, rows: np.ndarray) -> np.ndarray:
        """The distances of all places of some rows, float32 (rows, ...)."""
        return self._part(model, "map").predict(self._batches(samples, rows), verbose=0)

    def _fit(self, model, samples, rows: np.ndarray, rate: float, source: str) -> "evaluation.Threshold":
        threshold = evaluation.Threshold.fit(self._scores(model, samples, rows), rate, self.unit, source)
        threshold.places = evaluation.usual_distances(self._maps(model, samples, rows[: evaluation.MOST_MAPS]))
        return threshold

    def _calibrate(self, artifact, folder: RunFolder) -> "evaluation.Threshold":
        """The threshold by the held-out part, written beside the model."""
        threshold = self._fit(
            artifact.model,
            self.samples,
            self.samples.rows("validation"),
            self.pipeline.evaluation.false_alarm_rate,
            _CALIBRATION,
        )
        threshold.write(folder.path)
        return threshold

    def _account(
        self,
        model,
        threshold,
        samples,
        rows: np.ndarray,
        folder: Path | None,
        plots: Path | None,
        training: np.ndarray | None,
    ) -> dict[str, Any]:
        """Figures, and with `folder` the files, of some rows; with `training`, rows of the same store, also what
        stands beside them.
        """
        settings, seed = self.pipeline.evaluation, self.pipeline.seed
        frame, scores = samples.frame.loc[rows], self._scores(model, samples, rows)
        known, all_anomalous = frame["known"].to_numpy(bool), frame["anomalous"].to_numpy(bool)
        anomalous, told = all_anomalous[known], scores[known]
        figures: dict[str, Any] = {
            "test": evaluation.detection_metrics(anomalous, told, threshold) if known.any() else {}
        }
        figures["intervals"] = (
            evaluation.detection_intervals(anomalous, told, threshold, settings.bootstrap, seed) if known.any() else {}
        )
        figures["per_class"] = evaluation.by_label(
            frame["label"].to_numpy(object), all_anomalous, known, scores, threshold
        )
        figures["samples"], figures["about"] = len(rows), []
        normal = int((~anomalous).sum())
        if normal:
            figures["test_interval"] = threshold.expected(normal)
            figures["about"].append(threshold.beside_the_promise(figures["test"]["false_alarm_rate"], normal))
        if not known.all():
            alarms = threshold.alarms(scores[~known])
            figures["test"]["alarm_rate"] = float(alarms.mean())
            figures["about"].append(
                f"{int(alarms.sum())} of {len(alarms)} {self.unit}s of which nothing is known gave an alarm "
                f"({alarms.mean():.3f})"
            )
        beside = {}
        if training is not None and settings.baselines and anomalous.any() and normal:
            with self._timed("baselines"):
                beside = self._beside(samples, training, rows[known])
            figures["baselines"] = {
                name: evaluation.ranking_metrics(anomalous, values) for name, values in beside.items()
            }
            best, area = max(
                ((name, values["roc_auc"]) for name, values in figures["baselines"].items()), key=lambda entry: entry[1]
            )
            if area > figures["test"]["roc_auc"]:
                figures["about"].append(
                    f"{best} tells them apart better here: {area:.4f} against "
                    f"{figures['test']['roc_auc']:.4f} of {self.pipeline.model.name}"
                )
        if folder is not None:
            labels = frame["label"] if anomalous.any() else None
            atomic_write(
                folder / "predictions.csv",
                evaluation.to_csv(evaluation.detection_table(frame["item"], scores, threshold, labels)),
            )
            evaluation.plot_scores(
                plots / "scores.png", scores, all_anomalous, known, threshold.scores, threshold.threshold
            )
            if anomalous.any() and normal:
                evaluation.plot_ranking(
                    plots / "curves_roc_pr.png",
                    anomalous,
                    {self.pipeline.model.name: told, **beside},
                    threshold.threshold,
                )
        figures["test"] |= self._more(model, threshold, samples, rows, scores, plots)
        return figures

    def _beside(self, samples, training: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Scores of the rows by methods that need no training, {name: float (rows,)}."""
        training, blocks = (
            evaluation.some_rows(training, self.pipeline.seed),
            np.array_split(rows, max(1, len(rows) // _BLOCK)),
        )
        known = self._numbers(samples, training)
        methods = {"PCA": evaluation.Reconstruction().fit(known), "isolation forest": evaluation.Forest().fit(known)}
        scores = {
            name: np.concatenate([method.score(self._numbers(samples, block)) for block in blocks])
            for name, method in methods.items()
        }
        method = evaluation.Neighbours().fit(self._features(samples, training), len(rows))
        return scores | {
            "nearest neighbour": np.concatenate([method.score(self._features(samples, block)) for block in blocks])
        }

    def _table(self, items: list[str], scores: np.ndarray, errors: list[str], explanations: list | None):
        """What `predict` gives."""
        scores = evaluation.finite(scores)
        table = evaluation.detection_table(items, scores, self.threshold, errors=errors)
        if explanations is not None:
            table.insert(
                len(table.columns) - ("error" in table),
                "explanation",
                [None if error else entry for entry, error in zip(explanations, errors)],
            )
        return table

"""What every anomaly detector's task has in common: normal samples to learn from, a threshold, and the evaluation of
the results.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from tfpipelines import datasets, evaluation, metrics, models, networks, training
from tfpipelines.core import config
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.core.words import fixed
from tfpipelines.errors import ArtifactError, ConfigError, NothingFitsError
from tfpipelines.tasks import anomaly
from tfpipelines.tasks.anomaly.config import AnomalyPipeline

from ..abilities import Ability, Kind
from ..fitting import FittedPhase, fitted_phases
from ..sample_task import Sampled, add_explanations
from ..trainable import Phase

_BLOCK = 512  # samples that a baseline scores at once
_MEASURED = 100  # steps at most of the epoch that measures a fitted network


class Detection(Sampled):
    """A task that learns what is normal, and scores samples by how far they are from it: from the reconstruction of an
    autoencoder, or by a detector that is fitted.

    What differs by the kind of sample is in the methods that begin with an underscore and are abstract here. Rows are
    those of `samples`.
    """

    kind = Kind.DETECTOR
    abilities = frozenset({Ability.EXPLAINS, Ability.RECALIBRATES, Ability.ONE_LOSS})
    pipeline: AnomalyPipeline
    _calibrates = True  # whether the threshold has a split of its own where the pipeline wants one

    def __init__(self, pipeline):
        super().__init__(pipeline)
        self.labels: list[str] = []
        self._parts: dict[Any, Any] = {}

    @property
    def _inference_batch(self) -> int:
        return 256

    def _batches(self, rows: np.ndarray):
        """tf.data of some rows, once, in their order, as the artifact takes them."""
        return datasets.evaluation_batches(self.samples.store, rows, None, batch_size=self._inference_batch)

    @abstractmethod
    def _numbers(self, rows: np.ndarray) -> np.ndarray:
        """Some rows for PCA and isolation forest, float (rows, numbers)."""

    @abstractmethod
    def _features(self, rows: np.ndarray) -> np.ndarray:
        """Some rows in the space of the nearest neighbours, float (rows, numbers) or (rows, places, numbers)."""

    @abstractmethod
    def _more(self, model, threshold, rows: np.ndarray, scores: np.ndarray, plots: Path | None) -> dict[str, float]:
        """Figures beyond those of the samples as a whole, such as of places; with `plots` also the pictures."""

    # --- data
    def check(self, findings, fold: int | None = None) -> Self:
        least, rate = self.pipeline.evaluation.least, self.pipeline.evaluation.false_alarm_rate
        if "anomalous" in self.samples.frame:
            on_leak = self.pipeline.data.on_leak
            self.labels = anomaly.check_normals(self.samples, least, rate, self.unit, on_leak, findings)
        return self

    def describe(self, findings) -> dict[str, Any]:
        return anomaly.describe_normals(self.samples, self.labels, findings)

    def resume(self, facts: dict[str, Any]) -> None:
        super().resume(facts)
        self._calibrates = anomaly.has_calibration(facts)

    def _as_split(self, data: Any) -> Any:
        """The section `data` without a calibration split where the run has none, as those of earlier versions."""
        return data if self._calibrates else data.model_copy(update={"calibration": 0.0})

    def restore(self, facts: dict[str, Any]) -> Self:
        super().restore(facts)
        self._calibrates = anomaly.has_calibration(facts)
        self._normal, self._folder = tuple(facts["normal"]), facts["folder"]
        return self

    def _usual(self, splitting: bool) -> tuple[str, ...]:
        """The normal labels of the data that the run was trained on, where others are read."""
        return () if splitting else self._normal

    @cached_property
    def threshold(self) -> "metrics.Threshold":
        """That of the run whose model this is."""
        return metrics.Threshold.read(self._folder)

    def _groups(self, rows: np.ndarray) -> np.ndarray | None:
        """The groups of some rows that may have thresholds of their own, str or None, object (rows,); None where the
        pipeline has one threshold for all.
        """
        if self.pipeline.evaluation.threshold_by is None:
            return None
        names = self.samples.frame["by"].loc[rows]
        return names.where(names.notna(), None).to_numpy(object)

    def steps_per_epoch(self) -> int:
        count = len(self.samples.rows("train"))
        count -= anomaly.left_out(count, self.pipeline.train.contamination)
        steps = self._steps_of(count)
        return min(steps, _MEASURED) if self._fits else steps

    @property
    def learns(self) -> bool:
        return not self._fits

    def training_batches(self, first_step: int, last_step: int):
        rows = self._learned
        return datasets.training_batches(self.samples.store, rows, None, **self._steps(first_step, last_step))

    def validation_batches(self):
        return self._batches(self.samples.rows("validation"))

    # --- model
    @property
    def _fits(self) -> bool:
        """Whether the network is fitted to the training rows before it is built, and not trained."""
        return config.is_fitted(self.pipeline.model)

    @property
    def epochs(self) -> int:
        return 1 if self._fits else super().epochs

    def phases(self, network, note: Callable[[str], None]) -> Iterator[Phase]:
        yield from fitted_phases(FittedPhase(self, network)) if self._fits else super().phases(network, note)

    def start_from(self, network, files: dict[str, Path]) -> list[str]:
        if self._fits:
            cause = f"--from: {self.pipeline.network} is fitted anew, so there is nothing to start from."
            raise NothingFitsError(cause, "Leave --from out, or name a network that is trained, such as dense.")
        return super().start_from(network, files)

    def compile(self, model, optimizer, **settings) -> None:
        model.compile(optimizer=optimizer, **settings)

    def artifact(self, network):
        facts = {"normal": anomaly.normal_of(self.samples.frame)}
        return anomaly.DetectorArtifact(self.preprocessor, network, facts, self.pipeline.model)

    def objective(self, model) -> "training.Objective":
        """Of a variational one: what it is trained by, at the mean of the latent variable instead of a draw."""
        if self._fits:
            cause = f"{self.pipeline.network} is fitted, not trained: no weights of it have made a loss small."
            raise ConfigError(cause, "Name a run whose network is trained, such as model.name=dense.")
        network, name = models.network_of(model), getattr(self.pipeline.model, "loss", None)
        if name is None:
            trained = self.build(for_training=True)  # only this one has the variance and divergence
            whole = models.take_weights(trained, network)
            loss = lambda _, outputs, added: networks.reconstruction_loss(outputs, "probability") + added
            told = "negative ELBO at the mean code"
            return training.Objective(whole, loss, self._batches, told, labelled=False)
        moving, before = self._moving(network)
        loss = lambda _, outputs, added: networks.reconstruction_loss(outputs, name)
        told = f"reconstruction loss ({name})"
        return training.Objective(moving, loss, self._batches, told, labelled=False, before=before)

    def _moving(self, network) -> tuple:
        """The part of a network that is trained, and the frozen part before it or None."""
        return network, None

    # --- results
    def validate(self, artifact, folder: RunFolder) -> dict[str, float]:
        self._calibrate(artifact, folder)
        return self.validation_figures(artifact)

    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        train, plots = self.pipeline.train, folder / "plots"
        measured = {"loss": history[best_epoch - 1]["val_loss"]} if best_epoch else {}
        if self.asked.chooses or self._fits:
            measured |= self.validation_figures(artifact)
        results: dict[str, Any] = {"validation": measured}
        threshold = self._calibrate(artifact, folder)
        if history and not self._fits:
            evaluation.plot_curves(plots / "curves.png", history, best_epoch)
        about = [threshold.sentence(), *([told] if (told := threshold.group_sentence()) else [])]
        selects = train.keep == "best" or train.early_stopping or train.schedule == "plateau"
        what = "network" if self.asked.chooses else "epoch" if selects and not self._fits else ""
        if what and self.samples.calibrating == "validation":
            chosen = f"the held-out samples also selected the {what}, so they are not entirely unseen"
            about.append(f"{chosen}: the threshold may be a little low")
        rows, known = self.samples.rows("test"), self._learned
        if not len(rows):
            self._show_held_out(artifact.model, threshold, plots)
        else:
            results |= self._evaluate_rows(artifact.model, threshold, rows, folder.path, plots, known)
            about += results.pop("about")
        return {**results, "threshold": threshold.facts(), "about": about}

    def _show_held_out(self, model, threshold, plots: Path) -> None:
        """Without a test, the pictures are of the samples that made the threshold: they show whether the normal
        ones are clean.
        """
        none = np.zeros(0, bool)
        anomaly.plot_scores(plots / "scores.png", np.zeros(0), none, none, threshold.scores, threshold.threshold)

    def _measure(self, model, path: str, findings, out: Path | None) -> dict[str, Any]:
        frame = self.samples.frame
        if not frame["known"].any():
            message = f"No {self.unit} is labelled: only the share of alarms is measured"
            findings.add("unlabelled", "warning", message, "Give labels, as columns or folders")
        elif not frame["anomalous"].any():
            message = f"No {self.unit} is known to be an anomaly: only the false-alarm rate is measured"
            findings.add("no_anomalies", "warning", message)
        figures = self._evaluate_rows(model, self.threshold, frame.index.to_numpy(np.int64), out, out)
        return figures | {"threshold": self.threshold.facts()}

    def recalibrate(self, model, path: str, rate: float | None, out: Path) -> "metrics.Threshold":
        self.samples, findings = self._read_again(path)
        frame = self.samples.frame
        trained = self._trained(frame) | (frame["split"] == "train")
        tail = frame["tail"] if "tail" in frame else np.zeros(len(frame), bool)
        for code, rows, reason in (
            ("not_normal", frame["anomalous"], "are not normal by their labels"),
            ("trained_on", trained, "have been trained on, or are of a training split"),
            ("overlap", tail, "overlap others"),
        ):
            if rows.any():
                findings.add(code, "note", f"{int(rows.sum())} of {len(frame)} {self.unit}s {reason}: left out")
        self.samples.frame = frame = frame[~(frame["anomalous"] | trained | tail)]
        rate = rate or self.threshold.false_alarm_rate
        threshold = self._fit(model, frame.index.to_numpy(np.int64), rate, str(path))
        with suppress(ArtifactError):  # none, or a damaged one
            before, count = self.threshold, len(threshold.scores)
            rows = frame.index.to_numpy(np.int64)
            groups = self._groups(rows)
            scores = threshold.scores if groups is None else self._scores(model, rows)
            alarms = int(before.alarms(scores, groups).sum())
            if alarms > count / 2:
                message = f"{alarms} of {count} {self.unit}s were above the previous threshold: are they normal?"
                kept = f"The previous threshold is kept in {out / metrics.BEFORE}"
                findings.add("mostly_alarms", "warning", message, kept)
            before.write(out, metrics.BEFORE)
        threshold.write(out)
        threshold.findings = findings.as_list()
        return threshold

    def watched(self, model, inputs: Any, batch_size: int):
        return self.predict(model, inputs, batch_size, explain=False)

    def draw_explanations(self, table, path: Path) -> None:
        rows = [row for row in table.to_dict("records") if row["explanation"] is not None]
        evaluation.write_columns(path, f"Where the {self.unit}s differ from what is normal", rows)

    # --- export
    def served(self, model) -> "models.Served":
        threshold = self.threshold
        limits = {name: one.threshold for name, one in threshold.groups.items()}
        by_group = {"threshold_by": threshold.by, "thresholds": limits} if threshold.by else {}
        answer = models.ServedScores(threshold.threshold, threshold.scores, self.unit, list(model.output), by_group)
        return models.Served(self._served_input(model), answer)

    @abstractmethod
    def _served_input(self, model) -> "models.ServedInput":
        """What the exported model takes."""

    def replayed(self, splits, parts: tuple[str, ...], count: int) -> "datasets.Replay":
        self.samples, _ = self._read_again(splitting=True)
        name = lambda odd, known: ("anomaly" if odd else "normal") if known else None
        truth = lambda frame: list(map(name, frame["anomalous"], frame["known"]))
        raw = partial(self._raw, self.samples)
        return datasets.replay(self.samples.frame, splits, parts, count, self.pipeline.seed, truth, raw)

    @abstractmethod
    def _raw(self, samples, row: int) -> np.ndarray:
        """A row of some samples as the artifact's model takes it."""

    # --- details
    @property
    def _learned(self) -> np.ndarray:
        """The training rows that are learned from, int64."""
        return self.samples.rows("train")

    def _trained(self, frame) -> Any:
        """Which samples the model was trained on, by their content, bool (samples,)."""
        if not self.trained_on:
            return np.zeros(len(frame), bool)
        return frame["fingerprint"].map("{:016x}".format).isin(self.trained_on).to_numpy()

    def _network(self, for_training: bool, **given: Any):
        """The pipeline's network, for preprocessed samples; `backbone` is given where it has one."""
        given |= {"input_shape": self.preprocessor.shape, "seed": self.pipeline.seed, "for_training": for_training}
        return networks.build_network(self.pipeline.model, **given)

    def _part(self, model, *names: str):
        """The part of a model that gives some of its outputs, made once so that it is traced once."""
        if self._parts.get("of") is not model:
            self._parts = {"of": model}
        if names not in self._parts:
            self._parts[names] = anomaly.part_of(model, *names)
        return self._parts[names]

    def _scores(self, model, rows: np.ndarray) -> np.ndarray:
        if not len(rows):
            return np.zeros(0)
        return metrics.finite(self._part(model, "score").predict(self._batches(rows), verbose=0))

    def _maps(self, model, rows: np.ndarray) -> np.ndarray:
        """The distances of all places of some rows, float32 (rows, ...)."""
        return self._part(model, "map").predict(self._batches(rows), verbose=0)

    def _fit(self, model, rows: np.ndarray, rate: float, source: str) -> "metrics.Threshold":
        metrics.Threshold.require(len(rows), rate, self.unit)  # before the model is asked
        scores, groups = self._scores(model, rows), self._groups(rows)
        threshold = metrics.Threshold.fit(scores, rate, self.unit, source)
        if groups is not None:
            threshold.fit_groups(str(self.pipeline.evaluation.threshold_by), groups, scores)
        self._know_places(threshold, self._maps(model, rows[: self._most_maps]), rate)
        return threshold

    @property
    def _most_maps(self) -> int:
        """Of so many samples the maps tell what is usual of single places."""
        return metrics.MOST_MAPS

    def _know_places(self, threshold, maps: np.ndarray, rate: float) -> None:
        """Tells a threshold what is usual of single places, by the maps of held-out samples."""
        threshold.places = metrics.usual_distances(maps)

    def _calibrate(self, artifact, folder: RunFolder) -> "metrics.Threshold":
        """The threshold by the calibration split, which has chosen nothing, written beside the model; where there is
        none, by the validation split.
        """
        rate, split = self.pipeline.evaluation.false_alarm_rate, self.samples.calibrating
        threshold = self._fit(artifact.model, self.samples.rows(split), rate, f"the {split} split")
        threshold.write(folder.path)
        return threshold

    def _evaluate_rows(
        self,
        model,
        threshold,
        rows: np.ndarray,
        folder: Path | None,
        plots: Path | None,
        known: np.ndarray | None = None,
    ) -> dict[str, Any]:
        """Figures of some rows, and with `folder` and `plots` the files.

        Args:
            known: training rows, for what stands beside the model; None: nothing does.
        """
        settings, seed = self.pipeline.evaluation, self.pipeline.seed
        blend = models.network_of(model).name == anomaly.BLEND
        network = anomaly.BLEND if blend else config.short_name(self.pipeline.model.name)
        frame, scores = self.samples.frame.loc[rows], self._scores(model, rows)
        told, odd = frame["known"].to_numpy(bool), frame["anomalous"].to_numpy(bool)
        anomalous, of_told = odd[told], scores[told]
        groups = self._groups(rows)
        among = lambda some: None if groups is None else groups[some]
        figures: dict[str, Any] = {"test": {}, "intervals": {}}
        if told.any():
            figures["test"] = metrics.detection_metrics(anomalous, of_told, threshold, among(told))
            resamples = settings.bootstrap
            intervals = metrics.detection_intervals(anomalous, of_told, threshold, resamples, seed, among(told))
            figures["intervals"] = intervals
        labels = frame["label"].to_numpy(object)
        figures["per_class"] = metrics.by_label(labels, odd, told, scores, threshold, groups)
        if groups is not None:
            figures["groups"] = metrics.by_group(groups, odd, told, scores, threshold)
        about: list[str] = []
        figures |= {"samples": len(rows), "about": about}
        normal, beside = int((~anomalous).sum()), {}
        both = bool(anomalous.any() and normal)
        if normal:
            of_normal = among(told & ~odd)
            figures["test_interval"] = threshold.expected(normal, of_normal)
            seen = int((self._trained(frame) & told & ~odd).sum())
            about.append(threshold.beside_the_promise(figures["test"]["false_alarm_rate"], normal, seen, of_normal))
            about += metrics.outside_by_group(figures.get("groups", ()), self.unit)
        if not told.all():
            alarms = threshold.alarms(scores[~told], among(~told))
            figures["test"]["alarm_rate"] = share = float(alarms.mean())
            some = f"{int(alarms.sum())} of {len(alarms)} unlabelled {self.unit}s"
            about.append(f"{some} gave an alarm ({share:.3f})")
        if known is not None and settings.baselines and both:
            with self.timed("baselines"):
                beside = self._beside(known, rows[told])
            others = {name: metrics.ranking_metrics(anomalous, values) for name, values in beside.items()}
            figures["baselines"] = others
            best, own = max(others, key=lambda name: others[name]["roc_auc"]), figures["test"]["roc_auc"]
            if others[best]["roc_auc"] > own:
                area = others[best]["roc_auc"]
                about.append(f"{best} has the higher roc_auc here: {fixed(area)}, against {fixed(own)} of {network}")
        if folder is not None and plots is not None:
            of_table = frame["label"] if anomalous.any() else None
            table = metrics.detection_table(frame["item"], scores, threshold, of_table, groups=groups)
            evaluation.write_csv(folder / "predictions.csv", table)
            limit = threshold.threshold
            anomaly.plot_scores(plots / "scores.png", scores, odd, told, threshold.scores, limit)
            if both:
                ranked = {network: of_told, **beside}
                anomaly.plot_ranking(plots / "curves_roc_pr.png", anomalous, ranked, limit)
        figures["test"] |= self._more(model, threshold, rows, scores, plots)
        return figures

    def _beside(self, training: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Scores of the rows by methods that need no training, {name: float (rows,)}."""
        training = anomaly.some_rows(training, self.pipeline.seed)
        blocks = np.array_split(rows, max(1, len(rows) // _BLOCK))
        score = lambda method, values: np.concatenate([method.score(values(block)) for block in blocks])
        known = self._numbers(training)
        methods = {"PCA": anomaly.Reconstruction().fit(known), "isolation forest": anomaly.Forest().fit(known)}
        scores = {name: score(method, self._numbers) for name, method in methods.items()}
        neighbours = anomaly.Neighbours().fit(self._features(training), len(rows))
        return scores | {"nearest neighbour": score(neighbours, self._features)}

    def _table(
        self, items: list[str], scores: np.ndarray, errors: list[str], explanations: list | None, groups: Any = None
    ):
        """What `predict` gives.

        Args:
            groups: of each sample, str or None, where the pipeline has thresholds of groups.
        """
        table = metrics.detection_table(items, metrics.finite(scores), self.threshold, errors=errors, groups=groups)
        if note := self.threshold.of_others(groups, self.unit):
            table.attrs["notes"] = [note]
        if explanations is not None:
            add_explanations(table, [None if error else entry for entry, error in zip(explanations, errors)])
        return table

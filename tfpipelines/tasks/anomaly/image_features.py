"""Detectors of images that are made of the features of a frozen backbone, which are computed once for all of them."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from tfpipelines import datasets, networks
from tfpipelines.core.words import counted
from tfpipelines.networks import backbones
from tfpipelines.tasks import anomaly

from ..fitting import FittedPhase, fitted_phases
from ..image_task import Pixels
from ..trainable import Phase
from .choice import ChosenDetection

_STATISTICS = 512  # images that tell mean and deviation of features where they are not kept


class FeaturePhase(Phase):
    """Trains what reconstructs the features, which the frozen backbone gives of each image once."""

    task: "FeatureDetection"
    name, quick = "reconstruction", True

    def __init__(self, task: "FeatureDetection", part, features: np.ndarray, rows: np.ndarray):
        super().__init__(task, part)
        self.store = datasets.FeatureStore(features)
        split = task.samples.frame["split"].loc[rows].to_numpy()
        self.train, self.held_out = (np.flatnonzero(split == name) for name in ("train", "validation"))

    def training_batches(self, first_step: int, last_step: int):
        return datasets.training_batches(self.store, self.train, None, **self.task._steps(first_step, last_step))

    def validation_batches(self):
        return datasets.evaluation_batches(self.store, self.held_out, None, batch_size=self.settings.batch_size)


class FittedFeaturePhase(FeaturePhase, FittedPhase):
    """Measures by the same features what has been fitted to them."""

    name = ""


class FeatureDetection(Pixels, ChosenDetection):
    """A task of images whose networks may look at them through a backbone, `source`; None for those without one."""

    source: Any
    _known: "tuple[Any, networks.NormalImages] | None" = None  # samples, and what detectors are fitted to

    @property
    def _normals(self) -> "networks.NormalImages":
        """What fitted detectors are fitted to; the same object, with what has been fitted, for the same samples."""
        if self._known is None or self._known[0] is not self.samples:
            rows = self.samples.rows("train")
            kept = lambda extractor: self._known_features(extractor)
            self._known = self.samples, networks.NormalImages(len(rows), lambda some: self._batches(rows[some]), kept)
        return self._known[1]

    def _known_features(self, extractor, validation: bool = False) -> np.ndarray | None:
        """Features of the training images, and if asked for of the validation images behind them; None if too many."""
        rows = self._rows_of_training
        with self.timed("features"):
            features = self._kept_features(
                extractor, self.pipeline.model, "rows", len(rows), lambda: self._batches(rows)
            )
        return features if features is None or validation else features[: len(self.samples.rows("train"))]

    @property
    def _rows_of_training(self) -> np.ndarray:
        return np.concatenate([self.samples.rows("train"), self.samples.rows("validation")])

    def _kept_features(
        self, extractor, settings, name: str, count: int, batches: Callable[[], Any]
    ) -> np.ndarray | None:
        told = settings.neighbours, backbones.told_of_features(extractor)
        return self._features_of_all.get(extractor, told, name, count, batches)

    @cached_property
    def _features_of_all(self) -> "anomaly.KnownFeatures":
        return anomaly.KnownFeatures()

    def phases(self, network, note: Callable[[str], None]) -> Iterator[Phase]:
        if self.source is None:
            yield from super().phases(network, note)
            return
        if self._fits:
            yield from fitted_phases(self._measuring_phase(network))
            return
        rows, train = self._rows_of_training, self.samples.rows("train")
        extractor = backbones.feature_network(network)
        features = None if self._augmentation.active else self._known_features(extractor, validation=True)
        if features is None:
            some = np.sort(np.random.default_rng([self.pipeline.seed, 4]).permutation(train)[:_STATISTICS])
            self._standardize(network, extractor.predict(self._batches(some), verbose=0))
            yield Phase(self, network)
            return
        what = f"features of {counted(len(rows), 'image')} by the frozen backbone"
        note(f"{what}: {self.times['features']:.1f} s, {' x '.join(map(str, features.shape[1:]))} each")
        self._standardize(network, features[: len(train)])
        yield FeaturePhase(self, backbones.reconstructing_part(network), features, rows)

    def _measuring_phase(self, network) -> FittedPhase:
        """Of a fitted detector, by its features where they are known."""
        features = None
        if not self._augmentation.active and backbones.looks_at_places(network):
            features = self._known_features(backbones.feature_network(network), validation=True)
        if features is None:
            return FittedPhase(self, network)
        return FittedFeaturePhase(self, networks.distances_part(network), features, self._rows_of_training)

    def _moving(self, network) -> tuple:
        if self.source is None:
            return super()._moving(network)
        return backbones.reconstructing_part(network), backbones.feature_network(network)

    def _standardize(self, network, features: np.ndarray) -> None:
        axes = (0, 1, 2)  # at once, as always: blocks have other last digits
        networks.set_statistics(network, features.mean(axes, dtype=np.float64), features.std(axes, dtype=np.float64))

    # --- a choice among candidates
    def _usual_distance(self, network, settings, model) -> float:
        """The median distance of a place in normal images: maps of different sizes and units can be added then."""
        # Of what has been tried, where its features are known: they are those of all.
        part, samples = self._trying(network, settings, model, self._all_tried)
        some = samples[: len(self._untouched)]
        return float(np.median(self._part(part, "map").predict(some, batch_size=self._inference_batch, verbose=0)))

    def _trying(self, network, settings, model, samples: np.ndarray) -> tuple[Any, np.ndarray]:
        if getattr(settings, "backbone", None) is None or not backbones.looks_at_places(network):
            return model, samples
        extractor = backbones.feature_network(network)
        features = self._kept_features(extractor, settings, "tried", len(samples), lambda: samples)
        if features is None:
            return model, samples
        places = anomaly.Places(self.preprocessor.shape, features.shape[1:])
        return anomaly.DetectorArtifact(places, backbones.part_behind_features(network), {}, settings).model, features

    # --- results
    def _calibrate(self, artifact, folder):
        self._features_of_all.clear()  # the detector is chosen
        return super()._calibrate(artifact, folder)

"""What fine-tuning has in common, whatever the samples are: a head on cached features first, then backbone and head."""

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from tfpipelines import datasets, models, training
from tfpipelines.core import config
from tfpipelines.core.words import counted, nearest
from tfpipelines.errors import ConfigError
from tfpipelines.networks import backbones
from tfpipelines.tasks.finetuning.config import FinetunePipeline

from ..abilities import Ability
from ..supervised import Supervised
from ..trainable import Phase

_FEATURES_BATCH = 4096  # feature vectors of a validation batch


class HeadPhase(Phase):
    """Phase 1: the head alone, on features that the frozen backbone gives of each sample once."""

    task: "Finetuning"
    name, quick = "head", True

    def __init__(self, task: "Finetuning", network, last: bool, note: Callable[[str], None]):
        super().__init__(task, backbones.head_model(network))
        self.last = last
        self.rows, self.labels = task._training_rows()
        self.validation = task.samples.rows("validation")
        self.numbers, features = task.features(network, np.concatenate([self.rows, self.validation]), note)
        self.store = datasets.FeatureStore(features)

    @property
    def settings(self):
        train = self.task.pipeline.train
        length = {"epochs": train.head_epochs, "warmup_epochs": 0.0, "checkpoint_steps": None}
        return train.model_copy(update={**length, "learning_rate": train.head_learning_rate})

    def training_batches(self, first_step: int, last_step: int):
        rows, targets = self.numbers[: len(self.rows)], self.task._training_targets(self.labels)
        return datasets.training_batches(self.store, rows, targets, **self.task._steps(first_step, last_step))

    def validation_batches(self):
        if not len(self.validation):
            return None
        numbers = self.numbers[len(self.rows) :]
        targets = self.task.target.batch_targets(self.task.samples.labels("validation", self.task.classes))
        return datasets.evaluation_batches(self.store, numbers, targets, batch_size=_FEATURES_BATCH)


class BackbonePhase(Phase):
    """Phase 2: the backbone, or its last blocks, and the head."""

    task: "Finetuning"
    name = "backbone"

    def rates(self) -> list[float] | None:
        decay = self.task.pipeline.train.layer_decay
        return None if decay == 1.0 else backbones.rates_by_depth(self.model, decay)


class Finetuning(Supervised):
    """A classifier whose network is a pretrained backbone with a new head."""

    abilities = Supervised.abilities | {Ability.FINETUNES}
    pipeline: FinetunePipeline

    def __init__(self, pipeline: config.Pipeline):
        super().__init__(pipeline)
        self._loaded: backbones.Backbone | None = None
        self._facts: dict[str, Any] = {}

    @cached_property
    def source(self) -> config.BackboneSource:
        """What `model.backbone` means."""
        return config.backbone_source(self.pipeline.model.backbone)

    @abstractmethod
    def _load_backbone(self) -> "backbones.Backbone":
        """Loads it, with layers of its own each time."""

    @abstractmethod
    def _feature_inputs(self, rows: np.ndarray):
        """tf.data of some rows, as the network takes them; and the position of each row in it, None for their order."""

    def _feature_key(self) -> dict[str, Any]:
        """What inputs depend on besides samples, preprocessing and backbone, JSON values."""
        return {}

    @property
    def epochs(self) -> int:
        train = self.pipeline.train
        return train.head_epochs + (0 if self.pipeline.model.freeze == "all" else train.epochs)

    def preflight(self) -> list[str]:
        source = self.source
        config.require_weights(self.pipeline.model.weights, source)
        notes = super().preflight()
        if self.pipeline.model.weights == "auto" and source.kind == "application" and source.known:
            size = f"{source.known.parameters / 250_000:.0f} MB"
            notes.append(
                f"the weights of {source.name} ({size}) are taken from Keras' folder ~/.keras, or fetched from "
                "Keras' public storage if they are not there"
            )
        elif source.kind == "hub" and not source.location.startswith("/"):
            self._require_preset(source.location)
            where = "the cache of its hub, or fetched over the network if it is not there"
            notes.append(f"{source.location} is taken from {where}")
        return notes

    def _require_preset(self, name: str) -> None:
        """Refuses the name of a preset that KerasHub does not know; handles are for their hub to know."""
        if "://" in name or name in (names := [preset["name"] for preset in backbones.hub_presets()]):
            return
        guess = nearest(name, [*names, *(entry.name for entry in config.known_backbones())])
        remedy = f"Did you mean {guess}?" if guess else "`tfpipe list backbones` names them."
        raise ConfigError(f"model.backbone: there is no backbone {name!r}.", remedy)

    def phases(self, network, note: Callable[[str], None]) -> Iterator[Phase]:
        model, train = self.pipeline.model, self.pipeline.train
        probe = model.freeze == "all"
        if train.head_epochs:
            yield HeadPhase(self, network, probe, note)
        if not probe:
            blocks = backbones.unfreeze(network, model.unfreeze)
            if model.unfreeze != "all" and model.unfreeze > blocks:
                there = f"{self.source.name} has {counted(blocks, 'block')}"
                note(f"{there}, not {model.unfreeze}: all of them are trained")
            yield BackbonePhase(self, network)

    def objective(self, model) -> "training.Objective":
        """As the last phase saw it: where that is of the head alone, the backbone tells its features once."""
        network, fields = models.network_of(model), self.pipeline.model
        moving, before, loss = network, None, self._mean_loss(self.target.loss(self.pipeline))
        if fields.freeze == "all":
            moving, before = backbones.head_model(network), backbones.features_model(network)
        else:
            backbones.unfreeze(network, fields.unfreeze)
        return training.Objective(
            moving, loss, self._labelled_batches, self.target.loss_words(self.pipeline), before=before
        )

    def features(self, network, rows: np.ndarray, note: Callable[[str], None]) -> tuple[np.ndarray, np.ndarray]:
        """Features of the different ones among some rows, each computed once and for all.

        Returns:
            The number of each row's features, int64 (rows,), and the features, float32 (numbers, width).
        """
        began = time.perf_counter()
        unique, numbers = np.unique(rows, return_inverse=True)
        extractor = backbones.features_model(network)
        key = {
            "weights": backbones.weights_hash(extractor),
            "policy": network.compute_dtype,
            "path": self.pipeline.data.path,
        }
        key |= {
            "front": self.preprocessor.settings(),
            "backbone": self.source.name,
            "pooling": self.pipeline.model.pooling,
        }
        fingerprints = self.samples.frame.loc[unique, "fingerprint"].to_numpy(np.uint64)

        def compute(places: np.ndarray) -> np.ndarray:
            batches, order = self._feature_inputs(unique[places])
            features = extractor.predict(batches, verbose=0)
            return features if order is None else features[order]

        features, computed = datasets.FeatureCache(key | self._feature_key()).get(fingerprints, compute)
        seconds = time.perf_counter() - began
        self.times["features"] = round(self.times.get("features", 0.0) + seconds, 3)
        found = f", {len(features) - computed:,} of them found in the cache" if computed < len(features) else ""
        note(f"features of {counted(len(features), 'sample')} by the frozen backbone: {seconds:.1f} s{found}")
        return numbers, features

    def begin(self) -> None:
        backbone = self._loaded = self._load_backbone()
        blocks, parameters = len(backbones.layer_blocks(backbone.model)), backbone.model.count_params()
        sha = backbones.weights_hash(backbone.model)
        self._facts = {"name": backbone.name, "parameters": parameters, "weights_sha256": sha, "blocks": blocks}

    def take_backbone(self) -> "backbones.Backbone":
        """A backbone for one network: the first time the one that is loaded already, if it is of the present
        precision.
        """
        import keras

        loaded, self._loaded = self._loaded, None
        return loaded if loaded is not None and keras.config.dtype_policy().name == "float32" else self._load_backbone()

    def describe(self, findings) -> dict[str, Any]:
        facts = super().describe(findings)
        if self._facts:
            facts["backbone"] = self._facts
            told = "backbone: {name}, {parameters:,} parameters in {blocks} blocks".format(**self._facts)
            facts["about"] = [*facts.get("about", ()), told]
        return facts

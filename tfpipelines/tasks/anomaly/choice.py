"""A detector that is chosen among several: by known anomalies of the validation split, or by some that are made of its
normal samples.
"""

from abc import abstractmethod
from functools import cached_property
from hashlib import sha256
from typing import Any, ClassVar, Self

import numpy as np

from tfpipelines import metrics
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.core.words import counted
from tfpipelines.errors import DataError
from tfpipelines.tasks import anomaly
from tfpipelines.tasks.anomaly.config import PSEUDO

from ..trainable import Combination, Trained
from .base import Detection

_FEW = 20  # samples, normal or known as anomalies, up to which chance may choose
_KNOWN = "known"  # kind of anomalies that are not made
_SCORED = 16  # detectors whose scores are kept


class ChosenDetection(Detection):
    """A task whose detectors can be compared with each other, and combined."""

    _enough: ClassVar[int] = 10  # known anomalies from which on none are made

    @property
    @abstractmethod
    def _untouched(self) -> np.ndarray:
        """Normal samples of the validation split that detectors are tried on, as the store has them: (samples, ...)."""

    @property
    def _known_odd(self) -> tuple[np.ndarray, int]:
        """Samples of the validation split with a known anomaly, (samples, ...), and how many anomalies these are."""
        return self._untouched[:0], 0

    @abstractmethod
    def _of_validation(self) -> dict[str, np.ndarray]:
        """Anomalies of each kind, made of `_untouched`: {kind: (samples, ...)}."""

    @abstractmethod
    def _contained(self, artifact) -> str:
        """What a model contains of the training samples, as a sentence; "" if nothing."""

    @abstractmethod
    def _usual_distance(self, network, settings, model) -> float:
        """By what the map of a detector is divided, see `combined`; arguments as of `_tried`."""

    @cached_property
    def _made(self) -> dict[str, np.ndarray]:
        """Anomalies of each kind: (samples, ...); known ones of the validation split are a kind, or all that counts
        where they are enough.
        """
        odd, count = self._known_odd
        known = {_KNOWN: odd} if len(odd) else {}
        return known if known and count >= self._enough else known | self._of_validation()

    def check(self, findings, fold: int | None = None) -> Self:
        for name in ("_made", "_untouched", "_scored"):  # of other samples
            self.__dict__.pop(name, None)
        return super().check(findings, fold)

    @property
    def _compared(self) -> bool:
        """Whether detectors are compared by their scores, so that these are measured."""
        objective = self.pipeline.search.objective
        return self.asked.chooses or self._fits or (objective is not None and objective.metric == f"val_{PSEUDO}")

    def validation_figures(self, artifact) -> dict[str, float]:
        if not self._compared:
            return {}
        if not self._made:
            if not self.asked.chooses:
                return {}
            cause = (
                "No detector can be chosen: no synthetic anomalies can be made of these samples, which are all equal."
            )
            raise DataError(cause, "Give data that vary, or name one network with model.name.")
        normal, made = self._tried(artifact.network, self.pipeline.model, artifact.model)
        return {PSEUDO: metrics.mean_roc_auc(normal, made)}

    @property
    def _all_tried(self) -> np.ndarray:
        """`_untouched`, and then the anomalies of each kind: (samples, ...)."""
        return np.concatenate([self._untouched, *self._made.values()])

    @cached_property
    def _scored(self) -> dict[str, np.ndarray]:
        """The scores of all samples that detectors are tried on, by what tells a detector; the last ones."""
        return {}

    def _tried(self, network, settings, model) -> tuple[np.ndarray, list[np.ndarray]]:
        """Scores of normal validation samples, and of each kind of anomaly: float64 (samples,). They are kept, since a
        candidate is tried by itself, as a part of a mean, and once it has been chosen.

        Args:
            network: of a detector.
            settings: the section of that network.
            model: of its artifact.
        """
        key = _identity(network, settings)
        if key not in self._scored:
            part, samples = self._trying(network, settings, model, self._all_tried)
            self._keep(key, self._part(part, "score").predict(samples, batch_size=self._inference_batch, verbose=0))
        counts = [len(self._untouched), *map(len, self._made.values())]
        scores = np.split(self._scored[key], np.cumsum(counts)[:-1])
        return scores[0], scores[1:]

    def _keep(self, key: str, scores: np.ndarray) -> None:
        self._scored[key] = metrics.finite(scores)
        while len(self._scored) > _SCORED:
            del self._scored[next(iter(self._scored))]

    def _trying(self, network, settings, model, samples: np.ndarray) -> tuple[Any, np.ndarray]:
        """A model that says what `model` says, and what it takes of samples that detectors are tried on; arguments as
        of `_tried`.
        """
        return model, samples

    def combine(self, trained: list[Trained]) -> Combination | None:
        ready = anomaly.NumbersPreprocessor(self.preprocessor.shape)  # the mean gets what has been preprocessed
        wrap = lambda one: anomaly.DetectorArtifact(ready, one.network, {}, one.pipeline.model).model
        with self.timed("blend"):
            about = {one.label: (one.network, one.pipeline.model, wrap(one)) for one in trained}
            tried = [anomaly.Scored(label, known[2], *self._tried(*known)) for label, known in about.items()]
            chosen = anomaly.best_of(tried, metrics.mean_roc_auc)
            if not chosen:
                return None
            if self._few and not anomaly.mean_wins(chosen, tried, self.pipeline.seed):
                return None
            share = round(1 / len(chosen), 4)
            network = anomaly.combined(chosen, [self._usual_distance(*about[one.label]) for one in chosen])
            told = [np.concatenate([one.normal, *one.made]).astype(np.float32) for one in chosen]  # as they were said
            self._keep(_identity(network, None), np.asarray(anomaly.mean_score(chosen, told)))
            return Combination(network, {one.label: share for one in chosen})

    @property
    def _few(self) -> int:
        """How many samples there are, where they are so few that chance may choose a detector; 0 else."""
        known = [self._known_odd[1]] if _KNOWN in self._made and len(self._made) == 1 else []
        fewest = min([len(self._untouched), *known])
        return fewest if fewest <= _FEW else 0

    # --- results
    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        results = super().evaluate(artifact, folder, history, best_epoch)
        if self.asked.chooses:
            results["about"].append(self._chosen_by)
            if few := self._few:
                rows = f"only {counted(few, self.unit)} of the validation split chose the network, which may be chance"
                results["about"].append(f"{rows}: raise data.validation, or name one with model.name")
        if contained := self._contained(artifact):
            results["about"].append(contained)
        return results

    @property
    def _chosen_by(self) -> str:
        """By what anomalies the network has been chosen."""
        kinds = ", ".join(self._made)
        made = f"synthetic anomalies, made of the {counted(len(self._untouched), self.unit)} of the validation split"
        if _KNOWN not in self._made:
            return f"no known anomaly has chosen the network: {PSEUDO} is of {made} ({kinds})"
        own = f"the {counted(self._known_odd[1], 'anomaly', 'anomalies')} of the validation split"
        return f"the network was chosen by {own}" + (f" and by {made} ({kinds})" if len(self._made) > 1 else "")


def _identity(network, settings) -> str:
    """What tells a detector from others: the section of its network, and its weights."""
    weights = sha256(b"".join(value.tobytes() for value in network.get_weights())).hexdigest()
    return f"{anomaly.BLEND if network.name == anomaly.BLEND else repr(settings)} {weights}"

"""A detector that is chosen among several: by known anomalies of the validation split, or by some that are made of its
normal samples.
"""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
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
    def _usual_distances(self, chosen: "Sequence[anomaly.Scored]") -> list[float]:
        """By what the maps of detectors are divided, see `combined`."""

    @cached_property
    def _made(self) -> dict[str, np.ndarray]:
        """Anomalies of each kind: (samples, ...); known ones of the validation split are a kind, or all that counts
        where they are enough.
        """
        odd, count = self._known_odd
        known = {_KNOWN: odd} if len(odd) else {}
        return known if known and count >= self._enough else known | self._of_validation()

    def check(self, findings, fold: int | None = None) -> Self:
        for name in ("_made", "_untouched"):  # of other samples
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
        normal, made = self._tried(artifact.model)
        return {PSEUDO: metrics.mean_roc_auc(normal, made)}

    def _tried(self, model) -> tuple[np.ndarray, list[np.ndarray]]:
        """Scores of normal validation samples, and of each kind of anomaly: float64 (samples,)."""
        each = [self._untouched, *self._made.values()]
        told = self._part(model, "score").predict(np.concatenate(each), batch_size=self._inference_batch, verbose=0)
        scores = np.split(metrics.finite(told), np.cumsum([len(part) for part in each])[:-1])
        return scores[0], scores[1:]

    def combine(self, trained: list[Trained]) -> Combination | None:
        ready = anomaly.NumbersPreprocessor(self.preprocessor.shape)  # the mean gets what has been preprocessed
        wrap = lambda one: anomaly.DetectorArtifact(ready, one.network, {}, one.pipeline.model).model
        with self.timed("blend"):
            whole = [(one.label, wrap(one)) for one in trained]
            tried = [anomaly.Scored(label, model, *self._tried(model)) for label, model in whole]
            chosen = anomaly.best_of(tried, metrics.mean_roc_auc)
            if not chosen:
                return None
            if self._few and not anomaly.mean_wins(chosen, tried, self.pipeline.seed):
                return None
            share = round(1 / len(chosen), 4)
            network = anomaly.combined(chosen, self._usual_distances(chosen))
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

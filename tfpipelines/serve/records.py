"""From the outputs of an exported model to what `predict --json` says."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..evaluation.score_names import score_columns
from ..metrics.p_values import ANOMALY, NORMAL, is_normal, p_values
from .items import Item


class Records:
    """Of one export.

    Args:
        manifest: of the export.
        steps: its entry `serving`.
    """

    def __init__(self, manifest: Mapping[str, Any], steps: Mapping[str, Any]):
        self._name, self._text = steps["answer"], steps["takes"] == "text"
        kinds = {"probabilities": "classifier", "value": "regressor", "score": "detector"}
        self.kind = kinds[self._name]
        if self._name == "probabilities":
            self._classes: list[str] = list(manifest["classes"])
            self._columns, self._several = score_columns(self._classes), bool(manifest["multi_label"])
            self._thresholds = np.asarray(manifest.get("thresholds", [0.5] * len(self._classes)))
        elif self._name == "score":
            self._threshold, self._calibration = manifest["threshold"], np.asarray(steps["calibration"], np.float64)

    def of(self, item: Item, outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """What is said of an item.

        Args:
            outputs: of the model, without the batch.
        """
        text = {"text": item.content.decode("utf-8")} if self._text else {}
        return {"item": item.name, **text, **getattr(self, f"_{self._name}")(outputs)}

    def _probabilities(self, outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        values = np.asarray(outputs["probabilities"], np.float64)
        if self._several:
            chosen = [name for name, yes in zip(self._classes, values >= self._thresholds) if yes]
            predicted = "|".join(sorted(chosen))
        else:
            predicted = self._classes[int(values.argmax())]
        scores = {name: round(value, 7) for name, value in zip(self._columns, values.tolist())}
        return {"predicted": predicted, "scores": scores}

    def _value(self, outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        names = {"value": "predicted", "low": "low", "high": "high"}
        told = {names[name]: float(values.reshape(-1)[0]) for name, values in outputs.items() if name in names}
        return {name: float(f"{value:.12g}") if np.isfinite(value) else None for name, value in told.items()}

    def _score(self, outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        score, largest = float(outputs["score"]), float(np.finfo(np.float32).max)
        score = min(max(score, -largest), largest) if score == score else largest
        p_value = float(p_values(np.asarray(score), self._calibration, np))
        verdict = NORMAL if is_normal(score, self._threshold) else ANOMALY
        return {"score": score, "p_value": p_value, "verdict": verdict}

"""What a model says, as others get it: named outputs, and what they mean."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import tensorflow as tf

from ..metrics.p_values import ANOMALY, NORMAL, is_normal, p_values
from .number_scale import NumberScale


class ServedAnswer(ABC):
    """The outputs of a graph.

    Attributes:
        name: of the output that counts.
        decision: name of the output, among `with_words`, that tells what follows from it; "" for none.
        classes: whose probabilities the answer is; [] where it is something else.
        column: of predictions.csv, that has the answer where it is one number.
        tolerance: what the default tolerances of a proof are multiplied by: they are of answers of about 1.
    """

    name: str
    decision = ""
    classes: list[str] = []
    column = "score"
    tolerance = 1.0

    def facts(self) -> dict[str, Any]:
        """What there is to know of the answer, JSON values for a manifest."""
        return {}

    def beyond(self) -> dict[str, Any]:
        """What a program needs beside `facts` to say all that the run says of an answer, JSON values."""
        return {}

    def outputs(self, answer: Any) -> dict[str, Any]:
        """What the model returns, as named tensors."""
        return dict(answer) if isinstance(answer, dict) else {self.name: answer}

    def with_words(self, outputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The outputs and what follows from them, strings among it, for formats that have those."""
        return outputs

    @abstractmethod
    def unit(self, values: np.ndarray) -> np.ndarray | float:
        """What differences of values of one sample are told in."""

    def decide(self, values: np.ndarray) -> str | None:
        """What follows from the answer to one sample: class, classes or verdict; None where nothing does."""
        return None

    def margin(self, values: np.ndarray) -> float:
        """How far an answer is, in its unit, from one that another decision follows from; infinite where none does."""
        return float("inf")

    def beside(self, values: np.ndarray) -> dict[str, Any]:
        """What `with_words` has to say of one answer beside the decision, as numbers and lists of strings."""
        return {}

    @abstractmethod
    def words(self) -> dict[str, str]:
        """What each output means."""


class ServedClasses(ServedAnswer):
    """Probabilities of classes.

    Args:
        classes: their names, in the order of the probabilities.
        multi_label: whether each class is told by itself, from 0.5 on.
        temperature: that the logits have been divided by.
        thresholds: with `multi_label`, from where on each class is predicted, float (classes,); None: 0.5.
    """

    name, decision = "probabilities", "predicted"

    def __init__(self, classes: list[str], multi_label: bool, temperature: float, thresholds: np.ndarray | None = None):
        self.classes, self.multi_label, self.temperature = list(classes), multi_label, temperature
        self._given = thresholds
        self.thresholds = np.full(len(classes), 0.5) if thresholds is None else np.asarray(thresholds, np.float64)

    def facts(self) -> dict[str, Any]:
        facts = {"classes": self.classes, "multi_label": self.multi_label, "temperature": self.temperature}
        return facts if self._given is None else facts | {"thresholds": self.thresholds.tolist()}

    def with_words(self, outputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        names, values = tf.constant(self.classes), outputs["probabilities"]
        if self.multi_label:
            order = np.argsort(self.classes)  # as predictions.csv has them
            every = tf.broadcast_to(tf.gather(names, order), tf.shape(values))
            enough = values >= tf.constant(self.thresholds, values.dtype)
            told = tf.ragged.boolean_mask(every, tf.gather(enough, order, axis=1))
            predicted = tf.strings.reduce_join(told, axis=1, separator="|")
        else:
            predicted = tf.gather(names, tf.argmax(values, 1))
        return {**outputs, "predicted": predicted, "classes": tf.broadcast_to(names, tf.shape(values))}

    def unit(self, values: np.ndarray) -> float:
        return 1.0

    def decide(self, values: np.ndarray) -> str:
        if self.multi_label:
            return "|".join(sorted(name for name, yes in zip(self.classes, values >= self.thresholds) if yes))
        return self.classes[int(values.argmax())]

    def beside(self, values: np.ndarray) -> dict[str, Any]:
        return {"classes": self.classes}

    def margin(self, values: np.ndarray) -> float:
        if self.multi_label:
            return float(np.abs(values - self.thresholds).min())
        first, second = np.sort(values)[::-1][:2]
        return float(first - second) / 2

    def words(self) -> dict[str, str]:
        many = self.multi_label
        least = "0.5" if self._given is None else "its threshold"
        kind = f"each independent, predicted from {least} on" if many else "that add up to 1; the largest is predicted"
        what = f"probabilities of the classes in their order, {kind}; temperature {self.temperature:.4g} is applied"
        return {
            "probabilities": f"float32 (batch, {len(self.classes)}): {what}",
            "predicted": f"string (batch,): the predicted {'classes, joined by |' if many else 'class'}",
            "classes": "string (batch, classes): their names, beside the probabilities",
        }


class ServedValue(ServedAnswer):
    """A number.

    Args:
        scale: of the targets.
        radius: of the prediction interval, in the unit of `scale`; None without one.
        coverage: share of new samples whose number the interval holds.
    """

    name, column = "value", "predicted"

    def __init__(self, scale: NumberScale, radius: float | None = None, coverage: float | None = None):
        self.scale, self.radius, self.coverage = scale, radius, coverage
        center, spread = scale.center, scale.spread
        self.tolerance = float(np.exp(center + 2 * spread)) if scale.log else max(spread, abs(center))

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"target": "number", "scale": self.scale.facts()}
        return facts if self.radius is None else facts | {"radius": self.radius, "coverage": self.coverage}

    def outputs(self, answer: Any) -> dict[str, Any]:
        outputs, value = {"value": answer}, answer
        if self.radius is None:
            return outputs
        if self.scale.log:
            factor = float(np.exp(self.radius * self.scale.spread))
            return {**outputs, "low": value / factor, "high": value * factor}
        width = self.radius * self.scale.spread
        return {**outputs, "low": value - width, "high": value + width}

    def unit(self, values: np.ndarray) -> float:
        return 1.0  # that of the target

    def words(self) -> dict[str, str]:
        told = {"value": "float32 (batch, 1): the predicted number, in the unit of the training targets"}
        if self.radius is not None and self.coverage is not None:
            interval = f"of the interval that holds the number of {100 * self.coverage:.4g}% of new samples like these"
            told |= {"low": f"float32 (batch, 1): lower end {interval}", "high": "float32 (batch, 1): its upper end"}
        return told


class ServedScores(ServedAnswer):
    """What a detector says.

    Args:
        threshold: above it a score is an anomaly.
        calibration: scores of held-out normal samples, ascending.
        unit: what has one score: image, row or window.
        parts: names of the model's outputs.
        by_group: for the manifest, `threshold_by` (column) and `thresholds` ({group: threshold}), which the exported
            graph does not know: whoever calls it compares the score by them.
    """

    name, decision = "score", "verdict"

    def __init__(
        self, threshold: float, calibration: np.ndarray, unit: str, parts: list[str], by_group: dict | None = None
    ):
        self.by_group = by_group or {}
        self.threshold, self.sample, self.parts = threshold, unit, list(parts)
        self.calibration = np.asarray(calibration, np.float64)

    def facts(self) -> dict[str, Any]:
        return {"threshold": self.threshold, **self.by_group}

    def beyond(self) -> dict[str, Any]:
        return {"calibration": self.calibration.tolist()}

    def with_words(self, outputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        scores = tf.cast(outputs["score"], tf.float64)
        p_value = tf.cast(p_values(scores, self.calibration, tf), tf.float32)
        return {**outputs, "p_value": p_value, "verdict": tf.where(is_normal(scores, self.threshold), NORMAL, ANOMALY)}

    def unit(self, values: np.ndarray) -> np.ndarray | float:
        return max(1.0, float(np.abs(values).max(initial=0.0)))

    def decide(self, values: np.ndarray) -> str:
        return NORMAL if is_normal(float(values), self.threshold) else ANOMALY

    def beside(self, values: np.ndarray) -> dict[str, Any]:
        return {"p_value": float(p_values(np.float64(values), self.calibration, np))}

    def margin(self, values: np.ndarray) -> float:
        return float(abs(float(values) - self.threshold) / self.unit(values))

    def words(self) -> dict[str, str]:
        common = "common " if self.by_group else ""
        told = {
            "score": f"float32 (batch,): how far the {self.sample} is from what is normal; above "
            f"{self.threshold:.9g} it is an anomaly",
            "map": "float32: the distance at each place",
            "reconstruction": "float32: the input as the model reconstructs it, in the units of the input",
            "p_value": f"float32 (batch,): share of normal {self.sample}s that score at least as high, by "
            f"{len(self.calibration)} held-out ones",
            "verdict": f"string (batch,): normal or anomaly, by the {common}threshold of the time of export",
        }
        return {name: text for name, text in told.items() if name in (*self.parts, "p_value", "verdict")}


class ServedPictures(ServedAnswer):
    """Images that a generator draws."""

    name = "image"

    def unit(self, values: np.ndarray) -> float:
        return 127.5  # of levels: half their range, which is 1 for the network

    def words(self) -> dict[str, str]:
        return {"image": "float32 (batch, height, width, channels): levels 0 to 255"}

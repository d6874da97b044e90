"""Several detectors as one: the mean of how odd each finds a row, on one scale."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

import keras
import numpy as np

BLEND = "detector-blend"
_LEAST = 1e-12  # of a score
# Deviations below the normal mean that count at most: no detector outweighs another by finding a row more than normal,
# and of scores that are tiny the digits are few, which their logarithms would show.
_LOWEST = -1.0


class Scored(NamedTuple):
    """A detector that has been trained, and what it says.

    Args:
        label: by which it is told from others.
        model: raw input -> `score`, `map` and perhaps `reconstruction`.
        normal: its scores of the normal validation rows, float64 (rows,).
        made: its scores of each kind of anomaly.
    """

    label: str
    model: keras.Model
    normal: np.ndarray
    made: list[np.ndarray]

    @property
    def scale(self) -> tuple[float, float]:
        """Mean and deviation of the logarithms of the scores of normal rows; scores are about lognormal."""
        told = np.log(np.maximum(self.normal, _LEAST))
        return float(told.mean()), max(float(told.std()), 1e-3)

    def odds(self, scores: np.ndarray) -> np.ndarray:
        """Scores on the scale that all detectors have in common: deviations above the normal mean."""
        mean, deviation = self.scale
        return np.maximum((np.log(np.maximum(scores, _LEAST)) - mean) / deviation, _LOWEST)


def best_of(detectors: Sequence[Scored], measure: Callable[[np.ndarray, list[np.ndarray]], float]) -> list[Scored]:
    """The two or more detectors whose mean is the best, the first ones of equals; [] if there are not two whose scores
    are above 0.

    Args:
        measure: of (scores of normal rows, of each kind of anomaly), the higher the better.
    """
    able = [one for one in detectors if (one.normal > 0).all()]
    odds = {id(one): (one.odds(one.normal), [one.odds(scores) for scores in one.made]) for one in able}
    found, best = list[Scored](), -np.inf
    for size in range(2, len(able) + 1):
        for some in combinations(able, size):
            told = [odds[id(one)] for one in some]
            normal = np.mean([of_normal for of_normal, _ in told], 0)
            value = measure(normal, [np.mean(kind, 0) for kind in zip(*(made for _, made in told))])
            if value > best:
                found, best = list(some), value
    return found


def combined(detectors: Sequence[Scored], usual: Sequence[float] = ()) -> keras.Model:
    """The mean of detectors as a network, with outputs as in `networks.normals`.

    The score is that mean (Stouffer's method, with the logarithms of scores as normally distributed). What a column
    contributes is the mean of its shares in the parts; the expected values are the mean of theirs.

    Args:
        usual: of each, the distance of a place that is usual: the maps are divided by it, so that places of different
            samples can be compared. (): a map is divided by its sum.
    """
    ops = keras.ops
    first = detectors[0].model.input
    inputs = keras.Input(first.shape[1:], dtype=first.dtype, name="numbers")
    scores, shares, expected = [], [], []
    for number, one in enumerate(detectors):
        one.model.name = f"part{number}"
        told, (mean, deviation) = one.model(inputs), one.scale
        odds = (ops.log(ops.maximum(told["score"], _LEAST)) - mean) * (1.0 / deviation)
        scores.append(ops.maximum(odds, _LOWEST))
        places = ops.maximum(told["map"], 0.0)
        if usual:
            shares.append(places * (1.0 / max(usual[number], _LEAST)))
        else:
            axes = tuple(range(1, len(places.shape)))
            shares.append(places / ops.maximum(ops.sum(places, axes, keepdims=True), _LEAST))
        if "reconstruction" in told:
            expected.append(told["reconstruction"])
    mean_of = lambda tensors: keras.layers.Average()(tensors) if len(tensors) > 1 else tensors[0]
    outputs = {"score": mean_of(scores), "contributions": mean_of(shares)}
    if expected:
        outputs["restored"] = mean_of(expected)
    return keras.Model(inputs, outputs, name=BLEND)

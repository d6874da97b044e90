"""Several detectors as one: the mean of how odd each finds a row, on one scale."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

import keras
import numpy as np

BLEND = "detector-blend"
_LEAST = 1e-12  # of a score
# Of the median normal score, added before the logarithm: of tiny scores the digits are few, which it would show.
_ADDED = 0.1
_FEWEST = 5  # normal samples that tell a scale
_RESAMPLES = 200
_ALL = 6  # detectors of which all combinations are tried


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
    def scale(self) -> tuple[float, float, float]:
        """What is added to scores, and then mean and deviation of the logarithms of those of normal rows; scores are
        about lognormal.
        """
        added = max(_ADDED * float(np.median(self.normal)), _LEAST)
        told = np.log(np.maximum(self.normal, 0.0) + added)
        return added, float(told.mean()), max(float(told.std()), 1e-3)

    def odds(self, scores: np.ndarray) -> np.ndarray:
        """Scores on the scale that all detectors have in common: deviations above the normal mean."""
        added, mean, deviation = self.scale
        return (np.log(np.maximum(scores, 0.0) + added) - mean) / deviation


def best_of(detectors: Sequence[Scored], measure: Callable[[np.ndarray, list[np.ndarray]], float]) -> list[Scored]:
    """The two or more detectors whose mean is the best, the first ones of equals; of more than six, those that are
    found by adding one after the other.

    Args:
        measure: of (scores of normal rows, of each kind of anomaly), the higher the better.

    Returns:
        [] if there are not two whose scores are above 0, or fewer than five normal rows, which tell no scale.
    """
    able = [one for one in detectors if (one.normal > 0).all() and len(one.normal) >= _FEWEST]
    odds = {id(one): (one.odds(one.normal), [one.odds(scores) for scores in one.made]) for one in able}

    def value(some: tuple[Scored, ...]) -> float:
        told = [odds[id(one)] for one in some]
        normal = np.mean([of_normal for of_normal, _ in told], 0)
        return measure(normal, [np.mean(kind, 0) for kind in zip(*(made for _, made in told))])

    found, best = tuple[Scored, ...](), -np.inf
    for size in range(2, len(able) + 1):
        tried: list[tuple[Scored, ...]] = list(combinations(able, size))
        if len(able) > _ALL and size > 2:
            tried = [(*found, one) for one in able if id(one) not in map(id, found)]
        values = list(map(value, tried))
        if max(values) > best:
            found, best = tried[int(np.argmax(values))], max(values)
        elif len(able) > _ALL:
            break
    return sorted(found, key=lambda one: [id(other) for other in able].index(id(one)))


def mean_wins(detectors: Sequence[Scored], others: Sequence[Scored], seed: int) -> bool:
    """Whether the mean of some detectors has a higher mean AUROC over the kinds of anomalies than the best single one
    by more than chance: in 95 % of resamples of the rows (the bootstrap, Efron 1979).

    Args:
        detectors: as `best_of` gives them.
        others: all single ones.
        seed: of the resamples.
    """
    odds = [(one.odds(one.normal), [one.odds(scores) for scores in one.made]) for one in detectors]
    normal = np.mean([of_normal for of_normal, _ in odds], 0)
    ours = [_above(normal, np.mean(kind, 0)) for kind in zip(*(made for _, made in odds))]
    each = [[_above(one.normal, scores) for scores in one.made] for one in others]
    best = max(each, key=lambda kinds: np.mean([kind.mean() for kind in kinds]))
    generator, gains = np.random.default_rng([seed, 16]), np.zeros(_RESAMPLES)
    drawn = lambda count: generator.multinomial(count, np.full(count, 1 / count), _RESAMPLES) / count
    of_normal = drawn(len(normal))
    for mean, single in zip(ours, best):
        gains += np.einsum("rn,nm,rm->r", of_normal, mean - single, drawn(mean.shape[1]), optimize=True)
    return bool((gains > 0).mean() >= 0.95)


def _above(normal: np.ndarray, odd: np.ndarray) -> np.ndarray:
    """How often a score is above a normal one, float64 (normal rows, odd ones); the mean is the AUROC."""
    return (odd > normal[:, None]) + 0.5 * (odd == normal[:, None])


def combined(detectors: Sequence[Scored], usual: Sequence[float]) -> keras.Model:
    """The mean of detectors as a network, with outputs as in `networks.normals`.

    The score is that mean (Stouffer's method, with the logarithms of scores as normally distributed). What a column
    contributes is the mean over the parts, each divided by what is usual there; the expected values are the mean of
    theirs.

    Args:
        usual: of each, the distance of a place that is usual: the maps are divided by it, so that places of different
            samples can be compared.
    """
    ops = keras.ops
    first = detectors[0].model.input
    inputs = keras.Input(first.shape[1:], dtype=first.dtype, name="numbers")
    scores, shares, expected = [], [], []
    for number, one in enumerate(detectors):
        one.model.name = f"part{number}"
        told = one.model(inputs)
        scores.append(told["score"])
        places = ops.maximum(told["map"], 0.0)
        shares.append(places * (1.0 / max(usual[number], _LEAST)))
        if "reconstruction" in told:
            expected.append(told["reconstruction"])
    outputs = {"score": mean_score(detectors, scores), "contributions": _mean(shares)}
    if expected:
        outputs["restored"] = _mean(expected)
    return keras.Model(inputs, outputs, name=BLEND)


def mean_score(detectors: Sequence[Scored], scores: Sequence):
    """What the mean of detectors says where they say these scores, float32 (rows,) each: float32 (rows,)."""
    ops, odds = keras.ops, []
    for one, told in zip(detectors, scores):
        added, mean, deviation = one.scale
        odds.append((ops.log(ops.maximum(told, 0.0) + added) - mean) * (1.0 / deviation))
    return _mean(odds)


def _mean(tensors: Sequence):
    return keras.layers.Average()(tensors) if len(tensors) > 1 else tensors[0]

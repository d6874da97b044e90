"""Detectors of images that are fitted to what a frozen backbone says of normal ones.

Their output is a dict with `contributions`, the distance of each place from what is normal there, float32 (batch, rows,
columns, 1); the score is made of them, see `model_file`. Nothing in them is trained.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import keras
import numpy as np

from .backbones.deep_features import FEATURES
from .normals import remembered

_Fitted = TypeVar("_Fitted")

MOST_BYTES = 2**31  # of features at once
_BLOCK = 64  # images whose features are in memory at once where each is looked at once


@dataclass(frozen=True, eq=False)
class NormalImages:
    """The normal images that a detector is fitted to.

    Args:
        count: how many there are.
        batches: of some of them, int64 (images,): what `Model.predict` takes of a network.
        kept: the features of all of them by a network, float32 (images, ...), where these are kept; else None.
        known: what has been fitted to them.
    """

    count: int
    batches: Callable[[np.ndarray], Any]
    kept: Callable[[keras.Model], np.ndarray | None] = lambda extractor: None
    known: dict[str, Any] = field(default_factory=dict)

    def features(self, extractor: keras.Model, seed: int | None) -> np.ndarray:
        """What a network says of each image, float32 (images, ...); of a random choice of them where all are more than
        2 GiB.
        """
        most = max(1, MOST_BYTES // (4 * math.prod(extractor.output.shape[1:])))
        chosen = np.arange(self.count)
        if self.count > most:
            chosen = np.sort(np.random.default_rng([seed or 0, 10]).choice(self.count, most, replace=False))
        elif (kept := self.kept(extractor)) is not None:
            return kept
        return extractor.predict(self.batches(chosen), verbose=0).astype(np.float32, copy=False)

    def blocks(self, extractor: keras.Model) -> Iterator[np.ndarray]:
        """The same of all images, however many they are, some of them at a time."""
        kept = self.kept(extractor)
        for start in range(0, self.count, _BLOCK):
            some = np.arange(start, min(start + _BLOCK, self.count))
            if kept is not None:
                yield kept[some[0] : some[-1] + 1]
            else:
                yield extractor.predict(self.batches(some), verbose=0).astype(np.float32, copy=False)

    def fitted(
        self, fit: Callable[..., _Fitted], given: Callable[[], Any], seed: int | None, **settings: Any
    ) -> _Fitted:
        """What a function makes of the features, made once: a network is built several times.

        Args:
            fit: of (what `given` gives, such as `features`, then seed and `settings`).
            settings: what tells fits apart; those whose names begin with `of_` tell of the features, and are no
                arguments.
        """
        key = f"{fit.__module__}.{fit.__qualname__} {seed} {settings}"
        passed = {name: entry for name, entry in settings.items() if not name.startswith("of_")}
        return remembered(self.known, key, lambda: fit(given(), seed=seed, **passed))


class Statistics:
    """Mean and deviation of each channel over places that come some at a time, in float64."""

    def __init__(self) -> None:
        self.count, self.mean, self._squares = 0, np.zeros(()), np.zeros(())

    def add(self, values: np.ndarray) -> None:
        """Takes values, float (..., channels), into account (Chan et al. 1983)."""
        values = values.reshape(-1, values.shape[-1])
        count, mean = len(values), values.mean(0, dtype=np.float64)
        squares = np.square(values - mean).sum(0)
        whole, apart = self.count + count, mean - self.mean
        self._squares = self._squares + squares + apart**2 * (self.count * count / whole)
        self.mean = self.mean + apart * (count / whole)
        self.count = whole

    @property
    def deviation(self) -> np.ndarray:
        """float64 (channels,)."""
        return np.sqrt(self._squares / self.count)


def statistics(features: Iterable[np.ndarray]) -> Statistics:
    """Of features, each float (..., channels): those of one image, or of several."""
    told = Statistics()
    for some in features:
        told.add(some)
    return told


class FittedPlaces(keras.Model):
    """A Functional model of such outputs, whose loss is the mean distance: an epoch measures it, and trains nothing."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(y_pred["contributions"])


def distances_part(network: keras.Model) -> FittedPlaces:
    """The part of a detector behind the features that it is made of, which an epoch measures as it does the whole."""
    return FittedPlaces(network.get_layer(FEATURES).output, network.output, name="distances")


def place_detector(inputs, distances, name: str, for_training: bool) -> keras.Model:
    """The network.

    Args:
        distances: float32 (batch, rows, columns, 1).
    """
    return (FittedPlaces if for_training else keras.Model)(inputs, {"contributions": distances}, name=name)
